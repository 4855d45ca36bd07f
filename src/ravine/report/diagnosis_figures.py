"""The curves of a history with the evidence drawn on them: where each finding begins, and on which curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ravine.diagnose.doctor import Diagnosis
from ravine.diagnose.symptoms import SYMPTOMS
from ravine.records.finding import Finding
from ravine.records.history import History, Series
from ravine.report.curve import Curve, thinned
from ravine.report.diagnosis_compare import curve_label, finest
from ravine.report.diagnosis_text import unit
from ravine.report.figure import Figure, Key, axis, color, plot_text
from ravine.report.numbers import is_share, significant

_TRAIN, _VAL = Key("training", "train"), Key("validation", "val", "dash")
_BESIDE = ("epoch", "seconds", "data_seconds", "batch_size")
_MOST_OTHERS = 10
_LANES = ("train", "val", "net", "error", "note", "base", "warning", "accent")
_LEVELS = ("lowest", "best", "plateau", "floor", "guess", "level", "highest", "last")
_LOW_LEVELS = ("lowest", "best", "floor")  # named below their lines: the curve comes from above
_MOST_LEVELLED = 2  # findings: more would hide the curves
_LAYERS = {
    "grad_norm": "Gradient norm of each layer",
    "update_norm": "Size of the update of each layer",
    "act_std": "Spread of the activations",
    "saturated": "Share of saturated activations",
    "silent": "Share of silent units",
}


def curve_figures(history: History, diagnosis: Diagnosis, prefix: str = "") -> list[Figure]:
    """Loss, metrics, learning rate, gradient norm and what else was written, each with its findings."""
    names = list(dict.fromkeys([*history.names("epoch"), *history.names("step")]))
    metrics = [name.partition("_")[2] for name in names if name.startswith(("train_", "val_"))]
    metrics = sorted(dict.fromkeys(metrics), key=lambda metric: (metric != "loss", metric != "accuracy"))
    figures = [_pair(history, diagnosis, metric, prefix) for metric in metrics]
    paired = {f"{part}_{metric}" for part in ("train", "val") for metric in metrics}
    singles = [name for name in names if name not in paired and name not in _BESIDE]
    singles.sort(key=lambda name: (name != "lr", name != "grad_norm"))
    figures += [_single(history, diagnosis, name, prefix) for name in singles]
    drawn = [figure for figure in figures if figure is not None]
    return drawn[: _MOST_OTHERS + 4]


def layer_figures(history: History, prefix: str = "") -> list[Figure]:
    """What was measured layer by layer, as maps: layers from the input down, steps to the right."""
    return [
        figure for quantity, title in _LAYERS.items() if (figure := _map(history, quantity, title, prefix)) is not None
    ]


def overlay(histories: Sequence[History], runs: Sequence[str], name: str) -> Figure | None:
    """One curve of several runs, a colour each."""
    traces: list[dict[str, Any]] = []
    keys: list[Key] = []
    for place, (history, run) in enumerate(zip(histories, runs, strict=True)):
        drawn = _thin(finest(history, name))
        if drawn.finite:
            lane = _LANES[place % len(_LANES)]
            traces.append(_line(drawn, plot_text(run), lane, unit(history), _tick(name)))
            keys.append(Key(run, lane))
    if len(traces) < 2:
        return None
    title = _title(name)
    units = {unit(history) for history in histories}
    return Figure(
        id=f"overlay-{_slug(name)}",
        title=title,
        alt=f"{title} of {len(traces)} runs.",
        traces=traces,
        layout={"xaxis": axis(" or ".join(sorted(units)), zeroline=False), "yaxis": _y_axis(name)},
        keys=tuple(keys),
        height=300,
        log_switch=all(y > 0 for trace in traces for y in trace["y"] if y is not None),
    )


def _pair(history: History, diagnosis: Diagnosis, metric: str, prefix: str) -> Figure | None:
    """A loss or metric of both parts; of the training part also by the step, faint."""
    train, val = history.series(f"train_{metric}"), history.series(f"val_{metric}")
    steps = history.series(f"train_{metric}", "step")
    if not len(train) and not len(val):
        train, steps = steps, Series(metric, (), ())
    traces: list[dict[str, Any]] = []
    keys: list[Key] = []
    x, form = unit(history), _tick(metric)
    for series, key, width in ((steps, Key("by step", "train-faint"), 1.2), (train, _TRAIN, 2.0), (val, _VAL, 2.0)):
        drawn = _thin(series)
        if drawn.finite:
            traces.append(_line(drawn, key.name, key.color, x, form, width, "dot" if key is _VAL else "solid"))
            keys.append(key)
    curves = {f"train_{metric}": train if len(train) else steps, f"val_{metric}": val}
    return _figure(history, diagnosis, metric, traces, keys, curves, prefix)


def _single(history: History, diagnosis: Diagnosis, name: str, prefix: str) -> Figure | None:
    steps = history.series(name, "step")
    series = steps if len(steps) else history.series(name)
    drawn = _thin(series)
    traces = [_line(drawn, curve_label(name), "net", unit(history))] if drawn.finite else []
    return _figure(history, diagnosis, name, traces, [], {name: series}, prefix)


def _figure(
    history: History,
    diagnosis: Diagnosis,
    name: str,
    traces: list[dict[str, Any]],
    keys: list[Key],
    curves: dict[str, Series],
    prefix: str,
) -> Figure | None:
    if not traces:
        return None
    x = unit(history)
    values = [y for trace in traces for y in trace["y"] if y is not None]
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    reach = _reach(history, diagnosis)
    for number, finding in enumerate(diagnosis.findings, start=1):
        if finding.first_step is not None and _concerns(finding, name, curves):
            shapes.append(_shape(finding))
            notes.append(_badge(finding, number))
            traces += _points(finding, number, curves)
            if number <= _MOST_LEVELLED:
                traces += [_level(finding, word, level, reach[1]) for word, level in _levels(finding, name, values)]
    title = _title(name)
    marked = (
        f" Findings marked: {', '.join(f.symptom for f in diagnosis.findings if _concerns(f, name, curves))}."
        if notes
        else ""
    )
    return Figure(
        id=f"{prefix}curve-{_slug(name)}",
        title=title,
        alt=f"{title} over {x}s, between {significant(min(values))} and {significant(max(values))}.{marked}",
        traces=traces,
        layout={
            "xaxis": axis(x, zeroline=False, range=reach),
            "yaxis": _y_axis(name),
            "shapes": shapes,
            "annotations": notes,
            "margin": {"l": 8, "r": 12, "t": 26 if notes else 10, "b": 8},
        },
        keys=tuple(keys),
        height=300 if name in ("loss", "accuracy") else 240,
        log_switch=name in ("loss", "grad_norm", "lr") and min(values) > 0,
    )


def _concerns(finding: Finding, name: str, curves: dict[str, Series]) -> bool:
    """Whether a finding is drawn on a figure: where a curve that its symptom needs is; else on the loss."""
    needs = SYMPTOMS[finding.symptom].needs if finding.symptom in SYMPTOMS else ()
    return name == "loss" or any(need in curves for need in needs)


def _shape(finding: Finding) -> dict[str, Any]:
    """A line down the plot where a finding begins."""
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": finding.first_step,
        "x1": finding.first_step,
        "y0": 0,
        "y1": 1,
        "layer": "below",
        "line": {"width": 1.5, "dash": "dash", "color": color(finding.severity.value)},
    }


def _badge(finding: Finding, number: int) -> dict[str, Any]:
    """The finding's number on top of its line."""
    return {
        "x": finding.first_step,
        "y": 1,
        "xref": "x",
        "yref": "paper",
        "yanchor": "bottom",
        "text": f"<b>{number}</b>",
        "showarrow": False,
        "hovertext": plot_text(finding.symptom, 60),
        "borderpad": 2,
        "bgcolor": color(f"{finding.severity.value}-sunk"),
        "font": {"color": color(finding.severity.value), "size": 12},
    }


def _levels(finding: Finding, name: str, values: Sequence[float]) -> list[tuple[str, float]]:
    """The levels that a finding speaks of, where they lie on this figure: that of the first curve it needs."""
    needs = SYMPTOMS[finding.symptom].needs if finding.symptom in SYMPTOMS else ()
    first = next((need.partition("_")[2] for need in needs if need.startswith(("train_", "val_"))), "loss")
    if first != name:
        return []
    told = [(word, finding.details.get(word)) for word in _LEVELS]
    low, high = min(values), max(values)
    return [(word, float(level)) for word, level in told if isinstance(level, int | float) and low <= level <= high]


def _level(finding: Finding, word: str, level: float, end: float) -> dict[str, Any]:
    """A thin line at a level, from where the finding begins to the right, with its name."""
    return {
        "type": "scatter",
        "mode": "lines+text",
        "x": [finding.first_step, end],
        "y": [level, level],
        "text": [f"\u00a0{word} {significant(level)}", ""],
        "textposition": "bottom right" if word in _LOW_LEVELS else "top right",
        "textfont": {"color": color(finding.severity.value), "size": 11},
        "line": {"width": 1, "dash": "dot", "color": color(finding.severity.value)},
        "hoverinfo": "skip",
    }


def _points(finding: Finding, number: int, curves: dict[str, Series]) -> list[dict[str, Any]]:
    """Where the finding's line meets each curve."""
    traces, label = [], f"{number}. {plot_text(finding.symptom, 60)}"
    for name, series in curves.items():
        place = next((k for k, step in enumerate(series.steps) if step >= (finding.first_step or 0)), None)
        if place is not None and math.isfinite(series.values[place]):
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": [series.steps[place]],
                    "y": [series.values[place]],
                    "marker": {
                        "size": 9,
                        "color": color(finding.severity.value),
                        "line": {"width": 2, "color": color("card")},
                    },
                    "hovertemplate": f"{label}<br>{curve_label(name)} %{{y:.4~g}}<extra></extra>",
                }
            )
    return traces


def _reach(history: History, diagnosis: Diagnosis) -> list[float]:
    """The same steps in every figure, so that they can be read one above the other."""
    ends = [
        series.steps[end]
        for kind in ("epoch", "step")
        for name in history.names(kind)
        for end in (0, -1)
        if len(series := history.series(name, kind))
    ]
    ends += [finding.first_step for finding in diagnosis.findings if finding.first_step is not None]
    low, high = min(ends, default=0), max(ends, default=1)
    room = 0.02 * max(high - low, 1)
    return [low - room, high + room]


def _map(history: History, quantity: str, title: str, prefix: str) -> Figure | None:
    layers = history.layers(quantity)
    steps = sorted({step for series in layers.values() for step in series.steps})
    if len(layers) < 2 or len(steps) < 2:
        return None
    stride = -(-len(steps) // 200)
    steps = steps[::stride]
    logarithmic = quantity in ("grad_norm", "update_norm", "act_std")
    rows = []
    for series in layers.values():
        known = dict(series)
        rows.append([_shade(known.get(step), logarithmic=logarithmic) for step in steps])
    return Figure(
        id=f"{prefix}layers-{_slug(quantity)}",
        title=title + (", powers of ten" if logarithmic else ""),
        alt=f"{title} for {len(layers)} layers at {len(steps)} steps.",
        traces=[
            {
                "type": "heatmap",
                "x": steps,
                "y": [plot_text(name) for name in layers],
                "z": rows,
                "colorscale": [[0, color("heat-0")], [0.5, color("heat-1")], [1, color("heat-2")]],
                "colorbar": {"thickness": 10, "outlinewidth": 0, "tickfont": {"color": color("soft")}},
                "hovertemplate": "%{y}<br>step %{x}<br>%{z:.3~g}<extra></extra>",
            }
        ],
        layout={"xaxis": axis("step", zeroline=False), "yaxis": axis(autorange="reversed", showgrid=False)},
        height=min(520, 90 + 22 * len(layers)),
    )


def _shade(value: float | None, *, logarithmic: bool) -> float | None:
    if value is None or not math.isfinite(value) or (logarithmic and value <= 0):
        return None
    return math.log10(value) if logarithmic else value


def _thin(series: Series) -> Curve:
    ys = tuple(value if math.isfinite(value) else None for value in series.values)
    return thinned(Curve(tuple(map(float, series.steps)), ys))


def _line(
    drawn: Curve, name: str, colored: str, x: str, form: str = "", width: float = 2.0, dash: str = "solid"
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines" if len(drawn) > 1 else "markers",
        "x": drawn.xs,
        "y": drawn.ys,
        "line": {"color": color(colored), "width": width, "dash": dash},
        "marker": {"color": color(colored), "size": 7},
        "hovertemplate": f"{name}<br>{x} %{{x:.6~g}}<br>%{{y:{form or '.4~g'}}}<extra></extra>",
    }


def _y_axis(name: str) -> dict[str, Any]:
    if _tick(name):
        return axis(tickformat=_tick(name))
    return axis(exponentformat="power", rangemode="tozero") if name in ("lr", "grad_norm") else axis()


def _tick(name: str) -> str:
    return ".2~%" if is_share(name) else ""


def _title(name: str) -> str:
    words = curve_label(name)
    return words[:1].upper() + words[1:]


def _slug(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in name)
