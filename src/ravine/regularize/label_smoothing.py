"""Label smoothing: no class is quite certain."""

from __future__ import annotations

import torch
from torch import Tensor

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import UNIT


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
