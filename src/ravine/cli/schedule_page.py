"""The page of a schedule, from its class and its docstring."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ravine.cli.page import Argument, Page, as_sentence, meanings_of, sections_of, summary_of

STEPS, EPOCHS = 1000, 100
"""The run that examples are drawn over."""


def schedules() -> Mapping[str, Any]:
    """Every schedule of time, and the feedback beside them."""
    from ravine.schedules import CATALOGUE, Plateau

    return {**CATALOGUE, "plateau": Plateau}


def schedule_page(kind: Any) -> Page:
    """What its class says, its ways in, and its example drawn over a run."""
    from ravine.schedules import Schedule, name_of, parse

    name, said = name_of(kind), sections_of(kind)
    made = parse(kind.example)
    follows_losses = not isinstance(made, Schedule)
    step = "scheduler.step(validation_loss)  # once an epoch" if follows_losses else "scheduler.step()  # each step"
    run = "" if not isinstance(made, Schedule) or made.ready else ", 10_000"
    return Page(
        name=name,
        kind="schedule",
        summary=summary_of(kind, name),
        formula=kind.formula,
        text="\n\n".join(part for part in said[""].split("\n\n") if not part.startswith(">>>")),
        facts=(
            ("follows", "a watched number, such as the validation loss" if follows_losses else "time alone"),
            ("text", kind.example),
            ("recipe", f'[train] schedule = "{kind.example}"'),
            ("class", f"ravine.schedules.{kind.__name__}"),
        ),
        arguments=tuple(_arguments(kind)),
        state=(),
        kept=None,
        departures=as_sentence(said.get("Departures", "")),
        source=kind.source,
        origin=said.get("Source", ""),
        example=f'from ravine.schedules import parse\nscheduler = parse("{kind.example}").on(optimizer{run})\n'
        f"loss.backward(); optimizer.step(); {step}",
        drawing=None if follows_losses else _drawing(kind.example),
    )


def _drawing(text: str) -> Any:
    from ravine.core.time import Clockwork
    from ravine.schedules.chart import Chart

    return Chart((text,), Clockwork(total_steps=STEPS, steps_per_epoch=STEPS // EPOCHS))


def _arguments(kind: Any) -> list[Argument]:
    meanings = meanings_of(kind)
    lengths = getattr(kind, "lengths", {})
    found = []
    for field in dataclasses.fields(kind):
        default = "–" if field.default is dataclasses.MISSING else str(field.default)
        if field.name in lengths:
            allowed = "times" if field.name == kind.listed else "a length"
        elif field.name in kind.bounds:
            allowed = kind.bounds[field.name].must.removeprefix("be ")
        else:
            allowed = ", ".join(kind.options.get(field.name, ()))
        found.append(Argument(field.name, default, allowed, meanings[field.name]))
    return found
