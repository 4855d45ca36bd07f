"""What a symptom is: a function of a history, and a record around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ravine.records.finding import Finding, Severity
from ravine.records.history import History


class Tier(StrEnum):
    """What must have been measured for a symptom to be seen."""

    CURVES = "A"  # losses and metrics, from any log
    RATES = "B"  # and learning rate, gradient norm
    LAYERS = "C"  # and gradients, updates, activations, modes layer by layer
    PROBES = "D"  # and a few batches through the live model


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstained:
    """A symptom that may or may not be there: what was measured cannot tell.

    Attributes:
        symptom: Its name.
        why: What is missing, in a clause.
        measure: The cheapest next measurement that would decide, as something to do.
    """

    symptom: str
    why: str
    measure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """The record of one symptom.

    Attributes:
        name: Reads after "this run …": "overfits", "turns-nan".
        look: History → finding; None when the symptom is not there; or `Abstained`, when what is
            written leaves room for it.
        needs: Curves, facts or layer quantities without which it abstains, asked before `look`.
        measure: What to do so that it can be told, when `needs` is not there.
        causes: Symptoms that bring this one about; where one of them is found, this one is a
            consequence and is named there, not beside it.
        tier: What kind of measurements those are.
        severity: How much it matters.
        advice: One change to make.
    """

    name: str
    look: Callable[[History], Finding | Abstained | None]
    needs: tuple[str, ...] = ()
    measure: str = "ravine watch"
    causes: tuple[str, ...] = ()
    tier: Tier
    severity: Severity
    advice: str
