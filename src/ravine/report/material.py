"""What a report is made of: everything a run folder says, read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ravine.core.errors import BadRun
from ravine.core.files import read_json
from ravine.records.finding import Finding, Severity, read_findings
from ravine.records.folder import RunFolder
from ravine.records.history import History
from ravine.records.results import Results, Score

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The records of one run.

    Attributes:
        folder: Where the run lies.
        results: The sections that its steps wrote; absent ones did not run.
        history: The rows of its training; empty before the first.
        findings: The gravest first.
        audited: Whether findings were written at all.
        environment: Machine and versions; empty when not written.
        recipe: The recipe as TOML text; "" when there is none.
    """

    folder: RunFolder
    results: Results
    history: History
    findings: tuple[Finding, ...] = ()
    audited: bool = False
    environment: dict[str, Any]
    recipe: str = ""

    @classmethod
    def of(cls, folder: RunFolder) -> Material:
        """Read what is there.

        Raises:
            BadRun: A file is there and cannot be understood; the text names it.
        """
        try:
            findings = read_findings(folder.findings)
        except (KeyError, TypeError, ValueError) as error:
            raise BadRun(f"{folder.findings}: not a list of findings ({error!r}). Remove it and try again.") from None
        environment = read_json(folder.environment) if folder.environment.exists() else {}
        return cls(
            folder=folder,
            results=Results.read(folder.results),
            history=History.of_run(folder.metrics),
            findings=tuple(sorted(findings, key=lambda finding: (_ORDER[finding.severity], -finding.confidence))),
            audited=folder.findings.exists(),
            environment=environment if isinstance(environment, dict) else {},
            recipe=folder.recipe.read_text(encoding="utf-8", errors="replace") if folder.recipe.exists() else "",
        )

    @property
    def name(self) -> str:
        """What the run is called: its data, else its folder."""
        return self.results.data.name if self.results.data else self.folder.path.name

    @property
    def score(self) -> Score | None:
        """The main score on the test part."""
        test = self.results.test
        return next((score for score in test.scores if score.name == test.metric), None) if test else None

    @property
    def watched(self) -> str:
        """The metric watched, without "val_", or the likeliest from the curves; "" when there is none."""
        if self.results.train and self.results.train.metric:
            return self.results.train.metric.removeprefix("val_")
        names = self.history.names()
        found = [name.removeprefix("val_") for name in names if name.startswith("val_") and name != "val_loss"]
        return found[0] if found else ""
