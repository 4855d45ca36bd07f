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
class Symptom:
    """The record of one symptom.

    Attributes:
        name: Reads after "this run …": "overfits", "turns-nan".
        look: History → finding, or None when the symptom is not there or cannot be told.
        needs: Curves without which it abstains.
        tier: What kind of measurements those are.
        severity: How much it matters.
        advice: One change to make.
    """

    name: str
    look: Callable[[History], Finding | None]
    needs: tuple[str, ...]
    tier: Tier
    severity: Severity
    advice: str
