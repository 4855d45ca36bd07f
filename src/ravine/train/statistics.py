"""Batch norm of averaged weights, which no batch was ever normalized with, given statistics of training rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from ravine.data.batches import Batches
from ravine.regularize.recompute_batch_norm import recompute_batch_norm
from ravine.train.machine import Machine
from ravine.train.randomness import chance_put_back

ROWS = 10_000
"""Training rows that are looked at, at most: a mean and a deviation are then known to a hundredth."""


def recompute(network: nn.Module, batches: Batches, machine: Machine) -> None:
    """Set the statistics of every batch norm of `network` to those of the first training rows, unaugmented.

    What is drawn meanwhile is forgotten. All processes end with the statistics of the first.
    """
    with chance_put_back(getattr(batches, "loader", None)):
        layers = recompute_batch_norm(_ByName(network), _inputs(batches), device=machine.device)
    if layers and machine.world > 1:
        ours = dict(network.named_buffers())
        for name, value in machine.from_first({name: value.cpu() for name, value in ours.items()}).items():
            ours[name].copy_(value)


class _ByName(nn.Module):
    """A network of several fields as one that takes them by name."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, **fields: Tensor) -> Any:
        """What the network gives for the fields in their order."""
        return self.network(*fields.values())


def _inputs(batches: Batches) -> Iterator[dict[str, Any]]:
    seen = 0
    for batch in batches.epoch(0):
        if len(batch.target) < 2 and seen:
            continue  # a single row has no variance
        yield {f"field{place}": field for place, field in enumerate(batch.inputs)}
        seen += len(batch.target)
        if seen >= ROWS:
            return
