"""Successive gradients, held against what they are by hand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ravine.watch.instruments import agreement
from ravine.watch.instruments.agreement import Agreement
from ravine.watch.watcher import Watcher


def rows_of(train, steps):
    """The rows of kind "gradients" of so many steps."""
    watcher = Watcher(quiet=True, instruments=[Agreement()]).start()
    try:
        for step in range(steps):
            train(step)
    finally:
        watcher.stop()
    return list(watcher.history.of_kind("gradients"))


class Regression:
    """y ≈ X·w by mean square, whose gradients 2/n Xᵀ(X·w − y) are worked out in float64 beside it."""

    def __init__(self, *, rows=6, optimizer=torch.optim.SGD, clip=None, accumulate=1, device="cpu", **options):
        draw = torch.Generator().manual_seed(0)
        self.x = torch.randn(40, rows, 3, generator=draw).to(device)
        self.y = torch.randn(40, rows, 1, generator=draw).to(device)
        self.model = nn.Linear(3, 1, bias=False).to(device)
        nn.init.ones_(self.model.weight)
        self.optimizer = optimizer(self.model.parameters(), **{"lr": 0.1, **options})
        self.clip, self.accumulate = clip, accumulate
        self.gradients, self.moves = [], []

    def __call__(self, step):
        w = self.model.weight.detach().double().clone()
        batches = range(step * self.accumulate, (step + 1) * self.accumulate)
        x, y = torch.cat([self.x[n] for n in batches]).double(), torch.cat([self.y[n] for n in batches]).double()
        self.gradients.append((2 / len(x) * x.T @ (x @ w.T - y)).flatten())
        self.optimizer.zero_grad()
        for n in batches:
            loss = nn.functional.mse_loss(self.model(self.x[n]), self.y[n]) / self.accumulate
            loss.backward()
        if self.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        self.moves.append((self.model.weight.detach().double() - w).flatten())


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"optimizer": torch.optim.Adam},
        {"momentum": 0.9},
        {"clip": 0.05},
        {"accumulate": 3},
        {"optimizer": torch.optim.Adam, "fused": True},
    ],
    ids=lambda how: "-".join(how) or "plain",
)
def test_numbers_are_those_of_the_closed_form(how):
    train = Regression(**how)
    rows = rows_of(train, 12)
    assert {1, 2, 3, 4, 5, 10} <= {row["step"] for row in rows}  # after each of the first, then after the sampled
    for row in rows:
        at = row["step"]
        before, after, moved = train.gradients[at - 1], train.gradients[at], train.moves[at - 1]
        expected = {
            "dot": before @ after,
            "norm_before": before.norm(),
            "norm": after.norm(),
            "moved": moved.norm(),
            "slope_before": before @ moved,
            "slope": after @ moved,
        }
        for name, value in expected.items():
            assert row[name] == pytest.approx(value.item(), rel=2e-4, abs=1e-6), name
        assert row["rows"] == row["rows_before"] == 6 * how.get("accumulate", 1)
        assert row["apart"] == 1
        assert "share" not in row


def test_a_closure_gives_the_gradient_that_the_step_began_with():
    x, y = torch.randn(30, 3), torch.randn(30, 1)
    model = nn.Linear(3, 1, bias=False)
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.3, max_iter=4)
    gradients, moves = [], []

    def train(step):
        w = model.weight.detach().clone()
        gradients.append((2 / 30 * x.T @ (x @ w.T - y)).flatten())

        def closure():
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(x), y)
            loss.backward()
            return loss

        optimizer.step(closure)
        moves.append((model.weight.detach() - w).flatten())

    for row in rows_of(train, 5):
        at = row["step"]
        assert row["dot"] == pytest.approx((gradients[at - 1] @ gradients[at]).item(), rel=1e-3, abs=1e-6)
        assert row["slope_before"] == pytest.approx((gradients[at - 1] @ moves[at - 1]).item(), rel=1e-3, abs=1e-6)


def test_a_scaled_loss_and_a_fused_optimizer():
    plain, scaled = Regression(optimizer=torch.optim.Adam), Regression(optimizer=torch.optim.Adam, fused=True)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)

    def train(step):
        scaled.optimizer.zero_grad()
        scaler.scale(nn.functional.mse_loss(scaled.model(scaled.x[step]), scaled.y[step])).backward()
        scaler.step(scaled.optimizer)
        scaler.update()

    for one, other in zip(rows_of(plain, 6), rows_of(train, 6), strict=True):
        assert {name: pytest.approx(value, rel=1e-3, abs=1e-6) for name, value in one.items() if name != "kind"} == {
            name: value for name, value in other.items() if name != "kind"
        }


def test_one_of_several_optimizers_is_followed():
    first, second = Regression(), Regression(lr=0.01)

    def train(step):
        first(step)
        second(step)

    rows = rows_of(train, 5)
    for row in rows:
        at = row["step"] // 2  # their passes are their own, and so are their steps
        assert row["norm"] == pytest.approx(first.gradients[at].norm().item(), rel=1e-4)
        assert row["norm_before"] == pytest.approx(first.gradients[at - 1].norm().item(), rel=1e-4)
    assert rows


def test_parameters_come_and_go_and_some_are_sparse():
    embedding, head, late = nn.Embedding(9, 3, sparse=True), nn.Linear(3, 1), nn.Linear(3, 1)
    optimizer = torch.optim.SGD([*embedding.parameters(), *head.parameters(), *late.parameters()], lr=0.1)

    def train(step):
        x = embedding(torch.arange(4) + step % 5)
        out = head(x) + (late(x) if step >= 2 else 0)
        optimizer.zero_grad()
        nn.functional.mse_loss(out, torch.zeros(4, 1)).backward()
        optimizer.step()

    rows = rows_of(train, 6)
    assert [row["step"] for row in rows] == [1, 3, 4, 5]  # at step 2 there are others than at step 1


def test_of_many_parameters_some_are_looked_at(monkeypatch):
    monkeypatch.setattr(agreement, "MOST_ELEMENTS", 10)
    model = nn.Linear(7, 4, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    gradients = []

    def train(step):
        optimizer.zero_grad()
        model(torch.randn(5, 7)).square().mean().backward()
        gradients.append(model.weight.grad.flatten()[::3].clone())
        optimizer.step()

    for row in rows_of(train, 4):
        assert row["share"] == pytest.approx(1 / 3)
        assert row["dot"] == pytest.approx((gradients[row["step"] - 1] @ gradients[row["step"]]).item(), rel=1e-4)


def test_steps_by_hand():
    model = nn.Linear(3, 1)
    draws = torch.randn(12, 5, 3)

    def train(step):
        for p in model.parameters():
            p.grad = None
        nn.functional.mse_loss(model(draws[step]), torch.zeros(5, 1)).backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= 0.1 * p.grad

    for row in rows_of(train, 12)[2:]:  # it takes a few steps to see that they are there
        assert row["slope_before"] == pytest.approx(-0.1 * row["norm_before"] ** 2, rel=1e-3)
        assert row["moved"] == pytest.approx(0.1 * row["norm_before"], rel=1e-3)


def test_gradients_that_are_no_numbers_harm_nothing():
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def train(step):
        optimizer.zero_grad()
        (model(torch.ones(2, 3)).mean() * float("inf")).backward()
        optimizer.step()

    assert len(rows_of(train, 4)) == 3


@given(st.integers(0, 99), st.sampled_from(["sgd", "adam", "lbfgs"]), st.booleans())
@settings(max_examples=10, deadline=None)
def test_weights_are_the_same_to_the_bit(seed, kind, clip):
    def weights(watch):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 2))
        make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "lbfgs": torch.optim.LBFGS}[kind]
        optimizer = make(model.parameters(), lr=0.01)

        def train(step):
            def closure():
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(torch.randn(6, 4)), torch.randint(2, (6,)))
                loss.backward()
                if clip:
                    nn.utils.clip_grad_norm_(model.parameters(), 0.1)
                return loss

            optimizer.step(closure)

        if watch:
            assert rows_of(train, 15)
        else:
            for step in range(15):
                train(step)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    assert torch.equal(weights(watch=True), weights(watch=False))
