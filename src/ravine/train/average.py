"""An exponential moving average of the weights: smoother than the last step, for free at test time."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn


class MovingAverage:
    """a ← d·a + (1 − d)·w after each step, with d = min(decay, (1 + t)/(10 + t)).

    The rise of d keeps the first, random weights from lingering. Floating buffers (batch-norm
    statistics) are averaged as the weights are, so the averaged network has statistics of its own.

    Args:
        model: The network that trains; its average starts as a copy.
        decay: d in the long run; the average then spans about 1/(1 − d) steps.

    Source: Polyak & Juditsky 1992, "Acceleration of Stochastic Approximation by Averaging"; the
    rise of d as in TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.module = copy.deepcopy(model).requires_grad_(False)
        self._averaged, self._followed = [], []
        self._copied: list[tuple[Tensor, Tensor]] = []
        ours = {**dict(self.module.named_parameters()), **dict(self.module.named_buffers())}
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            if tensor.is_floating_point():
                self._averaged.append(ours[name])
                self._followed.append(tensor)
            else:
                self._copied.append((ours[name], tensor))

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after one more step."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self._averaged, [tensor.detach() for tensor in self._followed], 1.0 - decay)
        for average, tensor in self._copied:
            average.copy_(tensor)

    def state_dict(self) -> dict[str, Any]:
        """What resuming needs."""
        return {"steps": self.steps, "module": self.module.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off."""
        self.steps = state["steps"]
        self.module.load_state_dict(state["module"])
