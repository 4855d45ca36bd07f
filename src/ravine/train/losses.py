"""What each kind of task minimises; one callable for hard, smoothed and soft targets."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812 (torch's own habit)
from torch import Tensor

from ravine.core.errors import BadData, BadValue, refusal
from ravine.core.intervals import BELOW_ONE
from ravine.data.task import Kind


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss of one kind of task.

    - classify: cross-entropy of outputs (batch, classes), in nats, against class numbers
      (batch,) int64 or against probabilities (batch, classes), as mixing examples makes them;
    - regress: squared error of outputs (batch, targets) against standardised targets of the
      same shape, the mean over targets;
    - multi-label: binary cross-entropy of outputs (batch, labels) against 0/1 or probabilities
      of the same shape, the mean over labels, in nats.

    Shapes are compared at every call: nothing is broadcast silently.

    >>> import torch
    >>> Loss(Kind.REGRESS)(torch.tensor([[1.0], [3.0]]), torch.tensor([[1.0], [1.0]]))
    tensor(2.)
    """

    kind: Kind
    label_smoothing: float = 0.0

    def __call__(self, outputs: Tensor, target: Tensor) -> Tensor:
        """The mean over the batch, a scalar.

        Raises:
            BadData: The shapes of outputs and target do not belong together.
        """
        self._check(outputs, target)
        if self.kind is Kind.CLASSIFY:
            return F.cross_entropy(outputs, target, label_smoothing=self.label_smoothing)
        if self.kind is Kind.REGRESS:
            return F.mse_loss(outputs, target)
        return F.binary_cross_entropy_with_logits(outputs, self._smoothed(target))

    def per_row(self, outputs: Tensor, target: Tensor) -> Tensor:
        """The loss of each row, shape (batch,); its mean is what calling the loss gives."""
        self._check(outputs, target)
        if self.kind is Kind.CLASSIFY:
            return F.cross_entropy(outputs, target, label_smoothing=self.label_smoothing, reduction="none")
        if self.kind is Kind.REGRESS:
            return F.mse_loss(outputs, target, reduction="none").mean(1)
        return F.binary_cross_entropy_with_logits(outputs, self._smoothed(target), reduction="none").mean(1)

    def _smoothed(self, target: Tensor) -> Tensor:
        """0/1 moved towards ½: y(1 − s) + s/2, the two-class form of label smoothing."""
        if self.label_smoothing == 0.0:
            return target
        return target * (1.0 - self.label_smoothing) + 0.5 * self.label_smoothing

    def _check(self, outputs: Tensor, target: Tensor) -> None:
        if outputs.ndim == 2 and (
            outputs.shape == target.shape
            or (self.kind is Kind.CLASSIFY and target.ndim == 1 and len(target) == len(outputs))
        ):
            return
        allowed = (
            "(batch, outputs)" if self.kind is not Kind.CLASSIFY else "(batch, classes) for (batch,) class numbers"
        )
        raise BadData(
            f"{self.kind.value} loss: the network must give {allowed}, as many rows and columns as the targets have; "
            f"got outputs {tuple(outputs.shape)} for targets {tuple(target.shape)}."
        )


def loss_of(kind: Kind | str, label_smoothing: float = 0.0) -> Loss:
    """The loss that a kind of task minimises.

    Args:
        kind: classify, regress or multi-label.
        label_smoothing: Share of the target spread evenly over the classes, in [0, 1); Szegedy
            et al. 2016. Regression has no labels and allows only 0.

    Raises:
        BadValue: `label_smoothing` is out of bounds, or means nothing for this kind.
    """
    kind = Kind(kind)
    BELOW_ONE.check("loss", "label_smoothing", label_smoothing)
    if kind is Kind.REGRESS and label_smoothing:
        raise BadValue(refusal("loss", "label_smoothing", "be 0 for regression", label_smoothing))
    return Loss(kind, label_smoothing)
