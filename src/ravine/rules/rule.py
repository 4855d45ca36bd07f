"""What an update rule is: three pure pieces and a record.

A rule turns a gradient into a direction u; the driver in `ravine.optim` applies
p ← p − lr·u. The function uses operators only and branches on no tensor, so that the same
text runs on floats (twins, docs), on tensors, compiled into one fused kernel, on one flat
buffer, and on a stack of members with hyperparameters each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from ravine.core.intervals import Interval
from ravine.core.sources import Source


class Reach(Enum):
    """What a rule needs to see to move one number."""

    ELEMENT = "element"  # its own gradient and state only: may be flattened, stacked, fused
    TENSOR = "tensor"  # the whole tensor: norms, matrix products
    CLOSURE = "closure"  # the loss again, at another point


class NoState(NamedTuple):
    """The state of a rule that remembers nothing."""


class NoClock(NamedTuple):
    """The clock of a rule whose formula does not change with time."""


def no_clock(t: int) -> NoClock:  # noqa: ARG001 (one signature for all clocks)
    """The clock of a timeless rule, at any step t ≥ 1."""
    return NoClock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The record of one update rule.

    Attributes:
        name: Its one public name.
        update: (g, p, state, clock, *, hyperparameters) → (u, new state). Pure.
        clock: (t, *, hyperparameters it needs) → NamedTuple of floats: all that depends on the
            step alone, computed once a step in float64.
        state: NamedTuple class; every slot has the shape of the parameter and starts at 0
            unless `starts` says otherwise.
        formula: The update in a line or a few, for people.
        bounds: Allowed interval of each hyperparameter.
        lr: The learning rate to start from when the user names none.
        starts: First value of the slots that do not start at 0.
        twin: Dotted name of the torch class that computes the same, or "".
    """

    name: str
    update: Callable[..., tuple[Any, Any]]
    clock: Callable[..., Any] = no_clock
    state: type = NoState
    reach: Reach = Reach.ELEMENT
    formula: str
    bounds: Mapping[str, Interval]
    lr: float
    source: Source
    starts: Mapping[str, float] = field(default_factory=dict)
    twin: str = ""
