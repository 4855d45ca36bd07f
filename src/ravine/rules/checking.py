"""Refuses hyperparameters that a rule does not allow, all faults at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import Faults
from ravine.core.intervals import Interval


class Bounded(Protocol):
    """A record that says what its hyperparameters may be: a rule or a wrapper."""

    @property
    def name(self) -> str:
        """Its one public name."""

    @property
    def bounds(self) -> Mapping[str, Interval]:
        """Allowed intervals."""

    @property
    def options(self) -> Mapping[str, Sequence[Any]]:
        """Allowed values."""


def check_hyperparameters(rule: Bounded, **values: Any) -> None:
    """Raise unless each of `values` is a hyperparameter of `rule` and inside its bounds.

    A tensor, one value a member, is inside when all its elements are.

    >>> from ravine.rules import RULES
    >>> check_hyperparameters(RULES["adam"], beta1=0.9)
    >>> check_hyperparameters(RULES["adam"], beta1=1.0)
    Traceback (most recent call last):
    ravine.core.errors.Faults: adam: beta1 must be in [0, 1); got 1.0.

    Raises:
        Faults: In the words "adam: beta1 must be in [0, 1); got 1.0."
    """
    faults = [fault for name, value in values.items() for fault in _faults(rule, name, value)]
    if faults:
        raise Faults(rule.name, faults)


def _faults(rule: Bounded, name: str, value: Any) -> Iterable[str]:
    if name in rule.options:
        if not _chosen(value, rule.options[name]):
            yield f"{name} must {_must(rule.options[name])}; got {value!r}."
    elif name in rule.bounds:
        bound = rule.bounds[name]
        for number in _extremes(value):
            if not _number(number) or not bound.contains(number):
                yield f"{name} must {bound.must}; got {number!r}."
                return
    else:
        known = [*rule.bounds, *rule.options]
        takes = f"Known: {', '.join(known)}." if known else "It takes none."
        yield f"no hyperparameter {name!r}.{did_you_mean(name, known)} {takes}"


def _extremes(value: Any) -> Sequence[Any]:
    if isinstance(value, Tensor) and value.numel():
        return (value.min().item(), value.max().item())
    return (value,)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _chosen(value: Any, allowed: Sequence[Any]) -> bool:
    """Membership that does not take 1 for True."""
    return any(type(value) is type(one) and value == one for one in allowed)


def _must(allowed: Sequence[Any]) -> str:
    if isinstance(allowed, range):
        return f"be a whole number in [{allowed[0]}, {allowed[-1]}]"
    return "be one of " + ", ".join(repr(one) for one in allowed)
