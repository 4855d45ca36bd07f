"""What the watcher says of a training, in words for a person."""

from __future__ import annotations

from ravine.diagnose.doctor import Diagnosis
from ravine.records.finding import Finding


def verdict_lines(diagnosis: Diagnosis, steps: int) -> list[str]:
    """The verdict of a training of `steps` steps, the first line being all a person in a hurry needs.

    >>> verdict_lines(Diagnosis("healthy", (), ()), 300)
    ['healthy: nothing found in 300 steps']
    """
    if diagnosis.verdict == "cannot-tell":
        return [f"cannot tell: no loss was seen in {_steps(steps)}"]
    if diagnosis.verdict == "healthy":
        unsure = len(diagnosis.abstained)
        rest = f"; {unsure} {'symptom' if unsure == 1 else 'symptoms'} cannot be told from this" if unsure else ""
        return [f"healthy: nothing found in {_steps(steps)}{rest}"]
    count = len(diagnosis.findings)
    lines = [f"{count} {'finding' if count == 1 else 'findings'} in {_steps(steps)}, the most likely cause first"]
    for number, finding in enumerate(diagnosis.findings, start=1):
        lines.append(f"{number}. {finding.severity}: this run {finding.symptom}: {finding.evidence}")
        lines.append(f"   {finding.advice}")
    return lines


def live_line(finding: Finding, step: int) -> str:
    """A finding while the program runs."""
    return f"at step {step:,}: this run {finding.symptom}: {finding.evidence} {finding.advice}"


def _steps(count: int) -> str:
    return f"{count:,} {'step' if count == 1 else 'steps'}"
