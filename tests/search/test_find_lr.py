"""The range test: always a rate, one that trains, and nothing changed."""

from __future__ import annotations

import copy
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from typer.testing import CliRunner

from ravine import Trainer, optim
from ravine.cli.app import app
from ravine.core.errors import BadData, BadValue, UserCodeError
from ravine.search import find_lr
from ravine.search.find_lr import judged

Data = tuple[Tensor, Tensor]


@pytest.fixture(scope="module")
def digits() -> Data:
    data = load_digits()
    return torch.tensor(data.data / 16, dtype=torch.float32), torch.tensor(data.target)


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 10))


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_what_is_suggested_trains_well(digits: Data, optimizer: str) -> None:
    """Close to the best of rates from a millionth to ten, each tried for five epochs."""
    found = find_lr(net(), nn.CrossEntropyLoss(), digits, optimizer=optimizer)
    assert found.sure
    assert found.steepest <= found.lowest
    losses = {}
    for rate in (found.suggested, *(10.0**power for power in range(-4, 1))):
        trainer = Trainer(net(), epochs=5, lr=rate, optimizer=optimizer, plan="safe", threads=1, watch="train_loss")
        trainer.fit(digits)
        losses[rate] = trainer.rows[-1]["train_loss"]
    best = min(loss for loss in losses.values() if math.isfinite(loss))
    assert losses[found.suggested] < best + 0.25 * (math.log(10) - best)


def everything(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[Any]:
    tensors = [value.clone() for value in model.state_dict().values()]
    tensors += [value.grad.clone() for value in model.parameters() if value.grad is not None]
    kept = copy.deepcopy(optimizer.state_dict())
    return [tensors, kept, [part.training for part in model.modules()], torch.get_rng_state(), np.random.get_state()[1]]


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return bool((one == other).all())
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


@pytest.mark.parametrize("make", [torch.optim.AdamW, torch.optim.SGD, optim.AdamW])
@pytest.mark.parametrize("fails", [False, True])
def test_everything_is_put_back_bit_for_bit(digits: Data, make: Any, fails: bool) -> None:
    """In the midst of a training, with gradients, running averages and a loader with a generator of its own."""
    model = net()
    optimizer = make([{"params": model[0].parameters(), "lr": 1e-3}, {"params": model[4].parameters(), "lr": 1e-2}])
    loader = DataLoader(TensorDataset(*digits), batch_size=64, shuffle=True, generator=torch.Generator().manual_seed(4))
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(digits[0][:50]), digits[1][:50]).backward()
        optimizer.step()
    model[1].eval()
    gradient = model[0].weight.grad
    before, generator = everything(model, optimizer), loader.generator.get_state().clone()
    calls = 0

    def loss(outputs: Tensor, target: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if fails and calls == 15:
            raise ValueError("no")
        return nn.functional.cross_entropy(outputs, target)

    if fails:
        with pytest.raises(UserCodeError, match="no"):
            find_lr(model, loss, loader, optimizer=optimizer)
    else:
        find_lr(model, loss, loader, optimizer=optimizer)
        assert calls > 15
    assert equal(everything(model, optimizer), before)
    assert torch.equal(loader.generator.get_state(), generator)
    assert model[0].weight.grad is gradient


def test_it_is_the_same_twice(digits: Data) -> None:
    model = net()
    one = find_lr(model, nn.CrossEntropyLoss(), digits, seed=3)
    torch.rand(7)
    assert find_lr(model, nn.CrossEntropyLoss(), digits, seed=3) == one


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60),
    st.booleans(),
)
def test_there_is_always_a_rate(losses: list[float], diverged: bool) -> None:
    rates = [1e-7 * 1.2**step for step in range(len(losses))]
    found = judged(rates, losses, rates[-1] * 1.2 if diverged else None)
    for number in (found.suggested, found.lowest, found.steepest):
        assert math.isfinite(number)
        assert number > 0
    assert all(map(math.isfinite, found.smoothed))
    assert found.reason
    assert len(found.terminal().splitlines()) >= 14
    assert Image.open(io.BytesIO(found.png())).size == (1080, 640)


def test_a_network_that_cannot_learn_is_said() -> None:
    """Targets that have nothing to do with inputs, one batch unlike the other: a guess, and told to be one."""
    torch.manual_seed(0)
    found = find_lr(
        nn.Linear(3, 2), nn.CrossEntropyLoss(), (torch.zeros(2000, 3), torch.randint(2, (2000,))), high=1e-3
    )
    assert not found.sure
    assert found.suggested > 0
    assert "a guess: the loss fell nowhere by more than its noise" in str(found)


def test_rates_that_all_are_too_high_begin_lower() -> None:
    """A loss with curvature 10¹⁰: 1e-7 already throws it out."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)

    def loss(outputs: Tensor, _: Tensor) -> Tensor:
        return 1e10 * outputs.square().mean()

    found = find_lr(
        model, loss, (torch.ones(300, 1), torch.zeros(300)), optimizer=torch.optim.SGD(model.parameters(), 1.0)
    )
    assert found.sure
    assert 1e-13 < found.suggested < 1e-10  # the best is 1/(2·10¹⁰)


def test_negative_losses_are_losses_too(digits: Data) -> None:
    shifted = find_lr(net(), lambda o, t: nn.functional.cross_entropy(o, t) - 50, digits)
    assert shifted.sure
    assert 1e-4 < shifted.suggested < 0.1


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"low": 0.0}, "low must be"),
        ({"low": 1.0, "high": 0.1}, "high must be above low, 1"),
        ({"steps": 5}, "steps must be a whole number of at least 20"),
        ({"optimizer": "adem"}, "Did you mean 'adam'"),
    ],
)
def test_bad_choices_are_refused(digits: Data, choices: dict[str, Any], words: str) -> None:
    with pytest.raises(BadValue, match=words):
        find_lr(net(), nn.CrossEntropyLoss(), digits, **choices)


def test_data_that_are_no_numbers_are_refused(digits: Data) -> None:
    with pytest.raises(BadData, match="the loss of the untouched network is nan"):
        find_lr(net(), nn.CrossEntropyLoss(), (digits[0] * math.nan, digits[1]))


MINE = """
import torch
from torch import nn

def setup():
    torch.manual_seed(1)
    x = torch.randn(600, 5)
    return nn.Linear(5, 1), nn.MSELoss(), (x, x.sum(1, keepdim=True))

def wrong():
    return nn.Linear(5, 1), torch.randn(3, 5)
"""


def test_the_verb(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(MINE)
    run = CliRunner()
    done = run.invoke(app, ["find-lr", f"{mine}:setup", "-o", str(tmp_path / "rates.png"), "--steps", "60"])
    assert done.exit_code == 0, done.output
    assert "Linear, adamw" in done.output
    assert "learning rate 0." in done.output
    assert "▲" in done.output
    assert Image.open(io.BytesIO((tmp_path / "rates.png").read_bytes())).size == (1080, 640)
    numbers = json.loads(run.invoke(app, ["find-lr", f"{mine}:setup", "--json", "--steps", "60"]).output)
    assert len(numbers["rates"]) == len(numbers["losses"]) == len(numbers["smoothed"])
    wrong = run.invoke(app, ["find-lr", f"{mine}:wrong"])
    assert isinstance(wrong.exception, BadValue)
    assert "must return (model, loss, data)" in str(wrong.exception)
    of_data = run.invoke(app, ["find-lr", "wine", "--steps", "40"])
    assert "learning rate" in of_data.output
