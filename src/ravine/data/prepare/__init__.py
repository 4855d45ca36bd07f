"""From raw rows to what a network sees, learned from training rows: one file a kind of inputs."""

from __future__ import annotations

from ravine.core.errors import BadData
from ravine.data.prepare.arrays import ArrayPreparation
from ravine.data.prepare.base import Preparation, Rows
from ravine.data.prepare.images import ImagePreparation
from ravine.data.prepare.table import TablePreparation
from ravine.data.raw import Images, Inputs, Table


def prepare(inputs: Inputs, train_rows: Rows) -> Preparation:
    """Learn from the training rows how rows are prepared: vocabularies, statistics, what to leave out.

    Args:
        inputs: All rows, of any kind.
        train_rows: Numbers of the rows to learn from; no other row is looked at.

    Raises:
        BadData: No training rows, or nothing in them that tells rows apart.
    """
    if len(train_rows) == 0:
        raise BadData("prepare: there are no training rows to measure.")
    if isinstance(inputs, Table):
        return TablePreparation.learn(inputs, train_rows)
    if isinstance(inputs, Images):
        return ImagePreparation.learn(inputs, train_rows)
    return ArrayPreparation.learn(inputs, train_rows)


__all__ = ["ArrayPreparation", "ImagePreparation", "Preparation", "TablePreparation", "prepare"]
