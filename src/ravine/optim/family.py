"""Which arguments an optimizer class takes, and which rule with which values they stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ravine.rules.rule import Rule

Group = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Family:
    """One optimizer class: torch's words outside, the rules' words inside.

    Attributes:
        name: Name of the class.
        key: Name on the command line and in errors.
        rules: The rules it may run; the first gives learning rate, decay and documentation.
        choose: Group → the one of `rules` that the group's arguments stand for.
        words: Rule's word → torch's word, where they differ; `betas` is done for all.
        defaults: Defaults that differ from the rule's.
        extra: Arguments that choose the rule, with their defaults.
        choices: What those may be.
        slots: Rule's slot → torch's name of it, in `state` and `state_dict`.
    """

    name: str
    key: str
    rules: tuple[Rule, ...]
    choose: Callable[[Group], Rule] | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    slots: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def rule(self) -> Rule:
        """The rule that stands for the family."""
        return self.rules[0]

    @property
    def lr(self) -> float:
        """The learning rate when the user names none."""
        return float(self.defaults.get("lr", self.rule.lr))

    def rule_of(self, group: Group) -> Rule:
        """The rule that the arguments of `group` stand for."""
        return self.choose(group) if self.choose else self.rule

    def faults(self, group: Group) -> list[str]:
        """What is wrong with the arguments that choose the rule, one sentence each."""
        found = []
        for name, allowed in self.choices.items():
            if not any(type(group[name]) is type(one) and group[name] == one for one in allowed):
                found.append(f"{name} must be one of {', '.join(map(repr, allowed))}; got {group[name]!r}.")
        return found

    def arguments(self) -> dict[str, Any]:
        """The rules' hyperparameters in torch's words with their defaults; numbers before options."""
        found: dict[str, Any] = {}
        for rule in self.rules:
            numbers = {n: d for n, d in rule.hyperparameters.items() if n in rule.bounds}
            if "beta1" in numbers and "beta2" in numbers:
                found.setdefault("betas", (numbers.pop("beta1"), numbers.pop("beta2")))
            for name, default in numbers.items():
                found.setdefault(self.words.get(name, name), default)
        if "weight_decay" not in found:
            found["weight_decay"] = self.rule.weight_decay
        for rule in self.rules:
            for name, default in rule.hyperparameters.items():
                if name not in rule.bounds:
                    found.setdefault(self.words.get(name, name), default)
        found.update(self.extra)
        return {name: self.defaults.get(name, default) for name, default in found.items()}

    def values(self, group: Group, rule: Rule) -> dict[str, Any]:
        """The rule's hyperparameters, from a group in torch's words."""
        given = {
            ours: group[theirs] for ours in rule.hyperparameters if (theirs := self.words.get(ours, ours)) in group
        }
        if "betas" in group:
            given.update(zip(("beta1", "beta2"), group["betas"], strict=True))
        return rule.values(given)

    def slot_name(self, slot: str) -> str:
        """The name of a rule's slot in `state`."""
        return self.slots.get(slot, slot)
