"""Rules that train at one point and answer at another, and wrappers around other rules."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ravine.rules import RULES, WRAPPERS
from ravine.rules.lookahead import LookaheadState


@pytest.mark.parametrize("name", ["schedule_free_sgd", "schedule_free_adamw"])
@pytest.mark.parametrize("mixing", [0.5, 0.9, 1.0])
def test_the_average_is_recovered_and_left_again(name, mixing, twins, kinds, walk, tensor):
    beta = "momentum" if name.endswith("sgd") else "beta1"
    twin, p = twins[name](**{beta: mixing}), np.ones((4, 2))
    rule = RULES[name]
    for t, (g, one) in enumerate(
        zip(
            kinds["random"][:200],
            walk(rule, {beta: mixing}, tensor(kinds["random"][:200]), tensor(p), lambda t: 1e-2),
            strict=True,
        ),
        start=1,
    ):
        p = p + twin.step(t, g, p, 1e-2)
        x = rule.evaluated(one.p, one.state, **{beta: mixing})
        np.testing.assert_allclose(x, twin.x, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(one.state.z, twin.z, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(rule.trained(x, one.state, **{beta: mixing}), one.p, rtol=1e-13, atol=1e-14)


def test_schedule_free_averages_equally_at_a_constant_rate(kinds, walk, tensor):
    """cₜ = 1/t: x is the plain mean of all z."""
    path = list(walk(RULES["schedule_free_sgd"], {}, tensor(kinds["random"][:100]), torch.zeros(4, 2), lambda t: 0.1))
    mean = torch.stack([one.state.z for one in path]).mean(dim=0)
    x = RULES["schedule_free_sgd"].evaluated(path[-1].p, path[-1].state, momentum=0.9)
    torch.testing.assert_close(x.double(), mean.double(), rtol=1e-10, atol=1e-12)


def test_only_schedule_free_answers_elsewhere():
    assert {rule.name for rule in RULES.values() if rule.evaluated} == {"schedule_free_sgd", "schedule_free_adamw"}
    assert all((rule.evaluated is None) == (rule.trained is None) for rule in RULES.values())


@pytest.mark.parametrize(("alpha", "k"), [(0.5, 5), (0.8, 1), (1.0, 3), (0.0, 4)])
def test_lookahead_is_its_twin(alpha, k, twins, kinds, tensor):
    wrapper = WRAPPERS["lookahead"]
    p, moved = np.ones((4, 2)), kinds["random"][:100]
    ours, state = tensor(p), LookaheadState(tensor(p))
    for t, (step, theirs) in enumerate(zip(moved, twins["lookahead"](alpha, k).path(p, moved), strict=True), start=1):
        ours = ours + tensor(step)
        if wrapper.due(t, k=k):
            kept = ours.clone()
            after, state = wrapper.after(ours, state, alpha=alpha)
            torch.testing.assert_close(ours, kept, rtol=0, atol=0)
            ours = after
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_climbs_as_its_twin(adaptive, twins, kinds, tensor):
    wrapper = WRAPPERS["sam"]
    gradients = [kinds["random"][0], kinds["random"][1][:3]]
    parameters = [kinds["random"][2], kinds["random"][3][:3]]
    pairs = [(tensor(g), tensor(p)) for g, p in zip(gradients, parameters, strict=True)]
    length = sum(wrapper.measure(g, p, adaptive=adaptive) for g, p in pairs).sqrt()
    theirs = twins["sam"](0.1, adaptive).climbs(gradients, parameters)
    for (g, p), climb in zip(pairs, theirs, strict=True):
        np.testing.assert_allclose(wrapper.before(g, p, length, rho=0.1, adaptive=adaptive), climb, rtol=1e-10)
    if not adaptive:
        assert np.sqrt(sum(np.sum(climb**2) for climb in theirs)) == pytest.approx(0.1)


def test_sam_without_a_gradient_stays():
    zero = torch.zeros(3)
    assert torch.equal(WRAPPERS["sam"].before(zero, zero, torch.tensor(0.0)), zero)


def test_sam_finds_the_worst_point_of_a_linear_loss():
    """max of g·e over ‖e‖ ≤ ρ is ρ‖g‖."""
    g = torch.tensor([3.0, -4.0])
    e = WRAPPERS["sam"].before(g, torch.zeros(2), torch.linalg.norm(g), rho=2.0)
    assert torch.dot(g, e).item() == pytest.approx(10.0)
