"""The built-in sets are what scikit-learn and the publishers give, row by row."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets

from ravine.core.errors import BadData, BadValue
from ravine.data.raw import Images, Raw, Table
from ravine.data.sources import BUILTINS
from ravine.data.sources.fashion_mnist import CLASSES, DEBIAN
from ravine.data.sources.opening import open_source

SMALL = ["digits", "breast-cancer", "wine", "diabetes"]


@pytest.mark.parametrize("name", SMALL)
def test_every_small_builtin_opens_whole(name: str) -> None:
    raw = open_source(name)
    assert isinstance(raw, Raw)
    assert (raw.name, raw.origin) == (name, name)
    assert len(raw) == len(raw.targets) == len(raw.ids)
    assert raw.findings == ()
    assert raw.parts is None


def test_the_list_holds_each_by_its_name() -> None:
    assert list(BUILTINS) == ["digits", "breast-cancer", "wine", "diabetes", "fashion-mnist"]
    assert all(builtin.summary for builtin in BUILTINS.values())


def test_digits_keep_their_17_grey_levels_apart() -> None:
    raw = open_source("digits")
    bunch = datasets.load_digits()
    assert isinstance(raw.inputs, Images)
    assert raw.inputs.pixels.shape == (1797, 8, 8, 1)
    assert raw.inputs.pixels.dtype == np.uint8
    np.testing.assert_array_equal(np.rint(raw.inputs.pixels[..., 0] * (16 / 255)), bunch.images)
    np.testing.assert_array_equal(raw.targets, bunch.target)


@pytest.mark.parametrize(("name", "load"), [("breast-cancer", "load_breast_cancer"), ("wine", "load_wine")])
def test_class_tables_agree_with_sklearn(name: str, load: str) -> None:
    raw, bunch = open_source(name), getattr(datasets, load)()
    assert isinstance(raw.inputs, Table)
    assert raw.inputs.frame.columns == list(bunch.feature_names)
    np.testing.assert_array_equal(raw.inputs.frame.to_numpy(), bunch.data)
    assert raw.targets.tolist() == [str(bunch.target_names[k]) for k in bunch.target]


def test_diabetes_agrees_with_sklearn() -> None:
    raw, bunch = open_source("diabetes"), datasets.load_diabetes()
    np.testing.assert_array_equal(raw.inputs.frame.to_numpy(), bunch.data)
    np.testing.assert_array_equal(raw.targets, bunch.target)
    assert raw.target_names == ("progression",)


def test_a_builtin_table_takes_column_options() -> None:
    raw = open_source("wine", target="ash", drop=["alcohol", "cultivar"])
    assert raw.inputs.frame.width == 11
    np.testing.assert_array_equal(raw.targets, datasets.load_wine().data[:, 2])


def test_digits_refuse_column_options_and_take_a_size() -> None:
    with pytest.raises(BadValue, match=r"digits: a set of pictures has no columns, so --target does not apply"):
        open_source("digits", target="digit")
    raw = open_source("digits", image_size=16)
    assert raw.inputs.pixels.shape == (1797, 16, 16, 1)
    assert [finding.symptom for finding in raw.findings] == ["resizes-pictures"]


@pytest.fixture
def idx_folder(tmp_path: Path) -> Path:
    """Four files as the publishers write them: 6 training and 3 test pictures of 5 × 4 pixels."""
    rng = np.random.default_rng(0)
    for part, rows in (("train", 6), ("t10k", 3)):
        pixels = rng.integers(0, 256, (rows, 5, 4), dtype=np.uint8)
        labels = np.arange(rows, dtype=np.uint8)
        head = b"\0\0\x08\x03" + rows.to_bytes(4, "big") + (5).to_bytes(4, "big") + (4).to_bytes(4, "big")
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + pixels.tobytes()))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(
            b"\0\0\x08\x01" + rows.to_bytes(4, "big") + labels.tobytes()
        )
    return tmp_path


def test_fashion_mnist_from_a_folder_named_by_the_environment(
    idx_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAVINE_FASHION_MNIST", str(idx_folder))
    raw = open_source("fashion-mnist")
    assert raw.inputs.pixels.shape == (9, 5, 4, 1)
    assert raw.parts.tolist() == ["train"] * 6 + ["test"] * 3
    assert raw.targets.tolist() == [*CLASSES[:6], *CLASSES[:3]]


def test_a_folder_of_idx_files_keeps_numbers_as_labels(idx_folder: Path) -> None:
    raw = open_source(idx_folder)
    assert raw.targets.tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2]
    assert raw.origin == str(idx_folder)


def test_idx_pictures_without_labels_serve_prediction_only(idx_folder: Path) -> None:
    (idx_folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(BadData, match=r"t10k-images-idx3-ubyte\.gz has no file of labels"):
        open_source(idx_folder)
    for name in ("train-labels-idx1-ubyte", "train-images-idx3-ubyte.gz"):
        (idx_folder / name).unlink()
    raw = open_source(idx_folder, need_target=False)
    assert len(raw) == 3
    assert raw.targets is None


def test_a_missing_fashion_mnist_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAVINE_FASHION_MNIST", "/nowhere")
    with pytest.raises(BadData, match="apt-get install dataset-fashion-mnist") as caught:
        open_source("fashion-mnist")
    assert "'/nowhere'" in str(caught.value)


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="the package dataset-fashion-mnist is not installed")
def test_fashion_mnist_as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAVINE_FASHION_MNIST", raising=False)
    raw = open_source("fashion-mnist")
    assert raw.inputs.pixels.shape == (70_000, 28, 28, 1)
    names, counts = np.unique(raw.targets, return_counts=True)
    assert set(names) == set(CLASSES)
    assert set(counts) == {7_000}
    # The mean grey level of the training part, as its authors give it: 0.2860.
    assert raw.inputs.pixels[raw.parts == "train"].mean() / 255 == pytest.approx(0.2860, abs=1e-4)
    assert raw.targets[0] == "Ankle boot"
