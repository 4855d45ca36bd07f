"""An average from a number or a text: 0.995, "ema(0.995)", "polyak", "swa(start=75%)", "lawa(5)"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue
from ravine.optim.averages.average import Average
from ravine.optim.averages.ema import EMA
from ravine.optim.averages.lawa import LAWA
from ravine.optim.averages.polyak import Polyak
from ravine.optim.averages.swa import SWA

AVERAGES: Mapping[str, type[Average]] = {"ema": EMA, "polyak": Polyak, "swa": SWA, "lawa": LAWA}
"""By name."""

_FORM = re.compile(r"\s*(?P<name>[A-Za-z]+)\s*(?:\((?P<inside>[^()]*)\))?\s*")
_WORDS = {"true": True, "false": False, "none": None}


def parse(given: float | str | Average) -> Average | None:
    """The average that a recipe names; a number is the decay of a moving average, and 0 is none.

    Raises:
        BadValue: It cannot be read, or has arguments out of bounds.

    >>> parse("swa(start=80%, every=2 epochs)")
    SWA(start='80%', every='2 epochs', rate=None, low=None)
    >>> parse(0.99), parse("lawa(5)"), parse(0)
    (EMA(decay=0.99, warmup=True), LAWA(snapshots=5, every='1 epoch'), None)
    """
    if isinstance(given, Average):
        return given
    if isinstance(given, int | float) and not isinstance(given, bool):
        return EMA(float(given)) if given else None
    found = _FORM.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise BadValue(f"average: must be a number in [0, 1) or read like {_LIKE}; got {given!r}.")
    name = found["name"].lower()
    if name == "none" and found["inside"] is None:
        return None
    if name not in AVERAGES:
        hint = did_you_mean(name, AVERAGES)
        raise BadValue(f"unknown average {name!r}.{hint} Known: {', '.join(AVERAGES)}, none.")
    kind = AVERAGES[name]
    return kind(**_arguments(name, [field.name for field in fields(kind)], found["inside"] or ""))  # type: ignore[arg-type]


def _arguments(owner: str, known: list[str], inside: str) -> dict[str, Any]:
    taken: dict[str, Any] = {}
    for place, part in enumerate(filter(None, (part.strip() for part in inside.split(",")))):
        name, equals, text = (side.strip() for side in part.partition("="))
        if not equals:
            if place >= len(known) or len(taken) != place:
                raise BadValue(f"{owner}: {part!r} has no place. Write name=value; known: {', '.join(known)}.")
            name, text = known[place], name
        if name not in known:
            raise BadValue(f"{owner}: no such argument {name!r}.{did_you_mean(name, known)} Known: {', '.join(known)}.")
        if name in taken:
            raise BadValue(f"{owner}: {name} is given twice.")
        taken[name] = _value(text)
    return taken


def _value(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


_LIKE = "'ema(0.995)', 'polyak', 'swa(start=75%)' or 'lawa(5)'"
