"""Tables: statistics against scikit-learn's, codes, dates, and new rows that differ from training."""

from __future__ import annotations

import copy
import datetime
import json
import math

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

from ravine.core.errors import BadData
from ravine.data.prepare import Preparation, prepare
from ravine.data.raw import Arrays, Images, Table


def normalized(preparation: Preparation, frame: pl.DataFrame):
    return preparation.normalizer()(*preparation.fields(Table(frame)))


@pytest.fixture
def people() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    rows = 200
    return pl.DataFrame(
        {
            "age": [None if i % 10 == 0 else float(i % 60) for i in range(rows)],
            "city": [["Oslo", "Bergen", None, "Tromsø"][i % 4] if i else "Hell" for i in range(rows)],
            "member": [i % 3 == 0 for i in range(rows)],
            "zip_code": [[1000, 2000, 3000][i % 3] for i in range(rows)],
            "since": [datetime.date(2020, 1, 1) + datetime.timedelta(days=int(d)) for d in rng.integers(0, 900, rows)],
            "same": [7.0] * rows,
            "empty": pl.Series([None] * rows, dtype=pl.Float64),
        }
    )


def test_numbers_equal_scikit_learns_scaler():
    values = np.random.default_rng(0).normal(50, 9, (300, 4))
    values[:, 1] *= 1e-4
    frame = pl.DataFrame(values, schema=["a", "b", "c", "d"])
    train = np.arange(0, 300, 2)
    preparation = prepare(Table(frame), train)
    numbers, codes = normalized(preparation, frame)
    np.testing.assert_allclose(numbers, StandardScaler().fit(values[train]).transform(values), atol=2e-5)
    assert codes.shape == (300, 0)
    assert codes.dtype == torch.int64
    assert preparation.shape.numeric == 4


def test_rows_outside_training_change_nothing():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"x": rng.normal(size=100), "c": rng.choice(["a", "b"], 100)})
    other = frame.with_columns(
        pl.when(pl.int_range(100) < 50).then("x").otherwise(1e9).alias("x"),
        pl.when(pl.int_range(100) < 50).then("c").otherwise(pl.lit("new")).alias("c"),
    )
    train = np.arange(50)
    assert prepare(Table(frame), train).to_json() == prepare(Table(other), train).to_json()


def test_every_kind_of_column(people):
    preparation = prepare(Table(people), np.arange(200))
    assert preparation.feature_names == ("age", "since", "city", "member", "zip_code")
    # age and its indicator; days, year, and sine and cosine of month, weekday, day of year
    assert preparation.shape.numeric == 2 + 8
    assert preparation.shape.cardinalities == (1 + 1 + 3, 3, 4)
    fields = preparation.fields(Table(people))
    assert [field.dtype for field in fields] == [torch.float32, torch.int64]
    assert fields[0][0].isnan()[0]
    numbers, codes = preparation.normalizer()(*fields)
    assert numbers.isfinite().all()
    assert numbers.shape == (200, 10)
    assert torch.equal(numbers[:, -1], torch.tensor([float(i % 10 == 0) for i in range(200)]))
    assert (codes < torch.tensor(preparation.shape.cardinalities)).all()
    assert codes[0, 0] == 1  # Hell has one row: rare
    assert codes[2, 0] == 0  # missing
    described = " ".join(preparation.describe())
    for word in ("age", "city (3 values)", "since", "constant in training: same", "empty in training: empty", "rare"):
        assert word.replace("rare", "share one code") in described


def test_missing_numbers_become_the_training_median():
    frame = pl.DataFrame({"x": [1.0, 2.0, 10.0, None, 3.0]})
    preparation = prepare(Table(frame), np.array([0, 1, 2, 3]))
    numbers, _ = normalized(preparation, frame)
    learned = np.array([1.0, 2.0, 10.0])
    assert numbers[3, 0].item() == pytest.approx((2 - learned.mean()) / learned.std(), abs=1e-6)
    assert numbers[:, 1].tolist() == [0, 0, 0, 1, 0]


def test_missing_in_new_rows_alone_needs_no_indicator():
    preparation = prepare(Table(pl.DataFrame({"x": [1.0, 2.0, 3.0, 6.0]})), np.arange(4))
    numbers, _ = normalized(preparation, pl.DataFrame({"x": [None, 3.0]}, schema={"x": pl.Float64}))
    assert numbers.shape == (2, 1)
    assert numbers[0, 0].item() == pytest.approx((2.5 - 3) / np.std([1, 2, 3, 6]), abs=1e-6)


def test_new_rows_in_any_order_with_more_columns(people):
    preparation = prepare(Table(people), np.arange(200))
    shuffled = people.select(sorted(people.columns, reverse=True)).with_columns(more=pl.lit(1)).drop("same", "empty")
    for first, second in zip(preparation.fields(Table(people)), preparation.fields(Table(shuffled)), strict=True):
        assert torch.equal(
            first.nan_to_num(-1) if first.is_floating_point() else first,
            second.nan_to_num(-1) if second.is_floating_point() else second,
        )
    assert preparation.notes(Table(shuffled)) == ["columns the model was not trained on are ignored: more"]
    assert preparation.notes(Table(people)) == []


def test_a_selection_of_rows_is_the_same_as_all_rows_selected(people):
    preparation = prepare(Table(people), np.arange(200))
    rows = np.array([5, 3, 199, 3])
    for part, whole in zip(preparation.fields(Table(people), rows), preparation.fields(Table(people)), strict=True):
        np.testing.assert_array_equal(part, whole[rows])


def test_values_read_as_another_type_mean_the_same(people):
    preparation = prepare(Table(people), np.arange(200))
    texts = people.with_columns(
        pl.col("age").cast(pl.String),
        pl.col("zip_code").cast(pl.Float64),
        pl.col("member").cast(pl.Int8),
        pl.col("since").cast(pl.String),
        pl.col("city").cast(pl.Categorical),
    )
    for first, second in zip(preparation.fields(Table(people)), preparation.fields(Table(texts)), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (pl.lit("abc").alias("age"), "column 'age' must hold numbers; got 'abc' in row 0"),
        (pl.lit(datetime.date(2020, 1, 1)).alias("age"), "column 'age' must hold numbers; got Date"),
        (pl.lit("soon").alias("since"), "column 'since' must hold dates such as 2024-05-31; got 'soon'"),
        (pl.lit(3).alias("since"), "column 'since' must hold dates"),
        (pl.lit(datetime.date(2020, 1, 1)).alias("city"), "column 'city' must hold categories; got Date"),
    ],
)
def test_wrong_types_are_named(people, change, words):
    preparation = prepare(Table(people), np.arange(200))
    with pytest.raises(BadData) as caught:
        preparation.fields(Table(people.with_columns(change)))
    assert words in str(caught.value)


def test_missing_columns_are_listed_at_once(people):
    preparation = prepare(Table(people), np.arange(200))
    with pytest.raises(BadData) as caught:
        preparation.fields(Table(people.drop("age").rename({"city": "City"})))
    assert "lacks 2 of the 5 columns" in str(caught.value)
    assert "'age', 'city'" in str(caught.value)


@pytest.mark.parametrize("inputs", [Arrays(np.zeros((3, 2), np.float32)), Images(np.zeros((3, 4, 4, 1), np.uint8))])
def test_another_kind_of_inputs_is_refused(people, inputs):
    with pytest.raises(BadData, match="the model reads a table"):
        prepare(Table(people), np.arange(200)).fields(inputs)


def test_unseen_and_rare_categories():
    frame = pl.DataFrame({"c": ["a"] * 5 + ["b"] * 4 + ["r1", "r2", "r2"], "x": np.arange(12.0)})
    preparation = prepare(Table(frame), np.arange(12))
    new = pl.DataFrame({"c": ["a", "b", "r1", "r2", "never", None], "x": [0.0] * 6})
    assert preparation.fields(Table(new))[1][:, 0].tolist() == [2, 3, 1, 1, 0, 0]
    assert preparation.shape.cardinalities == (4,)


def test_at_most_a_thousand_categories():
    values = [f"v{i}" for i in range(1200) for _ in range(3)]
    preparation = prepare(Table(pl.DataFrame({"c": values})), np.arange(3600))
    assert preparation.shape.cardinalities == (1002,)


def test_nearly_unique_texts_are_left_out():
    frame = pl.DataFrame({"name": [f"n{i}" for i in range(50)], "x": np.arange(50.0)})
    preparation = prepare(Table(frame), np.arange(50))
    assert preparation.feature_names == ("x",)
    assert "left out, hardly any value repeats: name" in preparation.describe()


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(BadData, match="no column tells the training rows apart"):
        prepare(Table(pl.DataFrame({"a": [1.0, 1.0], "b": [None, None]})), np.arange(2))


def test_dates_follow_the_calendar():
    moments = [datetime.datetime(2021, 1, 1) + datetime.timedelta(hours=7 * i) for i in range(2000)]
    frame = pl.DataFrame({"t": moments})
    preparation = prepare(Table(frame), np.arange(1000))
    names = preparation.scalars[0].names
    assert len(names) == 10
    numbers = dict(zip(names, preparation.fields(Table(frame))[0].double().numpy().T, strict=True))
    for row in (0, 17, 1234):
        moment = moments[row]
        assert numbers["t days"][row] == pytest.approx((moment - moments[0]).total_seconds() / 86400, rel=1e-6)
        assert numbers["t year"][row] == moment.year
        turns = {
            "month": (moment.month - 1) / 12,
            "day of week": moment.weekday() / 7,
            "day of year": (moment.timetuple().tm_yday - 1) / 365.25,
            "hour": (moment.hour + moment.minute / 60) / 24,
        }
        for cycle, turn in turns.items():
            assert numbers[f"t {cycle} sine"][row] == pytest.approx(math.sin(2 * math.pi * turn), abs=1e-5)
            assert numbers[f"t {cycle} cosine"][row] == pytest.approx(math.cos(2 * math.pi * turn), abs=1e-5)


def test_times_in_seconds_keep_their_digits():
    seconds = 1.7e9 + np.arange(200.0)
    frame = pl.DataFrame({"t": seconds})
    numbers, _ = normalized(prepare(Table(frame), np.arange(200)), frame)
    np.testing.assert_allclose(numbers[:, 0], (seconds - seconds.mean()) / seconds.std(), atol=1e-5)


def test_one_wild_value_does_not_flatten_the_rest():
    values = np.random.default_rng(0).normal(size=500)
    values[3] = 1e9
    frame = pl.DataFrame({"x": values})
    numbers, _ = normalized(prepare(Table(frame), np.arange(500)), frame)
    assert numbers[3, 0] == 8
    assert numbers[:, 0].numpy()[np.arange(500) != 3].std() == pytest.approx(1, abs=0.01)


def test_long_tails_are_drawn_in_and_others_left():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"even": rng.normal(size=2000), "tail": rng.lognormal(3, 2, 2000), "count": rng.integers(0, 5, 2000)}
    )
    preparation = prepare(Table(frame), np.arange(2000))
    assert "long right tails drawn in by a logarithm: tail" in preparation.describe()
    tail = normalized(preparation, frame)[0][:, 1]
    assert torch.argsort(tail).tolist() == np.argsort(frame["tail"].to_numpy()).tolist()
    assert tail.abs().max() < 6


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=64) | st.none(), min_size=4, max_size=60))
@settings(max_examples=120, deadline=None)
def test_whatever_the_numbers_the_network_sees_finite_ones(values):
    frame = pl.DataFrame({"x": pl.Series(values, dtype=pl.Float64), "y": np.arange(len(values), dtype=float)})
    preparation = prepare(Table(frame), np.arange(len(values)))
    numbers, _ = normalized(preparation, frame)
    assert numbers.isfinite().all()
    assert numbers.abs().max() <= 8
    assert numbers.shape[1] == preparation.shape.numeric


def test_json_brings_it_back(people):
    preparation = prepare(Table(people), np.arange(150))
    again = Preparation.from_json(json.loads(json.dumps(preparation.to_json())))
    assert again == preparation
    assert again.shape == preparation.shape
    assert again.describe() == preparation.describe()
    for first, second in zip(normalized(preparation, people), normalized(again, people), strict=True):
        assert torch.equal(first, second)


def test_the_layer_copies_exports_and_compiles(people):
    preparation = prepare(Table(people), np.arange(200))
    layer, fields = preparation.normalizer(), preparation.fields(Table(people))
    expected = layer(*fields)
    assert not list(layer.parameters())
    rows = torch.export.Dim("rows")
    exported = torch.export.export(layer, fields, dynamic_shapes=({0: rows}, {0: rows})).module()
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    for other in (copy.deepcopy(layer), exported, compiled):
        for first, second in zip(expected, other(*fields), strict=True):
            assert torch.equal(first, second)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(*fields)[0], expected[0])
    restored = Preparation.from_json(preparation.to_json()).normalizer()
    restored.load_state_dict(layer.state_dict())


def test_breast_cancer_is_prepared_to_unit_scale():
    data = load_breast_cancer(as_frame=True).data
    frame = pl.from_pandas(data)
    numbers, _ = normalized(prepare(Table(frame), np.arange(569)), frame)
    np.testing.assert_allclose(numbers.mean(0), 0, atol=0.05)
    np.testing.assert_allclose(numbers.std(0), 1, atol=0.15)
