"""Truth against prediction, what is left over, and whether the intervals hold what they promise."""

from __future__ import annotations

import math
from typing import Any

from ravine.records.results import Residuals
from ravine.report.figure import Figure, Key, axis, color
from ravine.report.html import h, join
from ravine.report.material import Material
from ravine.report.numbers import percent, plural, significant
from ravine.report.panel import Panel

_MOST_POINTS = 1500
_BINS = 40


def panel(material: Material) -> Panel | None:
    """Two plots and a histogram."""
    test = material.results.test
    if test is None or test.residuals is None:
        return None
    kept = _points(test.residuals)
    if not kept:
        return None
    log = test.residuals.log and all(truth > 0 and guess > 0 for truth, guess in kept)
    body = join(
        h("p", _coverage(test.residuals, len(kept)), cls="story"),
        h(
            "div",
            _agreement(kept, test.residuals, log=log).to_html(),
            _leftover(kept, log=log).to_html(),
            _histogram(kept, log=log).to_html(),
            cls="plots",
        ),
    )
    return Panel("residuals", "Truth and prediction", "Residuals", body)


def _points(residuals: Residuals) -> list[tuple[float, float]]:
    whole = [
        (truth, guess)
        for truth, guess in zip(residuals.truth, residuals.predicted, strict=False)
        if math.isfinite(truth) and math.isfinite(guess)
    ]
    stride = max(1, -(-len(whole) // _MOST_POINTS))
    return whole[::stride]


def _coverage(residuals: Residuals, drawn: int) -> str:
    said = f"{plural(drawn, 'test row')} drawn."
    if residuals.coverage is not None:
        said += f" The 90% intervals hold the truth of {percent(residuals.coverage)} of the test rows."
    return said


def _dots(xs: list[float], ys: list[float], texts: list[str]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": xs,
        "y": ys,
        "marker": {"size": 6 if len(xs) < 400 else 4, "color": color("net"), "opacity": 0.55},
        "hovertext": texts,
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _said(kept: list[tuple[float, float]]) -> list[str]:
    return [
        f"truth {significant(truth, 4)}<br>predicted {significant(guess, 4)}<br>off by {significant(guess - truth, 3)}"
        for truth, guess in kept
    ]


def _agreement(kept: list[tuple[float, float]], residuals: Residuals, *, log: bool) -> Figure:
    truths, guesses = [truth for truth, _ in kept], [guess for _, guess in kept]
    low, high = min(truths + guesses), max(truths + guesses)
    traces: list[dict[str, Any]] = []
    keys = [Key("a test row", "net", "dot"), Key("perfect", "base", "dash")]
    half = _half_width(residuals)
    if half is not None:
        steps = [low, high] if log else _between(low, high)
        below, above = _band(steps, half, log=residuals.log)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": steps + steps[::-1],
                "y": above + below[::-1],
                "fill": "toself",
                "fillcolor": color("net-band"),
                "line": {"width": 0, "color": color("net-band")},
                "hoverinfo": "skip",
            }
        )
        keys.append(Key("90% interval", "net-band", "bar"))
    traces += [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [low, high],
            "y": [low, high],
            "line": {"color": color("base"), "width": 1.5, "dash": "dash"},
            "hoverinfo": "skip",
        },
        _dots(guesses, truths, _said(kept)),
    ]
    return Figure(
        id="plot-agreement",
        title="Truth against prediction",
        alt=f"Truth against prediction of {len(kept)} test rows, both from {significant(low)} to {significant(high)}.",
        traces=traces,
        layout={"xaxis": _scale("predicted", guesses, log=log), "yaxis": _scale("truth", truths, log=log)},
        keys=tuple(keys),
        height=340,
    )


def _scale(title: str, values: list[float], *, log: bool) -> dict[str, Any]:
    if not log:
        return axis(title, zeroline=False)
    decades = math.log10(max(values) / min(values))
    return axis(title, zeroline=False, type="log", **({"dtick": 1} if decades > 1.5 else {}))


def _between(low: float, high: float) -> list[float]:
    return [low + (high - low) * place / 60 for place in range(61)]


def _half_width(residuals: Residuals) -> float | None:
    """Of the 90% interval in units of y, or of log(y); None where its unit is not known."""
    if residuals.interval is None or residuals.scale is None:
        return None
    return residuals.interval * residuals.scale


def _band(steps: list[float], half: float, *, log: bool) -> tuple[list[float], list[float]]:
    """The 90% interval around each prediction; where log(y) was learned it is a factor, not a width."""
    if log:
        factor = math.exp(min(half, 700.0))
        return [step / factor for step in steps], [step * factor for step in steps]
    return [step - half for step in steps], [step + half for step in steps]


def _leftover(kept: list[tuple[float, float]], *, log: bool) -> Figure:
    guesses = [guess for _, guess in kept]
    left, name = _left(kept, log=log), _NAMES[log]
    none = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": int(log), "y1": int(log)}
    return Figure(
        id="plot-leftover",
        title="What is left over",
        alt=f"Residuals, {name}, from {significant(min(left))} to {significant(max(left))}.",
        traces=[_dots(guesses, left, _said(kept))],
        layout={
            "xaxis": _scale("predicted", guesses, log=log),
            "yaxis": _scale(name, left, log=log),
            "shapes": [{**none, "layer": "below", "line": {"color": color("base"), "width": 1.5, "dash": "dash"}}],
        },
        keys=(Key("a test row", "net", "dot"), Key("nothing left over", "base", "dash")),
        height=340,
    )


_NAMES = {False: "truth − predicted", True: "truth ÷ predicted"}


def _left(kept: list[tuple[float, float]], *, log: bool) -> list[float]:
    return [truth / guess if log else truth - guess for truth, guess in kept]


def _histogram(kept: list[tuple[float, float]], *, log: bool) -> Figure:
    left = sorted(_left(kept, log=log))
    low, high = left[0], left[-1]
    width = (high - low) / _BINS or 1.0
    counts = [0] * _BINS
    for value in left:
        counts[min(int((value - low) / width), _BINS - 1)] += 1
    middle = left[len(left) // 2]
    return Figure(
        id="plot-left-histogram",
        title="Spread of the residuals",
        alt=f"Histogram of the residuals; the middle one is {significant(middle)}.",
        traces=[
            {
                "type": "bar",
                "x": [low + (place + 0.5) * width for place in range(_BINS)],
                "y": counts,
                "width": width * 0.96,
                "marker": {"color": color("net")},
                "hovertemplate": "%{x:.3~g}<br>%{y} rows<extra></extra>",
            }
        ],
        layout={"xaxis": axis(_NAMES[log]), "yaxis": axis("rows")},
        height=220,
    )
