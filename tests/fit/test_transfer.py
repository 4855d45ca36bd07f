"""`ravine transfer`: from a run to a run."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from ravine.cli.app import app
from ravine.core.errors import BadRun, BadValue
from ravine.fit.fit import fit, load, resume
from ravine.fit.model_folder import load_model
from ravine.records.results import Results
from ravine.train.recipe import Recipe
from ravine.transfer import automatic

QUICK = {"show": "quiet", "plan": "safe", "augment": "none", "threads": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run on three classes of 8 × 8 pictures, and others of two classes to move it to."""
    draws = np.random.default_rng(0)
    patterns = draws.integers(0, 256, (5, 8, 8))

    def pictures(classes, rows):
        labels = np.arange(rows) % len(classes)
        noisy = patterns[np.array(classes)[labels]] + draws.normal(0, 50, (rows, 8, 8))
        return noisy.clip(0, 255).astype(np.uint8), labels

    folder = tmp_path_factory.mktemp("transfer")
    first = fit(
        pictures([0, 1, 2], 180),
        model="convnet",
        run_dir=folder / "first",
        epochs=3,
        overrides={"model": {"width": 4, "depth": 1}},
        **QUICK,
    )
    return first, pictures([3, 4], 100), folder


def moved(made, name, **changes):
    first, data, folder = made
    transfer = {"source": str(first.folder.path), **changes.pop("transfer", {})}
    return fit(data, run_dir=folder / name, overrides={"transfer": transfer}, epochs=2, **{**QUICK, **changes})


@pytest.mark.parametrize("plan", ["linear", "last-block", "fine-tune", "scratch"])
def test_every_plan_leaves_an_ordinary_run(made, plan):
    run = moved(made, plan, transfer={"plan": plan})
    assert run.status == "done"
    assert run.score is not None
    kept = load_model(run.folder.model)
    answers = kept.predict(made[1][0]).outputs
    np.testing.assert_allclose(answers, run.model.predict(made[1][0]).outputs, rtol=1e-5, atol=1e-5)
    assert any(f"plan {plan}" in word for word in run.results.train.regularization)
    before, after = made[0].model.network.state_dict(), kept.network.state_dict()
    untouched = all(torch.equal(before[n], v) for n, v in after.items() if before[n].shape == v.shape)
    assert untouched is (plan == "linear")
    assert torch.equal(before["normalizer.shift"], after["normalizer.shift"])  # a body sees what it has learned to see


def test_auto_says_what_it_chose_and_why(made):
    run = moved(made, "auto")
    told = json.loads((run.folder.path / "transfer.json").read_text())
    section = run.results.transfer
    assert section.auto
    assert section.plan == told["plan"]
    assert section.reason == told["reason"]
    assert [trial.plan for trial in section.trials] == [trial["plan"] for trial in told["trials"]]
    assert [trial.chosen for trial in section.trials].count(True) == 1
    assert section.parts[-1].name == "head"
    page = run.report.read_text(encoding="utf-8")
    assert "What was kept of the pretrained network" in page
    assert "these data" in page  # its place in the 2 × 2
    assert not (run.folder.path / "trials").exists()
    assert Recipe.read(run.folder.recipe).transfer.plan == told["plan"]
    assert "LogME" in " ".join(run.results.train.regularization)
    assert load(run.folder.path).classes == ("0", "1")


def test_weights_of_a_network_of_the_users_are_found_again(made, tmp_path):
    (tmp_path / "net.py").write_text(
        "import torch\nfrom torch import nn\n\ndef make():\n    torch.manual_seed(1)\n"
        "    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 1000))\n"
    )
    run = moved(made, "own", transfer={"source": f"{tmp_path / 'net.py'}:make", "plan": "linear"})
    kept = load_model(run.folder.model)
    assert kept.network.body[3].out_features == 2


def test_what_cannot_be_begun_with(made, tmp_path):
    with pytest.raises(BadRun):
        moved(made, "none", transfer={"source": str(tmp_path)})
    with pytest.raises(BadValue, match="no file"):
        moved(made, "none", transfer={"source": str(tmp_path / "a.safetensors")})
    with pytest.raises(BadValue, match="ensembles"):
        fit(
            made[1],
            overrides={"transfer": {"source": str(made[0].folder.path)}, "ensemble": {"members": "seeds:2"}},
            **QUICK,
        )
    with pytest.raises(BadValue, match=r"transfer\.plan"):
        moved(made, "none", transfer={"plan": "guess"})
    assert not (made[2] / "none").exists()


def test_the_verb(made, tmp_path):
    x, y = made[1]
    np.savez(tmp_path / "new.npz", x=x, y=y)
    told = CliRunner().invoke(
        app,
        [
            "transfer",
            str(tmp_path / "new.npz"),
            "--from",
            str(made[0].folder.path),
            "--plan",
            "linear",
            "--epochs",
            "2",
            "--run-dir",
            str(tmp_path / "run"),
            "--plain",
            "--set",
            "machine.plan=safe",
        ],
    )
    assert told.exit_code == 0, told.output
    assert "plan linear" in told.output
    assert (tmp_path / "run" / "report.html").is_file()


def test_stopped_while_it_chooses_it_chooses_again(made, tmp_path, monkeypatch):
    x, y = made[1]
    np.savez(tmp_path / "new.npz", x=x, y=y)

    def leave(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(automatic, "begin", leave)
        patched.setattr(automatic.Judged, "leaves_room", True)
        with pytest.raises(KeyboardInterrupt):
            moved((made[0], str(tmp_path / "new.npz"), tmp_path), "run")
    assert Results.read(tmp_path / "run" / "results.json").status == "interrupted"
    run = resume(tmp_path / "run", show="quiet")
    assert run.status == "done"
    assert run.results.transfer.plan == Recipe.read(run.folder.recipe).transfer.plan != "auto"
