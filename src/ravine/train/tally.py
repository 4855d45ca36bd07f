"""What an epoch leaves: losses and outputs, kept on the device and read in bulk."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

MOST_OUTPUTS = 2**24
"""Numbers of output kept for the training metric; beyond it the epoch's metric speaks for its first part."""


class Tally:
    """Collects one epoch without ever waiting for the device.

    Losses are detached scalars, stacked in chunks; `read` is the only place that synchronizes.
    """

    def __init__(self) -> None:
        self._pieces: list[Tensor] = []  # of the step that is under way
        self._pending: list[Tensor] = []  # of finished steps, not read yet
        self._losses: list[float] = []  # of finished steps, as far as read
        self._outputs: list[Tensor] = []
        self._targets: list[Tensor] = []
        self._room = MOST_OUTPUTS
        self.since = 0  # how many losses the last `recent` had seen

    def add(self, loss: Tensor, outputs: Any, target: Any, share: float, ends_step: bool) -> None:
        """Take in one piece of a step."""
        loss = loss.detach()
        if ends_step and share == 1.0:
            self._pending.append(loss)
        else:
            self._pieces.append(loss * share)
            if ends_step:
                self._pending.append(torch.stack(self._pieces).sum())
                self._pieces = []
        if self._room > 0 and isinstance(outputs, Tensor) and isinstance(target, Tensor):
            self._room -= outputs.numel()
            self._outputs.append(outputs.detach())
            self._targets.append(target)

    def losses(self) -> list[float]:
        """Loss of each finished step so far; reads the device."""
        if self._pending:
            self._losses += torch.stack(self._pending).double().cpu().tolist()
            self._pending = []
        return self._losses

    def recent(self) -> float | None:
        """Mean loss since the last call; None when nothing came in between."""
        fresh = self.losses()[self.since :]
        self.since = len(self._losses)
        return math.fsum(fresh) / len(fresh) if fresh else None

    def mean_loss(self) -> float:
        """Mean loss over the finished steps."""
        losses = self.losses()
        return math.fsum(losses) / max(len(losses), 1) if all(map(math.isfinite, losses)) else math.nan

    def outputs(self) -> tuple[Tensor, Tensor] | None:
        """All outputs and targets of the epoch, (rows, …) each; None when they were not tensors."""
        if not self._outputs:
            return None
        return torch.cat(self._outputs).float(), torch.cat(self._targets)

    def state_dict(self) -> dict[str, Any]:
        """What resuming in the middle of an epoch needs."""
        kept = self.outputs()
        return {
            "losses": list(self.losses()),
            "since": self.since,
            "room": self._room,
            "outputs": None if kept is None else kept[0],
            "targets": None if kept is None else kept[1],
        }

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Take up where `state_dict` left off."""
        self._losses = list(state["losses"])
        self.since, self._room = state["since"], state["room"]
        if state["outputs"] is not None:
            self._outputs = [state["outputs"].to(device)]
            self._targets = [state["targets"].to(device)]
