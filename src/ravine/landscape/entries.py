"""Who takes part in a race: a rule of the catalogue, with hyperparameters or something around it where wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ravine.core.catalogue import Catalogue
from ravine.core.errors import BadValue, refusal
from ravine.optim.around import BOUNDS
from ravine.rules import RULES, WRAPPERS, Rule, Wrapper
from ravine.rules.checking import check_hyperparameters
from ravine.rules.rule import Reach

CONTESTANTS: Catalogue[Rule | Wrapper] = Catalogue(
    "optimizer", [*RULES.values(), *WRAPPERS.values()], lambda member: member.name
)
"""Every rule, and what goes around one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One contestant.

    Attributes:
        label: What it is called in tables and pictures.
        rule: The rule that steps.
        values: Hyperparameters that differ from the rule's defaults.
        weight_decay: λ; 0 unless asked for, since decay would move the minimum.
        wrapper: What goes around the rule, if anything.
        wrapping: The wrapper's hyperparameters that differ from its defaults.
    """

    label: str
    rule: Rule
    values: Mapping[str, Any] = field(default_factory=dict)
    weight_decay: float = 0.0
    wrapper: Wrapper | None = None
    wrapping: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stackable(self) -> bool:
        """Whether members of this entry may be stepped as one tensor.

        A stack takes weight decay for the driver's, so that a rule with its own is stepped alone unless all is as by
        default.
        """
        own = self.rule.decay == "own" and self.rule.values(self.values) != self.rule.hyperparameters
        return self.wrapper is None and not own and self.rule.reach_with(self.rule.values(self.values)) is Reach.ELEMENT


def entry(text: str) -> Entry:
    """The contestant that `text` names: `NAME`, or `NAME:KEY=VALUE:KEY=VALUE`.

    A wrapper goes around gradient descent unless `base` says what else.

    >>> entry("momentum:momentum=0.99").values
    {'momentum': 0.99}
    >>> entry("lookahead:base=adam:k=10").rule.name
    'adam'

    Raises:
        BadValue: A name is unknown or a value is not allowed.
    """
    name, *pairs = (part.strip() for part in text.split(":"))
    name = name.replace("-", "_")
    given = dict(_pair(text, pair) for pair in pairs)
    member = CONTESTANTS[name]
    if isinstance(member, Rule):
        return _entry(text, member, given)
    base = given.pop("base", "sgd")
    if not isinstance(base, str) or base not in RULES:
        raise BadValue(refusal(name, "base", "be the name of a rule", base, f"Known: {', '.join(RULES)}."))
    wrapping = {key: given.pop(key) for key in member.defaults if key in given}
    check_hyperparameters(member, **wrapping)
    return _entry(text, RULES[base], given, wrapper=member, wrapping=wrapping)


def _entry(label: str, rule: Rule, given: dict[str, Any], **around: Any) -> Entry:
    if "weight_decay" in rule.bounds:  # the rule's own, and off unless asked for like everybody's
        values = {"weight_decay": 0.0, **given}
        check_hyperparameters(rule, **values)
        return Entry(label=label, rule=rule, values=values, **around)
    decay = given.pop("weight_decay", 0.0)
    if isinstance(decay, str):
        raise BadValue(refusal(rule.name, "weight_decay", BOUNDS["weight_decay"].must, decay))
    BOUNDS["weight_decay"].check(rule.name, "weight_decay", decay)
    check_hyperparameters(rule, **given)
    return Entry(label=label, rule=rule, values=given, weight_decay=decay, **around)


def _pair(text: str, pair: str) -> tuple[str, Any]:
    key, equals, value = pair.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise BadValue(f"race: {text!r} must read like momentum:momentum=0.99; got {pair!r} after the colon.")
    return key.strip(), _value(value.strip())


def _value(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text
