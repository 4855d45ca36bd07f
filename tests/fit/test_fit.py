"""`ravine.fit` end to end on small data of every kind, as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

import ravine
from ravine.cli import main
from ravine.core.errors import BadValue
from ravine.records.finding import read_findings
from ravine.train.recipe import Recipe

QUICK: dict[str, Any] = {"epochs": 3, "plan": "safe", "show": "quiet"}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def weights(run: ravine.Run) -> torch.Tensor:
    return torch.cat([value.reshape(-1).float() for value in run.model.network.state_dict().values()])


def test_digits_leaves_a_model_a_record_and_a_report() -> None:
    run = ravine.fit("digits", model="mlp", **QUICK)
    assert run.status == "done"
    assert {path.name for path in run.folder.path.iterdir()} >= {
        "recipe.toml", "metrics.jsonl", "findings.json", "environment.json", "results.json", "checkpoints", "model",
        "report.html",
    }  # fmt: skip
    assert run.score is not None
    assert run.score.value is not None
    assert run.score.value > 0.8
    assert [row["epoch"] for row in run.history.rows if row["kind"] == "epoch"] == [1, 2, 3]
    loaded = ravine.load(run.folder.path)
    pixels = load_digits().images[:5, :, :, None]
    shown = np.rint(pixels / 16 * 255).astype(np.uint8)
    ours = run.predict(shown)
    assert np.array_equal(loaded.predict(ravine_images(shown)).outputs, ours.outputs)
    assert ours.probabilities is not None
    np.testing.assert_allclose(ours.probabilities.sum(1), 1, atol=1e-6)


def ravine_images(pixels: np.ndarray) -> Any:
    from ravine.data.raw import Images

    return Images(pixels)


def test_a_seed_gives_the_same_bits_and_another_does_not() -> None:
    first, second, other = (ravine.fit("wine", seed=seed, **QUICK) for seed in (3, 3, 4))
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(other))


def test_the_written_recipe_makes_the_same_run_again() -> None:
    first = ravine.fit("wine", **QUICK)
    written = Recipe.read(first.folder.recipe)
    open_choices = [name for name, value in written.train.model_dump().items() if value == "auto"]
    assert open_choices == []
    again = ravine.fit(recipe=first.folder.recipe, show="quiet")
    assert torch.equal(weights(first), weights(again))


def a_table(rows: int = 300) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    size, colour = rng.normal(size=rows), rng.choice(["red", "green", "blue"], rows)
    price = np.exp(3 + size + (colour == "red") + 0.05 * rng.normal(size=rows))
    frame = pl.DataFrame({"name": [f"row {i}" for i in range(rows)], "size": size, "colour": colour, "price": price})
    return frame.with_columns(pl.when(pl.col("size") > 1.8).then(None).otherwise(pl.col("size")).alias("size"))


def test_a_table_with_categories_and_gaps(capsys: pytest.CaptureFixture[str]) -> None:
    a_table().write_csv("houses.csv")
    run = ravine.fit("houses.csv", target="price", id="name", epochs=40, plan="safe", show="quiet")
    assert run.results.data is not None
    assert run.results.data.task == "regress"
    assert run.score is not None
    assert run.score.value is not None
    assert run.score.value > 0.8
    a_table(10).drop("price").write_csv("new.csv")
    assert main(["predict", str(run.folder.path), "new.csv", "-o", "out.csv"]) == 0
    capsys.readouterr()
    out = pl.read_csv("out.csv")
    assert out.height == 10
    assert out["name" if "name" in out.columns else out.columns[0]].to_list()[0] == "row 0"


def test_pictures_in_folders() -> None:
    rng = np.random.default_rng(0)
    for number in range(40):
        dark = number % 2
        pixels = rng.integers(0, 80, (12, 10, 3)) + (0 if dark else 150)
        folder = Path("pics") / ("dark" if dark else "bright")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    (Path("pics") / "dark" / "torn.png").write_bytes(b"torn")
    run = ravine.fit("pics", model="convnet", **{**QUICK, "epochs": 8})
    assert run.results.data is not None
    assert run.results.data.classes == ["bright", "dark"]
    assert any("torn.png" in json.dumps(one.to_json()) for one in read_findings(run.folder.findings))


def test_several_labels() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 6)).astype(np.float32)
    y = (x[:, :3] > 0).astype(np.int64)
    run = ravine.fit((x, y), **{**QUICK, "epochs": 20})
    assert run.results.data is not None
    assert run.results.data.task == "multi-label"
    assert run.score is not None
    assert run.score.value is not None
    assert run.score.value > 0.8


def test_sequences_and_their_networks() -> None:
    x = load_digits().images[:300].astype(np.float32)
    np.savez("rows.npz", x=x, y=load_digits().target[:300])
    for name in ("gru", "transformer"):
        run = ravine.fit("rows.npz", model=name, **QUICK)
        assert run.results.model is not None
        assert run.results.model.name == name


def test_a_network_of_ones_own_in_memory() -> None:
    data = load_digits()
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    run = ravine.fit((data.data.astype(np.float32), data.target), model=net, **QUICK)
    assert run.results.model is not None
    assert run.results.model.name == "Sequential"
    assert run.model.network.body is net


LOADERS = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits

d = load_digits()
data = TensorDataset(torch.tensor(d.data / 16, dtype=torch.float32), torch.tensor(d.target))

def dataset():
    return data

def loaders():
    train, val, test = torch.utils.data.random_split(data, [1200, 297, 300])
    return tuple(DataLoader(part, 64, shuffle=True) for part in (train, val, test))

def everything():
    train, val, test = torch.utils.data.random_split(data, [1200, 297, 300])
    net = nn.Sequential(nn.Linear(64, 50), nn.ReLU(), nn.Linear(50, 10))
    return {"model": net, "train": train, "val": val, "test": test, "loss": nn.CrossEntropyLoss()}
"""


@pytest.mark.parametrize("function", ["dataset", "loaders", "everything"])
def test_what_a_function_returns(function: str) -> None:
    Path("mine.py").write_text(LOADERS)
    run = ravine.fit(f"mine.py:{function}", **QUICK)
    assert run.outcome is not None
    assert run.outcome.best is not None
    assert run.outcome.best > 0.6
    assert (run.folder.path / "weights.safetensors").exists()
    assert (run.results.test is not None) == (function != "dataset")


def test_tensorboard_events_are_written() -> None:
    run = ravine.fit("wine", log=["tensorboard"], **QUICK)
    assert list((run.folder.path / "tensorboard").glob("events.out.tfevents.*"))


def test_resuming_what_is_finished_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    run = ravine.fit("wine", **QUICK)
    before = run.folder.metrics.read_bytes()
    assert main(["resume", str(run.folder.path)]) == 0
    assert "finished already" in capsys.readouterr().out
    assert run.folder.metrics.read_bytes() == before


def test_a_network_without_data_is_refused() -> None:
    with pytest.raises(BadValue, match=r"Give both: ravine\.fit\(\(x, y\), model=network\)"):
        ravine.fit(nn.Linear(2, 2))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lion", "radam"])
def test_other_optimizers_by_name(optimizer: str) -> None:
    run = ravine.fit("wine", optimizer=optimizer, lr=1e-2 if optimizer == "sgd" else 1e-3, **QUICK)
    assert run.results.train is not None
    assert run.results.train.optimizer.startswith(optimizer)
