"""Trainings that go wrong, repaired: what is tried, what is adopted, and that a healthy one is left alone."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import ravine
from made import troubled
from ravine.core.errors import BadValue
from ravine.fit.fit import Run, resume
from ravine.fit.repair import course
from ravine.fit.repair.course import MOST_ATTEMPTS, MOST_ROUNDS
from ravine.fit.repair.fork import Forks
from ravine.fit.repair.record import FILE
from ravine.records.metrics import read_rows
from ravine.records.results import RepairRound
from ravine.train.interrupt import Interrupt


@pytest.fixture(autouse=True)
def without_baselines(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have nothing to do with it, and take longer than the training."""
    monkeypatch.setattr("ravine.fit.job.fit_baselines", lambda *_, **__: [])


def fitted(folder: Path, *, model: Any = "mlp", data: Any = None, **choices: Any) -> Run:
    common = {**troubled.COMMON, "epochs": 6}
    source = troubled.rows() if data is None else data
    return ravine.fit(source, model=model, run_dir=folder, show="quiet", **{**common, **choices})


def rounds(run: Run) -> list[RepairRound]:
    section = run.results.repair
    return section.rounds if section is not None else []


def weights(run: Run) -> dict[str, torch.Tensor]:
    (path,) = (run.folder.path / "model").glob("*.safetensors")
    return load_file(path)


def best_of(run: Run) -> float:
    assert run.outcome is not None
    assert run.outcome.best is not None
    return run.outcome.best


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ravine.fit.job.fit_baselines", lambda *_, **__: [])
        return fitted(tmp_path_factory.mktemp("clean") / "run", lr=0.01)


@pytest.mark.parametrize("choices", [{}, {"average": 0.9, "schedule": "cosine-restarts(first=60)"}])
def test_a_healthy_training_is_left_alone_bit_for_bit(tmp_path: Path, choices: dict[str, Any]) -> None:
    plain = fitted(tmp_path / "plain", lr=0.01, **choices)
    watched = fitted(tmp_path / "watched", lr=0.01, repair=True, **choices)
    assert rounds(watched) == []
    ours, theirs = weights(watched), weights(plain)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    losses = [[row["train_loss"] for row in run.history.of_kind("epoch")] for run in (plain, watched)]
    assert losses[0] == losses[1]
    assert not list(watched.folder.repair.glob("*.safetensors"))


def test_a_rate_a_thousand_times_too_high_is_brought_down(mended: Run, clean: Run) -> None:
    run = mended
    (one,) = rounds(run)
    assert one.from_step == 0
    assert one.adopted is not None
    adopted = one.attempts[one.adopted]
    assert adopted.remedy == "lower-rate"
    assert adopted.adjusted["rate"] <= 0.01
    assert {attempt.outcome for attempt in one.attempts} >= {"passed", "diverged"}
    assert best_of(run) > best_of(clean) - 0.05
    assert run.results.train is not None
    assert f"peak rate {10 * adopted.adjusted['rate']:g}" in run.results.train.optimizer
    (finding,) = [one for one in ravine_findings(run) if one["symptom"] == "needed-repair"]
    assert f"--lr {10 * adopted.adjusted['rate']:.3g}" in finding["advice"]


def ravine_findings(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run.folder.findings.read_text())["findings"]
    return found


def test_what_diverges_unrepaired_is_told_of_it(tmp_path: Path) -> None:
    run = fitted(tmp_path / "run", model=troubled.LogOfWeight(), lr=0.03, clip_norm="none", epochs=12)
    assert run.outcome is not None
    assert run.outcome.broke_at is not None
    assert any("--repair" in one["advice"] for one in ravine_findings(run))


def test_a_network_that_takes_the_log_of_less_than_nothing(tmp_path: Path) -> None:
    torch.manual_seed(0)
    run = fitted(tmp_path / "run", model=troubled.LogOfWeight(), lr=0.03, clip_norm="none", epochs=12, repair=True)
    first, *more = rounds(run)
    assert first.kind == "broke"
    assert first.from_step < first.left_step < first.fault_step
    assert all(one.adopted is not None for one in (first, *more))
    assert run.outcome is not None
    assert run.outcome.broke_at is None
    assert run.outcome.stopped_by == "the end of the schedule"
    steps = [row["step"] for row in read_rows(run.folder.metrics) if row["kind"] == "epoch"]
    assert steps == sorted(set(steps)), "what was lost is not part of the curves"


@pytest.mark.parametrize("model", [troubled.Recurrence, troubled.SoftmaxByHand])
def test_exploding_gradients_and_overflows(tmp_path: Path, model: type[nn.Module]) -> None:
    torch.manual_seed(0)
    bare = fitted(tmp_path / "bare", model=model(), **troubled.PLAIN_SGD)
    torch.manual_seed(0)
    run = fitted(tmp_path / "run", model=model(), repair=True, **troubled.PLAIN_SGD)
    assert rounds(run)[-1].adopted is not None
    last = [row["train_loss"] for row in run.history.of_kind("epoch")][-1]
    lost = [row["train_loss"] for row in bare.history.of_kind("epoch")]
    assert last < 1.5
    assert not lost or not lost[-1] < last


def test_broken_rows_are_left_out_and_said_to_be_the_datas_fault(tmp_path: Path) -> None:
    run = fitted(tmp_path / "run", data=troubled.broken_rows(), lr=0.003, repair=True)
    (one,) = rounds(run)
    assert one.symptoms["has-nan-in-data"] == 1.0
    assert one.adopted == 0
    assert one.attempts[0].remedy == "leave-out-broken-rows"
    assert run.outcome is not None
    assert run.outcome.broke_at is None
    (finding,) = [one for one in ravine_findings(run) if one["symptom"] == "needed-repair"]
    assert "data" in finding["advice"]
    assert finding["severity"] == "warning"


def test_where_nothing_helps_it_says_so_and_keeps_the_best(tmp_path: Path) -> None:
    torch.manual_seed(0)
    bare = fitted(tmp_path / "bare", model=troubled.BreaksAt(40), lr=0.003)
    torch.manual_seed(0)
    run = fitted(tmp_path / "run", model=troubled.BreaksAt(40), lr=0.003, repair=True)
    assert rounds(run)
    assert all(one.adopted is None and one.attempts for one in rounds(run))
    assert all(0 < one.from_step < 40 for one in rounds(run))
    assert {attempt.at for one in rounds(run) for attempt in one.attempts} == {40}
    assert run.outcome is not None
    assert run.outcome.broke_at == 40
    assert best_of(run) == best_of(bare)
    assert [one["severity"] for one in ravine_findings(run) if one["symptom"] == "resisted-repair"] == ["error"]
    x, _ = troubled.rows()
    assert (run.predict(x).outputs == bare.predict(x).outputs).all()
    assert json.loads((run.folder.repair / FILE).read_text())["rounds"]


def test_rounds_and_attempts_are_bounded(tmp_path: Path) -> None:
    torch.manual_seed(0)

    class Worse(troubled.BreaksAt):
        """Breaks at every call from one on; a fork may pass one place, and never the next."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.body(x)
            if self.training:
                self.calls += 1
                if int(self.calls) >= self.at:
                    out = out * (1e3 ** (self.calls - self.at + 1).double()).float()
            return out

    run = fitted(tmp_path / "run", model=Worse(40), lr=0.003, repair=True)
    assert 1 <= len(rounds(run)) <= MOST_ROUNDS
    assert all(len(one.attempts) <= MOST_ATTEMPTS for one in rounds(run))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows in a file, so that a run of them can be resumed."""
    path = tmp_path_factory.mktemp("data") / "data.npz"
    x, y = troubled.rows()
    np.savez(path, x=x, y=y)
    return path


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Run:
    """A rate a thousand times too high, repaired."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ravine.fit.job.fit_baselines", lambda *_, **__: [])
        return fitted(tmp_path_factory.mktemp("mended") / "run", data=str(source), lr=10.0, repair=True)


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("forks", [0, 2])
def test_interrupted_in_a_fork_and_resumed_is_bit_identical(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Path, mended: Run, forks: int
) -> None:
    """Ctrl-C in the first fork, and in the third: those that were finished are not run again."""
    ran: list[str] = []
    run_fork, enter = Forks.run, Interrupt.__enter__

    def pressed(interrupt: Interrupt) -> Interrupt:
        entered = enter(interrupt)
        press_ctrl_c()
        return entered

    def interrupted(self: Forks, remedy: str, *given: Any) -> Any:
        ran.append(remedy)
        with pytest.MonkeyPatch.context() as patch:
            if len(ran) == forks + 1:
                patch.setattr(Interrupt, "__enter__", pressed)
            return run_fork(self, remedy, *given)

    monkeypatch.setattr(Forks, "run", interrupted)
    broken_off = fitted(tmp_path / "run", data=str(source), lr=10.0, repair=True)
    assert broken_off.status == "interrupted"
    kept = json.loads((tmp_path / "run" / "repair" / FILE).read_text())["rounds"][0]["attempts"]
    assert len(kept) == forks
    again = resume(tmp_path / "run", show="quiet")
    (one,) = rounds(again)
    assert len(ran) == 1 + len(one.attempts)
    assert_same(again, mended)


def test_interrupted_after_a_repair_and_resumed_is_bit_identical(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Path, mended: Run
) -> None:
    """Ctrl-C in the training that goes on with what was adopted."""
    go_on = course._Course._with_adopted

    def then(self: course._Course, *given: Any) -> Any:
        return go_on(self, *given).on("epoch_end", lambda one: press_ctrl_c() if one.epoch == 2 else None)

    with monkeypatch.context() as patch:
        patch.setattr(course._Course, "_with_adopted", then)
        assert fitted(tmp_path / "run", data=str(source), lr=10.0, repair=True).status == "interrupted"
    assert_same(resume(tmp_path / "run", show="quiet"), mended)


def assert_same(ours: Run, theirs: Run) -> None:
    """Weights bit for bit, attempts and adoption."""
    assert ours.status == "done"
    first, second = weights(ours), weights(theirs)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in second)
    (one,), (other,) = rounds(ours), rounds(theirs)
    assert [(a.change, a.outcome, a.loss) for a in one.attempts] == [
        (a.change, a.outcome, a.loss) for a in other.attempts
    ]
    assert (one.adopted, one.why) == (other.adopted, other.why)


def test_the_time_allowed_includes_the_forks(tmp_path: Path) -> None:
    run = fitted(tmp_path / "run", lr=10.0, repair=True, epochs=2000, minutes=0.05)
    assert run.outcome is not None
    assert run.outcome.seconds < 2 * 60 * 0.05 + 2
    assert rounds(run)


@pytest.mark.parametrize(
    ("choices", "words"),
    [({"members": "seeds:2"}, "ensemble"), ({"overrides": {"transfer": {"source": "x.pt"}}}, "transfer")],
)
def test_refused_where_it_cannot_be(tmp_path: Path, choices: dict[str, Any], words: str) -> None:
    with pytest.raises(BadValue, match=words):
        fitted(tmp_path / "run", repair=True, **choices)


def test_the_report_shows_what_was_tried(mended: Run) -> None:
    page = mended.report.read_text()
    (one,) = rounds(mended)
    assert 'id="repair"' in page
    assert "plot-repair-1" in page
    assert all(attempt.change in page for attempt in one.attempts)
