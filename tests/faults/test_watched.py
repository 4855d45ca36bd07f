"""The trainings are seen as any program's are: both curves, rates, layers, and what is known of the task."""

from __future__ import annotations

import pytest
from benchmarks.faults.tasks import TASKS, train

from ravine.diagnose.doctor import diagnose
from ravine.records.history import History


@pytest.mark.parametrize("name", ["diabetes-mlp", "cancer-mlp"])
def test_a_clean_run_is_seen_whole_and_called_healthy(name):
    outcome = train(TASKS[name].job("adam", 0))
    history = History(outcome.rows)
    assert outcome.failed == ""
    assert outcome.score > 0.2
    assert len(history.series("val_loss")) == TASKS[name].epochs
    assert {"train_loss", "lr", "grad_norm"} <= set(history.names("step"))
    assert history.layers("weight_norm")
    assert history.about["task"] in ("classification", "regression")
    assert diagnose(history).verdict == "healthy"
