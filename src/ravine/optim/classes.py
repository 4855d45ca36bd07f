"""The optimizer classes, made from the records of the rules.

Each has torch's name and torch's arguments, a signature that `inspect` and `help` show, and can be
pickled. Faults of arguments are reported all at once, in the words of the rule's bounds.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from typing import Any

from ravine.core.catalogue import Catalogue
from ravine.optim.around import AROUND
from ravine.optim.driver import RuleOptimizer
from ravine.optim.family import Family, Group
from ravine.rules import RULES

_MOMENTS = {"m": "exp_avg", "v": "exp_avg_sq"}


def _descent(group: Group) -> Any:
    if not group["momentum"]:
        return RULES["sgd"]
    return RULES["nesterov" if group["nesterov"] else "momentum"]


FAMILIES = (
    Family(
        name="SGD",
        key="sgd",
        rules=(RULES["sgd"], RULES["momentum"], RULES["nesterov"]),
        choose=_descent,
        defaults={"momentum": 0.0},
        extra={"nesterov": False},
        slots={"v": "momentum_buffer"},
    ),
    Family(name="Adam", key="adam", rules=(RULES["adam"],), slots=_MOMENTS),
    Family(name="AdamW", key="adamw", rules=(RULES["adamw"],), slots=_MOMENTS),
)
"""The only list of optimizer classes."""


def make(family: Family) -> type[RuleOptimizer]:
    """The optimizer class of a family."""
    made = type(family.name, (RuleOptimizer,), {"family": family, "__module__": "ravine.optim"})
    made.__doc__ = _described(family)
    made.__signature__ = _signature(family)  # type: ignore[attr-defined]
    return made


def _signature(family: Family) -> inspect.Signature:
    by_place = {"lr": family.lr, **family.arguments()}
    parameter, either, keyword = (
        inspect.Parameter,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
    return inspect.Signature(
        [
            parameter("params", either),
            *(parameter(name, either, default=default) for name, default in by_place.items()),
            *(parameter(name, keyword, default=default) for name, default in AROUND.items()),
            parameter("engine", keyword, default="auto"),
        ]
    )


def _described(family: Family) -> str:
    lines = [family.rule.update.__doc__ or "", "", "As an optimizer:", ""]
    lines += [f"- {rule.name}: {rule.formula}. {rule.source}." for rule in family.rules]
    if family.rule.twin:
        lines += ["", f"Agrees with `{family.rule.twin}` to rounding, and takes over its state."]
    return textwrap.dedent("\n".join(lines)).strip() + "\n"


CLASSES: Mapping[str, type[RuleOptimizer]] = {family.name: make(family) for family in FAMILIES}

OPTIMIZERS: Catalogue[type[RuleOptimizer]] = Catalogue("optimizer", CLASSES.values(), lambda made: made.family.key)
"""Command-line name → class."""
