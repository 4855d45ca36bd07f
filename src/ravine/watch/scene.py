"""What instruments know of the program, and where they write."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from ravine.watch.census import Census
from ravine.watch.datasets import Datasets
from ravine.watch.sink import Sink


class LiveScene:
    """The scene of a program that runs: see `ravine.watch.instrument.Scene`."""

    def __init__(self, census: Census, sink: Sink) -> None:
        self.step = 0
        self.sampled = True
        self.turn = 0
        self.waited = 0.0
        self.compiled = False
        self.census = census
        self.sink = sink
        self._datasets = Datasets()

    @property
    def optimizers(self) -> list[Optimizer]:
        """Those seen and alive, in the order in which they first stepped."""
        return self.census.optimizers

    @property
    def models(self) -> list[nn.Module]:
        """Roots of the modules that own the optimizers' parameters."""
        return self.census.models

    def data_of(self, loader: Any) -> int:
        """A number for the data that a DataLoader goes over, from 1: the same for the same data."""
        return self._datasets.number_of(loader.dataset)

    def name_of(self, thing: Tensor | nn.Module) -> str:
        """The name of a parameter or module in its model; "" when unknown."""
        return self.census.name_of(thing)

    def write(self, kind: str, **values: Any) -> None:
        """One row at the current step."""
        self.sink.take(kind, self.step, values)

    def fact(self, name: str, **details: Any) -> None:
        """A row of kind "fact", the first time."""
        self.sink.fact(name, self.step, details)

    def about(self, **known: Any) -> None:
        """Something about the training as a whole."""
        self.sink.take("about", self.step, known)
