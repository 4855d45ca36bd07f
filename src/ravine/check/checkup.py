"""What a check found: the verdict, ranked findings, what could not be told, and how every probe came out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ravine.check.probe import Probe, Seen, State
from ravine.diagnose.doctor import Diagnosis, Verdict, ranked
from ravine.diagnose.symptom import Abstained
from ravine.records.finding import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A probe, what it saw, and how long it looked."""

    probe: Probe
    seen: Seen
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """What a check found; `print` it.

    Attributes:
        name: What was checked: the model's class, or how it was named on the command line.
        parameters: Numbers that can be trained.
        rows: Examples looked at.
        asked: Every probe that was asked, in order.
        seconds: How long all of it took.
        stopped: Whether it was stopped by Ctrl-C before all were asked.
    """

    name: str
    parameters: int
    rows: int
    asked: tuple[Asked, ...]
    seconds: float
    stopped: bool = False

    @property
    def diagnosis(self) -> Diagnosis:
        """The same as the doctor and the watcher say it: findings most likely cause first."""
        found: dict[str, Finding] = {}
        for one in self.asked:
            for finding in one.seen.findings:
                found.setdefault(finding.symptom, finding)
        return Diagnosis(self.verdict, tuple(ranked(list(found.values()))), self._abstained(set(found)))

    @property
    def findings(self) -> list[Finding]:
        """What is wrong, most likely cause first."""
        return list(self.diagnosis.findings)

    @property
    def verdict(self) -> Verdict:
        """Healthy where any probe passed and none found anything; "cannot-tell" where no probe came to an answer."""
        states = {one.seen.state for one in self.asked}
        return "findings" if State.FINDING in states else "healthy" if State.PASSED in states else "cannot-tell"

    def to_json(self) -> dict[str, Any]:
        """Everything, in JSON's own types: the form of `ravine watch` and `ravine diagnose`, and each probe."""
        return {
            **self.diagnosis.to_json(),
            "name": self.name,
            "parameters": self.parameters,
            "rows": self.rows,
            "seconds": self.seconds,
            "stopped": self.stopped,
            "probes": [
                {
                    "probe": one.probe.name,
                    "state": one.seen.state.value,
                    "said": one.seen.said,
                    "measure": one.seen.measure,
                    "seconds": one.seconds,
                    "traces": [asdict(trace) for trace in one.seen.traces],
                }
                for one in self.asked
            ],
        }

    def __str__(self) -> str:
        from ravine.check.text import checkup_text

        return checkup_text(self)

    def _abstained(self, found: set[str]) -> tuple[Abstained, ...]:
        untold: dict[str, Abstained] = {}
        for one in self.asked:
            if one.seen.state is State.UNSURE:
                for symptom in one.probe.symptoms:
                    if symptom not in found:
                        untold.setdefault(
                            symptom, Abstained(symptom=symptom, why=one.seen.said, measure=one.seen.measure)
                        )
        return tuple(untold.values())
