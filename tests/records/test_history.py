"""`History`: curves by name, at two densities, from rows that may lack anything."""

import math

import pytest

from ravine.records.history import History, Series
from ravine.records.metrics import MetricsWriter

ROWS = [
    {"kind": "step", "step": 5, "train_loss": 2.0, "lr": 0.1},
    {"kind": "step", "step": 10, "train_loss": 1.0, "lr": 0.2},
    {"kind": "epoch", "step": 10, "train_loss": 1.5, "val_loss": math.nan, "note": "text is no curve"},
    {"kind": "epoch", "step": 20, "train_loss": 0.5, "val_loss": 0.7},
    {"step": 30, "val_loss": 0.6},
]


def test_a_curve_holds_the_rows_of_its_kind_that_have_it():
    history = History(ROWS)
    assert list(history.series("train_loss", "step")) == [(5, 2.0), (10, 1.0)]
    assert list(history.series("train_loss")) == [(10, 1.5), (20, 0.5)]
    assert history.series("val_loss").steps == (10, 20, 30)
    assert math.isnan(history.series("val_loss").values[0])


def test_a_curve_never_written_is_empty():
    assert len(History(ROWS).series("val_accuracy")) == 0
    assert len(History([]).series("train_loss")) == 0


def test_names_in_the_order_they_came():
    assert History(ROWS).names("step") == ["train_loss", "lr"]
    assert History(ROWS).names() == ["train_loss", "val_loss"]


def test_the_rows_given_are_not_shared():
    row = {"kind": "epoch", "step": 1, "train_loss": 1.0}
    history = History([row])
    row["train_loss"] = 2.0
    assert history.series("train_loss").values == (1.0,)
    assert len(history) == 1


def test_the_best_point_ignores_what_is_not_finite():
    series = Series("val_loss", (1, 2, 3, 4), (math.nan, 0.5, 0.25, -math.inf))
    assert series.best(higher_is_better=False) == (3, 0.25)
    assert series.best(higher_is_better=True) == (2, 0.5)
    with pytest.raises(ValueError, match="val_loss: no finite value"):
        Series("val_loss", (1,), (math.nan,)).best(higher_is_better=False)


def test_of_two_equal_points_the_earlier_is_best():
    assert Series("a", (1, 2), (0.5, 0.5)).best(higher_is_better=True) == (1, 0.5)


def test_the_history_of_a_run_is_its_metrics_file(tmp_path):
    path = tmp_path / "metrics.jsonl"
    writer = MetricsWriter(path)
    for row in ROWS:
        writer.write(row)
    writer.close()
    history = History.of_run(path)
    assert history.source == str(path)
    assert history.series("train_loss").values == (1.5, 0.5)
    assert math.isnan(history.series("val_loss").values[0])
    assert len(History.of_run(tmp_path / "nothing.jsonl")) == 0
