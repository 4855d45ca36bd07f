"""A rule as one of our optimizer classes: which class, and which arguments in torch's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ravine.optim.classes import FAMILIES
from ravine.optim.family import Family
from ravine.rules.rule import Rule


def class_of(rule: Rule) -> tuple[Family, dict[str, Any]]:
    """The class that runs `rule`, and the arguments that make it run this one.

    >>> from ravine.rules import RULES
    >>> family, given = class_of(RULES["nesterov"])
    >>> family.name, given
    ('SGD', {'momentum': 0.9, 'nesterov': True})
    """
    for family in FAMILIES:
        if family.rule is rule:
            return family, {}
    for family in FAMILIES:
        if rule in family.rules:
            for given in _ways(family, rule):
                if family.rule_of({**family.arguments(), **given}) is rule:
                    return family, given
    raise LookupError(rule.name)


def arguments(family: Family, rule: Rule, values: Mapping[str, Any]) -> dict[str, Any]:
    """The rule's hyperparameters `values` as arguments of its class."""
    found: dict[str, Any] = {family.words.get(name, name): value for name, value in values.items()}
    if "beta1" in found or "beta2" in found:
        whole = rule.values(values)
        found["betas"] = (whole["beta1"], whole["beta2"])
    return {name: value for name, value in found.items() if name not in ("beta1", "beta2")}


def _ways(family: Family, rule: Rule) -> Iterator[dict[str, Any]]:
    """Arguments that may turn the family to another of its rules, few first."""
    known = family.arguments()
    differing = {n: d for n, d in rule.hyperparameters.items() if n in known and known[n] != d}
    chosen = [{name: value} for name, allowed in family.choices.items() for value in allowed if value != known[name]]
    yield from chosen
    yield differing
    yield from ({**differing, **choice} for choice in chosen)
