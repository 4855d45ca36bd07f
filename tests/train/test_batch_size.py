"""Pieces of a batch equal the batch, noise scales are those of the distribution, and the largest batch fits."""

from __future__ import annotations

import copy
import json
import math
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from made import large_batch
from ravine import Trainer
from ravine.core.errors import BadValue
from ravine.models import memory
from ravine.train import largest_batch, noise_parts, scaled_lr
from ravine.train.recipe import Recipe

IGNORED = -100
WORDS = 11


class Reader(nn.Module):
    """Scores for each token, (batch, words, tokens) as cross-entropy takes them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(WORDS, 8)
        self.head = nn.Linear(8, WORDS)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.embedding(tokens)).transpose(1, 2)


def sentences(count: int) -> tuple[Tensor, Tensor]:
    """Tokens and the next ones, of very different lengths; a few sentences have none to learn."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(WORDS, (count, 12), generator=generator)
    lengths = torch.randint(0, 13, (count, 1), generator=generator)
    return tokens, torch.where(torch.arange(12) < lengths, tokens.roll(-1, 1), IGNORED)


def counted(target: Tensor) -> Tensor:
    return (target != IGNORED).sum()


def weights(model: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


PLAIN: dict[str, Any] = {"optimizer": "sgd", "lr": 0.3, "momentum": 0.9, "plan": "safe", "seed": 1, "threads": 1}


@pytest.mark.parametrize("loader", [False, True], ids=["tensors", "loader"])
def test_token_weighted_pieces_equal_the_large_batch(loader: bool) -> None:
    """50 sentences in steps of 16: the last step is short, and pieces hold different numbers of tokens."""
    x, y = sentences(50)
    found = []
    for pieces in (1, 4):
        model = Reader().double()
        data: Any = (x, y)
        if loader:
            data = DataLoader(TensorDataset(x, y), batch_size=16 // pieces)
        Trainer(
            model, nn.CrossEntropyLoss(ignore_index=IGNORED), weigh=counted, epochs=3, batch_size=16,
            accumulate=pieces, order="fixed", **PLAIN,
        ).fit(data)  # fmt: skip
        found.append(weights(model))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-12)


def test_counting_rows_instead_of_tokens_would_not_be_equal() -> None:
    x, y = sentences(50)
    y[:, 0] = x[:, 0]  # no piece without a token, whose mean would be NaN
    found = []
    for pieces in (1, 4):
        model = Reader().double()
        loss = nn.CrossEntropyLoss(ignore_index=IGNORED)
        Trainer(model, loss, epochs=1, batch_size=16, accumulate=pieces, **PLAIN).fit((x, y))
        found.append(weights(model))
    assert float((found[0] - found[1]).abs().max()) > 1e-4


def test_a_piece_without_a_token_counts_for_nothing() -> None:
    """Its mean is 0/0; the step goes on with the others."""
    x, y = sentences(8)
    y[:4] = IGNORED
    found = []
    for pieces in (1, 2, 8):
        model = Reader().double()
        trainer = Trainer(
            model, nn.CrossEntropyLoss(ignore_index=IGNORED), weigh=counted, epochs=2, batch_size=8,
            accumulate=pieces, **PLAIN,
        )  # fmt: skip
        outcome = trainer.fit((x, y))
        assert outcome.broke_at is None
        found.append(weights(model))
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(found[2], found[0], rtol=0, atol=1e-12)


def test_sample_weighted_pieces_equal_the_large_batch() -> None:
    """The target holds the value and its weight; the loss is Σ w·e²/Σ w."""
    torch.manual_seed(1)
    x = torch.randn(45, 6).double()
    target = torch.stack([torch.randn(45), torch.rand(45) * 9], dim=1).double()

    def loss(outputs: Tensor, target: Tensor) -> Tensor:
        return ((outputs[:, 0] - target[:, 0]).square() * target[:, 1]).sum() / target[:, 1].sum()

    found = []
    for pieces in (1, 3, 5):
        torch.manual_seed(0)
        model = nn.Linear(6, 1).double()
        trainer = Trainer(
            model, loss, metrics=lambda outputs, target: {}, weigh=lambda target: target[:, 1].sum(), epochs=3,
            batch_size=20, accumulate=pieces, **{**PLAIN, "lr": 0.05},
        )  # fmt: skip
        trainer.fit((x, target))
        found.append((weights(model), [row["train_loss"] for row in trainer.rows]))
    for other in found[1:]:
        torch.testing.assert_close(other[0], found[0][0], rtol=0, atol=1e-12)
        assert other[1] == pytest.approx(found[0][1], abs=1e-12)


def test_validation_counts_tokens_too() -> None:
    x, y = sentences(40)
    trainer = Trainer(
        Reader(), nn.CrossEntropyLoss(ignore_index=IGNORED), metrics=lambda outputs, target: {}, weigh=counted,
        epochs=1, batch_size=4, **{**PLAIN, "lr": 1e-9},
    )  # fmt: skip
    trainer.fit((x, y), (x, y))
    whole = nn.functional.cross_entropy(trainer.model(x), y, ignore_index=IGNORED)
    assert trainer.rows[0]["val_loss"] == pytest.approx(whole.item(), rel=1e-5)


@pytest.mark.timeout(300)
def test_two_processes_equal_one(tmp_path: Path) -> None:
    """A short last step, in one and in three pieces, rows and weights counted, on one and on two processes."""
    port = free_port()
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    workers = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", large_batch.__file__, str(tmp_path)],
            env={
                **os.environ, **shared, "OMP_NUM_THREADS": "1", "NODE_RANK": "0", "RANK": str(rank),
                "LOCAL_RANK": str(rank), "PYTHONPATH": str(Path(large_batch.__file__).parents[1]),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        for worker in workers:
            _, errors = worker.communicate(timeout=250)
            assert worker.returncode == 0, errors
    finally:
        for worker in workers:
            worker.kill()
    both = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    assert both[0] == both[1]
    for kind, pieces in large_batch.CASES:
        alone, _ = large_batch.trained(kind, pieces=1)
        weights, noise_scale = both[0][f"{kind} {pieces}"]
        assert weights == pytest.approx(alone, abs=1e-9), (kind, pieces)
        assert kind == "rows" or noise_scale is None


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


# ---- the noise of the gradient ------------------------------------------------------------------------


def test_noise_parts_are_unbiased_on_a_normal_distribution() -> None:
    """Gradients G + noise of known covariance: over many draws both parts come out as they are."""
    generator = torch.Generator().manual_seed(0)
    signal = torch.linspace(-1, 1, 20).double()
    deviation = torch.linspace(0.5, 3, 20).double()
    rows = signal + deviation * torch.randn(4000, 64, 20, generator=generator, dtype=torch.float64)
    small, big = rows[:, :8].mean(1).square().sum(1), rows.mean(1).square().sum(1)
    parts = [noise_parts(float(a), float(b), 8, 64) for a, b in zip(small, big, strict=True)]
    noise = torch.tensor([part.noise for part in parts])
    found = torch.tensor([part.signal for part in parts])
    for values, truth in ((noise, deviation.square().sum()), (found, signal.square().sum())):
        error = float(values.std()) / math.sqrt(len(values))
        assert abs(float(values.mean()) - float(truth)) < 4 * error


def test_the_noise_scale_of_a_training_is_that_of_its_gradients() -> None:
    """A rate so small that the network stands still: tr Σ / |G|² from the gradients of all rows one by one."""
    torch.manual_seed(0)
    x = torch.randn(2000, 5)
    y = x @ torch.randn(5, 1) + torch.randn(2000, 1)
    model = nn.Linear(5, 1)
    bare = copy.deepcopy(model)
    trainer = Trainer(
        model, nn.MSELoss(), metrics=lambda outputs, target: {}, optimizer="sgd", lr=1e-12, momentum=0.0,
        batch_size=100, accumulate=4, epochs=30, order="replacement", plan="safe", threads=1,
    )  # fmt: skip
    outcome = trainer.fit((x, y))
    error = 2 * (bare(x) - y)
    rows = torch.cat([error * x, error], dim=1).detach().double()
    truth = float(rows.var(0).sum() / rows.mean(0).square().sum())
    assert outcome.noise_scale == trainer.rows[-1]["noise_scale"]
    seen = [row["noise_scale"] for row in trainer.rows[10:]]
    assert math.exp(sum(map(math.log, seen)) / len(seen)) == pytest.approx(truth, rel=0.25)


def test_one_piece_on_one_process_tells_nothing() -> None:
    trainer = Trainer(nn.Linear(5, 2), epochs=1, plan="safe")
    outcome = trainer.fit((torch.randn(64, 5), torch.randint(2, (64,))))
    assert outcome.noise_scale is None
    assert "noise_scale" not in trainer.rows[0]


# ---- the rate of a batch ------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "factor"), [("none", 1.0), ("linear", 4.0), ("sqrt", 2.0)])
def test_rates_are_scaled(rule: Any, factor: float) -> None:
    assert scaled_lr(0.1, 512, rule=rule) == pytest.approx(0.1 * factor)
    x, y = torch.randn(600, 5), torch.randint(2, (600,))
    trainer = Trainer(nn.Linear(5, 2), epochs=1, lr=0.1, batch_size=512, accumulate=2, scale_lr=rule, plan="safe")
    trainer.fit((x, y))
    assert trainer.base_lr == pytest.approx(0.1 * factor)
    by_loader = Trainer(nn.Linear(5, 2), epochs=1, lr=0.1, accumulate=4, scale_lr=rule, plan="safe")
    by_loader.fit(DataLoader(TensorDataset(x, y), batch_size=128))
    assert by_loader.base_lr == pytest.approx(0.1 * factor)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1; got 0"),
        ({"batch_size": 8, "rule": "cubic"}, "rule must be one of none, linear, sqrt; got 'cubic'"),
        ({"batch_size": 8, "lr": -1.0}, "lr must be in"),
    ],
)
def test_bad_scalings_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(BadValue, match=words.replace("must be in", "must be")):
        scaled_lr(**{"lr": 0.1, **arguments})
    with pytest.raises(BadValue, match="scale_lr must be 'none', 'linear' or 'sqrt'"):
        Recipe.of({"train": {"scale_lr": "cubic"}})


# ---- the largest batch ----------------------------------------------------------------------------------


@pytest.mark.parametrize("normed", [False, True])
def test_the_largest_batch_is_what_a_limit_has_room_for(normed: bool) -> None:
    torch.manual_seed(0)
    layers = [nn.Linear(32, 256), nn.BatchNorm1d(256) if normed else nn.Identity(), nn.ReLU(), nn.Linear(256, 10)]
    model = nn.Sequential(*layers)
    x, y = torch.randn(5, 32), torch.randint(10, (5,))
    before = copy.deepcopy(model.state_dict())
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    found = largest_batch(model, nn.CrossEntropyLoss(), (x, y), limit=10e6, state_per_parameter=2)
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert model.training

    def needs(count: int) -> float:
        """By the layers themselves, at the very size."""
        parameters = sum(value.nbytes for value in model.parameters())
        buffers = sum(value.nbytes for value in model.buffers())
        kept = memory(model, torch.randn(count, 32)).kept
        return 4 * parameters + buffers + 2 * kept + count * (32 * 4 + 8)

    assert needs(found.rows) <= 10e6
    assert found.too_many is not None
    assert needs(found.too_many) > 10e6
    assert found.too_many - found.rows <= max(1, found.rows // 64)
    assert f"{found.rows:,} rows fit" in str(found)


def test_a_limit_of_rows_ends_the_search_and_too_little_memory_is_said() -> None:
    model = nn.Linear(4, 2)
    batch = (torch.randn(1, 4), torch.zeros(1, dtype=torch.long))
    found = largest_batch(model, nn.CrossEntropyLoss(), batch, limit=1e9, most=48)
    assert (found.rows, found.too_many) == (48, None)
    with pytest.raises(BadValue, match="not even one row fits"):
        largest_batch(model, nn.CrossEntropyLoss(), batch, limit=50)
    with pytest.raises(BadValue, match="most must be a whole number"):
        largest_batch(model, nn.CrossEntropyLoss(), batch, most=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_it_runs_out_of_memory_and_recovers() -> None:
    model = nn.Sequential(nn.Linear(1024, 4096), nn.ReLU(), nn.Linear(4096, 10)).cuda()
    before = copy.deepcopy(model.state_dict())
    batch = (torch.randn(2, 1024).cuda(), torch.zeros(2, dtype=torch.long).cuda())
    found = largest_batch(model, nn.CrossEntropyLoss(), batch, limit=2e9, most=10_000_000)
    assert found.too_many is not None
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    torch.zeros(10, device="cuda")
