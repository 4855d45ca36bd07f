"""Small, seeded networks with documented shapes, sized to the data; and other people's."""

from __future__ import annotations

from ravine.models.advice import Advice, advise
from ravine.models.build import Built, build
from ravine.models.catalogue import FAMILIES
from ravine.models.checkpoint_blocks import checkpoint_blocks
from ravine.models.describe import LayerText, describe, example
from ravine.models.memory import LayerMemory, Memory, memory
from ravine.models.unit_graph import UnitGraph

__all__ = [
    "FAMILIES",
    "Advice",
    "Built",
    "LayerMemory",
    "LayerText",
    "Memory",
    "UnitGraph",
    "advise",
    "build",
    "checkpoint_blocks",
    "describe",
    "example",
    "memory",
]
