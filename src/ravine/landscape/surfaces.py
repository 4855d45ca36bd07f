"""Surfaces over the plane on which rules show their character. The list at the end is the only list.

Windows are ten wide to seven high, so that a picture has one scale for both axes and gradients
stand at right angles to contours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ravine.core.catalogue import Catalogue
from ravine.core.sources import Source

Point = tuple[float, float]
Window = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A loss of two parameters.

    Attributes:
        name: Its one public name.
        function: (x, y) → loss, elementwise on tensors of any one shape.
        formula: The function in a line, for people.
        about: What is hard about it, in a sentence.
        start: Where a race begins unless told otherwise.
        minima: The lowest points, all of the same loss.
        window: Left, right, bottom and top of what a picture shows.
        source: Where it comes from.
        spacing: Contours lie at the quantiles (k/K)^spacing of the losses in the window: 1 spreads
            them evenly over the area, more gathers them in the valleys.
    """

    name: str
    function: Callable[[Tensor, Tensor], Tensor]
    formula: str
    about: str
    start: Point
    minima: tuple[Point, ...]
    window: Window
    source: Source
    spacing: float = 1.5

    def __call__(self, points: Tensor) -> Tensor:
        """The loss at each of `points`.

        Args:
            points: Shape (*, 2).

        Returns:
            Losses, shape (*).
        """
        return self.function(points[..., 0], points[..., 1])

    def gradient(self, points: Tensor) -> Tensor:
        """The gradient at each of `points`, by automatic differentiation, in one evaluation for all.

        Args:
            points: Shape (*, 2).

        Returns:
            Gradients, shape (*, 2). Points do not touch one another: where one has left the range of its dtype,
            the others keep theirs.
        """
        with torch.enable_grad():
            leaf = points.detach().clone().requires_grad_()
            (found,) = torch.autograd.grad(self(leaf).sum(), leaf)
        return found

    @property
    def lowest(self) -> float:
        """The loss at the lowest points."""
        return float(self(torch.tensor(self.minima[0], dtype=torch.float64)))


def ravine(x: Tensor, y: Tensor) -> Tensor:
    """x²/20 + y²: twenty times as steep across as along."""
    return x**2 / 20 + y**2


def saddle_point(x: Tensor, y: Tensor) -> Tensor:
    """x²/2 − y²/2 + y⁴/4: at (0, 0) down along y, up along x."""
    return x**2 / 2 - y**2 / 2 + y**4 / 4


def monkey_saddle(x: Tensor, y: Tensor) -> Tensor:
    """x³ − 3xy² + ¾(x² + y²)²: three ways down from (0, 0), where the curvature is 0."""
    return x**3 - 3 * x * y**2 + 0.75 * (x**2 + y**2) ** 2


def local_minimum(x: Tensor, y: Tensor) -> Tensor:
    """(x² − 1)² + 3x/10 + y²: two valleys, the nearer one not the lower one."""
    return (x**2 - 1) ** 2 + 0.3 * x + y**2


def rosenbrock(x: Tensor, y: Tensor) -> Tensor:
    """(1 − x)² + 100(y − x²)²."""
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def beale(x: Tensor, y: Tensor) -> Tensor:
    """(1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²."""
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def himmelblau(x: Tensor, y: Tensor) -> Tensor:
    """(x² + y − 11)² + (x + y² − 7)²."""
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def rastrigin(x: Tensor, y: Tensor) -> Tensor:
    """20 + x² − 10·cos 2πx + y² − 10·cos 2πy."""
    waves = torch.cos(2 * math.pi * x) + torch.cos(2 * math.pi * y)
    return 20 + x**2 + y**2 - 10 * waves


def styblinski_tang(x: Tensor, y: Tensor) -> Tensor:
    """½(x⁴ − 16x² + 5x + y⁴ − 16y² + 5y)."""
    return (x**4 - 16 * x**2 + 5 * x + y**4 - 16 * y**2 + 5 * y) / 2


_LOW = -1.0355787140888537  # the lower root of 4x³ − 4x + 3/10
_TANG = -2.9035340277711772  # the lowest root of 4x³ − 32x + 5

SURFACES: Catalogue[Surface] = Catalogue(
    "surface",
    [
        Surface(
            name="ravine",
            function=ravine,
            formula="x²/20 + y²",
            about="Steep across, flat along: a rate that does not leap from wall to wall is slow along the floor.",
            start=(-7.13, 2.37),
            minima=((0.0, 0.0),),
            window=(-8.0, 3.0, -3.85, 3.85),
            source=Source(
                "Gelfand & Tsetlin",
                1961,
                "The principle of nonlocal search in automatic optimization systems",
                "Soviet Physics Doklady 6",
            ),
        ),
        Surface(
            name="saddle-point",
            function=saddle_point,
            formula="x²/2 - y²/2 + y⁴/4",
            about="The way leads to where the gradient is 0 and nothing is gained: a rule must find its way off.",
            start=(-1.8, 0.01),
            minima=((0.0, 1.0), (0.0, -1.0)),
            window=(-2.15, 1.85, -1.4, 1.4),
            source=Source(
                "Dauphin et al.",
                2014,
                "Identifying and attacking the saddle point problem in high-dimensional non-convex optimization",
                arxiv="1406.2572",
            ),
            spacing=1.0,
        ),
        Surface(
            name="monkey-saddle",
            function=monkey_saddle,
            formula="x³ - 3xy² + ¾(x² + y²)²",
            about="A saddle with room for a tail: in its middle the curvature is 0 as well, and it is left even later.",
            start=(1.15, 0.02),
            minima=((-1.0, 0.0), (0.5, math.sqrt(0.75)), (0.5, -math.sqrt(0.75))),
            window=(-2.0, 2.0, -1.4, 1.4),
            source=Source("Hilbert & Cohn-Vossen", 1932, "Anschauliche Geometrie", "Springer"),
            spacing=1.0,
        ),
        Surface(
            name="local-minimum",
            function=local_minimum,
            formula="(x² - 1)² + 3x/10 + y²",
            about="A minimum in the way that is not the lowest: only what keeps some of its pace gets over the rim.",
            start=(1.75, 1.0),
            minima=((_LOW, 0.0),),
            window=(-2.1, 2.1, -1.47, 1.47),
            source=Source("Goodfellow, Bengio & Courville", 2016, "Deep Learning", "section 8.2, MIT Press"),
        ),
        Surface(
            name="rosenbrock",
            function=rosenbrock,
            formula="(1 - x)² + 100(y - x²)²",
            about="A bent ravine: the way along its floor turns all the time.",
            start=(-1.2, 1.0),
            minima=((1.0, 1.0),),
            window=(-2.0, 2.0, -0.7, 2.1),
            source=Source(
                "Rosenbrock",
                1960,
                "An automatic method for finding the greatest or least value of a function",
                "The Computer Journal 3",
            ),
            spacing=2.5,
        ),
        Surface(
            name="beale",
            function=beale,
            formula="(1.5 - x + xy)² + (2.25 - x + xy²)² + (2.625 - x + xy³)²",
            about="Plains and cliffs: gradients differ by orders of magnitude from place to place.",
            start=(1.0, 1.0),
            minima=((3.0, 0.5),),
            window=(-0.3, 4.2, -1.35, 1.8),
            source=Source(
                "Beale",
                1958,
                "On an iterative method for finding a local minimum of a function of more than one variable",
                "Princeton University, Technical Report 25",
            ),
            spacing=2.5,
        ),
        Surface(
            name="himmelblau",
            function=himmelblau,
            formula="(x² + y - 11)² + (x + y² - 7)²",
            about="Four equal minima around one hill: which of them is reached depends on the rule.",
            start=(0.1, -4.0),
            minima=(
                (3.0, 2.0),
                (-2.805118086952745, 3.131312518250573),
                (-3.779310253377747, -3.283185991286170),
                (3.584428340330492, -1.848126526964404),
            ),
            window=(-6.4, 6.4, -4.48, 4.48),
            source=Source("Himmelblau", 1972, "Applied Nonlinear Programming", "McGraw-Hill"),
        ),
        Surface(
            name="rastrigin",
            function=rastrigin,
            formula="20 + x² + y² - 10(cos 2πx + cos 2πy)",
            about="A bowl full of holes: local minima everywhere, of which one is the lowest.",
            start=(-2.3, 1.35),
            minima=((0.0, 0.0),),
            window=(-3.0, 2.0, -1.75, 1.75),
            source=Source("Rastrigin", 1974, "Systems of Extremal Control", "Nauka, Moscow"),
            spacing=1.0,
        ),
        Surface(
            name="styblinski-tang",
            function=styblinski_tang,
            formula="½(x⁴ - 16x² + 5x + y⁴ - 16y² + 5y)",
            about="Four minima of different depth, the lowest behind a rim from everywhere else.",
            start=(4.3, 0.1),
            minima=((_TANG, _TANG),),
            window=(-5.6, 5.4, -3.95, 3.75),
            source=Source(
                "Styblinski & Tang",
                1990,
                "Experiments in nonconvex optimization: Stochastic approximation with function smoothing and "
                "simulated annealing",
                "Neural Networks 3",
            ),
        ),
    ],
    lambda surface: surface.name,
)
"""Every surface, by its name on the command line."""
