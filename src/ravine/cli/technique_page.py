"""The page of a regularization technique, from its record and its docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ravine.cli.page import Argument, Page, as_sentence, meanings_of, sections_of, summary_of
from ravine.regularize.chosen import faults_of
from ravine.regularize.technique import Acts, Technique

_ACTS: Mapping[Acts, str] = {
    Acts.LAYERS: "layers of the network, while training; in evaluation they are as they were",
    Acts.BATCH: "each training batch, before the network sees it",
    Acts.WEIGHTS: "parameters, carried out by the optimizer",
}


def technique_page(technique: Technique) -> Page:
    """What its class says, and its ways in: Python, and where a recipe takes it, recipe and command line."""
    said, meanings = sections_of(technique.make), meanings_of(technique.make)
    parameters = inspect.signature(technique.make).parameters
    given = _given(technique, parameters)
    return Page(
        name=technique.name,
        kind="regularization",
        summary=summary_of(technique.make, technique.name),
        formula=technique.formula,
        text=said[""],
        facts=(
            ("acts on", _ACTS[technique.acts]),
            *_ways_in(technique.name, given),
            ("class", f"ravine.regularize.{technique.make.__name__}"),
        ),
        arguments=tuple(
            Argument(name, "–" if p.default is p.empty else str(p.default), "", meanings[name])
            for name, p in parameters.items()
            if name in meanings
        ),
        state=(),
        kept=None,
        departures=as_sentence(said.get("Departures", said.get("Departure", ""))),
        source=technique.source,
        origin=said.get("Source", ""),
        example=_example(technique, given),
    )


def _given(technique: Technique, parameters: Mapping[str, inspect.Parameter]) -> Any:
    """A value for the main argument: its default, or one to begin with; None where it needs none."""
    if technique.main is None:
        return None
    default = parameters[technique.main].default
    return 0.01 if default is inspect.Parameter.empty else default


def _ways_in(name: str, given: Any) -> list[tuple[str, str]]:
    """Its line in a recipe and its word on the command line, where it can be taken off a trained network."""
    if faults_of({name: True if given is None else given}):
        return []
    told = "true" if given is None else f'"{given}"' if isinstance(given, str) else str(given)
    word = name if given is None else f"{name}={given}"
    return [("recipe", f"[regularize] {name} = {told}"), ("command line", f"ravine fit DATA --regularize {word}")]


def _example(technique: Technique, given: Any) -> str:
    name = technique.make.__name__
    made = f"{name}({'' if given is None else repr(given)})"
    if technique.acts is Acts.LAYERS:
        return f"from ravine.regularize import {name}, apply, remove\napply(model, {made})\nremove(model)"
    if technique.acts is Acts.BATCH:
        return f"from ravine.regularize import {name}\ntechnique = {made}\n(x,), y = technique((x,), y)"
    return (
        f"from ravine.optim import AdamW\nfrom ravine.regularize import {name}\n"
        f"optimizer = AdamW(model.parameters(), lr=0.001, **{made}.for_optimizer())"
    )
