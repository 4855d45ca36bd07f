"""The top of the page: what was trained on what, how good it is, and whether it was worth it."""

from __future__ import annotations

import math

from ravine.records.finding import Severity
from ravine.report.about import about, known_status, status
from ravine.report.html import Html, coded, data, h, join
from ravine.report.material import Material
from ravine.report.numbers import (
    count,
    duration,
    gain_text,
    interval_text,
    label,
    lower_is_better,
    measure,
    plural,
    significant,
    value_text,
)
from ravine.report.verdict import rivals, verdict


def headline(material: Material) -> Html:
    """The header of the page."""
    word, sentence, absent = status(material)
    beside = join(_findings_chip(material), h("span", word, cls=f"chip status-{known_status(material)}"))
    parts = [
        h("p", h("span", "Ravine · report of a training run", cls="eyebrow"), beside, cls="topline"),
        h("h1", data(material.name)),
        _lede(material),
    ]
    if sentence:
        more = h("p", f"Not reached: {', '.join(absent)}.") if absent else None
        parts.append(h("div", h("p", coded(sentence)), more, cls="partial", role="note"))
    tiles = _tiles(material)
    if tiles:
        parts.append(tiles)
    said = verdict(material)
    if said:
        parts.append(h("p", said, cls="verdict"))
    return h("header", *parts, cls="hero")


def _lede(material: Material) -> Html:
    sentence = about(material)
    return h("p", sentence or "Nothing has been read yet.", cls="lede")


def _findings_chip(material: Material) -> Html | None:
    if not material.findings:
        return h("span", "no findings", cls="chip") if material.audited else None
    worst = material.findings[0].severity
    same = sum(finding.severity is worst for finding in material.findings)
    word = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}[worst]
    return h("a", plural(same, word), href="#findings", cls=f"chip severity-{worst.value}")


def _tile(name: str, value: str, beside: str, cls: str = "") -> Html:
    return h(
        "div", h("dt", name), h("dd", h("span", value, cls="value"), h("span", beside, cls="beside")), cls=f"tile {cls}"
    )


def _so_far(material: Material) -> list[Html]:
    """The best epoch yet of a training that has not ended."""
    metric = material.watched
    known = material.history.series(f"val_{metric}") if metric else None
    finite = [value for value in known.values if math.isfinite(value)] if known else []
    if not finite:
        return []
    best = min(finite) if lower_is_better(metric) else max(finite)
    return [
        _tile(f"Best validation {label(metric)} so far", measure(metric, best), plural(len(finite), "epoch"), "main")
    ]


def _tiles(material: Material) -> Html | None:
    tiles: list[Html] = []
    test, train, score = material.results.test, material.results.train, material.score
    best, watched = next(iter(rivals(material)), None), material.watched
    if test and score:
        interval = interval_text(score)
        beside = f"95% interval {interval}, " if interval else ""
        tiles.append(
            _tile(f"Test {label(score.name)}", value_text(score), f"{beside}{plural(test.rows, 'row')}", "main")
        )
    elif train and train.best_value is not None:
        beside = f"epoch {train.best_epoch}; the test part was not reached"
        tiles.append(_tile(f"Best validation {label(watched)}", measure(watched, train.best_value), beside, "main"))
    elif train is None:
        tiles += _so_far(material)
    if best and best.score.value is not None:
        beside = best.name
        if score and score.value is not None and score.name == best.score.name:
            beside += f"; network {gain_text(score.name, score.value - best.score.value)}"
        tiles.append(_tile("Best baseline", value_text(best.score), beside))
    if train:
        pace = f"{significant(train.samples_per_second, 3)} rows/s"
        tiles.append(_tile("Training", duration(train.seconds), f"{plural(train.epochs, 'epoch')}, {pace}"))
        if score:
            beside = f"validation {label(watched)} {measure(watched, train.best_value)}" if watched else ""
            tiles.append(_tile("Best epoch", count(train.best_epoch), beside))
    return h("dl", *tiles, cls="tiles") if tiles else None
