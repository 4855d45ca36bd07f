"""How the training was repaired: each fault, what was tried against it, what was adopted."""

from __future__ import annotations

from typing import Any

from ravine.records.results import Attempt, RepairRound
from ravine.report.figure import Figure, Key, axis, color
from ravine.report.html import Html, data, h, join
from ravine.report.material import Material
from ravine.report.numbers import NONE, count, duration, sentence, significant
from ravine.report.panel import Panel
from ravine.report.table import Head, table

_HEADS = (
    Head("tried"),
    Head("what became of it"),
    Head("loss past the fault", number=True),
    Head("validation loss", number=True),
    Head("time", number=True),
)
_OUTCOMES = {
    "passed": "passes",
    "rose": "passes, with a higher loss than before",
    "stood": "passes, and learns nothing",
    "unfinished": "out of time",
}
_HIGHEST = 5.0
"""Times the first loss drawn: a loss that flies up would leave nothing to see of the others."""


def panel(material: Material) -> Panel | None:
    """A part for each fault: evidence, curves of the forks, a table."""
    section = material.results.repair
    if section is None or not section.rounds:
        return None
    parts = [_round(one, number) for number, one in enumerate(section.rounds, start=1)]
    return Panel("repair", "How it was repaired", "Repair", join(*parts))


def _round(one: RepairRound, number: int) -> Html:
    place = f"step {count(one.from_step)}" if one.from_step else "the first weights"
    found = f" Found: {', '.join(one.symptoms)}." if one.symptoms else ""
    marked = frozenset() if one.adopted is None else frozenset({one.adopted})
    rows = [_row(attempt, chosen=place == one.adopted) for place, attempt in enumerate(one.attempts)]
    figure = _figure(one, number)
    return join(
        h("h3", f"Round {number}: step {count(one.fault_step)}"),
        h("p", f"{one.evidence} Back to {place}.{found}", cls="story"),
        h("p", h("strong", data(sentence(one.why), 400)), cls="story") if one.why else None,
        figure.to_html() if figure is not None else None,
        table(f"What was tried in round {number}", _HEADS, rows, marked=marked) if rows else None,
    )


def _row(attempt: Attempt, *, chosen: bool) -> list[str]:
    chip = h("span", "adopted", cls="chip chosen") if chosen else None
    became = _OUTCOMES.get(attempt.outcome, attempt.outcome)
    if attempt.outcome in ("broke", "diverged"):
        became = f"{'the loss is no number' if attempt.outcome == 'broke' else 'diverges'} at step {attempt.at}"
    error = f" ± {significant(2 * attempt.error, 2)}" if attempt.error is not None else ""
    return [
        join(data(attempt.change), " ", chip),
        became,
        NONE if attempt.loss is None else significant(attempt.loss) + error,
        significant(attempt.val_loss) if attempt.outcome == "passed" else NONE,
        duration(attempt.seconds),
    ]


def _figure(one: RepairRound, number: int) -> Figure | None:
    """The loss that was lost, and that of each fork, from the place gone back to."""
    curves: list[tuple[str, str, list[int], list[float | None]]] = [
        (attempt.change, "val" if place == one.adopted else "train-faint", attempt.steps, attempt.losses)
        for place, attempt in enumerate(one.attempts)
        if any(loss is not None for loss in attempt.losses)
    ]
    curves.sort(key=lambda curve: curve[1] == "val")  # the adopted one on top
    known = [loss for loss in one.losses if loss is not None]
    if known:
        curves.insert(0, ("without repair", "base", one.steps, one.losses))
    if not curves:
        return None
    first = next(loss for loss in curves[0][3] if loss is not None)
    top = _HIGHEST * max(abs(first), 1e-12)
    last = max([*(step for attempt in one.attempts for step in attempt.steps[-1:]), one.fault_step])
    traces = [_trace(name, colored, steps, losses, top, last) for name, colored, steps, losses in curves]
    keys = [Key("without repair", "base", "dash"), Key("tried", "train-faint")]
    if one.adopted is not None:
        keys.append(Key("adopted", "val"))
    positive = all(loss > 0 for _, _, _, losses in curves for loss in losses if loss is not None)
    return Figure(
        id=f"plot-repair-{number}",
        title="Training loss of what was lost and of the forks, by step",
        alt=f"Training loss by step of {len(one.attempts)} forks, each with one change, and without any.",
        traces=traces,
        layout={
            "xaxis": axis("step", zeroline=False),
            "yaxis": axis(),
            "shapes": [
                {
                    "type": "line", "xref": "x", "yref": "paper", "x0": one.fault_step, "x1": one.fault_step,
                    "y0": 0, "y1": 1, "layer": "below", "line": {"width": 1, "dash": "dash", "color": color("base")},
                }
            ],
        },
        keys=tuple(keys),
        height=260,
        log_switch=positive,
    )  # fmt: skip


def _trace(
    name: str, colored: str, steps: list[int], losses: list[float | None], top: float, last: int
) -> dict[str, Any]:
    drawn = [(step, loss) for step, loss in zip(steps, losses, strict=True) if step <= last]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [step for step, _ in drawn],
        "y": [None if loss is None or loss > top else loss for _, loss in drawn],
        "line": {
            "color": color(colored),
            "width": 2.0 if colored != "train-faint" else 1.2,
            "dash": "dash" if colored == "base" else "solid",
        },
        "hovertemplate": f"{name}<br>step %{{x}}<br>%{{y:.4~g}}<extra></extra>",
    }
