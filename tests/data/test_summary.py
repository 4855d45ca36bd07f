"""The data section: counts against NumPy's and polars', pictures that decode and fit."""

from __future__ import annotations

import base64
import datetime
import io
import itertools

import numpy as np
import polars as pl
import pytest
from PIL import Image

from ravine.data.infer import infer_task
from ravine.data.raw import Arrays, Images, Raw, Table
from ravine.data.summary import data_section
from ravine.records.results import Results

RNG = np.random.default_rng(0)


def raw_of(inputs, targets, **more) -> Raw:
    return Raw(name="made", origin="made.csv", inputs=inputs, targets=targets, ids=np.arange(len(inputs)), **more)


def test_a_table():
    frame = pl.DataFrame(
        {
            "n": [1.0, None, 3.0, float("nan"), 5.0, 9.0] * 10,
            "c": ["a", "b", "a", None, "a", "b"] * 10,
            "f": [True, False] * 30,
            "d": [datetime.date(2020, 1, 1 + i % 3) for i in range(60)],
        }
    )
    raw = raw_of(Table(frame), np.array(["x", "y", "z"] * 20))
    rows = np.arange(30)
    section = data_section(raw, infer_task(raw), rows)
    assert (section.form, section.rows, section.task, section.target) == ("table", 60, "classify", "target")
    assert section.classes == ["x", "y", "z"]
    assert section.class_counts == [10, 10, 10]
    number, category, flag, date = section.columns
    assert (number.type, number.missing, number.distinct, number.low, number.high) == ("number", 10, 4, 1, 9)
    assert number.mean == pytest.approx(4.5)
    assert number.std == pytest.approx(np.std([1, 3, 5, 9]))
    assert (category.type, category.missing, category.top) == ("category", 5, [("a", 15), ("b", 10)])
    assert (flag.type, flag.top) == ("flag", [("false", 15), ("true", 15)])
    assert (date.type, date.distinct, date.top) == ("date", 3, [("2020-01-01", 10), ("2020-01-03", 10)])


def test_the_histogram_counts_training_rows():
    targets = RNG.normal(size=400)
    raw = raw_of(Arrays(RNG.normal(size=(400, 3)).astype(np.float32)), targets)
    rows = np.arange(250)
    section = data_section(raw, infer_task(raw), rows)
    assert section.shape == "3 features"
    assert [column.name for column in section.columns] == ["x0", "x1", "x2"]
    assert sum(count for _, _, count in section.target_histogram) == 250
    for left, right, count in section.target_histogram[:-1]:
        assert count == ((targets[rows] >= left) & (targets[rows] < right)).sum()


def test_the_histogram_of_a_logarithm_has_growing_bins():
    raw = raw_of(Arrays(np.zeros((500, 1), np.float32)), np.exp(RNG.normal(size=500) * 2))
    section = data_section(raw, infer_task(raw), np.arange(500))
    widths = [right - left for left, right, _ in section.target_histogram]
    assert all(first < second for first, second in itertools.pairwise(widths))
    assert sum(count for _, _, count in section.target_histogram) == 500


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (28, 1), (300, 3)])
def test_pictures_fit_and_show_every_class(side, channels):
    pixels = RNG.integers(0, 255, (90, side, side, channels), dtype=np.uint8)
    labels = np.repeat(["a", "b", "c"], 30)
    raw = raw_of(Images(pixels), labels)
    section = data_section(raw, infer_task(raw), np.arange(90))
    assert [picture.label for picture in section.pictures] == ["a"] * 4 + ["b"] * 4 + ["c"] * 4
    assert sum(len(picture.image) for picture in section.pictures) <= 60_000
    head, body = section.pictures[0].image.split(",")
    assert head == "data:image/png;base64"
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))
    if side <= 28:
        assert np.array_equal(image.reshape(side, side, channels), pixels[0])
    assert section.shape == f"{side} × {side}, {channels} channel{'s' if channels > 1 else ''}"


def test_sequences_labels_and_rows_without_answers():
    sequences = Arrays(RNG.normal(size=(40, 9, 2)).astype(np.float32))
    labels = np.stack([np.arange(40) % 2, np.arange(40) % 3 == 0, np.ones(40)], 1).astype(int)
    raw = raw_of(sequences, labels, target_names=("p", "q", "r"))
    task = infer_task(raw)
    section = data_section(raw, task, np.arange(40))
    assert (section.form, section.shape) == ("sequence", "length 9, 2 features")
    assert section.class_counts == [20, 14, 40]
    pictures = raw_of(Images(RNG.integers(0, 255, (40, 8, 8, 1), dtype=np.uint8)), labels, target_names=("p", "q", "r"))
    assert data_section(pictures, task, np.arange(40)).pictures[0].label == "q, r"
    nothing = raw_of(pictures.inputs, None)
    assert len(data_section(nothing, task, np.arange(40)).pictures) == 12


def test_it_can_be_written(tmp_path):
    raw = raw_of(Table(pl.DataFrame({"a": [1e300, -1e300, None, 2.0] * 9})), np.arange(36) / 7)
    section = data_section(raw, infer_task(raw), np.arange(36))
    Results(data=section).write(tmp_path / "results.json")
    assert Results.read(tmp_path / "results.json").data.columns[0].missing == 9
