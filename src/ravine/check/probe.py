"""What a probe is: one measurement on copies of a live model, and a record around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ravine.check.subject import Subject
from ravine.core.sources import Source
from ravine.diagnose.exact import finding
from ravine.diagnose.symptoms import SYMPTOMS
from ravine.records.finding import Finding, Severity


class State(StrEnum):
    """How a probe came out."""

    PASSED = "passed"
    FINDING = "finding"
    UNSURE = "cannot tell"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Trace:
    """A curve that a probe measured, for the page.

    Attributes:
        title: What it shows.
        x: Steps, or learning rates.
        y: Losses.
        across: What x is.
        level: A loss to compare with: that of a guess.
        log_x: Whether x spans decades.
    """

    title: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    across: str = "step"
    level: float | None = None
    log_x: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a probe saw.

    Attributes:
        state: How it came out.
        said: The same in a sentence with its numbers, or why it could not be told.
        findings: What is wrong; none unless the state says so.
        measure: The cheapest next measurement that would decide, where this one could not.
        traces: Curves behind it.
    """

    state: State
    said: str
    findings: tuple[Finding, ...] = ()
    measure: str = ""
    traces: tuple[Trace, ...] = ()


def passed(said: str, *traces: Trace) -> Seen:
    """Nothing is wrong as far as this probe sees."""
    return Seen(state=State.PASSED, said=said, traces=traces)


def unsure(why: str, measure: str, *traces: Trace) -> Seen:
    """Neither seen nor ruled out; `measure` would tell."""
    return Seen(state=State.UNSURE, said=why, measure=measure, traces=traces)


def not_asked(why: str) -> Seen:
    """A question that does not arise with this model and these data."""
    return Seen(state=State.NOT_ASKED, said=why)


def found(
    symptom: str,
    evidence: str,
    *traces: Trace,
    advice: str = "",
    confidence: float = 1.0,
    severity: Severity | None = None,
    **details: Any,
) -> Seen:
    """Something is wrong: a finding of `symptom`, with its own advice unless another is given."""
    one = finding(
        SYMPTOMS[symptom],
        evidence,
        step=None,
        details=details,
        advice=advice,
        confidence=confidence,
        severity=severity,
    )
    return Seen(state=State.FINDING, said=evidence, findings=(one,), traces=traces)


@dataclass(frozen=True, slots=True)
class Need:
    """Something without which a probe cannot tell.

    Attributes:
        there: Whether the subject has it.
        why: What is missing, in a clause.
        measure: How it can be had.
    """

    there: Callable[[Subject], bool]
    why: str
    measure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The record of one probe.

    Attributes:
        name: On the command line, in the catalogue, of its file and its page.
        look: Subject → what was seen. It works on copies alone, and ends soon after the subject's time is over.
        symptoms: Of the catalogue, that it can find.
        needs: What it cannot do without, asked before `look`.
        share: Of the time, beside the other probes' shares.
        source: Where the measurement comes from.
    """

    name: str
    look: Callable[[Subject], Seen]
    symptoms: tuple[str, ...]
    needs: tuple[Need, ...] = ()
    share: float = 1.0
    source: Source
