"""A diagnosis in a few lines that a person can act on: the verdict, the one thing to change, then the evidence."""

from __future__ import annotations

import re
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Sequence

from ravine.diagnose.doctor import Diagnosis
from ravine.diagnose.symptom import Abstained
from ravine.records.condense import condensed
from ravine.records.finding import Finding
from ravine.records.history import History, Mapped
from ravine.report.diagnosis_compare import Compared, Entry, compared, curve_label, run_names
from ravine.report.numbers import count, gain_text, measure, percent, plural

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MOST_MEASURES = 3
_MOST_NAMES = 4
_MOST_MAPPED = 12


def diagnosis_text(history: History, diagnosis: Diagnosis, *, every: bool = False, width: int = 100) -> str:
    """What one run shows.

    Args:
        history: Of the run.
        diagnosis: What was found in it.
        every: Name all that could not be told, not only what it would take.
        width: Columns to write in.
    """
    return "\n".join(_lines(history, diagnosis, str(history.source), every=every, width=width))


def diagnoses_text(
    histories: Sequence[History], diagnoses: Sequence[Diagnosis], *, every: bool = False, width: int = 100
) -> str:
    """What several runs show, and how they compare."""
    lines: list[str] = []
    names = run_names(histories)
    for name, history, diagnosis in zip(names, histories, diagnoses, strict=True):
        lines += [*_lines(history, diagnosis, name, every=every, width=width), ""]
    return "\n".join([*lines, *comparison_lines(compared(histories))]).rstrip()


def unit(history: History) -> str:
    """What the steps of a history are: "step", or "epoch" or "row" where its log counted none."""
    said = history.about.get("step_unit", "step")
    return said if said in ("epoch", "row") else "step"


def verdict_sentence(diagnosis: Diagnosis) -> str:
    """The verdict in a sentence."""
    if diagnosis.verdict == "cannot-tell":
        return "cannot tell: there are too few values to judge by."
    if diagnosis.verdict == "healthy":
        return "healthy: nothing was found."
    others = len(diagnosis.findings) - 1
    more = f", and {plural(others, 'more finding')}" if others else ""
    return f"this run {diagnosis.findings[0].symptom}{more}."


def where(finding: Finding, history: History) -> str:
    """Since when, and how sure: "from step 40, confidence 80%"."""
    said = [] if finding.first_step is None else [f"from {unit(history)} {count(finding.first_step)}"]
    if finding.confidence < 1:
        said.append(f"confidence {percent(finding.confidence, 0)}")
    return ", ".join(said)


def explained_by(finding: Finding) -> list[str]:
    """The names of symptoms that are consequences of a finding."""
    effects = finding.details.get("explains")
    return [str(effect) for effect in effects] if isinstance(effects, list | tuple) else []


def measures(abstained: Sequence[Abstained]) -> list[tuple[str, list[str]]]:
    """What to measure next, and which symptoms each measurement would decide; the one that decides most first."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for one in abstained:
        grouped[one.measure].append(one.symptom)
    return sorted(grouped.items(), key=lambda group: -len(group[1]))


def _lines(history: History, diagnosis: Diagnosis, name: str, *, every: bool, width: int) -> Iterator[str]:
    yield _clean(f"{name}: {verdict_sentence(diagnosis)}")
    if diagnosis.findings:
        yield from _wrapped(f"Change first: {diagnosis.findings[0].advice}", width)
    for number, finding in enumerate(diagnosis.findings, start=1):
        yield ""
        told = where(finding, history)
        yield from _wrapped(
            f"{number}. {finding.severity}: this run {finding.symptom}" + (f" ({told})" if told else ""), width
        )
        yield from _wrapped(finding.evidence, width, "   ")
        if number > 1:
            yield from _wrapped(f"→ {finding.advice}", width, "   ")
        effects = explained_by(finding)
        if effects:
            yield from _wrapped(f"It explains that this run {_and(effects)}.", width, "   ")
    if diagnosis.abstained:
        yield ""
        yield from _untold(diagnosis.abstained, every=every, width=width)
    if history.mapping or history.notes:
        yield ""
        yield from _how_read(history, every=every, width=width)


def _untold(abstained: Sequence[Abstained], *, every: bool, width: int) -> Iterator[str]:
    if every:
        yield "Could not be told:"
        for one in abstained:
            yield from _wrapped(f"{one.symptom}: {one.why}. To tell: {one.measure}", width, "  ")
        return
    groups = measures(abstained)
    yield f"{plural(len(abstained), 'symptom')} could not be told. What would tell most of them:"
    for measure_, symptoms in groups[:_MOST_MEASURES]:
        shown = ", ".join(symptoms[:_MOST_NAMES]) + (", …" if len(symptoms) > _MOST_NAMES else "")
        yield from _wrapped(f"{measure_} ({len(symptoms)}: {shown})", width, "  ")
    if len(groups) > _MOST_MEASURES:
        yield "  all of them: --all"


def _how_read(history: History, *, every: bool, width: int) -> Iterator[str]:
    curves = [one for one in history.mapping if one.ours]
    shown = curves if every else curves[:_MOST_MAPPED]
    told = [_mapped(one) for one in shown]
    left = len(curves) - len(shown)
    told += [f"and {left} more (--all)"] if left else []
    if told:
        yield from _wrapped(f"Read as: {', '.join(told)}.", width)
    steps = [one.theirs for one in history.mapping if one.how in ("step", "epoch")]
    if unit(history) == "row":
        yield from _wrapped("The log counts neither steps nor whole epochs: steps are its rows.", width)
    elif steps and every:
        yield from _wrapped(f"Counted by: {', '.join(steps)}.", width)
    for note in condensed(history).notes:
        yield from _wrapped(note, width)


def _mapped(one: Mapped) -> str:
    named = one.theirs if one.theirs == one.ours else f"{one.theirs} → {one.ours}"
    return f"{named} ({one.how})" if one.how else named


def comparison_lines(curves: Sequence[Compared]) -> Iterator[str]:
    """A table for each curve: a run a line."""
    for one in curves:
        word = "higher" if one.higher_is_better else "lower"
        yield f"{curve_label(one.name)} ({word} is better)"
        rows = [("", "best", "at", "last", "best against the first")]
        rows += [(_clean(e.run), *cells(one.name, e)) for e in one.entries]
        widths = [max(len(row[place]) for row in rows) for place in range(5)]
        for row in rows:
            cell = [
                row[0].ljust(widths[0]),
                *(text.rjust(size) for text, size in zip(row[1:], widths[1:], strict=True)),
            ]
            yield f"  {'  '.join(cell)}".rstrip()
        yield ""


def cells(name: str, entry: Entry) -> tuple[str, str, str, str]:
    """Best value, step of it, last value, difference, as text."""
    return (
        measure(name, entry.best),
        "–" if entry.best_step is None else count(entry.best_step),
        _last(name, entry.last),
        "" if entry.difference is None else gain_text(name, entry.difference),
    )


def _last(name: str, value: float | None) -> str:
    if value is not None and (value != value or abs(value) == float("inf")):
        return str(value)
    return measure(name, value)


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    after = indent + ("  " if indent else "")
    return textwrap.wrap(
        _clean(text),
        width,
        initial_indent=indent,
        subsequent_indent=after,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _clean(line: str) -> str:
    """Without line breaks, terminal codes and turned directions that a log may carry."""
    return _CONTROL.sub(" ", line)


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
