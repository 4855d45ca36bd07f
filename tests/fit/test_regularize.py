"""`ravine fit` with techniques by name: what is done, recorded and kept, and what is refused."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import ravine
from ravine.cli import main
from ravine.core.errors import BadValue
from ravine.fit.job import Job
from ravine.fit.resume import resume
from ravine.records.results import Results
from ravine.train.recipe import Recipe

FEW = 400
QUICK: dict[str, Any] = {"epochs": 2, "plan": "safe", "show": "quiet", "model": "mlp", "test": 0.4}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    data = load_digits()
    return data.images[:FEW, :, :, None].astype(np.uint8), data.target[:FEW]


@pytest.fixture(scope="module")
def plain(rows: Any, tmp_path_factory: pytest.TempPathFactory) -> ravine.Run:
    return ravine.fit(rows, run_dir=tmp_path_factory.mktemp("plain"), **QUICK)


def numbers(run: ravine.Run) -> torch.Tensor:
    return torch.cat([value.reshape(-1).float() for value in run.model.network.state_dict().values()])


def test_on_the_command_line_recorded_reported_and_off_the_model(rows: Any) -> None:
    np.savez("few.npz", x=rows[0], y=rows[1])
    told = "dropconnect=0.2,mixup=0.3,l1=0.0001,max_norm=3"
    words = ["fit", "few.npz", "--model", "mlp", "--epochs", "2", "--plan", "safe", "-q", "--run-dir", "run"]
    assert main([*words, "--regularize", told, "--set", "regularize.dropconnect.per_row=true"]) == 2
    assert main([*words, "--regularize", told]) == 0
    folder = Path("run")
    recipe = Recipe.read(folder / "recipe.toml")
    assert recipe.regularize == {"dropconnect": 0.2, "mixup": 0.3, "l1": 0.0001, "max_norm": 3}
    assert recipe.train.mixup == 0.0
    results = Results.read(folder / "results.json")
    assert results.train is not None
    asked = ["dropconnect, p = 0.2", "mixup, alpha = 0.3", "l1, strength = 0.0001", "max-norm, c = 3"]
    assert [word for word in results.train.regularization if word in asked] == asked
    page = (folder / "report.html").read_text()
    assert all(word in page for word in asked)
    model = ravine.load(folder)
    assert "DropConnect" not in repr(model.network)
    for weight in (layer.weight for layer in model.network.modules() if isinstance(layer, nn.Linear)):
        assert weight.norm(dim=1).max() <= 3 + 1e-5
    assert main([*words[:-1], "again", "--recipe", "run/recipe.toml"]) == 0
    assert torch.equal(numbers_of("again"), numbers_of("run"))


def numbers_of(folder: str) -> torch.Tensor:
    state = ravine.load(folder).network.state_dict()
    return torch.cat([value.reshape(-1).float() for value in state.values()])


@pytest.mark.parametrize(
    "table",
    [
        {"dropout": 0.4},
        {"weight_noise": {"std": 0.05, "relative": True}, "gradient_noise": 0.05},
        {"label_smoothing": 0.2, "cutmix": 1.0},
        {"elastic-net": {"l1": 0.01, "l2": 0.01}},
    ],
    ids=lambda table: next(iter(table)),
)
def test_each_changes_the_training_and_leaves_a_bare_model(rows: Any, plain: ravine.Run, table: dict[str, Any]) -> None:
    run = ravine.fit(rows, regularize=table, **QUICK)
    assert run.status == "done"
    assert repr(run.model.network).count("Linear") == repr(plain.model.network).count("Linear")
    assert not torch.equal(numbers(run)[:2000], numbers(plain)[:2000])
    loaded = ravine.load(run.folder.path)
    assert torch.equal(loaded.network.eval()(*few(rows)), run.model.network.eval()(*few(rows)))


def test_interrupted_and_resumed_ends_where_it_would_have(rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez("few.npz", x=rows[0], y=rows[1])
    choices = {
        **QUICK,
        "epochs": 4,
        "regularize": {"dropconnect": 0.2, "gradient_noise": 0.05, "mixup": 0.2, "l1": 1e-4},
    }
    whole = ravine.fit("few.npz", run_dir="whole", **choices)
    follow = Job.follow

    def stopping(job: Job, trainer: Any, train: Any, validate: Any) -> Any:
        trainer.on("step", lambda trainer: setattr(trainer.interrupt, "asked", signal.SIGINT))
        return follow(job, trainer, train, validate)

    with monkeypatch.context() as patched:
        patched.setattr(Job, "follow", stopping)
        assert ravine.fit("few.npz", run_dir="stopped", **choices).status == "interrupted"
    resumed = resume("stopped", show="quiet")
    assert resumed.status == "done"
    assert torch.equal(numbers(resumed), numbers(whole))


def few(rows: Any) -> tuple[torch.Tensor]:
    return (torch.from_numpy(rows[0][:8]).permute(0, 3, 1, 2).contiguous(),)


def test_a_table_without_categories_is_mixed_and_one_with_them_is_not() -> None:
    choices = {**QUICK, "regularize": {"mixup": 0.2, "feature_noise": 0.1}}
    run = ravine.fit("wine", **choices)
    assert run.status == "done"
    Path("c.csv").write_text(
        "a,b,y\n" + "".join(f"{k % 7},{'uvw'[k % 3]},{'no' if k % 2 else 'yes'}\n" for k in range(80))
    )
    with pytest.raises(
        BadValue, match=r"\[regularize\] mixup: inputs must be one field of numbers; .* cannot be mixed"
    ):
        ravine.fit("c.csv", **choices)


def test_ready_made_networks_and_data_are_regularized_too(rows: Any) -> None:
    from torch.utils.data import TensorDataset

    x, y = torch.from_numpy(rows[0]).flatten(1).float(), torch.from_numpy(rows[1])
    net = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    choices = {name: value for name, value in QUICK.items() if name not in ("model", "test")}
    run = ravine.fit(TensorDataset(x, y), model=net, regularize={"dropconnect": 0.1, "mixup": 0.2}, **choices)
    assert run.status == "done"
    assert run.results.train is not None
    assert "mixup, alpha = 0.2" in run.results.train.regularization
    assert [type(part) for part in net] == [nn.Linear, nn.ReLU, nn.Linear]


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"dropconect": 0.2}, "fit: regularize: unknown regularization technique 'dropconect'. Did you mean"),
        ({"mixup": -1, "l1": "x"}, "fit: 2 faults"),
        ({"stochastic_depth": 0.1}, "[regularize] stochastic-depth: no residual branch"),
        (
            {"dropconnect": {"p": 0.1, "where": "nowhere"}},
            "[regularize] dropconnect: no layer of the Network is called",
        ),
        ({"l1": {"strength": 0.1, "where": "nowhere"}}, "l1: no parameter is called 'nowhere'."),
    ],
)
def test_bad_input_is_said_before_anything_is_trained(rows: Any, table: dict[str, Any], text: str) -> None:
    with pytest.raises(BadValue) as caught:
        ravine.fit(rows, regularize=table, **QUICK)
    assert text in str(caught.value)
    assert not list(Path().glob("runs/*"))


def test_label_smoothing_needs_classes_and_older_keys_exclude(rows: Any) -> None:
    with pytest.raises(
        BadValue, match="label-smoothing: needs one of several classes as a target; the task is regress"
    ):
        ravine.fit("diabetes", regularize={"label_smoothing": 0.1}, **QUICK)
    with pytest.raises(BadValue, match=r"regularize\.dropout and model\.dropout are the same technique"):
        ravine.fit(rows, regularize={"dropout": 0.1}, dropout=0.5, **QUICK)
    assert not list(Path().glob("runs/*"))
