"""L2-SP: weights are drawn towards where they started instead of towards zero."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import NON_NEGATIVE


def l2_sp(weights: Sequence[Tensor], start: Sequence[Tensor], alpha: float) -> Tensor:
    """The penalty (α/2)·Σ‖w − w⁰‖², a scalar; its gradient by w is α·(w − w⁰).

    Args:
        weights: Now, each (*).
        start: Of the same shapes.
        alpha: α, at least 0.

    Raises:
        BadValue: Shapes or numbers of tensors differ; α is negative.

    Source: Li, Grandvalet & Davoine 2018, "Explicit Inductive Bias for Transfer Learning with
        Convolutional Networks", equation 2.
    """
    NON_NEGATIVE.check("l2_sp", "alpha", alpha)
    shapes, wanted = [tuple(w.shape) for w in weights], [tuple(s.shape) for s in start]
    if shapes != wanted:
        raise BadValue(refusal("l2_sp", "the weights", f"have the shapes {wanted}", shapes))
    squares = (((w - s) ** 2).sum() for w, s in zip(weights, start, strict=True))
    return 0.5 * alpha * sum(squares, torch.zeros(()))


class L2SP:
    """L2-SP as a part of an optimizer's step: α·(w − w⁰) is added to each gradient, once a step.

    In the optimizer, not in the loss: curves show the loss of the data alone, accumulation over
    pieces counts it once, and weights without a gradient are left alone.

    Args:
        parameters: Of the body; their values now are the start.
        alpha: α of `l2_sp`.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], alpha: float) -> None:
        NON_NEGATIVE.check("l2_sp", "alpha", alpha)
        self.alpha = alpha
        self.parameters = list(parameters)
        self.start = [parameter.detach().clone() for parameter in self.parameters]

    def attach(self, optimizer: torch.optim.Optimizer) -> None:
        """Act before every step of `optimizer`."""
        optimizer.register_step_pre_hook(self._add)

    @torch.no_grad()
    def _add(self, *_: Any) -> None:
        for place, parameter in enumerate(self.parameters):
            if parameter.grad is None:
                continue
            if self.start[place].device != parameter.device:
                self.start[place] = self.start[place].to(parameter.device)
            parameter.grad.add_(parameter - self.start[place], alpha=self.alpha)
