"""The kinds of preparation, by their name in JSON."""

from __future__ import annotations

from ravine.data.prepare.arrays import ArrayPreparation
from ravine.data.prepare.base import Preparation
from ravine.data.prepare.images import ImagePreparation
from ravine.data.prepare.table import TablePreparation

KINDS: dict[str, type[Preparation]] = {
    kind.kind: kind for kind in (TablePreparation, ImagePreparation, ArrayPreparation)
}
