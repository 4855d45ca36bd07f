"""Which activations there are, and what is measured of what they give."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.Threshold, nn.RReLU)
BOUNDED = {nn.Sigmoid: (0.0, 1.0), nn.Tanh: (-1.0, 1.0), nn.Hardtanh: (-1.0, 1.0), nn.Hardsigmoid: (0.0, 1.0)}
BY_OPERATION = {"Relu": (0.0, None), "Sigmoid": (0.0, 1.0), "Tanh": (-1.0, 1.0)}
FLAT = 0.01  # of the distance between its bounds: nearer than this, an activation is on the flat

WINDOW_BATCHES = 4
WINDOW_ROWS = 128


def bounds_of(module: nn.Module) -> tuple[float, float | None] | None:
    """Least and largest value that an activation's module gives; None where it is no such module."""
    if isinstance(module, RECTIFIERS):
        return 0.0, None
    return next((bounds for kind, bounds in BOUNDED.items() if isinstance(module, kind)), None)


@dataclass(slots=True)
class Silence:
    """Units that were zero on all inputs, over several batches."""

    alive: Tensor | None = None  # (units): had a value other than zero
    batches: int = 0
    rows: int = 0

    def add(self, values: Tensor, axis: int) -> tuple[Tensor, Tensor | None]:
        """Count one batch: share of units silent in it, and, when the window is full, in all of it.

        Args:
            values: What the units gave, with a row for each example.
            axis: That of the units.
        """
        others = [place for place in range(values.dim()) if place != axis]
        alive = (values != 0).any(dim=others) if others else values != 0
        if self.alive is None or self.alive.shape != alive.shape:
            self.alive, self.batches, self.rows = alive, 0, 0
        else:
            self.alive = self.alive | alive
        self.batches += 1
        self.rows += values.shape[0]
        whole = None
        if self.batches >= WINDOW_BATCHES and self.rows >= WINDOW_ROWS:
            whole = 1 - self.alive.float().mean()
            self.alive = None
        return 1 - alive.float().mean(), whole


@dataclass(slots=True)
class Activations:
    """Measures what activations give; one for a watcher."""

    silences: dict[str, Silence] = field(default_factory=dict)

    def measure(self, name: str, values: Tensor, axis: int, bounds: tuple[float, float | None]) -> dict[str, Tensor]:
        """Numbers of one activation's values, all without dimensions and on their device.

        Args:
            name: Its layer.
            values: (rows, …).
            axis: That of the units.
            bounds: As `bounds_of` gives them.
        """
        least, most = bounds
        if most is None:
            silent, whole = self.silences.setdefault(name, Silence()).add(values, axis)
            numbers = {"zeros": (values == 0).float().mean(), "silent": silent}
            return numbers if whole is None else {**numbers, "dead": whole}
        edge = FLAT * (most - least)
        return {"saturated": ((values < least + edge) | (values > most - edge)).float().mean()}


def moments(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over all values, in float32."""
    spread, mean = torch.std_mean(values.float(), correction=0)
    return mean, spread
