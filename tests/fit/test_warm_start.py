"""`ravine fit --warm-start`: from a run to the next."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import ravine
from ravine.core.errors import BadRun, BadValue
from ravine.records.results import Results

CHEAP = {"model": "mlp", "epochs": 2, "plan": "safe", "show": "quiet", "width": 32}


def test_a_run_begins_where_another_ended(tmp_path: Path) -> None:
    first = ravine.fit("wine", run_dir=tmp_path / "first", **CHEAP)
    second = ravine.fit("wine", run_dir=tmp_path / "second", warm_start=str(tmp_path / "first"), **CHEAP)
    told = Results.read(second.folder.results)
    assert told.model is not None
    assert f"tensors from {tmp_path / 'first'}" in told.model.initialization
    ours, before = second.history.series("train_loss"), first.history.series("train_loss")
    assert ours.values[0] < before.values[0]
    on = ravine.fit("wine", run_dir=tmp_path / "on", warm_start=str(first.folder.path), rewarm=False, **CHEAP)
    assert "the schedule goes on after 2 epochs" in Results.read(on.folder.results).model.initialization  # type: ignore[union-attr]
    assert on.history.series("lr").values[0] < second.history.series("lr").values[0]


def test_weights_that_do_not_fit_leave_nothing_behind(tmp_path: Path) -> None:
    torch.save({"stem.kernel": torch.ones(3)}, tmp_path / "other.pt")
    with pytest.raises(BadRun, match="those of another network"):
        ravine.fit("wine", run_dir=tmp_path / "run", warm_start=str(tmp_path / "other.pt"), **CHEAP)
    assert not (tmp_path / "run").exists()
    overrides = {"ensemble": {"members": "seeds:2"}}
    with pytest.raises(BadValue, match="members of an ensemble begin apart"):
        ravine.fit("wine", run_dir=tmp_path / "run", warm_start="anything", overrides=overrides, **CHEAP)


def test_an_average_of_another_kind_is_in_the_report(tmp_path: Path) -> None:
    run = ravine.fit("wine", run_dir=tmp_path / "run", average="swa(start=50%)", accumulate=2, **CHEAP)
    train = Results.read(run.folder.results).train
    assert train is not None
    assert any(words.startswith("mean of the weights at every 1 epoch from 50% on") for words in train.regularization)
    page = run.report.read_text(encoding="utf-8")
    assert "weights kept" in page
    assert run.history.series("raw_val_loss").values
