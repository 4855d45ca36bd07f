"""NumPy files and arrays: shapes, scales, names, parts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ravine.core.errors import BadData
from ravine.data.raw import Arrays, Images
from ravine.data.sources.opening import open_source

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
Y = np.array([0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (PIXELS, PIXELS),
        (PIXELS[..., 0], PIXELS[..., :1]),
        (PIXELS[..., :1], PIXELS[..., :1]),
        (PIXELS.transpose(0, 3, 1, 2), PIXELS),
        (PIXELS[..., :1].transpose(0, 3, 1, 2), PIXELS[..., :1]),
        ((PIXELS / 255).astype(np.float32).transpose(0, 3, 1, 2), PIXELS),
        (PIXELS.astype(np.float64), PIXELS),
        (PIXELS.astype(np.int64), PIXELS),
        (torch.from_numpy(PIXELS), PIXELS),
        (torch.from_numpy(PIXELS / 255).half().permute(0, 3, 1, 2), PIXELS),
    ],
)
def test_pictures_in_any_order_and_scale(x, expected: np.ndarray) -> None:
    raw = open_source((x, Y))
    assert isinstance(raw.inputs, Images)
    assert raw.inputs.pixels.dtype == np.uint8
    np.testing.assert_array_equal(raw.inputs.pixels, expected)


def test_a_fourth_channel_is_alpha_over_white() -> None:
    rgba = RNG.integers(0, 256, (6, 5, 7, 4), dtype=np.uint8)
    alpha = rgba[..., 3:] / 255
    expected = np.rint(rgba[..., :3] * alpha + 255 * (1 - alpha))
    np.testing.assert_array_equal(open_source((rgba, Y)).inputs.pixels, expected)
    np.testing.assert_array_equal(open_source((rgba.transpose(0, 3, 1, 2), Y)).inputs.pixels, expected)


@settings(deadline=None)
@given(
    x=hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.int16, np.bool_, np.uint8]),
        hnp.array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=6),
        elements={"min_value": 0, "max_value": 1},
    )
)
def test_rows_of_numbers_come_back_as_float32(x: np.ndarray) -> None:
    raw = open_source((x, np.zeros(len(x))))
    assert isinstance(raw.inputs, Arrays)
    assert raw.inputs.values.dtype == np.float32
    np.testing.assert_array_equal(raw.inputs.values, x.reshape(len(x), -1).astype(np.float32))
    assert raw.ids.tolist() == list(range(1, len(x) + 1))


def test_sequences_stay_sequences() -> None:
    x = RNG.normal(size=(6, 9, 2))
    assert open_source((x, Y)).inputs.values.shape == (6, 9, 2)
    assert open_source((torch.tensor(x, dtype=torch.bfloat16, requires_grad=True), Y)).inputs.values.shape == (6, 9, 2)


@pytest.mark.parametrize(
    ("y", "expected", "kind"),
    [
        ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], "i"),
        (np.arange(6, dtype=np.uint8), list(range(6)), "i"),
        (np.arange(6.0, dtype=np.float32)[:, None], [0, 1, 2, 3, 4, 5], "f"),
        (torch.arange(6), list(range(6)), "i"),
        (np.array(list("abcabc"), dtype=object), list("abcabc"), "U"),
        (np.array([True, False] * 3), ["true", "false"] * 3, "U"),
        (np.eye(6, 2, dtype=bool), np.eye(6, 2).tolist(), "i"),
    ],
)
def test_answers_of_every_kind(y, expected: list, kind: str) -> None:
    raw = open_source((np.ones((6, 2)), y))
    assert raw.targets.tolist() == expected
    assert raw.targets.dtype.kind == kind
    assert raw.target_names == (("target",) if raw.targets.ndim == 1 else ("target_0", "target_1"))


@pytest.mark.parametrize(
    "names", [("x", "y"), ("X", "Y"), ("images", "labels"), ("inputs", "targets"), ("data", "target"), ("arr", "y")]
)
def test_npz_by_the_usual_names(tmp_path: Path, names: tuple[str, str]) -> None:
    np.savez_compressed(tmp_path / "a.npz", **{names[0]: PIXELS, names[1]: Y})
    raw = open_source(tmp_path / "a.npz")
    np.testing.assert_array_equal(raw.inputs.pixels, PIXELS)
    assert raw.targets.tolist() == Y.tolist()
    assert (raw.name, raw.target_names) == ("a.npz", ("target",))


@pytest.mark.parametrize("style", ["x_{0} y_{0}", "X_{0} Y_{0}", "{0}_images {0}_labels"])
def test_npz_in_parts(tmp_path: Path, style: str) -> None:
    arrays = {}
    for part, rows in (("test", 1), ("train", 3), ("valid", 2)):
        x, y = style.format(part).split()
        arrays |= {x: PIXELS[:rows], y: Y[:rows]}
    np.savez(tmp_path / "a.npz", **arrays)
    raw = open_source(tmp_path / "a.npz")
    assert raw.parts.tolist() == ["train"] * 3 + ["val"] * 2 + ["test"]
    np.testing.assert_array_equal(raw.inputs.pixels, PIXELS[[0, 1, 2, 0, 1, 0]])
    assert raw.targets.tolist() == [0, 1, 2, 0, 1, 0]


def test_npz_arrays_named_by_options(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=PIXELS, age=Y * 1.5, who=np.array(list("abcdef")), when=Y, y=Y)
    raw = open_source(tmp_path / "a.npz", target="age", id="who", group="when")
    assert raw.targets.tolist() == (Y * 1.5).tolist()
    assert raw.target_names == ("age",)
    assert raw.ids.tolist() == list("abcdef")
    assert raw.groups.tolist() == Y.tolist()


def test_of_an_npy_matrix_the_last_column_is_learned(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(12.0).reshape(4, 3))
    raw = open_source(tmp_path / "a.npy")
    assert raw.inputs.values.tolist() == [[0, 1], [3, 4], [6, 7], [9, 10]]
    assert raw.targets.tolist() == [2, 5, 8, 11]
    assert [finding.symptom for finding in raw.findings] == ["assumes-target"]
    assert open_source(tmp_path / "a.npy", need_target=False).inputs.values.shape == (4, 3)


def test_npz_inputs_alone_serve_prediction(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=PIXELS)
    assert open_source(tmp_path / "a.npz", need_target=False, target="target").targets is None
    np.savez(tmp_path / "b.npz", x_test=PIXELS, y_test=Y)
    assert open_source(tmp_path / "b.npz", need_target=False).targets.tolist() == Y.tolist()


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    np.savez(tmp_path / "a.npz", x=np.array([Trap()], dtype=object), y=[1])
    with pytest.raises(BadData, match=r"a\.npz: holds Python objects"):
        open_source(tmp_path / "a.npz")
