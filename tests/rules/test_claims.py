"""What the docstrings and the lectures say about the rules, measured."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given as drawn
from hypothesis import strategies as st

from ravine.rules import RULES, Rates
from ravine.rules.angulargrad import friction_angle

ordinary = st.floats(-1e3, 1e3, allow_nan=False).filter(lambda x: abs(x) > 1e-6)
paths = st.lists(ordinary, min_size=1, max_size=30)


def directions(walk, name, given, numbers, lr=lambda t: 1e-3):
    return [one.u for one in walk(RULES[name], given, numbers, 0.0, lr)]


@drawn(st.floats(-300, 300))
def test_half_tanh_plus_half_is_a_sigmoid(x):
    assert 0.5 * math.tanh(x) + 0.5 == pytest.approx(1 / (1 + math.exp(-2 * x)), rel=1e-12, abs=1e-15)


@drawn(st.floats(0, 1e8), st.floats(0, 1e8))
def test_no_atan_is_needed(x, y):
    assert friction_angle(x, "cos") == pytest.approx(math.cos(math.atan(x)), rel=1e-12, abs=1e-15)
    assert friction_angle(x, "tan") == pytest.approx(math.tan(math.atan(x)), rel=1e-7)
    assert math.atan(min(x, y)) == min(math.atan(x), math.atan(y))


@drawn(paths)
def test_frictions_stay_in_their_ranges(walk, numbers):
    plain = directions(walk, "adam", {}, numbers)
    for name, given, top in (
        ("diffgrad", {}, 1.0),
        ("angulargrad", {"kind": "cos"}, 1 / (1 + math.exp(-2))),
        ("angulargrad", {"kind": "tan"}, 1.0),
    ):
        for u, without in zip(directions(walk, name, given, numbers), plain, strict=True):
            # Where the mean nearly cancels both are rounding alone.
            if abs(without) > 1e-9:
                assert 0.5 * (1 - 1e-9) <= u / without <= top * (1 + 1e-9)
    assert round(1 / (1 + math.exp(-2)), 4) == 0.8808


def test_small_gradients_make_friction_a_smaller_rate(walk, kinds):
    """ξ ≈ ½, φ ≈ 0.88 (cos) and ½ (tan): a comparison with Adam needs Adam at α/2 and 0.88α."""
    numbers = [float(g[0, 0]) for g in kinds["small"][:200]]
    plain = np.array(directions(walk, "adam", {}, numbers))
    for name, given, factor in (
        ("diffgrad", {}, 0.5),
        ("angulargrad", {"kind": "cos"}, 0.8808),
        ("angulargrad", {"kind": "tan"}, 0.5),
    ):
        np.testing.assert_allclose(np.array(directions(walk, name, given, numbers)), factor * plain, rtol=5e-3)


def test_small_gradients_make_injection_half_the_rate(walk, kinds):
    numbers = [float(g[0, 0]) for g in kinds["small"][:300]]
    plain = np.array(directions(walk, "adam", {}, numbers))
    injected = np.array(directions(walk, "adainject", {}, numbers))
    assert injected[0] == plain[0]
    np.testing.assert_allclose(injected[150:], plain[150:] / 2, rtol=1e-2, atol=1e-5)


def test_the_authors_angulargrad_is_adam_at_half_the_rate_on_dense_gradients(walk, kinds, tensor):
    grads, p = tensor(kinds["random"][:300]), tensor(np.zeros((4, 2)))
    ours = walk(RULES["angulargrad"], {"mode": "reference", "eps": 1e-30}, grads, p, lambda t: 1e-3)
    plain = walk(RULES["adam"], {"eps": 1e-30}, grads, p, lambda t: 1e-3)
    for one, other in zip(ours, plain, strict=True):
        np.testing.assert_allclose(one.u, other.u / 2, rtol=1e-12)


def test_adagrads_step_shrinks_as_one_over_root_t(walk):
    steps = directions(walk, "adagrad", {"eps": 0.0}, [3.7] * 1000)
    np.testing.assert_allclose(steps, 1 / np.sqrt(np.arange(1, 1001)), rtol=1e-12)


@pytest.mark.parametrize(("beta1", "beta2"), [(0.9, 0.999), (0.5, 0.99)])
def test_adam_without_correction_starts_too_fast(walk, beta1, beta2):
    """By (1 − β₁)/√(1 − β₂): 3.16 at the defaults."""
    betas = {"beta1": beta1, "beta2": beta2, "eps": 0.0}
    without = directions(walk, "adam", {**betas, "bias_correction": False}, [0.3])[0]
    corrected = directions(walk, "adam", betas, [0.3])[0]
    assert corrected == pytest.approx(1.0, rel=1e-12)
    assert without / corrected == pytest.approx((1 - beta1) / math.sqrt(1 - beta2), rel=1e-12)


def test_momentum_with_the_rate_inside_is_the_heavy_ball(walk, twins, kinds):
    """Also while the rate changes, where the other form goes elsewhere."""
    numbers = [float(g[1, 1]) for g in kinds["random"][:100]]

    def changing(t):
        return 1e-2 / (1 + t // 10)

    velocity, before, now = twins["VelocityWithRate"](0.9), 0.0, 0.0
    for t, (g, one) in enumerate(
        zip(numbers, walk(RULES["momentum"], {"lr_in_velocity": True}, numbers, 0.0, changing), strict=True), start=1
    ):
        ball = now - changing(t) * g + 0.9 * (now - before)
        before, now = now, ball
        assert one.p == pytest.approx(ball, rel=1e-12)
        assert one.moved == pytest.approx(velocity.step(t, g, None, changing(t)), rel=1e-12)
    outside = list(walk(RULES["momentum"], {}, numbers, 0.0, changing))[-1].p
    assert abs(outside - now) > 1e-3


def test_the_forms_of_momentum_coincide_at_a_constant_rate(walk, kinds):
    numbers = [float(g[1, 1]) for g in kinds["random"][:100]]
    for name in ("momentum", "nesterov"):
        inside, outside = (directions(walk, name, {"lr_in_velocity": flag}, numbers) for flag in (True, False))
        np.testing.assert_allclose(inside, outside, rtol=1e-12)


@pytest.mark.parametrize("inside", [False, True])
def test_nesterov_is_the_look_ahead_after_a_change_of_variable(twins, inside):
    """On f = ½x⁴ − x, with a constant rate, and with a changing one where the rate is inside."""

    def gradient(x):
        return 2 * x**3 - 1

    def rate(t):
        return 0.02 / (1 + t // 20) if inside else 0.02

    looking = twins["NesterovLookingAhead"](0.9, gradient)
    x = point = 2.0
    rule, values = RULES["nesterov"], RULES["nesterov"].values({"lr_in_velocity": inside})
    state, rates = rule.first_state(point, values), None
    for t in range(1, 101):
        rates = rates.follow(rate(t)) if rates else Rates.first(rate(t))
        u, state = rule.direction(gradient(point), point, state, rule.tick(t, rates, values), values)
        point = point - rate(t) * u
        x = looking.step(x, rate(t))
        assert point == pytest.approx(looking.looks_at(x), rel=1e-11)


def test_a_rate_of_zero_stops_and_is_survived(rule, walk, tensor):
    if rule.matrices:
        pytest.skip("as the others; matrices only")
    numbers = tensor([[0.3], [-0.2], [0.5], [0.1], [0.4]])
    rates = {1: 0.0, 3: 0.0}
    path = list(walk(rule, {}, numbers, tensor([1.0]), lambda t: rates.get(t, 1e-2)))
    assert path[0].moved.item() == 0 == path[2].moved.item()
    assert all(math.isfinite(one.p.item()) and math.isfinite(one.u.item()) for one in path)


def test_centered_rmsprop_survives_a_gradient_that_stands_still(walk):
    assert all(math.isfinite(u) for u in directions(walk, "rmsprop", {"centered": True, "alpha": 0.5}, [0.1] * 500))


def test_radam_waits_five_steps(walk):
    steps = directions(walk, "radam", {}, [0.01] * 10)
    np.testing.assert_allclose(steps[:5], 0.01, rtol=1e-12)
    assert steps[5] != pytest.approx(0.01, rel=0.1)
    assert directions(walk, "radam", {"mode": "reference"}, [0.01] * 10)[:5] == [0.0] * 5


def test_muon_brings_singular_values_near_one(walk):
    g = torch.randn(1, 20, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    u = next(walk(RULES["muon"], {}, g, g[0], lambda t: 1.0)).u / math.sqrt(20 / 12)
    singular = torch.linalg.svdvals(u)
    assert singular.min() > 0.65
    assert singular.max() < 1.25
    left, _, right = torch.linalg.svd(g[0], full_matrices=False)
    assert torch.linalg.norm(u - left @ right) / torch.linalg.norm(left @ right) < 0.3


def test_lambs_step_is_as_long_as_the_parameter(walk, tensor):
    p = tensor([[3.0, 4.0], [0.0, 12.0]])
    u = next(walk(RULES["lamb"], {}, tensor([[[1.0, -2.0], [0.5, 0.1]]]), p, lambda t: 1e-3)).u
    assert np.linalg.norm(u) == pytest.approx(13.0, rel=1e-12)
