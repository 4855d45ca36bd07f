"""Averages of the weights in a training: beside the raw weights, with batch norm, taken up again."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from ravine import Trainer
from ravine.records.metrics import read_rows

Data = tuple[Tensor, Tensor]


def make(**_: Any) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))


def weights(model: nn.Module) -> Tensor:
    return torch.cat([value.flatten().double() for value in model.state_dict().values()])


def stops_at(step: int) -> Callable[[Trainer], None]:
    def stop(trainer: Trainer) -> None:
        if trainer.step == step:
            import signal

            trainer.interrupt.asked = signal.SIGINT

    return stop


@pytest.mark.parametrize(
    "average", ["ema(0.9)", "polyak(start=10 steps)", "swa(start=50%, every=3, rate=0.5, low=0.1)", "lawa(2)"]
)
@pytest.mark.parametrize("stop", [9, 16, 21])
def test_resumed_is_bit_identical(tmp_path: Path, digits: Data, average: str, stop: int) -> None:
    x, y = digits

    def trainer(folder: Path | None, resume: bool = False) -> Trainer:
        return Trainer(
            make(), epochs=4, batch_size=64, lr=0.02, average=average, plan="safe", seed=5, run_dir=folder,
            resume=resume, patience=2, accumulate=2, stop="patience", min_delta="1%",
        )  # fmt: skip

    data, validate = (x[:448], y[:448]), (x[500:700], y[500:700])
    whole = trainer(None)
    undisturbed = whole.fit(data, validate)
    first = trainer(tmp_path).on("step", stops_at(stop))
    assert first.fit(data, validate).interrupted
    torch.manual_seed(99)
    second = trainer(tmp_path, resume=True)
    outcome = second.fit(data, validate)
    assert torch.equal(weights(second.model), weights(whole.model))
    assert second.average is not None
    assert whole.average is not None
    assert torch.equal(weights(second.average.module), weights(whole.average.module))
    for name in ("best", "best_epoch", "kept", "stopped_by", "noise_scale"):
        assert getattr(outcome, name) == getattr(undisturbed, name), name
    timed = {"seconds", "samples_per_second"}
    rows = [row for row in read_rows(tmp_path / "metrics.jsonl") if row["kind"] == "epoch"]
    assert [{k: v for k, v in row.items() if k not in timed} for row in rows] == [
        {k: v for k, v in row.items() if k not in timed} for row in whole.rows
    ]


def test_both_are_evaluated_and_the_better_one_is_kept(digits: Data) -> None:
    """An average that lags hopelessly behind must not be kept; one that smooths a jumping run must."""
    x, y = digits
    lagging = Trainer(make(), epochs=3, batch_size=64, lr=0.01, average="ema(0.9999, warmup=false)", plan="safe")
    outcome = lagging.fit((x[:1000], y[:1000]), (x[1000:], y[1000:]))
    assert outcome.kept == "raw"
    row = lagging.rows[outcome.best_epoch - 1]
    assert outcome.best == row["raw_val_accuracy"] > row["val_accuracy"]
    assert accuracy(lagging.model, x[1000:], y[1000:]) == pytest.approx(outcome.best)

    smoothing = Trainer(make(), epochs=6, batch_size=16, lr=0.3, schedule="constant", optimizer="sgd", momentum=0.9,
                        average="polyak(start=50%)", plan="safe", patience="none")  # fmt: skip
    outcome = smoothing.fit((x[:1000], y[:1000]), (x[1000:], y[1000:]))
    last = smoothing.rows[-1]
    assert last["val_loss"] < last["raw_val_loss"]
    assert "raw_val_accuracy" not in smoothing.rows[0]  # there is no average yet
    assert accuracy(smoothing.model, x[1000:], y[1000:]) == pytest.approx(outcome.best)


@pytest.mark.parametrize("average", ["polyak", "swa(start=50%)", "lawa(3)"])
def test_batch_norm_is_recomputed_for_the_average(digits: Data, average: str) -> None:
    """The kept network's statistics are those of its own activations over the training rows."""
    x, y = digits[0][:512], digits[1][:512]
    trainer = Trainer(make(), epochs=4, batch_size=64, lr=0.05, average=average, plan="safe")
    trainer.fit((x, y))
    assert trainer.average is not None
    kept = trainer.average.module
    hidden = kept[0](x)
    torch.testing.assert_close(kept[1].running_mean, hidden.mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(kept[1].running_var, hidden.var(0, unbiased=False), rtol=1e-4, atol=1e-5)


def test_swa_holds_the_rate_where_the_schedule_was(digits: Data) -> None:
    seen: list[float] = []
    trainer = Trainer(make(), epochs=4, batch_size=200, lr=0.1, average="swa(start=50%)", warmup="0", plan="safe")
    trainer.on("step", lambda trainer: seen.append(trainer.optimizer.param_groups[0]["lr"]))
    trainer.fit(digits)
    half = len(seen) // 2
    assert seen[0] == pytest.approx(0.1)
    assert set(seen[half:]) == {seen[half - 1]}


def test_averaging_does_not_change_the_training(digits: Data) -> None:
    """Nor does evaluating and recomputing beside it, with dropout drawing from the same stream of chance."""
    x, y = digits[0][:500], digits[1][:500]
    found = []
    for average in (0.0, "polyak", "lawa(2)"):
        model = make()
        model.append(nn.Dropout(0.1))
        raw: dict[str, Tensor] = {}
        trainer = Trainer(model, epochs=2, batch_size=64, lr=0.01, average=average, plan="safe", seed=2)
        trainer.on("epoch_end", lambda trainer, raw=raw: raw.update(copy.deepcopy(trainer.model.state_dict())))
        trainer.fit((x, y), (x, y))
        found.append(torch.cat([value.flatten().double() for value in raw.values()]))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_nor_does_it_change_the_order_of_a_loader_with_a_generator_of_its_own(digits: Data) -> None:
    found = []
    for average in (0.0, "polyak"):
        generator = torch.Generator().manual_seed(1)
        rows = TensorDataset(digits[0][:300], digits[1][:300])
        loader = DataLoader(rows, batch_size=50, shuffle=True, generator=generator)
        trainer = Trainer(make(), epochs=3, lr=0.01, average=average, plan="safe", seed=2)
        trainer.fit(loader)
        found.append([row["train_loss"] for row in trainer.rows])
    assert found[0] == found[1]


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    return float((model.eval()(x).argmax(1) == y).double().mean())
