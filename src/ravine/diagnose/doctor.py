"""The doctor: looks at a history for every symptom there is, ranks causes, and says what could not be told."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from ravine.diagnose.symptom import Abstained, Symptom
from ravine.diagnose.symptoms import SYMPTOMS
from ravine.records.condense import condensed
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

Verdict = Literal["healthy", "findings", "cannot-tell"]

_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a history shows.

    Attributes:
        verdict: "cannot-tell" when there is no curve at all to judge by.
        findings: Most likely cause first; consequences are inside their cause's details, under "explains".
        abstained: Symptoms that what was measured can neither see nor rule out.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    abstained: tuple[Abstained, ...]

    def to_json(self) -> dict[str, Any]:
        """This diagnosis in JSON's own types."""
        return {
            "verdict": self.verdict,
            "findings": [finding.to_json() for finding in self.findings],
            "abstained": [asdict(one) for one in self.abstained],
        }


def diagnose(history: History) -> Diagnosis:
    """Look for every symptom; rank what was found, and name what could not be told.

    A history of very many rows is looked at in means of neighbours: see `ravine.records.condense`.
    """
    history = condensed(history)
    there = _measured(history)
    found: list[Finding] = []
    abstained: list[Abstained] = []
    for symptom in SYMPTOMS.values():
        missing = [need for need in symptom.needs if need not in there]
        if missing:
            abstained.append(
                Abstained(
                    symptom=symptom.name, why=f"nothing is written of {_listed(missing)}", measure=symptom.measure
                )
            )
            continue
        seen = symptom.look(history)
        if isinstance(seen, Finding):
            found.append(seen)
        elif seen is not None:
            abstained.append(seen)
    findings = ranked(found)
    verdict: Verdict = "findings" if findings else "healthy" if _judged(history) else "cannot-tell"
    return Diagnosis(verdict, tuple(findings), tuple(abstained))


def examine(history: History) -> list[Finding]:
    """Findings about a training, most likely cause first; none for a healthy run."""
    return list(diagnose(history).findings)


def _judged(history: History) -> bool:
    """Whether there is a curve to call healthy."""
    return any(len(history.series(name, kind)) > 1 for kind in ("epoch", "step") for name in history.names(kind))


def _measured(history: History) -> set[str]:
    names = {*history.names("epoch"), *history.names("step")}
    for row in history.of_kind("layer"):
        names.update(row)
    for kind in ("input", "examples", "fact", "about"):
        if any(True for _ in history.of_kind(kind)):
            names.add(kind)
    return names


def ranked(found: list[Finding]) -> list[Finding]:
    """Findings as causes: roots, worst and surest first, each with the names of what it explains."""
    names = {finding.symptom for finding in found}
    roots = [finding for finding in found if not names.intersection(_all_causes(finding.symptom) - {finding.symptom})]
    explained = [finding for finding in found if finding not in roots]
    for place, root in enumerate(roots):
        effects = [finding.symptom for finding in explained if root.symptom in _all_causes(finding.symptom)]
        if effects:
            roots[place] = replace(root, details={**root.details, "explains": effects})
    return sorted(roots, key=lambda one: (_RANK[one.severity], -one.confidence, one.first_step or 0))


def _all_causes(name: str) -> set[str]:
    """What brings a symptom about, directly or through others."""
    causes: set[str] = set()
    ahead = [name]
    while ahead:
        symptom: Symptom = SYMPTOMS[ahead.pop()]
        fresh = set(symptom.causes) - causes
        causes |= fresh
        ahead += [cause for cause in fresh if cause in SYMPTOMS]
    return causes


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
