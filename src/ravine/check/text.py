"""A check in a few lines: the verdict, the one thing to change, the evidence, then a line for each probe."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import replace

from ravine.check.checkup import Asked, Checkup
from ravine.check.probe import State
from ravine.diagnose.doctor import Diagnosis
from ravine.records.history import History
from ravine.report.diagnosis_text import diagnosis_text
from ravine.report.numbers import duration, plural

WIDTH = 100


def checkup_text(checkup: Checkup, width: int = WIDTH) -> str:
    """What a check found, for a person.

    Args:
        checkup: All of it.
        width: Columns to write in.
    """
    # What could not be told is said in the line of its probe, and not by symptom as well.
    diagnosis = replace(checkup.diagnosis, abstained=())
    lines = [_verdict(checkup, diagnosis, width), "", *textwrap.wrap(_about(checkup), width)]
    lines += [line for one in checkup.asked for line in _probe(one, width)]
    return "\n".join(lines)


def _verdict(checkup: Checkup, diagnosis: Diagnosis, width: int) -> str:
    if diagnosis.verdict == "cannot-tell":
        return f"{checkup.name}: cannot tell: no probe came to an answer."
    return diagnosis_text(History([], source=checkup.name), diagnosis, width=width)


def _about(checkup: Checkup) -> str:
    asked = plural(len(checkup.asked), "probe")
    return (
        f"{asked} on copies of a model with {plural(checkup.parameters, 'parameter')}, "
        f"{plural(checkup.rows, 'example')}, {duration(checkup.seconds)}:"
    )


def _probe(one: Asked, width: int) -> Iterator[str]:
    head = f"  {one.probe.name:<{_NAMES}}  {one.seen.state.value:<{_STATES}}  "
    said = "see above" if one.seen.state is State.FINDING else one.seen.said
    if one.seen.state is State.UNSURE and one.seen.measure:
        said = f"{said}. To tell: {one.seen.measure}"
    yield from textwrap.wrap(
        " ".join(said.split()),
        width,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


_NAMES = 18
_STATES = max(len(state.value) for state in State)
