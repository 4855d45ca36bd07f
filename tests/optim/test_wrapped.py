"""Lookahead and SAM, against their loops written out."""

from __future__ import annotations

import copy

import pytest
import torch

from ravine.core.errors import RavineError
from ravine.optim import SAM, SGD, AdamW, Lookahead


@pytest.fixture
def quadratic():
    scale = torch.tensor([1.0, 10.0], dtype=torch.float64)

    def loss(p):
        return 0.5 * (scale * p * p).sum() + p.prod()

    return loss


def start():
    return torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)


def descend(optimizer, p, loss, steps):
    def closure():
        optimizer.zero_grad()
        value = loss(p)
        value.backward()
        return value

    return [optimizer.step(closure).item() for _ in range(steps)]


@pytest.mark.parametrize("base", [lambda p: SGD([p], lr=0.05), lambda p: torch.optim.SGD([p], lr=0.05)])
def test_lookahead_is_its_loop(base, quadratic):
    p = start()
    descend(Lookahead(base(p), k=3, alpha=0.3), p, quadratic, 7)
    fast = start()
    slow = fast.detach().clone()
    for t in range(1, 8):
        (g,) = torch.autograd.grad(quadratic(fast), fast)
        with torch.no_grad():
            fast -= 0.05 * g
            if t % 3 == 0:
                slow += 0.3 * (fast - slow)
                fast.copy_(slow)
    torch.testing.assert_close(p, fast, rtol=1e-13, atol=0)


@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_is_its_loop(adaptive, quadratic):
    p = start()
    losses = descend(SAM(SGD([p], lr=0.05), rho=0.1, adaptive=adaptive), p, quadratic, 5)
    q = start()
    expected = []
    for _ in range(5):
        value = quadratic(q)
        expected.append(value.item())
        (g,) = torch.autograd.grad(value, q)
        w = q.detach().abs() if adaptive else torch.ones(2, dtype=torch.float64)
        climb = 0.1 * w * w * g / (w * g).norm()
        there = (q.detach() + climb).requires_grad_()
        (g,) = torch.autograd.grad(quadratic(there), there)
        q = (q.detach() - 0.05 * g).requires_grad_()
    assert losses == pytest.approx(expected, rel=1e-10)
    torch.testing.assert_close(p, q, rtol=1e-10, atol=0)


def test_sam_puts_the_parameters_back_when_the_loss_raises(quadratic):
    p = start()
    optimizer = SAM(SGD([p], lr=0.05))
    calls = []

    def closure():
        calls.append(1)
        if len(calls) == 2:
            raise ZeroDivisionError
        optimizer.zero_grad()
        value = quadratic(p)
        value.backward()
        return value

    kept = p.detach().clone()
    with pytest.raises(ZeroDivisionError):
        optimizer.step(closure)
    assert torch.equal(p.detach(), kept)


@pytest.mark.parametrize("wrap", [lambda p: Lookahead(AdamW([p], lr=0.1), k=4), lambda p: SAM(AdamW([p], lr=0.1))])
def test_a_restored_run_and_a_copy_go_on_bit_for_bit(wrap, quadratic):
    p = start()
    whole = wrap(p)
    descend(whole, p, quadratic, 6)
    saved = copy.deepcopy(whole.state_dict())
    q = p.detach().clone().requires_grad_()
    other = wrap(q)
    other.load_state_dict(saved)
    twin = copy.deepcopy(whole)
    (r,) = twin.param_groups[0]["params"]
    for optimizer, x in ((whole, p), (other, q), (twin, r)):
        optimizer.param_groups[0]["lr"] = 0.03
        descend(optimizer, x, quadratic, 7)
    assert torch.equal(p, q)
    assert torch.equal(p, r)


def test_a_scheduler_on_the_wrapper_drives_the_base():
    base = SGD([start()], lr=1.0)
    wrapper = Lookahead(base)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(wrapper, 0.5)
    wrapper.param_groups[0]["params"][0].grad = torch.zeros(2, dtype=torch.float64)
    wrapper.step()
    scheduler.step()
    assert base.param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Lookahead([start()]), "lookahead: base must be an optimizer; got 'list'."),
        (lambda: Lookahead(SGD([start()]), k=0), "lookahead: k must"),
        (lambda: SAM(SGD([start()]), rho=0.0), "sam: rho must be above 0; got 0.0."),
        (lambda: SAM(SGD([start()])).step(), "sam: step needs a closure"),
        (lambda: Lookahead(SGD([start()])).load_state_dict(SGD([start()]).state_dict()), "load it into .base"),
    ],
)
def test_bad_requests(make, words):
    with pytest.raises(RavineError) as caught:
        make()
    assert words in str(caught.value)
