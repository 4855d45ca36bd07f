"""The data in a page: columns, classes, the target's histogram, a few pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ravine.data.infer import checked_targets
from ravine.data.prepare.base import Rows
from ravine.data.prepare.images import converted
from ravine.data.raw import Arrays, Images, Raw, Table
from ravine.data.task import Kind, Task, as_numbers, encode_targets
from ravine.records.results import Column, DataSection, Picture

if TYPE_CHECKING:
    import polars as pl

MOST_PICTURES = 12
MOST_PICTURE_BYTES = 60_000
"""Of all pictures together, as data URIs."""

MOST_COLUMNS = 200
MOST_BINS = 30
MOST_COUNTED = 100_000
"""Rows of an array that its columns are summed up over."""

_SIDE = 64  # of a picture, in pixels, to begin with


def data_section(raw: Raw, task: Task, rows: Rows) -> DataSection:
    """What was read, summed up over `rows`: the training rows, so that the test part stays unseen.

    The section's own `rows` counts all rows that there are.
    """
    inputs = raw.inputs
    common = {
        "name": raw.name,
        "origin": raw.origin,
        "rows": len(raw),
        "task": task.kind.value,
        "task_reason": task.reason,
        "target": ", ".join(task.targets),
        "classes": list(task.classes),
        "class_counts": _class_counts(raw, task, rows),
        "target_histogram": _histogram(raw, task, rows),
    }
    if isinstance(inputs, Images):
        _, height, width, channels = inputs.pixels.shape
        return DataSection(
            form="image",
            shape=f"{height} × {width}, {channels} channel{'s' if channels > 1 else ''}",
            pictures=_pictures(inputs, raw, task, rows),
            **common,
        )
    if isinstance(inputs, Table):
        frame = inputs.frame[:, :MOST_COLUMNS][rows]
        shape = f"{inputs.frame.width} columns"
        return DataSection(form="table", shape=shape, columns=[_column(s) for s in frame.get_columns()], **common)
    if inputs.values.ndim == 3:
        _, length, features = inputs.values.shape
        return DataSection(form="sequence", shape=f"length {length}, {features} features", **common)
    shape = f"{inputs.values.shape[1]} features"
    return DataSection(form="table", shape=shape, columns=list(_array_columns(inputs, rows)), **common)


def _class_counts(raw: Raw, task: Task, rows: Rows) -> list[int]:
    if raw.targets is None or task.kind is Kind.REGRESS:
        return []
    encoded = encode_targets(task, np.asarray(raw.targets)[rows])
    if task.kind is Kind.MULTI_LABEL:
        return [int(count) for count in encoded.sum(axis=0)]
    return [int(count) for count in np.bincount(encoded, minlength=len(task.classes))]


def _histogram(raw: Raw, task: Task, rows: Rows) -> list[tuple[float, float, int]]:
    """Bins of the first target, even in its logarithm where that is learned."""
    if raw.targets is None or task.kind is not Kind.REGRESS:
        return []
    numbers = as_numbers(checked_targets(raw))
    assert numbers is not None
    values = numbers.reshape(len(numbers), -1)[rows, 0]
    values = np.log(values) if task.log else values
    bins = int(np.clip(np.sqrt(len(values)), 5, MOST_BINS))
    counts, edges = np.histogram(values, bins=bins)
    edges = np.exp(edges) if task.log else edges
    return [
        (float(left), float(right), int(count))
        for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def _column(series: pl.Series) -> Column:
    import polars as pl

    dtype = series.dtype
    if dtype.is_float():
        series = series.fill_nan(None)
    missing, present = series.null_count(), series.drop_nulls()
    distinct = present.n_unique()
    if dtype.is_numeric():
        values = present.cast(pl.Float64).to_numpy()
        return _numbers(series.name, values[np.isfinite(values)], missing, distinct)
    if dtype.is_temporal():
        ends = [(str(end), int((present == end).sum())) for end in (present.min(), present.max()) if end is not None]
        return Column(name=series.name, type="date", missing=missing, distinct=distinct, top=ends)
    counts = present.cast(pl.String, strict=False).rename("value").value_counts()
    top = counts.sort(["count", "value"], descending=[True, False]).head(5)
    return Column(
        name=series.name,
        type="flag" if dtype == pl.Boolean else "category",
        missing=missing,
        distinct=distinct,
        top=[(_short(value), count) for value, count in top.iter_rows()],
    )


def _array_columns(inputs: Arrays, rows: Rows) -> Iterator[Column]:
    rows = rows[:: max(1, -(-len(rows) // MOST_COUNTED))]
    chosen = inputs.values[rows, :MOST_COLUMNS]
    for place, values in enumerate(chosen.T):
        finite = values[np.isfinite(values)].astype(np.float64)
        yield _numbers(f"x{place}", finite, int(np.isnan(values).sum()), len(np.unique(finite)))


def _numbers(name: str, values: NDArray[np.float64], missing: int, distinct: int) -> Column:
    if not len(values):
        return Column(name=name, type="number", missing=missing, distinct=distinct)
    with np.errstate(over="ignore", invalid="ignore"):  # what is beyond float64 is told as none
        mean, std = float(values.mean()), float(values.std())
    return Column(
        name=name,
        type="number",
        missing=missing,
        distinct=distinct,
        mean=mean if np.isfinite(mean) else None,
        std=std if np.isfinite(std) else None,
        low=float(values.min()),
        high=float(values.max()),
    )


def _pictures(inputs: Images, raw: Raw, task: Task, rows: Rows) -> list[Picture]:
    """Up to a dozen pictures, classes in turn, small enough together for a page."""
    chosen, labels = _chosen(raw, task, rows)
    pixels = np.asarray(inputs.pixels[chosen])
    _, height, width, channels = pixels.shape
    side = min(_SIDE, max(height, width))
    while True:
        scale = side / max(height, width)
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        small = pixels if size == (height, width) else converted(pixels, *size, channels)
        uris = [data_uri(picture) for picture in small]
        if sum(map(len, uris)) <= MOST_PICTURE_BYTES or side <= 8:
            return [Picture(image=uri, label=label) for uri, label in zip(uris, labels, strict=True)]
        side = side * 3 // 4


def _chosen(raw: Raw, task: Task, rows: Rows) -> tuple[list[int], list[str]]:
    """Rows to show and their labels: of each class the first, then the second, and so on."""
    if raw.targets is None:
        return [int(row) for row in rows[:MOST_PICTURES]], [""] * len(rows[:MOST_PICTURES])
    encoded = encode_targets(task, np.asarray(raw.targets)[rows])
    if task.kind is Kind.REGRESS:
        values = as_numbers(np.asarray(raw.targets)[rows[:MOST_PICTURES]])
        assert values is not None
        return [int(row) for row in rows[:MOST_PICTURES]], [
            f"{value:g}" for value in values.reshape(len(values), -1)[:, 0]
        ]
    if task.kind is Kind.MULTI_LABEL:
        shown = rows[:MOST_PICTURES]
        names = np.array(task.classes, dtype=np.str_)
        return [int(row) for row in shown], [", ".join(names[row > 0]) for row in encoded[:MOST_PICTURES]]
    turn = np.zeros(len(rows), dtype=np.int64)
    for label in range(len(task.classes)):
        own = encoded == label
        turn[own] = np.arange(int(own.sum()))
    order = np.lexsort((encoded, turn))[:MOST_PICTURES]
    order = order[np.argsort(encoded[order], kind="stable")]
    return [int(rows[place]) for place in order], [task.classes[int(encoded[place])] for place in order]


def data_uri(picture: NDArray[np.uint8]) -> str:
    """A picture, uint8 (height, width, 1 or 3), as a PNG that a page can hold."""
    from PIL import Image

    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _short(text: str, most: int = 40) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
