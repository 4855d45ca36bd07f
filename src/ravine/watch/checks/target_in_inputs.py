"""Whether a column of the inputs is the target itself."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ravine.watch.checks.check import Check
from ravine.watch.instrument import LossSeen, Scene

BATCHES = 5
ROWS = 16
COLUMNS = 4096
EXACT = 0.99999


class TargetInInputs(Check):
    """Sees input columns that are the target, or say whether it is a certain class, in all first sampled batches.

    Exact: a correlation of 1, up to rounding, in five batches. Inputs of one column are not asked: a line may be
    what is to be learned.
    """

    name: ClassVar[str] = "target-in-inputs"

    def __init__(self) -> None:
        self._inputs: Tensor | None = None
        self._columns: dict[int, tuple[Tensor, int]] = {}  # by width: a program may train networks of several widths

    def forward(self, scene: Scene, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Hold the inputs until their loss."""
        self._inputs = None
        x = inputs[0] if inputs else None
        if not isinstance(x, Tensor) or module not in scene.models or not module.training:
            return
        if x.dim() == 2 and x.is_floating_point() and x.shape[0] >= ROWS and 1 < x.shape[1] <= COLUMNS:
            _, batches = self._columns.get(x.shape[1], (x, 0))
            self._inputs = x if batches < BATCHES else None

    def loss(self, scene: Scene, seen: LossSeen) -> None:
        """Compare every column with the targets."""
        x, self._inputs = self._inputs, None
        targets = seen.targets
        if x is None or targets is None or not seen.with_gradient or targets.numel() != x.shape[0]:
            return
        columns, batches = _columns_like(x, targets.reshape(-1)), 1
        if x.shape[1] in self._columns:
            before, counted = self._columns[x.shape[1]]
            columns, batches = before & columns, counted + 1
        self._columns[x.shape[1]] = columns, batches
        if batches == BATCHES and (found := columns.nonzero().flatten().tolist()):
            scene.fact("target-in-inputs", columns=found[:5], count=len(found), place=seen.place)

    def backward_begin(self, scene: Scene, root: Tensor) -> None:
        """Hold nothing any longer."""
        self._inputs = None


def _columns_like(x: Tensor, y: Tensor) -> Tensor:
    """Which columns of `x`, (rows, columns), go with `y`, (rows), or with one of its classes: booleans, (columns)."""
    wanted = y.double()[:, None]
    if not y.is_floating_point():
        classes = [c for c in torch.unique(y) if int((y == c).sum()) >= 3]
        wanted = torch.cat([wanted, *((y == c).double()[:, None] for c in classes)], dim=1)
    a, b = x.double() - x.double().mean(0), wanted - wanted.mean(0)
    sizes = a.norm(dim=0)[:, None] * b.norm(dim=0)[None]
    exact: Tensor = (a.T @ b).abs() / sizes.clamp(min=1e-30) > EXACT
    return exact.any(1)
