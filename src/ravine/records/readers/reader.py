"""What a reader is: how it knows its files, and how it reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ravine.records.history import History
from ravine.records.readers.arrange import arranged
from ravine.records.readers.log import Log
from ravine.records.readers.source import Source


@dataclass(frozen=True, slots=True)
class Reader:
    """One form of log.

    Attributes:
        name: Of its file here.
        title: What it reads, for people: "a table", "TensorBoard events".
        recognizes: Whether a file or folder has this form, by its content; reads as little of it as it can.
        read: The runs in it, one at least.
    """

    name: str
    title: str
    recognizes: Callable[[Source], bool]
    read: Callable[[Source], list[History]]


def histories(source: Source, logs: Sequence[Log]) -> list[History]:
    """The histories of the runs that a source holds, each called after its run."""
    found: list[History] = []
    for log in logs:
        log.notes[:0] = source.notes
        found.append(arranged(log, f"{source.path}: {log.run}" if log.run else str(source.path)))
    return found
