"""How the training went: loss and metric over epochs, learning rate, pace."""

from __future__ import annotations

from typing import Any

from ravine.report.curve import Curve, curve, thinned, x_unit
from ravine.report.figure import Figure, Key, axis, color
from ravine.report.html import Html, fold, h, join
from ravine.report.material import Material
from ravine.report.numbers import NONE, count, duration, is_share, label, measure, plural, significant
from ravine.report.panel import Panel
from ravine.report.table import Head, pairs, table

_MOST_ROWS = 120
_MOST_OTHERS = 8
_TRAIN, _VAL = Key("training", "train"), Key("validation", "val", "dash")
_DRAWN = {"train_loss", "val_loss", "lr", "samples_per_second", "epoch", "seconds"}


def panel(material: Material) -> Panel | None:
    """The curves, and the numbers behind them."""
    history, train = material.history, material.results.train
    if not len(history) and train is None:
        return None
    figures = [
        figure
        for figure in (_loss(material), _metric(material), _rate(material), _pace(material))
        if figure is not None
    ]
    others = _others(material)
    body = join(
        h("p", _story(material), cls="story") if _story(material) else None,
        _broken(material),
        h("div", *(figure.to_html() for figure in figures), cls="plots") if figures else None,
        fold("How it was trained", pairs("How it was trained", _how(material))) if train else None,
        fold("More curves", h("div", *(figure.to_html() for figure in others), cls="plots")) if others else None,
        _numbers(material),
    )
    return Panel("curves", "How the training went", "Training", body)


def _story(material: Material) -> str:
    train = material.results.train
    if train is None:
        epochs = curve(material.history, "train_loss")
        return f"So far {plural(len(epochs), 'epoch')}." if len(epochs) else "No epoch is finished yet."
    best = f"; the best was epoch {count(train.best_epoch)}" if train.best_epoch else ""
    told = f"{plural(train.epochs, 'epoch')}, {plural(train.steps, 'step')}{best}. Stopped by {train.stopped_by}."
    if any(words.startswith("label smoothing") for words in train.regularization):
        told += " The training loss is that of smoothed labels, which cannot reach 0; the validation loss is not."
    return told


def _how(material: Material) -> list[tuple[str, str]]:
    train = material.results.train
    assert train is not None
    entries = [
        ("optimizer", train.optimizer),
        ("schedule", train.schedule),
        ("regularization", "; ".join(train.regularization) or "none"),
        ("weights kept", train.kept),
        ("gradient noise scale", _noise_scale(train.noise_scale)),
        ("stopped by", train.stopped_by),
        ("time", duration(train.seconds)),
        ("pace", f"{significant(train.samples_per_second)} rows/s"),
        ("device", train.device),
    ]
    return [(name, value) for name, value in entries if value]


def _noise_scale(rows: float | None) -> str:
    if rows is None:
        return ""
    return (
        f"about {significant(rows, 2)} rows: batches much smaller than that lose little by being small, "
        "batches much larger save next to no step"
    )


def _broken(material: Material) -> Html | None:
    counts = {
        label(name): broken
        for name in ("train_loss", "val_loss")
        if (broken := curve(material.history, name).broken + curve(material.history, name, "step").broken)
    }
    if not counts:
        return None
    said = ", ".join(f"{plural(number, 'value')} of the {name}" for name, number in counts.items())
    return h("p", f"Not drawn because not finite: {said}.", cls="partial", role="note")


def _loss(material: Material) -> Figure | None:
    return _pair(material, "loss", "Loss", stepwise=True)


def _metric(material: Material) -> Figure | None:
    metric = material.watched
    return _pair(material, metric, _title(metric)) if metric else None


def _pair(material: Material, name: str, title: str, *, stepwise: bool = False) -> Figure | None:
    history = material.history
    train, val = curve(history, f"train_{name}"), curve(history, f"val_{name}")
    steps = thinned(curve(history, f"train_{name}", "step")) if stepwise else Curve((), ())
    if not train.finite and not val.finite and not steps.finite:
        return None
    unit, form = x_unit(history), _tick(name)
    traces: list[dict[str, Any]] = []
    keys: list[Key] = []
    if steps.finite:
        traces.append(_line(steps, "training, by step", "train-faint", unit, form, width=1.2))
        keys.append(Key("by step", "train-faint"))
    for drawn, key in ((train, _TRAIN), (val, _VAL)):
        if drawn.finite:
            traces.append(
                _line(thinned(drawn), key.name, key.color, unit, form, dash="dot" if key is _VAL else "solid")
            )
            keys.append(key)
    marks = _best_mark(material, val, name)
    if marks:
        traces.append(marks[0])
        keys.append(Key(f"best, epoch {count(marks[0]['x'][0])}", "val", "dot"))
    everything = train.finite + val.finite + steps.finite
    yaxis = axis(tickformat=form) if form else axis()
    return Figure(
        id=f"plot-{_slug(name)}",
        title=title,
        alt=f"{title} over {unit}s. {_ends('Training', train, name)}{_ends('Validation', val, name)}",
        traces=traces,
        layout={"xaxis": _x_axis(material), "yaxis": yaxis, "shapes": [marks[1]] if marks else []},
        keys=tuple(keys),
        height=300,
        log_switch=stepwise and bool(everything) and min(everything) > 0,
    )


def _ends(word: str, drawn: Curve, name: str) -> str:
    if not drawn.finite:
        return ""
    return f"{word}: from {measure(name, drawn.finite[0])} to {measure(name, drawn.finite[-1])}. "


def _tick(name: str) -> str:
    return ".2~%" if is_share(name) else ""


def _best_mark(material: Material, val: Curve, name: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The best epoch: a point on the validation curve, and a line down the plot."""
    train = material.results.train
    if train is None or x_unit(material.history) != "epoch":
        return None
    for x, y in zip(val.xs, val.ys, strict=True):
        if x == train.best_epoch and y is not None:
            point = {
                "type": "scatter",
                "mode": "markers",
                "x": [x],
                "y": [y],
                "marker": {"size": 9, "color": color("val"), "line": {"width": 2, "color": color("card")}},
                "hovertemplate": f"best: epoch %{{x}}<br>{measure(name, y)}<extra></extra>",
            }
            line = {
                "type": "line",
                "xref": "x",
                "yref": "paper",
                "x0": x,
                "x1": x,
                "y0": 0,
                "y1": 1,
                "layer": "below",
                "line": {"width": 1, "dash": "dash", "color": color("base")},
            }
            return point, line
    return None


def _line(
    drawn: Curve, name: str, colored: str, unit: str, form: str = "", width: float = 2.0, dash: str = "solid"
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines" if len(drawn) > 1 else "markers",
        "x": drawn.xs,
        "y": drawn.ys,
        "line": {"color": color(colored), "width": width, "dash": dash},
        "marker": {"color": color(colored), "size": 7},
        "hovertemplate": f"{name}<br>{unit} %{{x:.4~g}}<br>%{{y:{form or '.4~g'}}}<extra></extra>",
    }


def _rate(material: Material) -> Figure | None:
    kind = "step" if len(curve(material.history, "lr", "step")) else "epoch"
    return _single(material, "lr", "Learning rate", "net", kind)


def _pace(material: Material) -> Figure | None:
    return _single(material, "samples_per_second", "Rows per second", "base", "epoch", from_zero=True)


def _x_axis(material: Material) -> dict[str, Any]:
    """The same reach for every curve, so that they can be read one above the other."""
    unit = x_unit(material.history)
    last = max((float(row.get(unit, 0)) for row in material.history.rows), default=1.0)
    return axis(unit, zeroline=False, range=[0, max(last, 1.0) * 1.02])


def _single(
    material: Material, name: str, title: str, colored: str, kind: str, *, from_zero: bool = False
) -> Figure | None:
    drawn = thinned(curve(material.history, name, kind))
    if not drawn.finite:
        return None
    unit = x_unit(material.history)
    low, high = min(drawn.finite), max(drawn.finite)
    yaxis = axis(rangemode="tozero" if from_zero else "normal", exponentformat="power" if name == "lr" else "SI")
    return Figure(
        id=f"plot-{kind}-{_slug(name)}",
        title=title,
        alt=f"{title} over {unit}s, between {significant(low)} and {significant(high)}.",
        traces=[_line(drawn, title.lower(), colored, unit)],
        layout={"xaxis": _x_axis(material), "yaxis": yaxis},
        height=200,
    )


def _others(material: Material) -> list[Figure]:
    """What else was recorded: metrics of both parts as pairs, the rest one by one."""
    drawn = _DRAWN | {f"train_{material.watched}", f"val_{material.watched}"}
    names = [(kind, name) for kind in ("epoch", "step") for name in material.history.names(kind)]
    figures: list[Figure] = []
    for kind, name in names:
        if name in drawn or len(figures) == _MOST_OTHERS:
            continue
        metric = name.removeprefix("train_").removeprefix("val_")
        if kind == "epoch" and metric != name:
            drawn = drawn | {f"train_{metric}", f"val_{metric}"}
            figure = _pair(material, metric, _title(metric))
        else:
            drawn = drawn | {name}
            figure = _single(material, name, _title(name), "net", kind)
        figures += [figure] if figure else []
    return figures


def _title(metric: str) -> str:
    return label(metric)[:1].upper() + label(metric)[1:]


def _slug(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in name)


def _numbers(material: Material) -> Html | None:
    rows = [row for row in material.history.rows if row.get("kind", "epoch") == "epoch"]
    names = [name for name in material.history.names() if name != "epoch"][:8]
    if not rows or not names:
        return None
    stride = -(-len(rows) // _MOST_ROWS)
    best = material.results.train.best_epoch if material.results.train else None
    kept = [row for place, row in enumerate(rows) if place % stride == 0 or row is rows[-1] or row.get("epoch") == best]
    unit = x_unit(material.history)
    cells = [[significant(row.get(unit), 6), *(_cell(name, row.get(name)) for name in names)] for row in kept]
    marked = frozenset(place for place, row in enumerate(kept) if best is not None and row.get("epoch") == best)
    heads = [Head(unit, number=True), *(Head(label(name), number=True) for name in names)]
    return fold(
        "The numbers behind the curves",
        table("Values after each epoch", heads, cells, marked=marked, total=len(rows), what="epochs"),
    )


def _cell(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return NONE
    if is_share(name):
        return measure(name, float(value), 2)
    return significant(float(value), 4, strip=False)
