"""When to change from one optimizer to another, and which learning rate the steps of the first stand for."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import BELOW_ONE, NON_NEGATIVE

Memory = dict[str, Any]
"""What a criterion remembers between steps: numbers and None, so that any file can hold it."""


class Estimate(NamedTuple):
    """A learning rate read off the steps taken so far."""

    now: float  # γ, of this step alone
    mean: float  # Λ, its corrected mean


class Criterion:
    """Says when to switch. What it remembers is kept by the optimizer, in a `Memory`."""

    projects = False  # whether it looks at the projected learning rate

    @abstractmethod
    def stepped(self, step: int, estimate: Estimate | None) -> bool:
        """Whether to switch after this step, counted from 1."""

    def observed(self, value: float, memory: Memory) -> bool:  # noqa: ARG002
        """Whether to switch now that a loss was seen."""
        return False


@dataclass(frozen=True, slots=True)
class AtStep(Criterion):
    """After a number of steps.

    Args:
        steps: How many the first optimizer takes.
    """

    steps: int

    def __post_init__(self) -> None:
        if type(self.steps) is not int or self.steps < 1:
            raise BadValue(refusal("switch_to", "at", "be a whole number of at least 1", self.steps))

    def stepped(self, step: int, estimate: Estimate | None) -> bool:  # noqa: ARG002
        """Whether these were all."""
        return step >= self.steps


@dataclass(frozen=True, slots=True)
class Plateau(Criterion):
    """Once the losses given to `SwitchTo.observe` have stopped falling.

    Args:
        patience: How many in a row may be no better than the best.
        threshold: How much lower than the best, relative to it, counts as better.
    """

    patience: int = 10
    threshold: float = 1e-4

    def __post_init__(self) -> None:
        if type(self.patience) is not int or self.patience < 0:
            raise BadValue(refusal("plateau", "patience", "be a whole number of at least 0", self.patience))
        NON_NEGATIVE.check("plateau", "threshold", self.threshold)

    def stepped(self, step: int, estimate: Estimate | None) -> bool:  # noqa: ARG002
        """Never: steps do not count, losses do."""
        return False

    def observed(self, value: float, memory: Memory) -> bool:
        """Whether patience is at its end; NaN is no better than anything."""
        best = memory.get("best", math.inf)
        better = value < best - self.threshold * abs(best) if math.isfinite(best) else value < best
        memory["best"] = value if better else best
        memory["waited"] = 0 if better else memory.get("waited", 0) + 1
        return bool(memory["waited"] > self.patience)


@dataclass(frozen=True, slots=True)
class Swats(Criterion):
    """Once the learning rate that SGD would need has settled: |Λ − γ| < tolerance + relative·Λ.

    The paper's tolerance, 1e-9, is of the order of float32's rounding of Λ; with noisy gradients γ meets its mean so
    closely only by chance, after many steps. A `relative` one of about 1e-3 does so sooner. Unlike in the paper a Λ
    below 0, which would lead uphill, never counts as settled.

    Args:
        tolerance: ε, absolute, in the unit of a learning rate.
        relative: The same relative to Λ.

    Source: Keskar & Socher 2017, Algorithm 1, arXiv:1712.07628.
    """

    tolerance: float = 1e-9
    relative: float = 0.0

    projects = True

    def __post_init__(self) -> None:
        NON_NEGATIVE.check("swats", "tolerance", self.tolerance)
        NON_NEGATIVE.check("swats", "relative", self.relative)

    def stepped(self, step: int, estimate: Estimate | None) -> bool:
        """Whether γ and its mean agree; never after the first step, where they are the same."""
        if step <= 1 or estimate is None or estimate.mean <= 0:
            return False
        return abs(estimate.mean - estimate.now) < self.tolerance + self.relative * estimate.mean


CRITERIA: dict[str, Criterion] = {"plateau": Plateau(), "swats": Swats()}
"""The criteria that have defaults, by name."""


def criterion_of(at: Any) -> Criterion | None:
    """A step, a name, a criterion or None, as a criterion."""
    if at is None or isinstance(at, Criterion):
        return at
    if isinstance(at, str) and at in CRITERIA:
        return CRITERIA[at]
    if isinstance(at, int):
        return AtStep(at)
    allowed = "be a step, " + ", ".join(map(repr, CRITERIA)) + ", Plateau(...), Swats(...) or None"
    raise BadValue(refusal("switch_to", "at", allowed, at))


def projected(
    step: int, moves: Iterable[tuple[Tensor, Tensor, float]], beta2: float, memory: Memory
) -> Estimate | None:
    """The learning rate with which SGD's step, projected on the step taken, is that step.

        γ = sᵀs / (−sᵀg)        λ ← β₂·λ + (1 − β₂)·γ        Λ = λ / (1 − β₂ᵏ)

    Where sᵀg is 0 nothing is learnt.

    Args:
        step: k, counted from 1.
        moves: Of each parameter the step s taken, the gradient g, both (*), and its learning rate relative to the
            largest, with which g counts.
        beta2: β₂.
        memory: Holds λ as "average" and is changed.

    Returns:
        γ and Λ, or None where nothing was learnt.

    Source: Keskar & Socher 2017, eq. 3 and Algorithm 1, arXiv:1712.07628.
    """
    length, along = 0.0, 0.0
    for moved, gradient, share in moves:
        s, g = (torch.view_as_real(x).double() if x.is_complex() else x.double() for x in (moved, gradient))
        length += float((s * s).sum())
        along -= share * float((s * g).sum())
    if along == 0.0 or not math.isfinite(length / along):
        return None
    now = length / along
    memory["average"] = beta2 * memory.get("average", 0.0) + (1 - beta2) * now
    memory["rate"] = memory["average"] / (1 - beta2**step)
    return Estimate(now, memory["rate"])


def beta2_of(group: dict[str, Any]) -> float:
    """β₂ of an optimizer that has one, else Adam's."""
    betas = group.get("betas", (0.9, 0.999))
    beta2 = float(betas[1])
    return beta2 if BELOW_ONE.contains(beta2) else 0.999
