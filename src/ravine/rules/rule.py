"""What an update rule is: three pure pieces and a record.

A rule turns a gradient into a direction u; the driver in `ravine.optim` applies
p ← p − lr·u. The function uses operators only and branches on no tensor, so that the same
text runs on floats (twins, docs), on tensors, compiled into one fused kernel, on one flat
buffer, and on a stack of members with hyperparameters each.

What a driver does at step t = 1, 2, … with the hyperparameters `values` of a group:

    state = rule.first_state(p, values)             # once, before the first step
    rates = Rates.first(lr)                         # at t = 1, then rates = rates.follow(lr)
    c = rule.tick(t, rates, values)                 # floats: once a step, not once a tensor
    u, state = rule.direction(g, p, state, c, values)
    p = p - lr * u

Members of a stack: `tick` once a member on floats, then each field of the clocks, and each
hyperparameter that differs, becomes a tensor of shape (members, 1, …). Clock fields are
never used in a Python branch, so they may also be zero-dimensional tensors, as a compiled
kernel wants them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any, Literal, NamedTuple

from ravine.core.intervals import Interval
from ravine.core.sources import Source
from ravine.rules import arithmetic


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


class Rates(NamedTuple):
    """The learning rates up to now, for the few clocks that need more than t.

    Four numbers for each group; they belong into `state_dict`.

    >>> Rates.first(0.5).follow(1.0)
    Rates(now=1.0, before=0.5, top=1.0, weight=1.25)
    """

    now: float  # αₜ
    before: float  # αₜ₋₁, and α₁ at t = 1
    top: float  # the largest so far
    weight: float  # Σ of the squares of `top` over all steps so far

    @classmethod
    def first(cls, lr: float) -> Rates:
        """The rates at t = 1."""
        return cls(lr, lr, lr, lr * lr)

    def follow(self, lr: float) -> Rates:
        """The rates one step later, when the step is taken with `lr`."""
        top = max(self.top, lr)
        return Rates(lr, self.now, top, self.weight + top * top)


def nothing_idle(**values: Any) -> frozenset[str]:  # noqa: ARG001 (one signature for all)
    """No slot is idle, whatever the hyperparameters."""
    return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The record of one update rule.

    Attributes:
        name: Its one public name.
        update: (g, p, state, clock, *, hyperparameters) → (u, new state). Pure.
        clock: (t, *, hyperparameters it needs, and `rates` if it needs them) → NamedTuple of
            floats: all that depends on the step alone, computed once a step in float64.
        state: NamedTuple class; every slot has the shape of the parameter and starts at 0
            unless `starts` says otherwise.
        formula: The update in a line or a few, for people.
        bounds: Allowed interval of each numeric hyperparameter; such a one may be a tensor.
        options: Allowed values of each discrete hyperparameter (flags, kinds, modes, whole
            numbers); such a one is a Python value, resolved before anything is traced.
        lr: The learning rate to start from when the user names none.
        starts: First value of the slots that do not start at 0.
        idle: Hyperparameters → names of the slots they leave unused; those hold None. Asked
            once, when the state is made.
        wide: (option, value) pairs under which an elementwise rule needs the whole tensor.
        matrices: Whether it is defined on matrices alone.
        decay: How the driver applies weight decay unless told otherwise: λp added to the
            gradient ("coupled"), p scaled by 1 − αλ ("decoupled"), or not at all because the
            rule has `weight_decay` among its own hyperparameters ("own").
        weight_decay: λ to start from when the user names none.
        evaluated: For rules that train at one point and answer at another: (p, state, *,
            hyperparameters) → the point to evaluate.
        trained: The inverse of `evaluated`.
        twin: Dotted name of the torch class that computes the same, or "".
    """

    name: str
    update: Callable[..., tuple[Any, Any]]
    clock: Callable[..., Any] = no_clock
    state: type = NoState
    reach: Reach = Reach.ELEMENT
    formula: str
    bounds: Mapping[str, Interval]
    options: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    lr: float
    source: Source
    starts: Mapping[str, float] = field(default_factory=dict)
    idle: Callable[..., frozenset[str]] = nothing_idle
    wide: frozenset[tuple[str, Any]] = frozenset()
    matrices: bool = False
    decay: Literal["coupled", "decoupled", "own"] = "coupled"
    weight_decay: float = 0.0
    evaluated: Callable[..., Any] | None = None
    trained: Callable[..., Any] | None = None
    twin: str = ""

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Each hyperparameter with its default, in the order of the signatures."""
        return {**_defaults(self.update), **_defaults(self.clock)}

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All hyperparameters: those of `given` that the rule knows, defaults for the rest."""
        return {name: given.get(name, default) for name, default in self.hyperparameters.items()}

    def reach_with(self, values: Mapping[str, Any]) -> Reach:
        """What the rule needs to see under these hyperparameters."""
        wide = any(values.get(option) == value for option, value in self.wide)
        return Reach.TENSOR if wide and self.reach is Reach.ELEMENT else self.reach

    def slots(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the state slots in use under these hyperparameters."""
        idle = self.idle(**self.values(values))
        return tuple(name for name in _fields(self.state) if name not in idle)

    def first_state(self, p: Any, values: Mapping[str, Any]) -> Any:
        """The state before the first step, for a parameter like `p` (tensor or float)."""
        used = self.slots(values)
        return self.state(
            *(arithmetic.full_like(p, self.starts.get(s, 0.0)) if s in used else None for s in _fields(self.state))
        )

    def tick(self, t: int, rates: Rates, values: Mapping[str, Any]) -> Any:
        """The clock at step `t` ≥ 1, from hyperparameters as floats."""
        known = {**self.hyperparameters, **values, "rates": rates}
        return self.clock(t, **{name: known[name] for name in _keywords(self.clock)})

    def direction(self, g: Any, p: Any, s: Any, c: Any, values: Mapping[str, Any]) -> tuple[Any, Any]:
        """The pair (u, new state), from whatever `values` the update takes; others are ignored.

        Nothing is written. But what comes back may be what went in: u may be g, and a slot of
        the new state may be g, p or u. A driver that works in place copies the new state into
        its own storage before it changes p or the gradient.
        """
        return self.update(g, p, s, c, **self.arguments(values))

    def arguments(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Those of `values` that the update takes.

        `torch.compile` cannot look into this; compile `update(g, p, s, c, **arguments)`.
        """
        return {name: values[name] for name in _keywords(self.update) if name in values}


@cache
def _keywords(function: Callable[..., Any]) -> tuple[str, ...]:
    parameters = inspect.signature(function).parameters.values()
    return tuple(parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY)


@cache
def _defaults(function: Callable[..., Any]) -> Mapping[str, Any]:
    parameters = inspect.signature(function).parameters
    found = {name: parameters[name].default for name in _keywords(function)}
    return {name: default for name, default in found.items() if default is not inspect.Parameter.empty}


def _fields(state: type) -> tuple[str, ...]:
    return state._fields  # type: ignore[attr-defined, no-any-return]
