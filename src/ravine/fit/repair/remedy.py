"""What a remedy is: a few changes to try, and what speaks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ravine.core.sources import Source
from ravine.fit.repair.case import Case
from ravine.train.adjusted import Adjusted


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing to try.

    Attributes:
        words: For people: "learning rate × 0.1".
        adjusted: The settings to go on with, those of earlier repairs included.
        model: Choices of the recipe's [model] to begin anew with; empty: it goes on with the weights there are.
    """

    words: str
    adjusted: Adjusted
    model: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """The record of one remedy.

    Attributes:
        name: Of its file, in the imperative.
        changes: Case → what to try, the gentlest first; nothing where it does not apply.
        prior: What speaks for it whatever the symptoms.
        helps: Symptom → what speaks for it where that was found for certain.
        ladder: Whether later changes are stronger ones, to be tried as long as the last failed or did better still.
        source: Where it comes from.
    """

    name: str
    changes: Callable[[Case], Sequence[Change]]
    prior: float
    helps: Mapping[str, float] = field(default_factory=dict)
    ladder: bool = False
    source: Source

    def promise(self, case: Case) -> float:
        """How much speaks for it: its prior, and each symptom's share by the symptom's confidence."""
        return self.prior + sum(weight * case.symptoms.get(name, 0.0) for name, weight in self.helps.items())
