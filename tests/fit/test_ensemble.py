"""`ravine fit --ensemble`: trained, recorded, saved, predicted and exported like any network."""

from __future__ import annotations

import itertools
import signal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from sklearn.datasets import load_diabetes, load_digits
from torch import nn

import ravine
from ravine.cli import main
from ravine.core.errors import RavineError
from ravine.ensemble import Ensemble
from ravine.fit.export import export
from ravine.fit.model_folder import load_model
from ravine.fit.predict import predict_file
from ravine.fit.resume import resume
from ravine.train.rate import Rate
from ravine.train.trainer import Trainer

QUICK: dict[str, Any] = {"epochs": 3, "plan": "safe", "show": "quiet", "model": "mlp", "test": 0.4, "threads": 1}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    data = load_digits()
    return data.images[:400, :, :, None].astype(np.uint8), data.target[:400]


def weights(run: ravine.Run) -> dict[str, torch.Tensor]:
    return load_file(next(run.folder.model.glob("*.safetensors")))


def same(one: ravine.Run, other: ravine.Run) -> bool:
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("members", "how"),
    [("seeds:3", "one stacked model"), ("snapshots:3", "cycles"), ("checkpoints:2", "best epochs")],
)
def test_each_kind_ends_as_one_model(rows, tmp_path, members, how):
    run = ravine.fit(rows, ensemble=members, run_dir=tmp_path / "run", **QUICK)
    section = run.results.ensemble
    assert section is not None
    number = int(members[-1])
    assert len(section.members) == number
    assert how in section.how
    loaded = load_model(run.folder.model)
    assert isinstance(loaded.network.body, Ensemble)
    assert len(loaded.network.body) == number
    inputs = rows[0][:20]
    torch.testing.assert_close(
        torch.as_tensor(loaded.predict(inputs).probabilities), torch.as_tensor(run.predict(inputs).probabilities)
    )
    assert "What the ensemble gains" in run.report.read_text(encoding="utf-8")
    # the section's scores are those of the test, and the mean is the mean
    accuracy = next(score for score in run.results.test.scores if score.name == "accuracy")
    assert section.scores[0].value == accuracy.value
    means = [member.scores[0].value for member in section.members]
    assert section.mean[0].value == pytest.approx(np.mean(means))
    assert section.gains[0].value == pytest.approx(accuracy.value - np.mean(means))


@pytest.mark.parametrize("number", [2, 3, 4])
def test_snapshots_are_taken_where_the_rate_is_lowest(rows, tmp_path, number, monkeypatch):
    """Also where the cycles are no whole number of steps."""
    from ravine.fit.ensemble.kept import KeptMembers

    taken = {}
    write = KeptMembers.write
    monkeypatch.setattr(KeptMembers, "write", lambda self, m: (taken.update({m.name: m.steps}), write(self, m))[1])
    factors: dict[int, float] = {}
    rate = Rate.__call__
    monkeypatch.setattr(Rate, "__call__", lambda self, t: factors.setdefault(t, rate(self, t)))
    ravine.fit(rows, ensemble=f"snapshots:{number}", run_dir=tmp_path / "run", **{**QUICK, "epochs": 5})
    assert list(taken) == [f"cycle {place}" for place in range(1, number + 1)]
    seen = [factors[step] for step in sorted(factors)]
    jumps = [place + 1 for place, (now, then) in enumerate(itertools.pairwise(seen)) if then > now]
    assert list(taken.values()) == [*jumps, len(seen)]


def test_stacked_and_one_by_one_are_the_same_members(rows, tmp_path):
    """Same seeds, same rows in the same order: only rounding parts them."""
    alike = {**QUICK, "overrides": {"train": {"average": 0.0, "augment": "none"}, "model": {"dropout": 0.0}}}
    one = ravine.fit(rows, ensemble="seeds:2", run_dir=tmp_path / "one", **alike)
    two = ravine.fit(rows, ensemble={"members": "seeds:2", "stacked": "never"}, run_dir=tmp_path / "two", **alike)
    assert one.results.ensemble.how == "as one stacked model"
    assert two.results.ensemble.how == "one by one: as asked"
    first, second = weights(one), weights(two)
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=2e-3, atol=2e-4, msg=lambda text, n=name: f"{n}: {text}")
    curves = [run.history.series("val_loss").values for run in (one, two)]
    np.testing.assert_allclose(*curves, rtol=1e-3)


def test_members_are_the_trainings_of_their_seeds(rows, tmp_path):
    """Member `seed 1` is what `ravine fit --seed 1` would train on the same split."""
    run = ravine.fit(rows, ensemble={"members": "seeds:2", "stacked": "never"}, run_dir=tmp_path / "run", **QUICK)
    body = load_model(run.folder.model).network.body
    first, second = (member.head.weight for member in body.members)
    assert not torch.equal(first, second)
    alone = ravine.fit(rows, run_dir=tmp_path / "alone", **QUICK)
    assert torch.equal(load_model(alone.folder.model).network.body.head.weight, first)


def test_regression_with_greedy_weights(tmp_path):
    data = load_diabetes()
    run = ravine.fit(
        (data.data, data.target),
        ensemble={"members": "seeds:4", "weights": "greedy"},
        run_dir=tmp_path / "run",
        **QUICK,
    )
    section = run.results.ensemble
    shares = [member.weight for member in section.members]
    assert sum(shares) == pytest.approx(1)
    body = load_model(run.folder.model).network.body
    assert len(body) == sum(share > 0 for share in shares)
    np.testing.assert_allclose(sorted(body.weights.tolist()), sorted(s for s in shares if s > 0), rtol=1e-6)
    assert section.combine == "values"
    assert section.squared_error == pytest.approx(section.squared_error_of_members - section.ambiguity)
    assert section.disagreement is None


def test_predicted_and_exported_like_any_network(rows, tmp_path):
    run = ravine.fit(rows, ensemble="seeds:2", run_dir=tmp_path / "run", **QUICK)
    np.savez(tmp_path / "more.npz", x=rows[0][:30])
    predict_file(run.folder.path, str(tmp_path / "more.npz"), tmp_path / "answers.csv")
    answers = pl.read_csv(tmp_path / "answers.csv")
    assert answers["prediction"].cast(str).to_list() == run.predict(rows[0][:30]).labels.tolist()
    for form in ("state-dict", "onnx", "pt2"):
        assert export(run.folder.path, form).exists()  # compared with the network before it is kept


@pytest.mark.parametrize("members", ["seeds:3", "snapshots:3", "checkpoints:2", "one by one"])
def test_interrupted_and_resumed_it_ends_the_same(rows, tmp_path, members, monkeypatch):
    asked: Any = {"members": "seeds:3", "stacked": "never"} if members == "one by one" else {"members": members}
    (tmp_path / "data.py").write_text(
        "from sklearn.datasets import load_digits\n"
        "def load():\n    d = load_digits()\n    return d.images[:400, :, :, None].astype('uint8'), d.target[:400]\n"
    )
    choices = {**QUICK, "overrides": {"ensemble": asked, "model": {"dropout": 0.2}}, "epochs": 4}
    whole = ravine.fit("data.py:load", run_dir=tmp_path / "whole", **choices)

    stop_after = {"seeds:3": 2, "one by one": 6}.get(members, 2)  # epochs, of all members together
    ended = []

    def count(*_: Any) -> None:
        ended.append(1)
        if len(ended) == stop_after:
            signal.raise_signal(signal.SIGINT)

    if members == "seeds:3":
        from ravine.population import Population

        close = Population._close_epoch
        monkeypatch.setattr(Population, "_close_epoch", lambda self, *a, **k: (close(self, *a, **k), count())[0])
    else:
        close_epoch = Trainer._close_epoch
        monkeypatch.setattr(Trainer, "_close_epoch", lambda self: (count(), close_epoch(self))[1])
    cut = ravine.fit("data.py:load", run_dir=tmp_path / "cut", **choices)
    assert cut.status == "interrupted"
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cut" / "members").glob("seed-*.safetensors")}
    assert len(kept) == (1 if members == "one by one" else 0)
    again = resume(tmp_path / "cut", show="quiet")
    assert again.status == "done"
    assert same(again, whole)
    for name, time in kept.items():  # finished members were left alone
        assert (tmp_path / "cut" / "members" / name).stat().st_mtime_ns == time
    assert again.history.series("val_loss").values == whole.history.series("val_loss").values


def test_a_network_of_ones_own_starts_anew_for_each_member(rows, tmp_path):
    own = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    run = ravine.fit(rows, ensemble="seeds:2", run_dir=tmp_path / "run", **{**QUICK, "model": own})
    body = run.model.network.body
    assert not torch.equal(body.members[0][1].weight, body.members[1][1].weight)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--ensemble", "seeds:1"], "members must be at least 2; got 1"),
        (["--ensemble", "seads:5"], "unknown members 'seads'. Did you mean 'seeds'?"),
        (["--ensemble", "five"], "read like seeds:5"),
        (["--ensemble", "snapshots:5", "--epochs", "3"], "must be at least 5; got 3.0. Ask for fewer snapshots"),
        (["--ensemble", "checkpoints:5", "--epochs", "3"], "must be at least 5; got 3.0. Ask for fewer checkpoints"),
        (["--ensemble", "snapshots:2", "--minutes", "1"], "a length in epochs"),
        (["--ensemble", "snapshots:2", "--schedule", "linear", "--epochs", "3"], "be left at cosine"),
    ],
)
def test_bad_requests(more, words, tmp_path, capsys):
    assert main(["fit", "wine", "--quiet", "--run-dir", str(tmp_path / "run"), *more]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_loaders_cannot_be_started_again(rows):
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.zeros(20, 3), torch.zeros(20, dtype=torch.int64))
    )
    with pytest.raises(RavineError, match="started again from"):
        ravine.fit(loader, ensemble="seeds:2", show="quiet")
