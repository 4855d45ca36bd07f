"""The page of a symptom, from its record and the docstring of what looks for it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ravine.cli.page import Page, as_sentence

if TYPE_CHECKING:
    from ravine.diagnose.symptom import Symptom

_HEADINGS = ("What it sees", "Why it matters", "Not to be mistaken for", "What to do", "Source")
_HEADING = re.compile(rf"^({'|'.join(_HEADINGS)}):", re.MULTILINE)
_TIERS: Mapping[str, str] = {
    "A": "the curves of any log",
    "B": "curves with the learning rate and the gradient norm",
    "C": "what `ravine watch` measures in the running program",
    "D": "a few batches through the live model",
}


def symptom_page(symptom: Symptom) -> Page:
    """What it sees, why it matters, what it is not, and what to do."""
    from ravine.diagnose.symptoms import SYMPTOMS

    pieces = _HEADING.split(inspect.getdoc(symptom.look) or "")
    said = {heading: " ".join(text.split()) for heading, text in zip(pieces[1::2], pieces[2::2], strict=True)}
    effects = [other.name for other in SYMPTOMS.values() if symptom.name in other.causes]
    facts = [
        ("seen in", _TIERS[symptom.tier.value]),
        ("severity", symptom.severity.value),
        ("needs", ", ".join(symptom.needs)),
        ("else", symptom.measure if symptom.needs else ""),
        ("brought about by", ", ".join(symptom.causes)),
        ("brings about", ", ".join(effects)),
        ("advice", symptom.advice),
    ]
    return Page(
        name=symptom.name,
        kind="symptom",
        summary=(inspect.getdoc(inspect.getmodule(symptom.look)) or "").partition("\n")[0],
        formula="",
        text="",
        sections=(
            ("What it is", as_sentence(pieces[0])),
            *((heading, as_sentence(said[heading])) for heading in _HEADINGS[:-1] if heading in said),
        ),
        facts=tuple((label, value) for label, value in facts if value),
        arguments=(),
        state=(),
        kept=None,
        departures="",
        source=None,
        origin=said.get("Source", ""),
        example="ravine diagnose LOG\nravine watch train.py",
        example_in="On the command line",
    )
