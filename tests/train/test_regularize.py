"""Techniques by name in a recipe and in a training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ravine import Trainer
from ravine.core.errors import BadValue, Faults
from ravine.train.recipe import Recipe

Data = tuple[Tensor, Tensor]

MANY: dict[str, Any] = {
    "dropconnect": 0.2,
    "weight_noise": 0.01,
    "gradient_noise": {"eta": 0.01},
    "dropout": 0.2,
    "mixup": {"alpha": 0.3, "classes": 10},
    "label_smoothing": {"share": 0.1, "classes": 10},
    "l1": 1e-4,
    "max_norm": 3.0,
}


def make() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def weights(model: nn.Module) -> Tensor:
    return torch.cat([value.flatten() for value in model.state_dict().values()])


def stops_at(step: int) -> Callable[[Trainer], None]:
    def stop(trainer: Trainer) -> None:
        if trainer.step == step:
            import signal

            trainer.interrupt.asked = signal.SIGINT

    return stop


@pytest.mark.parametrize("stop", [1, 8, 13])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_resumed_is_bit_identical(tmp_path: Path, digits: Data, stop: int, accumulate: int) -> None:
    """8 steps an epoch; masks, noise that fades, mixing, penalties and an average are where they would have been."""
    x, y = digits

    def trainer(folder: Path | None, resume: bool = False) -> Trainer:
        return Trainer(
            make(), epochs=2, batch_size=64, lr=0.01, average=0.9, plan="safe", seed=5, run_dir=folder, resume=resume,
            accumulate=accumulate, regularize=MANY,
        )  # fmt: skip

    data, validate = (x[:512], y[:512]), (x[512:700], y[512:700])
    whole = trainer(None)
    whole.fit(data, validate)
    first = trainer(tmp_path).on("step", stops_at(stop))
    assert first.fit(data, validate).interrupted
    torch.manual_seed(99)
    second = trainer(tmp_path, resume=True)
    second.fit(data, validate)
    assert torch.equal(weights(second.model), weights(whole.model))
    for trained in (whole, first, second):
        assert [type(part) for part in trained.model] == [nn.Linear, nn.ReLU, nn.Linear]
        assert not any("forward" in vars(part) for part in trained.model.modules())


@pytest.mark.parametrize("name", MANY)
def test_each_is_at_work_while_training_and_gone_afterwards(digits: Data, name: str) -> None:
    x, y = digits[0][:256], digits[1][:256]
    seen: list[str] = []

    def trained(regularize: dict[str, Any] | None) -> Tensor:
        trainer = Trainer(make(), epochs=1, batch_size=64, lr=0.01, plan="safe", regularize=regularize)
        trainer.on("step", lambda trainer: seen.append(repr(trainer.model)))
        trainer.fit((x, y))
        assert repr(trainer.model) == repr(make())
        return weights(trainer.model)

    strong = {"max_norm": 0.5, "l1": 0.1, "weight_noise": 0.5}
    assert not torch.equal(trained({name: strong.get(name, MANY[name])}), trained(None))


def test_the_average_is_of_the_weights_and_judged_without_noise(digits: Data) -> None:
    """With certain dropping in training the evaluated copy still answers as the bare network does."""
    x, y = digits[0][:256], digits[1][:256]
    trainer = Trainer(
        make(), epochs=3, batch_size=64, lr=0.01, plan="safe", average=0.5, patience=None,
        regularize={"dropconnect": 0.9},
    )  # fmt: skip
    outcome = trainer.fit((x, y), (x, y))
    assert trainer.average is not None
    best = outcome.best
    model = trainer.model.eval()
    assert (model(x).argmax(1) == y).double().mean().item() == pytest.approx(best)


def test_a_failing_training_leaves_the_network_bare(digits: Data) -> None:
    def fails(*_: Any) -> Tensor:
        raise ValueError("no")

    model = make()
    with pytest.raises(Exception, match="no"):
        Trainer(model, fails, epochs=1, plan="safe", regularize={"dropconnect": 0.2}).fit(digits)
    assert [type(part) for part in model] == [nn.Linear, nn.ReLU, nn.Linear]


def test_decay_is_said_once() -> None:
    with pytest.raises(Faults, match=r"regularize\.l2 and train\.weight_decay are the same technique"):
        Trainer(make(), weight_decay=0.1, regularize={"l2": 0.01})
    assert Trainer(make(), regularize={"l2": 0.01}).choices.weight_decay == 0.0


def test_a_recipe_keeps_its_table_and_silences_older_keys() -> None:
    recipe = Recipe.of({"regularize": {"dropconnect": {"p": 0.1, "where": "body.*"}, "mixup": 0.2, "dropout": 0.3}})
    assert recipe.train.mixup == recipe.model.dropout == 0.0
    assert recipe.train.label_smoothing == "auto"
    import tomllib

    again = Recipe.of(tomllib.loads(recipe.to_toml()))
    assert again == recipe
    assert Recipe.of({"regularize": {"mixup": False}}).train.mixup == "auto"


@pytest.mark.parametrize(
    ("tables", "texts"),
    [
        ({"regularize": 3}, ["regularize must be a valid dictionary; got 3."]),
        (
            {"regularize": {"mixup": 0.2, "dropout": 0.1}, "train": {"mixup": 0.1}, "model": {"dropout": 0.5}},
            [
                "regularize.mixup and train.mixup are the same technique; give one of the two.",
                "regularize.dropout and model.dropout are the same technique; give one of the two.",
            ],
        ),
        (
            {"regularize": {"label-smoothing": 2, "bogus": 1}, "train": {"lr": -1}},
            ["train.lr must be", "regularize: label-smoothing: share must be in [0, 1]; got 2.", "unknown", "'bogus'"],
        ),
        ({"regularise": {"mixup": 0.2}}, ["no such choice 'regularise'. Did you mean 'regularize'?"]),
    ],
)
def test_all_faults_of_a_recipe_at_once(tables: dict[str, Any], texts: list[str]) -> None:
    with pytest.raises(BadValue) as caught:
        Recipe.of(tables)
    for text in texts:
        assert text in str(caught.value)
