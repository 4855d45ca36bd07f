"""Objects from Python: frames, pairs, torch data, and dicts of them."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from ravine.core.errors import BadData
from ravine.data.provided import Provided
from ravine.data.raw import Raw
from ravine.data.sources.opening import open_source

X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])
SET = TensorDataset(torch.zeros(6, 2), torch.zeros(6))


class Squares(Dataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, k: int):
        return torch.tensor([float(k)]), k * k


class Endless(IterableDataset):
    def __iter__(self):
        yield torch.zeros(1), 0


class Duck:
    """Rows to index, of no torch class."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, k: int):
        return torch.zeros(2), k


@pytest.mark.parametrize("data", [SET, Squares(), Endless(), Duck(), DataLoader(SET, batch_size=2)])
def test_torch_data_goes_through_untouched(data) -> None:
    one = open_source(data)
    assert isinstance(one, Provided)
    assert one.train is data
    assert (one.model, one.val, one.test, one.loss) == (None, None, None, None)
    two = open_source((SET, data))
    assert (two.train, two.val, two.test) == (SET, data, None)
    three = open_source([SET, SET, data])
    assert three.test is data


def test_a_model_with_its_data() -> None:
    model, loss = torch.nn.Linear(2, 1), torch.nn.MSELoss()
    full = open_source({"model": model, "train": SET, "val": (X, Y), "loss": loss})
    assert full.model is model
    assert full.loss is loss
    assert isinstance(full.val, TensorDataset)
    np.testing.assert_array_equal(full.val.tensors[0], X)
    bare = open_source((model, SET, SET))
    assert (bare.model, bare.train, bare.val, bare.test) == (model, SET, SET, None)
    assert open_source(model).model is model


@pytest.mark.parametrize(
    "value",
    [
        ((X, Y), (X[:2], Y[:2])),
        [(X, Y), (X[:2], Y[:2])],
        {"train": (X, Y), "val": (X[:2], Y[:2])},
        {"train": {"x": X, "y": Y}, "val": {"x": X[:2], "y": Y[:2]}},
        (([[0.0, 1], [2, 3]], [0, 1]), ([[0.0, 1]], [1])),
    ],
)
def test_pairs_in_parts(value) -> None:
    raw = open_source(value)
    assert isinstance(raw, Raw)
    assert set(raw.parts) == {"train", "val"}
    assert raw.inputs.values[0].tolist() == [0, 1]
    assert raw.inputs.values[raw.parts == "val"][0].tolist() == [0, 1]


def test_a_dict_may_name_groups_and_ids() -> None:
    raw = open_source({"x": X, "y": Y, "ids": list("abcdef"), "groups": [1, 1, 2, 2, 3, 3]})
    assert raw.ids.tolist() == list("abcdef")
    assert raw.groups.tolist() == [1, 1, 2, 2, 3, 3]


FRAME = {
    "n": [1, 2, 3],
    "f": [0.5, None, 2.5],
    "s": ["a", None, "b"],
    "b": [True, False, True],
    "d": [datetime.datetime(2020, 1, k) for k in (1, 2, 3)],
    "y": ["p", "q", "p"],
}


def test_polars_frames() -> None:
    frame = pl.DataFrame(FRAME)
    for value in (frame, frame.lazy()):
        raw = open_source(value, target="y")
        assert raw.inputs.frame.equals(frame.drop("y"))
        assert raw.targets.tolist() == ["p", "q", "p"]
        assert raw.origin == ""


@pytest.mark.parametrize("strings", ["object", "str", "category"])
def test_pandas_frames_without_pyarrow(strings: str) -> None:
    frame = pd.DataFrame(FRAME).astype({"s": strings, "y": strings})
    frame.index = [7, 8, 9]
    raw = open_source(frame, target="y")
    assert raw.inputs.frame.equals(pl.DataFrame(FRAME).drop("y"))
    assert raw.targets.tolist() == ["p", "q", "p"]


def test_pandas_nullable_types_and_numbers_as_names() -> None:
    frame = pd.DataFrame(
        {0: pd.array([1, None, 3], dtype="Int64"), 1: pd.array([True, None, False], dtype="boolean"), 2: [1, 2, 3]}
    )
    raw = open_source(frame)
    assert raw.inputs.frame.to_dict(as_series=False) == {"0": [1, None, 3], "1": [True, None, False]}
    assert raw.target_names == ("2",)


@pytest.mark.parametrize("kind", [pl.DataFrame, pd.DataFrame])
def test_a_frame_and_its_answers(kind: type) -> None:
    frame = kind({"a": [1.5, 2.5, 3.5], "b": ["u", "v", "w"]})
    for y in ([1, 0, 1], np.array([1, 0, 1]), pl.Series("z", [1, 0, 1]), pd.Series([1, 0, 1], name="z")):
        raw = open_source((frame, y))
        assert raw.inputs.frame.columns == ["a", "b"]
        assert raw.targets.tolist() == [1, 0, 1]
        assert raw.target_names == ("z" if hasattr(y, "name") else "target",)
    both = open_source({"x": frame, "y": kind({"u": [1.0, 2, 3], "v": [4.0, 5, 6]})})
    assert both.targets.tolist() == [[1, 4], [2, 5], [3, 6]]


def test_frames_in_parts() -> None:
    frame = pl.DataFrame({"a": [1, 2, 3], "y": [0, 1, 0]})
    for value in ((frame, frame[:1]), {"train": frame, "val": frame[:1]}):
        raw = open_source(value, target="y")
        assert raw.parts.tolist() == ["train"] * 3 + ["val"]
        assert raw.targets.tolist() == [0, 1, 0, 0]


def test_inputs_alone_serve_prediction() -> None:
    raw = open_source(X, need_target=False)
    assert raw.targets is None
    assert raw.inputs.values.shape == (6, 2)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "data: None is no form of data that Ravine knows. Accepted: (x, y) arrays or tensors"),
        (X, "an object of type ndarray is no form"),
        ((X,), "a tuple of 1: (ndarray) is no form"),
        ((X, Y, Y), "a tuple of 3: (ndarray, ndarray, ndarray)"),
        (42, "an object of type int"),
        ({}, "neither a model nor train is given"),
        ({"x": X}, "there are inputs but no answers"),
        ({"y": Y}, "there is y but no x"),
        ({"x": X, "Y": Y}, "unknown key 'Y' beside x and y."),
        ({"trian": SET}, "unknown key 'trian'. Did you mean 'train'?"),
        ({"model": 3, "train": SET}, "model must be a torch.nn.Module; got an object of type int"),
        ({"train": SET, "loss": "mse"}, "loss must be callable"),
        ({"train": SET, "val": 3}, "val must be a torch Dataset, a DataLoader or (x, y); got an object of type int"),
        (
            {"train": (X, Y), "val": (X[:, :1], Y)},
            "the parts must have rows of one shape and type; got train (2,), val (1,)",
        ),
        ({"train": (X, Y), "val": (X, list("abcdef"))}, "y: the parts must have answers of one type"),
        ({"val": (X, Y)}, "there is no training part; got only 'val'"),
        ((X, Y[:3]), "y has 3 rows but x has 6"),
        ((X, Y * np.nan), "y: every row has no finite value in the target"),
        ((X, np.where(Y > 0, 1.0, np.nan)), "y: 3 of 6 rows have no finite value in the target"),
        ((X, np.zeros((6, 2, 2))), "y must have shape (rows,) or (rows, targets); got (6, 2, 2)"),
        ((X[:0], Y[:0]), "x has no rows: shape (0, 2)"),
        ((np.zeros((3, 2, 2, 2, 2)), Y), "x has 5 dimensions"),
        ((np.array([["a"], ["b"]]), Y), "x must hold numbers; got text. Columns of text belong in a table"),
        ((X + 1j, Y), "x must hold numbers or text; got an array of complex numbers"),
        ((X * 1e300, Y), "beyond what float32 can hold"),
        ((np.zeros((6, 5, 5, 2)), Y), "no axis of 1, 3 or 4 channels"),
        ((np.full((6, 5, 5, 3), -2.5), Y), "from 0 to 255, or from 0 to 1; got -2.5 to -2.5"),
        (([[1, 2], [3]], [0, 1]), "cannot become one array"),
        ((pl.DataFrame({"a": [1, 2]}), [1]), "y has 1 rows but x has 2"),
        ((pl.DataFrame({"a": [1, 2]}), pl.Series("a", [1, 2])), "column 'a' is in x and in y"),
        (
            pl.DataFrame({"a": [[1], [2]], "y": [1, 2]}),
            "columns must hold numbers, text, dates or flags; got 'a' (List)",
        ),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "column name 'a' is given twice"),
        (pd.DataFrame({"a": [1, "x", 2.5], "y": 1}), "column 'a' mixes float, int, str"),
        (pl.DataFrame({"a": []}), "no rows of data"),
    ],
)
def test_what_cannot_be_data_is_told(value, words: str) -> None:
    with pytest.raises(BadData) as caught:
        open_source(value)
    assert words in str(caught.value)
