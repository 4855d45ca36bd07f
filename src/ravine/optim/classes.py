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
from ravine.rules import RULES, Rule

_MOMENTS = {"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq"}


def _descent(group: Group) -> Rule:
    if not group["momentum"]:
        return RULES["sgd"]
    return RULES["nesterov" if group["nesterov"] else "momentum"]


def _adam(group: Group) -> Rule:
    return RULES["amsgrad" if group["amsgrad"] else "adam"]


def _schedule_free(group: Group) -> Rule:
    return RULES[f"schedule_free_{group['base']}"]


_AMSGRAD: Mapping[str, Any] = {
    "words": {"mode": "amsgrad_mode"},
    "extra": {"amsgrad": False},
    "choices": {"amsgrad": (False, True)},
    "slots": _MOMENTS,
}

FAMILIES = (
    Family(
        name="SGD",
        key="sgd",
        rules=(RULES["sgd"], RULES["momentum"], RULES["nesterov"]),
        choose=_descent,
        defaults={"momentum": 0.0},
        extra={"nesterov": False},
        choices={"nesterov": (False, True)},
        slots={"v": "momentum_buffer"},
    ),
    Family(name="Adagrad", key="adagrad", rules=(RULES["adagrad"],), slots={"s": "sum"}),
    Family(
        name="RMSprop",
        key="rmsprop",
        rules=(RULES["rmsprop"],),
        slots={"s": "square_avg", "mean": "grad_avg", "velocity": "momentum_buffer"},
    ),
    Family(name="Adam", key="adam", rules=(RULES["adam"], RULES["amsgrad"]), choose=_adam, **_AMSGRAD),
    Family(name="AdamW", key="adamw", rules=(RULES["adamw"], RULES["amsgrad"]), choose=_adam, **_AMSGRAD),
    Family(name="NAdam", key="nadam", rules=(RULES["nadam"],), slots=_MOMENTS),
    Family(name="DiffGrad", key="diffgrad", rules=(RULES["diffgrad"],), slots=_MOMENTS),
    Family(name="RAdam", key="radam", rules=(RULES["radam"],), slots=_MOMENTS),
    Family(name="AdaBelief", key="adabelief", rules=(RULES["adabelief"],), slots={"m": "exp_avg", "s": "exp_avg_var"}),
    Family(name="AngularGrad", key="angulargrad", rules=(RULES["angulargrad"],), slots=_MOMENTS),
    Family(name="AdaInject", key="adainject", rules=(RULES["adainject"],), slots=_MOMENTS),
    Family(name="Lion", key="lion", rules=(RULES["lion"],), slots=_MOMENTS),
    Family(name="LAMB", key="lamb", rules=(RULES["lamb"],), slots=_MOMENTS),
    Family(name="Muon", key="muon", rules=(RULES["muon"],)),
    Family(
        name="ScheduleFree",
        key="schedule_free",
        rules=(RULES["schedule_free_adamw"], RULES["schedule_free_sgd"]),
        choose=_schedule_free,
        extra={"base": "adamw"},
        choices={"base": ("adamw", "sgd")},
    ),
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
