"""What runs fastest here: what was measured, and what was chosen."""

from __future__ import annotations

from ravine.records.results import Candidate
from ravine.report.html import Html, coded, data, h, join
from ravine.report.material import Material
from ravine.report.numbers import NONE, sentence, significant
from ravine.report.panel import Panel
from ravine.report.table import Head, table

_HEADS = (
    Head("way to run a step"),
    Head("ms a step", number=True),
    Head("against the slowest"),
    Head("difference of the loss", number=True),
    Head("note"),
)


def panel(material: Material) -> Panel | None:
    """The choice with its reason, and a table of candidates."""
    plan = material.results.plan
    if plan is None:
        return None
    slowest = max((entry.milliseconds or 0.0 for entry in plan.candidates), default=0.0)
    heads, rows = list(_HEADS), [_row(entry, slowest) for entry in plan.candidates]
    if not any(entry.note for entry in plan.candidates):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    marked = frozenset(place for place, entry in enumerate(plan.candidates) if entry.chosen)
    body = join(
        h("p", h("strong", data(plan.choice)), ". ", coded(sentence(plan.reason)), cls="story"),
        table("Ways to run a step, as measured on this machine", heads, rows, marked=marked, cls="plan")
        if rows
        else None,
    )
    return Panel("plan", "How it was run", "Plan", body)


def _row(entry: Candidate, slowest: float) -> list[str]:
    chosen = h("span", "chosen", cls="chip chosen") if entry.chosen else None
    bar: Html | str = NONE
    if entry.milliseconds is not None and slowest > 0:
        bar = h(
            "span", h("i", style=f"width:{100 * entry.milliseconds / slowest:.1f}%"), cls="meter", aria_hidden="true"
        )
    return [
        join(data(entry.name), " ", chosen),
        "failed" if entry.milliseconds is None else significant(entry.milliseconds),
        bar,
        significant(entry.loss_difference, 2),
        coded(entry.note),
    ]
