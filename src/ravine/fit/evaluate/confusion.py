"""Which classes are taken for which."""

from __future__ import annotations

import numpy as np

from ravine.fit.evaluate.answers import Answers


def confusion(answers: Answers) -> list[list[int]]:
    """Rows by [truth][predicted], in the order of the classes."""
    classes = len(answers.task.classes)
    cells = np.bincount(answers.classes_true * classes + answers.choice, minlength=classes * classes)
    table: list[list[int]] = cells.reshape(classes, classes).tolist()
    return table
