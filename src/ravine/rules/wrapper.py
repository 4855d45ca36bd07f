"""What goes around another rule: a pure piece before its step, or one after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ravine.core.intervals import Interval
from ravine.core.sources import Source
from ravine.rules.rule import NoState, Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapper:
    """The record of one wrapper.

    Attributes:
        name: Its one public name.
        driver: What the driver has to do, step by step.
        before: (g, p, length, *, hyperparameters) → what to add to the parameter before the
            gradient is taken anew; None when there is no such move.
        measure: (g, p, *, hyperparameters) → this tensor's part of `length`², which is the
            sum over all tensors of the model.
        after: (p, state, *, hyperparameters) → (p, new state), once `due`.
        due: (t, *, hyperparameters) → whether `after` applies at the end of step `t` ≥ 1.
        state: NamedTuple class; every slot starts as a copy of the parameter.
        reach: What the wrapper needs to see.
        formula: In a line, for people.
        bounds: Allowed interval of each numeric hyperparameter.
        options: Allowed values of each discrete hyperparameter.
        defaults: First value of each hyperparameter.
        source: Where it comes from.
    """

    name: str
    driver: str
    before: Callable[..., Any] | None = None
    measure: Callable[..., Any] | None = None
    after: Callable[..., tuple[Any, Any]] | None = None
    due: Callable[..., bool] | None = None
    state: type = NoState
    reach: Reach
    formula: str
    bounds: Mapping[str, Interval]
    options: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    defaults: Mapping[str, Any]
    source: Source
