"""A head solved on features: a convex problem, so its best point and not a training decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own habit)
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn

from ravine.data.task import Kind
from ravine.train.losses import Loss

Floats = NDArray[np.float64]

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Weights of ½‖w‖² on standardized features, of which the validation rows choose."""

USUAL = 1e-2
"""Without validation rows."""

ENOUGH = 2
"""Weaker penalties in a row that were no better: those that follow overfit more, and take longest."""

_PRECISE = 10**7
"""Numbers of features up to which the head is solved in float64."""


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
    problem = _Problem(x.double() if x.numel() <= _PRECISE else x, target, outputs, loss)
    point = np.zeros(outputs * (x.shape[1] + 1))
    best: tuple[float, Solved] | None = None
    worse = 0
    for penalty in sorted(penalties if held is not None else (USUAL,), reverse=True):  # each starts from the last
        point = problem.solved(point, penalty)
        weight, bias = (part.to(features.dtype) for part in problem.parted(point))
        plain = weight * scale
        found = Solved(plain, bias - plain @ mean, penalty)
        score = 0.0 if held is None else float(loss(found.outputs(held[0]), held[1]))
        worse = 0 if best is None or score < best[0] else worse + 1
        if worse == 0:
            best = (score, found)
        if worse == ENOUGH:
            break
    assert best is not None
    return best[1]


class _Problem:
    """Loss and gradient of a linear head in closed form: through autograd a small problem takes ten times as long."""

    def __init__(self, x: Tensor, target: Tensor, outputs: int, loss: Loss) -> None:
        self.x, self.outputs, self.kind = x, outputs, loss.kind
        self.target = wanted(target, outputs, loss).to(x)

    def parted(self, point: Floats) -> tuple[Tensor, Tensor]:
        """Weight (outputs, features) and bias (outputs,) of a flat point."""
        flat = torch.as_tensor(point, dtype=self.x.dtype, device=self.x.device).reshape(self.outputs, -1)
        return flat[:, :-1], flat[:, -1]

    def solved(self, start: Floats, penalty: float) -> Floats:
        """The point of least loss and penalty."""
        found = minimize(
            self._value_and_slope,
            start,
            args=(penalty,),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 200, "ftol": 1e-8, "gtol": 1e-5},
        )
        return np.asarray(found.x, dtype=np.float64)

    def _value_and_slope(self, point: Floats, penalty: float) -> tuple[float, Floats]:
        weight, bias = self.parted(point)
        out = torch.addmm(bias, self.x, weight.T)
        if self.kind is Kind.CLASSIFY:
            logs = torch.log_softmax(out, 1)
            value, by_out = -(self.target * logs).sum() / len(out), (logs.exp() - self.target) / len(out)
        elif self.kind is Kind.MULTI_LABEL:
            value = F.binary_cross_entropy_with_logits(out, self.target)
            by_out = (out.sigmoid() - self.target) / out.numel()
        else:
            errors = out - self.target
            value, by_out = (errors**2).mean(), 2 * errors / out.numel()
        slope = torch.cat([torch.addmm(penalty * weight, by_out.T, self.x, beta=1), by_out.sum(0)[:, None]], 1)
        whole = value + 0.5 * penalty * (weight**2).sum()
        return float(whole), slope.reshape(-1).double().cpu().numpy()


def wanted(target: Tensor, outputs: int, loss: Loss) -> Tensor:
    """The outputs' targets as `loss` smooths them, (rows, outputs): probabilities, labels or numbers."""
    if loss.kind is Kind.CLASSIFY:
        whole = F.one_hot(target, outputs) if target.ndim == 1 else target
        return whole * (1 - loss.label_smoothing) + loss.label_smoothing / outputs
    if loss.kind is Kind.MULTI_LABEL:
        return target * (1 - loss.label_smoothing) + loss.label_smoothing / 2
    return target
