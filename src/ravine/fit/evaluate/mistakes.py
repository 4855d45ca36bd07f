"""The rows a network got most wrong, with what it saw."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ravine.data.raw import Images, Inputs, Raw, Table
from ravine.data.task import Kind
from ravine.fit.evaluate.answers import Answers
from ravine.records.results import Mistake

MOST_MISTAKES = 12
MOST_COLUMNS = 40
THUMBNAIL = 96
"""Side of a thumbnail in pixels; smaller pictures stay as they are."""


def worst_mistakes(answers: Answers, raw: Raw, rows: NDArray[np.int64], count: int = MOST_MISTAKES) -> list[Mistake]:
    """The `count` rows of highest loss, worst first; of classes and labels only rows that are wrong.

    Args:
        answers: Of the rows, in the order of `rows`.
        raw: Where the rows come from.
        rows: Their numbers in `raw`.
        count: How many at most.
    """
    losses = np.nan_to_num(answers.losses, nan=np.inf)
    order = np.argsort(-losses, kind="stable")
    worst = order[_wrong(answers)[order]][:count]
    return [_mistake(answers, int(place), raw, int(rows[place])) for place in worst]


def _wrong(answers: Answers) -> NDArray[np.bool_]:
    if answers.task.kind is Kind.CLASSIFY:
        wrong: NDArray[np.bool_] = answers.choice != answers.classes_true
    elif answers.task.kind is Kind.MULTI_LABEL:
        wrong = (answers.labels != answers.labels_true).any(1)
    else:
        wrong = np.ones(len(answers), dtype=np.bool_)
    return wrong


def _mistake(answers: Answers, place: int, raw: Raw, row: int) -> Mistake:
    truth, predicted, confidence = _told(answers, place)
    loss = float(answers.losses[place])
    return Mistake(
        id=str(raw.ids[row]),
        truth=truth,
        predicted=predicted,
        confidence=confidence,
        loss=loss if np.isfinite(loss) else None,
        image=picture(raw.inputs.pixels[row]) if isinstance(raw.inputs, Images) else "",
        row=raw_row(raw.inputs, row),
    )


def _told(answers: Answers, place: int) -> tuple[str, str, float | None]:
    """Truth and prediction as people write them, and the probability given to the prediction."""
    classes = answers.task.classes
    if answers.task.kind is Kind.CLASSIFY:
        choice = int(answers.choice[place])
        sure = float(answers.probabilities[place, choice])
        return classes[int(answers.classes_true[place])], classes[choice], sure if np.isfinite(sure) else None
    if answers.task.kind is Kind.MULTI_LABEL:
        return _names(classes, answers.labels_true[place]), _names(classes, answers.labels[place]), None
    return _numbers(answers.values_true[place]), _numbers(answers.values[place]), None


def _names(classes: tuple[str, ...], there: NDArray[np.bool_]) -> str:
    return ", ".join(name for name, yes in zip(classes, there, strict=True) if yes) or "none"


def _numbers(values: NDArray[np.float64]) -> str:
    return ", ".join(f"{value:.6g}" for value in values)


def raw_row(inputs: Inputs, row: int) -> dict[str, Any]:
    """Feature values of one row of a table, the first forty, in JSON's own types; {} for other inputs."""
    if not isinstance(inputs, Table):
        return {}
    return {name: _simple(inputs.frame[name][row]) for name in inputs.frame.columns[:MOST_COLUMNS]}


def _simple(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def picture(pixels: NDArray[np.uint8]) -> str:
    """Pixels (height, width, 1 or 3) as a small PNG in a data URI."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
