"""Small trainings that go wrong in known ways, and one that does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset


def rows(number: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Four classes of 16 numbers, linear but for noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(number, 16)).astype(np.float32)
    y = (x @ rng.normal(size=(16, 4)) + 0.5 * rng.normal(size=(number, 4))).argmax(1)
    return x, y


def broken_rows(seed: int = 0) -> dict[str, TensorDataset]:
    """The same as data sets, three rows of the training set holding NaN."""
    x, y = (torch.from_numpy(part) for part in rows(750, seed))
    x[[100, 301, 402], 3] = torch.nan
    return {"train": TensorDataset(x[:600], y[:600]), "val": TensorDataset(x[600:], y[600:])}


class LogOfWeight(nn.Module):
    """Takes the logarithm of a weight, which a fast training drives below 0."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(16, 32), nn.ReLU())
        self.scale = nn.Parameter(torch.tensor(0.05))
        self.head = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        out: Tensor = self.head(self.body(x)) * (1 + torch.log(self.scale) ** 2 / 10)
        return out


class BreaksAt(nn.Module):
    """The logarithm of −1 at one training step, whatever the weights."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
        self.body = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        out: Tensor = self.body(x)
        if self.training:
            self.calls += 1
            out = out * torch.log(torch.tensor(-1.0)) if int(self.calls) == self.at else out
        return out


class Recurrence(nn.Module):
    """Sixteen steps of a linear recurrence that grows."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.inward, self.head = nn.Linear(32, 32), nn.Linear(1, 32), nn.Linear(32, 4)
        with torch.no_grad():
            self.cell.weight.copy_(1.05 * torch.eye(32))

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        h = torch.zeros(len(x), 32)
        for place in range(x.shape[1]):
            h = torch.relu(self.cell(h) + self.inward(x[:, place : place + 1]))
        out: Tensor = self.head(h)
        return out


class SoftmaxByHand(nn.Module):
    """The logarithm of exponentials over their sum: it overflows where logits pass 88."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, x: Tensor) -> Tensor:
        """Logarithms of probabilities."""
        raised = torch.exp(4 * self.body(x))
        return torch.log(raised / raised.sum(1, keepdim=True))


COMMON: dict[str, Any] = {"plan": "safe", "threads": 1, "epochs": 12, "batch_size": 32, "patience": "none"}
"""Choices of all of them."""

PLAIN_SGD: dict[str, Any] = {
    "optimizer": "sgd",
    "lr": 0.1,
    "clip_norm": "none",
    "schedule": "constant",
    "warmup": "0 steps",
}
"""Nothing that holds a gradient back."""
