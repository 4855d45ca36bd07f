"""The report in a few lines of plain text, for the end of a run in a terminal."""

from __future__ import annotations

import re

from ravine.records.finding import Severity
from ravine.records.folder import RunFolder
from ravine.report.about import about, status
from ravine.report.commands import commands
from ravine.report.material import Material
from ravine.report.numbers import duration, interval_text, label, measure, plural, value_text
from ravine.report.panels.ensemble import beyond_noise, gain_said
from ravine.report.verdict import rivals, verdict

_MOST_FINDINGS = 5
_SIGN = {Severity.ERROR: "x", Severity.WARNING: "!", Severity.NOTE: "-"}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def summary(folder: RunFolder) -> str:
    """What was trained, how good it is, what was found, where things lie; lines without colours.

    Raises:
        BadRun: A record is there and cannot be understood.
    """
    return "\n".join(_lines(Material.of(folder)))


def _lines(material: Material) -> list[str]:
    word, sentence, _ = status(material)
    lines = [_clean(f"{material.name}: {about(material) or 'nothing was read yet.'}")]
    if sentence:
        lines.append(_entry("status", f"{word}; go on with: ravine resume {material.folder.path}"))
    lines += _scores(material)
    said = verdict(material)
    if said:
        lines.append(_entry("verdict", said))
    lines += _findings(material)
    if material.folder.report.exists():
        lines.append(_entry("report", str(material.folder.report)))
    if material.results.status == "done":
        lines.append(_entry("next", commands(material)[0][1]))
    return lines


def _scores(material: Material) -> list[str]:
    lines: list[str] = []
    test, train = material.results.test, material.results.train
    if train:
        best = f", best {train.best_epoch}" if train.best_epoch else ""
        pace = f"{plural(train.epochs, 'epoch')}{best}, {duration(train.seconds)}; stopped by {train.stopped_by}"
        lines.append(_entry("training", pace))
        watched = material.watched
        if test is None and watched:
            lines.append(_entry("validation", f"{label(watched)} {measure(watched, train.best_value)}"))
    for score in test.scores if test else ():
        interval = interval_text(score)
        lines.append(
            _entry(
                "test", f"{label(score.name)} {value_text(score)}" + (f" (95% interval {interval})" if interval else "")
            )
        )
    section = material.results.ensemble
    for gain in section.gains[:1] if section else ():
        assert section is not None
        said = f"{plural(len(section.members), 'member')}; over the mean member {gain_said(gain)}, {beyond_noise(gain)}"
        lines.append(_entry("ensemble", said))
    found = rivals(material)
    if found:
        said = ", ".join(f"{rival.name} {value_text(rival.score)}" for rival in found)
        lines.append(_entry("baselines", said))
    return lines


def _findings(material: Material) -> list[str]:
    lines: list[str] = []
    shown = material.findings[:_MOST_FINDINGS]
    for finding in shown:
        lines.append(_entry("finding", f"{_SIGN[finding.severity]} {finding.symptom}: {finding.evidence}"))
        lines.append(_entry("", f"  → {finding.advice}"))
    left = len(material.findings) - len(shown)
    if left > 0:
        lines.append(_entry("", f"{plural(left, 'finding')} more in the report"))
    return lines


def _entry(name: str, value: str) -> str:
    return f"  {name:<11}{_clean(value)}"


def _clean(line: str) -> str:
    """Without line breaks, terminal codes and turned directions that data may carry."""
    return _CONTROL.sub(" ", line)
