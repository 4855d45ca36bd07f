"""A check as one page: the verdict, the findings, every probe, and the curves they measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ravine.check.checkup import Asked, Checkup
from ravine.check.probe import State, Trace
from ravine.core.files import write_whole
from ravine.diagnose.doctor import Diagnosis
from ravine.records.history import History
from ravine.report.curve import Curve, thinned
from ravine.report.diagnosis import chip, findings_html, framed, hero, verdict_html
from ravine.report.figure import Figure, Key, axis, color
from ravine.report.html import NOTHING, Html, coded, h, join, text
from ravine.report.numbers import duration, plural, sentence, significant
from ravine.report.panel import Panel
from ravine.report.table import Head, table

_MOST_POINTS = 600


def write_checkup(path: Path, checkup: Checkup) -> None:
    """Write one self-contained page, whole or not at all.

    Raises:
        BadRun: It cannot be written.
    """
    write_whole(path, page(checkup))


def page(checkup: Checkup) -> str:
    """The whole page as text."""
    diagnosis = checkup.diagnosis
    history = History([], source=checkup.name)
    panels = [
        Panel("findings", "Findings", "Findings", findings_html(history, diagnosis) if diagnosis.findings else NOTHING),
        Panel("probes", "What was asked", "Probes", _probes(checkup)),
        Panel("curves", "What was measured on the way", "Curves", _curves(checkup)),
    ]
    header = hero("check of a live model", checkup.name, _verdict(diagnosis), chip(diagnosis))
    shown = [panel for panel in panels if panel.body]
    return framed(f"Check of {checkup.name}", header, shown, "from measurements on copies of the model")


def _verdict(diagnosis: Diagnosis) -> Html:
    if diagnosis.verdict == "cannot-tell":
        return text("Cannot tell: no probe came to an answer.")
    return verdict_html(diagnosis)


def _probes(checkup: Checkup) -> Html:
    about = (
        f"{plural(checkup.parameters, 'parameter')}, {plural(checkup.rows, 'example')}, "
        f"{duration(checkup.seconds)}{'; stopped by Ctrl-C' if checkup.stopped else ''}"
    )
    heads = [Head("probe"), Head("outcome"), Head("what it saw"), Head("took", number=True)]
    rows = [[one.probe.name, _state(one), _said(one), duration(one.seconds)] for one in checkup.asked]
    whole = table("The probes and how each came out", heads, rows)
    return join(h("p", sentence(about), cls="story"), whole)


def _state(one: Asked) -> Html:
    word = text(one.seen.state.value)
    return h("strong", word) if one.seen.state is State.FINDING else word


def _said(one: Asked) -> Html:
    if one.seen.state is State.UNSURE and one.seen.measure:
        return join(coded(one.seen.said), ". ", h("strong", "To tell: "), coded(one.seen.measure))
    return coded(one.seen.said)


def _curves(checkup: Checkup) -> Html:
    traces = [(one, trace) for one in checkup.asked for trace in one.seen.traces if len(trace.x) > 1]
    figures = [_figure(number, one, trace) for number, (one, trace) in enumerate(traces)]
    return h("div", *(figure.to_html() for figure in figures), cls="plots") if figures else NOTHING


def _figure(number: int, one: Asked, trace: Trace) -> Figure:
    drawn = thinned(Curve(trace.x, trace.y), _MOST_POINTS)
    lines: list[dict[str, Any]] = [_line(drawn.xs, drawn.ys, "net", "solid", trace.across)]
    keys = [Key("loss", "net")]
    if trace.level is not None:
        lines.append(_line([trace.x[0], trace.x[-1]], [trace.level] * 2, "base", "dot", trace.across))
        keys.append(Key(f"a guess: {significant(trace.level, 4)}", "base", "dot"))
    return Figure(
        id=f"trace-{number}",
        title=f"{one.probe.name}: {trace.title}",
        alt=f"{trace.title}: from {significant(trace.y[0])} to {significant(trace.y[-1])}.",
        traces=lines,
        layout={
            "xaxis": axis(
                trace.across, zeroline=False, **({"type": "log", "exponentformat": "power"} if trace.log_x else {})
            ),
            "yaxis": axis("loss"),
        },
        keys=tuple(keys),
        log_switch=min(trace.y) > 0,
    )


def _line(xs: Sequence[float], ys: Sequence[float | None], name: str, dash: str, across: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(xs),
        "y": list(ys),
        "line": {"color": color(name), "width": 2.0, "dash": dash},
        "hovertemplate": f"{across} %{{x:.4~g}}<br>%{{y:.4~g}}<extra></extra>",
    }
