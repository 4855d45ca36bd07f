"""Label smoothing: no class is quite certain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own habit)
from torch import Tensor

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import UNIT
from ravine.core.sources import Source
from ravine.regularize.technique import Acts, Technique


def smooth_labels(labels: Tensor, classes: int, share: float) -> Tensor:
    """Soft targets: (1 − share) on the label, `share` spread evenly over all classes.

        q = (1 − share)·onehot(label) + share/classes

    The cross-entropy against q is torch's `cross_entropy(…, label_smoothing=share)`; as a target of
    its own it goes through mixup and every loss that takes probabilities.

    Args:
        labels: int64 in [0, classes), (batch,).
        classes: How many there are.
        share: In [0, 1]; 0 gives one-hot targets.

    Returns: float32, (batch, classes); rows sum to 1.
    Source: Szegedy et al. 2016 (arXiv:1512.00567), section 7.
    """
    UNIT.check("label-smoothing", "share", share)
    if labels.is_floating_point() or labels.ndim != 1:
        must = "be int64 of shape (batch,)"
        raise BadValue(refusal("label-smoothing", "labels", must, f"{labels.dtype} of {tuple(labels.shape)}"))
    soft = torch.full((len(labels), classes), share / classes, device=labels.device)
    return soft.scatter_add_(1, labels[:, None], torch.full_like(soft[:, :1], 1 - share))


def soft_targets(owner: str, target: Tensor, classes: int | None) -> Tensor:
    """Targets that can be mixed: class numbers one-hot, numbers and probabilities as they are.

    Args:
        owner: Who asks.
        target: int64 class numbers (batch,), or floating point, (batch, *).
        classes: How many there are; needed for class numbers only.

    Raises:
        BadValue: Class numbers, and nobody says of how many classes.
    """
    if target.is_floating_point():
        return target
    if classes is None:
        must = "be numbers or probabilities where the number of classes is not given"
        raise BadValue(refusal(owner, "target", must, str(target.dtype), "Give classes=10 or as many as there are."))
    return F.one_hot(target, classes).float()


@dataclass(frozen=True, slots=True)
class LabelSmoothing:
    """Soft targets in place of certain ones, on each training batch.

        q ← (1 − share)·q + share/classes

    Attributes:
        share: In [0, 1]; 0 changes nothing but the form of the targets.
        classes: How many there are; not needed where targets are probabilities (batch, classes).

    Source: Szegedy et al. 2016 (arXiv:1512.00567), section 7.
    """

    share: float = 0.1
    classes: int | None = None

    def __post_init__(self) -> None:
        UNIT.check("label-smoothing", "share", self.share)

    def __call__(self, inputs: tuple[Any, ...], target: Tensor) -> tuple[tuple[Any, ...], Tensor]:
        """The fields as they are, the targets softened."""
        soft = soft_targets("label-smoothing", target, self.classes)
        if soft.ndim != 2:
            must = "be class numbers (batch,) or probabilities (batch, classes)"
            raise BadValue(refusal("label-smoothing", "target", must, f"{target.dtype} of {tuple(target.shape)}"))
        return inputs, soft * (1 - self.share) + self.share / soft.shape[1]


LABEL_SMOOTHING = Technique(
    name="label-smoothing",
    make=LabelSmoothing,
    main="share",
    acts=Acts.BATCH,
    formula="q = (1 − s)·onehot(y) + s/K",
    source=Source(
        "Szegedy et al.", 2016, "Rethinking the Inception Architecture for Computer Vision", arxiv="1512.00567"
    ),
)
