"""Moving averages of the weights of all members at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ravine.population.stack import Stack


class StackAverage:
    """a ← d·a + (1 − d)·w after each step, with d = min(decay, (1 + t)/(10 + t)), member by member.

    Statistics of batch normalization are averaged as the weights are; whole numbers are copied.

    Args:
        stack: What is followed; its average starts as a copy.
        decay: d in the long run.
    """

    def __init__(self, stack: Stack, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self._stack = stack
        self.values = {name: value.clone() for name, value in {**stack.parameters, **stack.rest}.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after one more step."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        now = {**self._stack.parameters, **self._stack.rest}
        floats = [name for name, value in now.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.values[name] for name in floats], [now[name] for name in floats], 1.0 - decay)
        for name in now.keys() - set(floats):
            self.values[name].copy_(now[name])

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members alone."""
        self.values = {name: value[list(members)] for name, value in self.values.items()}

    def state_dict(self) -> dict[str, Any]:
        """What resuming needs."""
        return {"steps": self.steps, "values": self.values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off."""
        self.steps, self.values = state["steps"], state["values"]
