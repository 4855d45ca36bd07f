"""The learning rate that goes with a larger or a smaller batch."""

from __future__ import annotations

from typing import Literal, get_args

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import POSITIVE

Rule = Literal["none", "linear", "sqrt"]

BASE = 128
"""Rows of the batch that a rate is meant for, unless it is said otherwise."""


def scaled_lr(lr: float, batch_size: int, base: int = BASE, rule: Rule = "linear") -> float:
    """`lr`, meant for batches of `base` rows, for batches of `batch_size`.

        linear   lr · m/base       as many rows move the weights as far (SGD)
        sqrt     lr · √(m/base)    the noise of the steps adds up to the same (Adam and its kin)

    Neither holds without end: beyond the gradient noise scale larger batches bear no larger rate. A
    rate that is scaled up needs a warmup, as recipes have one.

    Args:
        lr: Learning rate for `base` rows.
        batch_size: m, rows of one optimizer step, over all pieces and processes.
        base: Rows that `lr` is meant for.
        rule: Which; "none" leaves the rate as it is.

    Raises:
        BadValue: Out of bounds, or no such rule.

    Source: Goyal et al. 2017, "Accurate, Large Minibatch SGD", arXiv:1706.02677, for linear with warmup;
        Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks",
        arXiv:1404.5997, and Malladi et al. 2022, arXiv:2205.10287, for sqrt.

    >>> scaled_lr(0.1, 512), scaled_lr(0.1, 512, rule="sqrt"), scaled_lr(0.1, 32, base=256)
    (0.4, 0.2, 0.0125)
    """
    POSITIVE.check("scaled_lr", "lr", lr)
    for name, rows in (("batch_size", batch_size), ("base", base)):
        if type(rows) is not int or rows < 1:
            raise BadValue(refusal("scaled_lr", name, "be a whole number of at least 1", rows))
    match rule:
        case "none":
            return lr
        case "linear":
            return lr * batch_size / base
        case "sqrt":
            return float(lr * (batch_size / base) ** 0.5)
    raise BadValue(refusal("scaled_lr", "rule", f"be one of {', '.join(get_args(Rule))}", rule))
