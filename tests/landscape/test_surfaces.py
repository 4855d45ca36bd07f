"""Surfaces against gradients derived by hand, finite differences and SciPy."""

import math

import numpy as np
import pytest
import torch
from scipy import optimize

from ravine.core.errors import BadValue
from ravine.landscape import SURFACES

NAMES = list(SURFACES)


def beale(x, y):
    parts = [(1.5, y - 1, 1), (2.25, y**2 - 1, 2 * y), (2.625, y**3 - 1, 3 * y**2)]
    return (
        sum(2 * (c + x * f) * f for c, f, _ in parts),
        sum(2 * (c + x * f) * x * slope for c, f, slope in parts),
    )


BY_HAND = {
    "ravine": lambda x, y: (x / 10, 2 * y),
    "saddle-point": lambda x, y: (x, y**3 - y),
    "monkey-saddle": lambda x, y: (3 * x**2 - 3 * y**2 + 3 * x * (x**2 + y**2), -6 * x * y + 3 * y * (x**2 + y**2)),
    "local-minimum": lambda x, y: (4 * x * (x**2 - 1) + 0.3, 2 * y),
    "rosenbrock": lambda x, y: tuple(optimize.rosen_der([x, y])),
    "beale": beale,
    "himmelblau": lambda x, y: (
        4 * x * (x**2 + y - 11) + 2 * (x + y**2 - 7),
        2 * (x**2 + y - 11) + 4 * y * (x + y**2 - 7),
    ),
    "rastrigin": lambda x, y: tuple(2 * v + 20 * math.pi * math.sin(2 * math.pi * v) for v in (x, y)),
    "styblinski-tang": lambda x, y: tuple(2 * v**3 - 16 * v + 2.5 for v in (x, y)),
}


def points_in(name: str, count: int = 40) -> torch.Tensor:
    left, right, bottom, top = SURFACES[name].window
    shares = torch.rand(count, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    return torch.tensor([left, bottom]) + shares * torch.tensor([right - left, top - bottom])


def as_function(name: str):
    return lambda point: float(SURFACES[name](torch.tensor(np.asarray(point, dtype=float))))


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_the_one_derived_by_hand_and_by_differences(name):
    points = points_in(name)
    found = SURFACES[name].gradient(points)
    assert found.shape == points.shape
    by_hand = torch.tensor([BY_HAND[name](*point) for point in points.tolist()], dtype=torch.float64)
    torch.testing.assert_close(found, by_hand, rtol=1e-12, atol=1e-9)
    for point, gradient in zip(points[:5].numpy(), found[:5].numpy(), strict=True):
        differences = optimize.approx_fprime(point, as_function(name), 1e-7)
        np.testing.assert_allclose(gradient, differences, rtol=1e-3, atol=1e-3)


def test_rosenbrock_is_scipys():
    points = points_in("rosenbrock")
    theirs = [optimize.rosen(point) for point in points.numpy()]
    np.testing.assert_allclose(SURFACES["rosenbrock"](points).numpy(), theirs, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_minima_are_minima_and_nothing_in_sight_is_lower(name):
    surface = SURFACES[name]
    minima = torch.tensor(surface.minima, dtype=torch.float64)
    assert surface.gradient(minima).abs().max() < 1e-10
    torch.testing.assert_close(surface(minima), torch.full((len(minima),), surface.lowest, dtype=torch.float64))
    for minimum in surface.minima:
        hessian = torch.autograd.functional.hessian(surface, torch.tensor(minimum, dtype=torch.float64))
        assert torch.linalg.eigvalsh(hessian).min() > 0
    ends = [optimize.minimize(as_function(name), start, method="BFGS") for start in points_in(name, 25).numpy()]
    assert min(end.fun for end in ends) >= surface.lowest - 1e-9
    lowest = {tuple(np.round(end.x, 3) + 0.0) for end in ends if end.fun < surface.lowest + 1e-8}
    assert lowest <= {tuple(np.round(minimum, 3) + 0.0) for minimum in surface.minima}


@pytest.mark.parametrize("name", NAMES)
def test_windows_are_ten_to_seven_and_hold_the_start_and_the_minima(name):
    surface = SURFACES[name]
    left, right, bottom, top = surface.window
    assert (right - left) / (top - bottom) == pytest.approx(10 / 7, rel=1e-3)
    for x, y in (surface.start, *surface.minima):
        assert left < x < right
        assert bottom < y < top


@pytest.mark.parametrize(("name", "signs"), [("saddle-point", [-1, 1]), ("monkey-saddle", [0, 0])])
def test_saddles_are_saddles(name, signs):
    origin = torch.zeros(2, dtype=torch.float64)
    assert SURFACES[name].gradient(origin).tolist() == [0, 0]
    curvatures = torch.linalg.eigvalsh(torch.autograd.functional.hessian(SURFACES[name], origin))
    assert curvatures.sign().tolist() == signs


def test_points_do_not_touch_one_another():
    points = torch.tensor([[1.0, 1.0], [math.inf, 0.0], [math.nan, 1.0], [0.5, -1.0]], dtype=torch.float64)
    together = SURFACES["beale"].gradient(points)
    for place in (0, 3):
        torch.testing.assert_close(together[place], SURFACES["beale"].gradient(points[place]))


def test_an_unknown_surface_suggests_the_nearest():
    with pytest.raises(BadValue, match=r"unknown surface 'rosenbrok'. Did you mean 'rosenbrock'\? Known: ravine, "):
        SURFACES["rosenbrok"]
