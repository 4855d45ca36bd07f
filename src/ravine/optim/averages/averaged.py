"""The average of a network's weights: tensors beside the network's own, on its device."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from ravine.core.errors import BadRun
from ravine.optim.averages.average import Average


class Averaged:
    """Follows a network through its training; `module` is a network with the averaged weights.

    Parameters and floating-point buffers are averaged, everything else is copied. All of it stays on
    the network's device, and all tensors are moved by a few operations on lists.

    Args:
        model: The network that trains; its average starts as a copy.
        how: The kind of average, with its lengths in steps.
        steps: Steps that the training has behind it.

    Attributes:
        taken: How many weights have gone into the average; with 0 it means nothing yet.
    """

    def __init__(self, model: nn.Module, how: Average, *, steps: int = 0) -> None:
        self.how = how
        self.steps, self.taken = steps, 0
        how.due(1)  # refuses lengths that are no steps before anything is copied
        self.module = copy.deepcopy(model).requires_grad_(False)
        self._averaged: list[Tensor] = []
        self._followed: list[Tensor] = []
        self._copied: list[tuple[Tensor, Tensor]] = []
        self._snapshots: list[list[Tensor]] = []  # the latest, oldest first
        ours = {**dict(self.module.named_parameters()), **dict(self.module.named_buffers())}
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            if tensor.is_floating_point():
                self._averaged.append(ours[name])
                self._followed.append(tensor)
            else:
                self._copied.append((ours[name], tensor))

    @property
    def ready(self) -> bool:
        """Whether any weights have been taken."""
        return self.taken > 0

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after one more step, where they are due."""
        self.steps += 1
        if not self.how.due(self.steps):
            return
        self.taken += 1
        now = [tensor.detach() for tensor in self._followed]
        if self.how.window:
            self._slide(now)
        else:
            torch._foreach_lerp_(self._averaged, now, self.how.weight(self.taken))
        for average, tensor in self._copied:
            average.copy_(tensor)

    def state_dict(self) -> dict[str, Any]:
        """What resuming needs."""
        return {
            "steps": self.steps,
            "taken": self.taken,
            "module": self.module.state_dict(),
            "snapshots": self._snapshots,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off.

        Raises:
            BadRun: The state is that of another kind of average.
        """
        snapshots = state["snapshots"]
        if len(snapshots) > self.how.window or (
            self.how.window and len(snapshots) < min(state["taken"], self.how.window)
        ):
            raise BadRun(f"average: the snapshot holds another kind than {self.how.name}. Resume with its own recipe.")
        self.steps, self.taken = state["steps"], state["taken"]
        self.module.load_state_dict(state["module"])
        self._snapshots = [
            [tensor.to(ours.device) for tensor, ours in zip(kept, self._averaged, strict=True)] for kept in snapshots
        ]

    def _slide(self, now: list[Tensor]) -> None:
        """The mean of the latest snapshots, summed anew each time: it depends on nothing that has left."""
        oldest = self._snapshots.pop(0) if len(self._snapshots) == self.how.window else [t.clone() for t in now]
        torch._foreach_copy_(oldest, now)
        self._snapshots.append(oldest)
        torch._foreach_copy_(self._averaged, self._snapshots[0])
        for kept in self._snapshots[1:]:
            torch._foreach_add_(self._averaged, kept)
        torch._foreach_mul_(self._averaged, self.how.weight(self.taken))
