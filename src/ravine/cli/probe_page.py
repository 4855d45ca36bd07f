"""The page of a probe, from its record and the docstring of what looks."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

from ravine.cli.page import Page, as_sentence

if TYPE_CHECKING:
    from ravine.check.probe import Probe

_HEADINGS = ("What it does", "Why it matters", "Not to be mistaken for")
_HEADING = re.compile(rf"^({'|'.join(_HEADINGS)}):", re.MULTILINE)


def probe_page(probe: Probe) -> Page:
    """What it asks, how, why, what it is not, and which symptoms it can find."""
    pieces = _HEADING.split(inspect.getdoc(probe.look) or "")
    said = {heading: as_sentence(body) for heading, body in zip(pieces[1::2], pieces[2::2], strict=True)}
    facts = [
        ("can find", ", ".join(probe.symptoms)),
        ("cannot tell where", "; ".join(need.why for need in probe.needs)),
    ]
    return Page(
        name=probe.name,
        kind="probe",
        summary=(inspect.getdoc(inspect.getmodule(probe.look)) or "").partition("\n")[0],
        formula="",
        text="",
        sections=(
            ("What it is", as_sentence(pieces[0])),
            *((heading, said[heading]) for heading in _HEADINGS if heading in said),
        ),
        facts=tuple((label, value) for label, value in facts if value),
        arguments=(),
        state=(),
        kept=None,
        departures="",
        source=probe.source,
        origin="",
        example=f"ravine check mine.py:setup --only {probe.name}",
        example_in="On the command line",
    )
