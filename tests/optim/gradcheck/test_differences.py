"""Steps, noise, kinks: what the numbers of the check are made of."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ravine.optim.gradcheck.differences import STEP, noise, relative_error, slack, steps
from ravine.optim.gradcheck.kinks import judge

TOLERANCE = 1e-5


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_a_step_is_exact_and_in_proportion(values):
    x = torch.tensor(values, dtype=torch.float64)
    h = steps(x)
    assert torch.equal((x + h) - x, h)
    torch.testing.assert_close(h, STEP * x.abs().clamp(min=1.0), rtol=1e-4, atol=0.0)


@pytest.mark.parametrize("size", [1e-14, 1e-11, 1e-8])
def test_the_noise_of_a_noisy_number_is_measured(problem, size):
    def noisy(x):
        # a smooth number with roughness finer than any step: a high frequency stands for rounding
        return torch.exp(x) + size * math.sqrt(2) * torch.sin(1e6 * torch.sin(x * 7e15))

    made, _ = problem(noisy, torch.tensor([0.3]))
    sigma = noise(made, "input", torch.Generator().manual_seed(0))
    assert size / 4 < sigma < 4 * size


def test_the_noise_of_a_smooth_number_is_its_rounding(problem):
    made, _ = problem(torch.exp, torch.tensor([0.3, -1.0]))
    sigma = noise(made, "input", torch.Generator().manual_seed(0))
    eps = torch.finfo(torch.float64).eps
    assert 0.5 * eps * made.base <= sigma < 4 * eps * made.base


@given(st.floats(-1e3, 1e3), st.floats(0.0, 1e-3))
def test_what_rounding_explains_counts_as_right(gradient, off):
    a = torch.tensor([gradient], dtype=torch.float64)
    error = relative_error(a, a + 0.99 * off, torch.tensor([max(off, 1e-300)], dtype=torch.float64), TOLERANCE)
    assert float(error) <= TOLERANCE


def test_the_error_is_between_0_and_1_and_1_for_a_wrong_sign():
    a, off = torch.tensor([2.0, 2.0, 0.0]), torch.full((3,), 1e-12)
    torch.testing.assert_close(
        relative_error(a, torch.tensor([-2.0, 2.0, 3.0]), off, TOLERANCE), torch.tensor([1.0, 0.0, 1.0])
    )


def judged(problem, function, x, wrong_by=1.0):
    made, gradient = problem(function, x)
    at = torch.arange(x.numel())
    h = steps(made.real("input"))
    sigma = noise(made, "input", torch.Generator().manual_seed(0))
    return judge(made, "input", at, h, gradient * wrong_by, sigma, TOLERANCE), gradient


NEAR = torch.tensor([0.0, 1e-6, -1e-6, 1e-7, 3e-9], dtype=torch.float64)


@pytest.mark.parametrize(
    "function",
    [
        torch.relu,
        lambda x: x.abs() + x.square(),
        lambda x: torch.nn.functional.leaky_relu(x, 0.1) * (1 + x),
        lambda x: torch.maximum(torch.sin(x), 2 * x),
        lambda x: x.round() + (x * 1e6).clamp(-1, 1),
    ],
)
def test_near_a_kink_nothing_right_is_wrong(problem, function):
    found, _ = judged(problem, function, NEAR)
    assert bool((found.right | found.kink).all())


def test_a_kink_and_a_jump_exactly_there_are_set_aside(problem):
    for function in (torch.relu, lambda x: x + (x >= 0).to(x)):
        found, _ = judged(problem, function, torch.zeros(3))
        assert bool(found.kink.all())


@pytest.mark.parametrize("by", [-1.0, 2.0, 0.5, 1.001, 1.0001])
@pytest.mark.parametrize("function", [torch.exp, torch.sin, lambda x: x**3 + 10 * x, torch.tanh])
def test_a_wrong_gradient_of_a_smooth_number_is_no_kink(problem, function, by):
    found, _ = judged(problem, function, torch.tensor([-1.3, 0.4, 2.0, 1e-6]), wrong_by=by)
    wrong = ~found.right & ~found.kink
    assert wrong.tolist() == [True] * 4


@pytest.mark.parametrize(
    ("function", "x"),
    [(torch.log, [1e-7, 1e-5]), (lambda x: torch.sin(1e4 * x), [0.3, 1.0]), (lambda x: 1 / x, [1e-5, -1e-6])],
)
def test_a_number_that_bends_within_the_usual_step_is_judged_at_a_shorter_one(problem, function, x):
    found, gradient = judged(problem, function, torch.tensor(x, dtype=torch.float64))
    assert bool(found.right.all())
    torch.testing.assert_close(found.numeric, gradient, rtol=1e-4, atol=0.0)


def test_many_points_at_once_are_the_same_as_one_by_one(problem):
    made, _ = problem(lambda x: torch.sin(x) * x.sum(), torch.linspace(-1, 1, 40))
    at, by = torch.arange(40), torch.full((40,), 1e-3, dtype=torch.float64)
    together = made.moved("input", at, by)
    assert made._ways["input"].works
    alone = torch.cat([made.moved("input", at[i : i + 1], by[i : i + 1]) for i in range(40)])
    torch.testing.assert_close(together, alone, rtol=1e-13, atol=1e-13)


def test_slack_is_ten_noises_over_the_step():
    assert float(slack(2e-16, torch.tensor(1e-6, dtype=torch.float64))) == pytest.approx(2e-9)
