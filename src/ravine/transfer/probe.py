"""A head solved on features: a convex problem, so its best point and not a training decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own habit)
from torch import Tensor, nn

from ravine.train.losses import Loss

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Weights of ½‖w‖² on standardized features, of which the validation rows choose."""

USUAL = 1e-2
"""Without validation rows."""


@dataclass(frozen=True, slots=True)
class Solved:
    """A linear head on features.

    Attributes:
        weight: (outputs, features), for features as they come.
        bias: (outputs,).
        penalty: Which of `PENALTIES` was best.
    """

    weight: Tensor
    bias: Tensor
    penalty: float

    def outputs(self, features: Tensor) -> Tensor:
        """(rows, outputs)."""
        return F.linear(features, self.weight, self.bias)

    def put_into(self, head: nn.Linear) -> None:
        """Give `head` these values; without a bias it gets the weight alone."""
        with torch.no_grad():
            head.weight.copy_(self.weight)
            if head.bias is not None:
                head.bias.copy_(self.bias)


def solve_head(
    features: Tensor,
    target: Tensor,
    outputs: int,
    loss: Loss,
    held: tuple[Tensor, Tensor] | None = None,
    *,
    penalties: Sequence[float] = PENALTIES,
) -> Solved:
    """The linear head of least loss plus (λ/2)‖w‖², by L-BFGS on standardized features.

    Args:
        features: (rows, features).
        target: As `loss` takes it.
        outputs: Of the head.
        loss: Of the task.
        held: Features and targets that choose λ; None takes `USUAL`.
        penalties: λ to choose from.
    """
    mean, std = features.mean(0), features.std(0, unbiased=False)
    scale = torch.where(std > 1e-6 * std.max().clamp(min=1e-30), 1 / std, torch.zeros_like(std))
    x = (features - mean) * scale
    weight = torch.zeros(outputs, x.shape[1], device=x.device, requires_grad=True)
    bias = torch.zeros(outputs, device=x.device, requires_grad=True)
    best: tuple[float, Solved] | None = None
    for penalty in sorted(penalties if held is not None else (USUAL,), reverse=True):  # each starts from the last
        _minimize(x, target, weight, bias, loss, penalty)
        plain = (weight * scale).detach()
        found = Solved(plain.clone(), (bias - plain @ mean).detach().clone(), penalty)
        score = 0.0 if held is None else float(loss(found.outputs(held[0]), held[1]))
        if best is None or score < best[0]:
            best = (score, found)
    assert best is not None
    return best[1]


def _minimize(x: Tensor, target: Tensor, weight: Tensor, bias: Tensor, loss: Loss, penalty: float) -> None:
    solver = torch.optim.LBFGS([weight, bias], max_iter=60, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        solver.zero_grad()
        value = loss(F.linear(x, weight, bias), target) + 0.5 * penalty * (weight**2).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    with torch.enable_grad():
        solver.step(closure)  # type: ignore[no-untyped-call]
