"""Any schedule's text in a recipe: what the trainer makes of it, and that a resumed run does not notice."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ravine.core.errors import BadValue, Faults
from ravine.core.time import Clockwork
from ravine.schedules import parse
from ravine.train.rate import Rate
from ravine.train.recipe import Recipe
from ravine.train.trainer import Trainer

Net = Callable[..., nn.Module]
Data = tuple[Tensor, Tensor]
RUN = Clockwork(total_steps=24, steps_per_epoch=8, batch_size=62.5)


class Follows:
    """Notes the rate and the momentum of every step; asks for a stop after one, as Ctrl-C would."""

    def __init__(self, stop: int | None = None) -> None:
        self.rates: list[float] = []
        self.momenta: list[float] = []
        self.stop = stop

    def __call__(self, trainer: Trainer) -> None:
        group = trainer.optimizer.param_groups[0]
        self.rates.append(group["lr"])
        self.momenta.append(group["betas"][0] if "betas" in group else group["momentum"])
        if trainer.step == self.stop:
            trainer.interrupt.asked = signal.SIGINT


def trainer_of(net: Net, schedule: str, **choices: Any) -> Trainer:
    wanted = {"epochs": 3, "batch_size": 64, "lr": 0.01, "plan": "safe", "seed": 5, "warmup": "0", **choices}
    return Trainer(net(dropout=0.3), schedule=schedule, **wanted)


@pytest.mark.parametrize(
    "text",
    [
        "warmup(5%) > cosine(floor=0.1)",
        "step(every=1 epoch, factor=0.5)",
        "multi-step(at=[500 samples, 2 epochs])",
        "repeat(cosine, times=3)",
        "cyclic(4, momentum=[0.8, 0.95])",
    ],
)
def test_the_rates_of_a_run_are_the_schedule_s(text: str, digits: Data, small_net: Net) -> None:
    x, y = digits
    follows = Follows()
    trainer_of(small_net, text).on("step", follows).fit((x[:500], y[:500]))
    schedule = parse(text).fitted(RUN)
    assert follows.rates == [0.01 * schedule(t) for t in range(24)]
    if schedule.cycles_momentum:
        assert follows.momenta == [schedule.momentum_at(t) for t in range(24)]
    else:
        assert set(follows.momenta) == {0.9}


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("stop", [5, 8, 13, 16, 17])
@pytest.mark.parametrize(
    "text",
    ["plateau(patience=1, factor=0.5, threshold=0.5)", "one-cycle(momentum=[0.85, 0.95])", "warmup(4) > plateau"],
)
def test_resumed_is_bit_identical(
    tmp_path: Path, digits: Data, small_net: Net, stop: int, text: str, optimizer: str
) -> None:
    x, y = digits
    data = ((x[:500], y[:500]), (x[500:700], y[500:700]))
    more = {"optimizer": optimizer, "epochs": 5}
    whole = Follows()
    undisturbed = trainer_of(small_net, text, **more).on("step", whole)
    undisturbed.fit(*data)
    first = Follows(stop)
    assert trainer_of(small_net, text, run_dir=tmp_path, **more).on("step", first).fit(*data).interrupted
    torch.manual_seed(99)
    second = Follows()
    resumed = trainer_of(small_net, text, run_dir=tmp_path, resume=True, **more).on("step", second)
    resumed.fit(*data)
    assert first.rates + second.rates == whole.rates
    assert first.momenta + second.momenta == whole.momenta
    for one, other in zip(resumed.model.parameters(), undisturbed.model.parameters(), strict=True):
        assert torch.equal(one, other)
    if text.startswith("plateau"):
        assert min(whole.rates) < 0.01  # it did drop


def test_a_plateau_watches_the_training_loss_where_there_is_nothing_else(digits: Data, small_net: Net) -> None:
    x, y = digits
    follows = Follows()
    trainer = trainer_of(small_net, "plateau(patience=1, factor=0.1, threshold=0.9)", epochs=4).on("step", follows)
    trainer.fit((x[:500], y[:500]))
    assert follows.rates[0] == 0.01
    assert follows.rates[-1] == pytest.approx(0.001)


def test_a_plateau_listens_once_the_warmup_is_over() -> None:
    rate = Rate("plateau(patience=1, factor=0.5)", RUN, "10 steps")
    for step in (2, 4, 6, 8):
        rate.look(step, {"train_loss": 1.0, "val_loss": 1.0})
    assert rate(20) == 1.0
    for step in (10, 12, 14):
        rate.look(step, {"train_loss": 5.0 - step, "val_loss": math.nan if step == 14 else 1.0})
    assert rate(20) == 0.5
    again = Rate("plateau(patience=1, factor=0.5)", RUN, "10 steps")
    again.load_state_dict(rate.state_dict())
    assert again(20) == 0.5
    assert rate.told == "plateau(patience=1, factor=0.5) after a warmup of 10 steps"
    assert Rate("warmup(2) > cosine", RUN, "5%").told == "warmup(2) > cosine"


def test_what_does_not_fit_the_run_is_refused_before_it_starts(tmp_path: Path, digits: Data, small_net: Net) -> None:
    x, y = digits
    with pytest.raises(BadValue, match="must not be longer than the run of 24 steps; got '30 epochs'"):
        trainer_of(small_net, "step(every=30 epochs)", run_dir=tmp_path / "run").fit((x[:500], y[:500]))
    assert not (tmp_path / "run").exists()
    with pytest.raises(BadValue, match="has neither momentum nor betas"):
        trainer_of(small_net, "one-cycle(momentum=[0.8, 0.9])", optimizer="adagrad").fit((x[:500], y[:500]))


def test_a_recipe_says_all_that_is_wrong_at_once() -> None:
    with pytest.raises(Faults) as refusal:
        Recipe.of({"train": {"schedule": "warmup(5%) > cosin", "warmup": "soon", "lr": -1}})
    told = str(refusal.value)
    assert "recipe: 3 faults" in told
    assert (
        "train.schedule: schedule 'warmup(5%) > cosin', at 14: unknown schedule 'cosin'. Did you mean 'cosine'?" in told
    )
    assert "train.warmup: length: a length must read like" in told
    with pytest.raises(Faults, match="mode must be min in a recipe, where it watches the loss; got 'max'"):
        Recipe.of({"train": {"schedule": "warmup(5%) > plateau(mode=max)"}})
    text = 'schedule = "warmup(5%) > plateau(patience=3)"'
    assert text in Recipe.of({"train": {"schedule": "warmup(5%) > plateau(patience=3)"}}).to_toml()
