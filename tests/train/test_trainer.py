"""The trainer against a hand-written loop, against itself resumed, and against bad input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from ravine.core.errors import BadRun, BadValue, Faults, UserCodeError
from ravine.data.batches import row_order
from ravine.records.metrics import read_rows
from ravine.train.trainer import Trainer

Net = Callable[..., nn.Module]
Data = tuple[Tensor, Tensor]


def weights(model: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()])


def test_equals_a_hand_written_loop(digits: Data, small_net: Net) -> None:
    x, y = digits[0][:500], digits[1][:500]
    ours, bare = small_net(), small_net()
    Trainer(
        ours, nn.CrossEntropyLoss(), optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=0.0, schedule="constant",
        warmup="0", clip_norm="none", epochs=3, batch_size=64, seed=4, plan="safe",
    ).fit((x, y))  # fmt: skip
    optimizer = torch.optim.SGD(bare.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    for epoch in range(3):
        for rows in row_order(500, "shuffle", 4, epoch).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(bare(x[rows]), y[rows]).backward()
            optimizer.step()
    torch.testing.assert_close(weights(ours), weights(bare), rtol=1e-5, atol=1e-6)


def test_accumulated_equals_the_large_batch(digits: Data, small_net: Net) -> None:
    x, y = digits[0][:310].double(), digits[1][:310]
    found = []
    for pieces in (1, 4):
        model = small_net().double()
        Trainer(model, epochs=2, batch_size=64, accumulate=pieces, optimizer="sgd", lr=0.1, plan="safe", seed=1).fit(
            (x, y)
        )
        found.append(weights(model))
    torch.testing.assert_close(found[0], found[1], rtol=1e-10, atol=1e-12)


def test_loaders_and_datasets_train_like_tensors_do(digits: Data, small_net: Net) -> None:
    x, y = digits[0][:320], digits[1][:320]
    found = []
    for data in ((x, y), TensorDataset(x, y)):
        model = small_net()
        Trainer(model, epochs=2, batch_size=64, lr=0.01, plan="safe", seed=3).fit(data)
        found.append(weights(model))
    torch.testing.assert_close(found[0], found[1])
    loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
    outcome = Trainer(small_net(), epochs=3, lr=0.01, plan="safe").fit(loader, validate=loader)
    assert outcome.watched == "val_accuracy"
    assert outcome.best is not None
    assert outcome.best > 0.5


class StopsAt:
    """Asks for a stop after a number of steps, as Ctrl-C would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, trainer: Trainer) -> None:
        if trainer.step == self.step:
            import signal

            trainer.interrupt.asked = signal.SIGINT


@pytest.mark.parametrize("stop", [1, 7, 8, 9, 17, 23])
@pytest.mark.parametrize("loader", [False, True], ids=["tensors", "loader"])
def test_resumed_is_bit_identical(tmp_path: Path, digits: Data, small_net: Net, stop: int, loader: bool) -> None:
    """8 steps an epoch, 24 in all: inside epochs, at their ends, with dropout, an average, and patience counted."""
    x, y = digits
    train: Any = (x[:500], y[:500])
    if loader:
        train = DataLoader(TensorDataset(*train), batch_size=64, shuffle=True)
    validate = (x[500:700], y[500:700])

    def trainer(folder: Path | None, resume: bool = False) -> Trainer:
        return Trainer(
            small_net(dropout=0.3), epochs=3, batch_size=64, lr=0.01, average=0.9, accumulate=1 if loader else 2,
            plan="safe", seed=5, run_dir=folder, resume=resume,
        )  # fmt: skip

    whole = trainer(None)
    undisturbed = whole.fit(train, validate)
    first = trainer(tmp_path).on("step", StopsAt(stop))
    assert first.fit(train, validate).interrupted
    torch.manual_seed(99)  # what the process did in between must not matter
    second = trainer(tmp_path, resume=True)
    outcome = second.fit(train, validate)
    assert torch.equal(weights(second.model), weights(whole.model))
    assert outcome.best == undisturbed.best
    assert outcome.best_epoch == undisturbed.best_epoch
    rows = [row for row in read_rows(tmp_path / "metrics.jsonl") if row["kind"] == "epoch"]
    assert [row["train_loss"] for row in rows] == [row["train_loss"] for row in whole.rows]
    assert [row["train_accuracy"] for row in rows] == [row["train_accuracy"] for row in whole.rows]
    assert [row["val_loss"] for row in rows] == [row["val_loss"] for row in whole.rows]


def test_the_best_weights_are_kept(digits: Data, small_net: Net) -> None:
    """A rate that ruins the network after a good first epoch: what stays are the weights before."""
    x, y = digits
    model = small_net()

    def ruin(trainer: Trainer) -> None:
        if trainer.epoch == 2:
            with torch.no_grad():
                for parameter in trainer.model.parameters():
                    parameter.mul_(-1)
            trainer.base_lr = 1e-12

    trainer = Trainer(model, epochs=20, patience=3, lr=0.01, plan="safe").on("epoch_end", ruin)
    outcome = trainer.fit((x[:1000], y[:1000]), validate=(x[1000:], y[1000:]))
    assert outcome.best_epoch == 2
    assert outcome.epochs == 5
    assert "patience" in outcome.stopped_by
    accuracy = (model.eval()(x[1000:]).argmax(1) == y[1000:]).float().mean()
    assert float(accuracy) == pytest.approx(outcome.best)


def test_a_loss_that_breaks_off_says_where(digits: Data, small_net: Net) -> None:
    x, y = digits[0][:256].clone(), digits[1][:256]
    order = row_order(256, "shuffle", 0, 0)
    x[order[130]] = float("nan")  # in the third batch of 64
    outcome = Trainer(small_net(), epochs=2, batch_size=64, plan="safe", seed=0).fit((x, y))
    assert outcome.broke_at == 3
    assert outcome.stopped_by == "the loss became nan at step 3"


def test_listeners_hear_everything_in_order(digits: Data, small_net: Net) -> None:
    heard: list[str] = []
    trainer = Trainer(small_net(), epochs=2, batch_size=900, plan="safe")
    for event in ("start", "epoch_start", "step", "epoch_end", "improved", "end"):
        trainer.on(event, lambda _, event=event: heard.append(event))
    trainer.fit(digits)
    epoch = ["epoch_start", "step", "step", "improved", "epoch_end"]
    assert heard == ["start", *epoch, *epoch, "end"]


def test_minutes_end_it(digits: Data, small_net: Net) -> None:
    outcome = Trainer(small_net(), minutes=0.01, epochs=100_000, patience=None, plan="safe", batch_size=64).fit(digits)
    assert outcome.steps < 100_000
    assert outcome.seconds < 10


def test_leaves_torchs_settings_as_they_were(digits: Data, small_net: Net) -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    Trainer(small_net(), epochs=1, plan="safe", threads=1).fit(digits)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def test_measuring_does_not_change_what_is_drawn(digits: Data, small_net: Net) -> None:
    """The measured plan leaves float32 on this many threads: the same bits as without measuring."""
    found = []
    for plan in ("safe", "auto"):
        model = small_net(dropout=0.5)
        Trainer(model, epochs=2, plan=plan, threads=1, seed=2).fit(digits)
        found.append(weights(model))
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"lr": -1.0}, r"train\.lr must be greater than 0; got -1\.0"),
        ({"epoch": 3}, r"no such choice 'train\.epoch'\. Did you mean 'epochs'"),
        ({"optimizer": "adem"}, "Did you mean 'adam'"),
        ({"batch_size": 0}, r"train\.batch_size must be greater than 0"),
        ({"patience": 0}, r"train\.patience must be greater than 0"),
        ({"warmup": "soon"}, "must read like 100"),
        ({"plan": "fast"}, r"machine\.plan must be 'auto' or 'safe'"),
    ],
)
def test_bad_choices_are_refused(digits: Data, small_net: Net, choices: dict[str, Any], words: str) -> None:
    with pytest.raises(BadValue, match=words):
        Trainer(small_net(), **{"plan": "safe", **choices}).fit(digits)


def test_all_faults_at_once(small_net: Net) -> None:
    with pytest.raises(Faults) as caught:
        Trainer(small_net(), lr=-1, epochs=0, momentum=2)
    assert len(caught.value.faults) == 3


def test_a_network_that_raises_is_named(digits: Data) -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            raise ZeroDivisionError("by zero")

    with pytest.raises(UserCodeError, match="step 1: ZeroDivisionError: by zero"):
        Trainer(Broken(), plan="safe").fit(digits)


def test_nothing_to_train(digits: Data, small_net: Net) -> None:
    with pytest.raises(BadValue, match="no parameter that requires a gradient"):
        Trainer(small_net().requires_grad_(False), plan="safe").fit(digits)


def test_another_models_snapshot_is_refused(tmp_path: Path, digits: Data, small_net: Net) -> None:
    Trainer(small_net(), epochs=1, plan="safe", run_dir=tmp_path).fit(digits)
    other = nn.Sequential(nn.Linear(64, 10))
    with pytest.raises(BadRun, match="another model"):
        Trainer(other, epochs=1, plan="safe", run_dir=tmp_path, resume=True).fit(digits)


def test_an_unknown_watched_number_is_refused(digits: Data, small_net: Net) -> None:
    with pytest.raises(BadValue, match=r"watch must be one of .*val_accuracy"):
        Trainer(small_net(), epochs=1, plan="safe", watch="val_f7").fit(digits, validate=digits)
