"""The average of several answers, in NumPy: what `Ensemble` computes, for answers that are there already."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ravine.data.task import Kind
from ravine.ensemble.ensemble import Combine

Floats = NDArray[np.float64]


def averaged(outputs: ArrayLike, kind: Kind, *, combine: Combine = "probabilities", weights: ArrayLike = ()) -> Floats:
    """Outputs of members, (members, rows, outputs), to those of their ensemble, (rows, outputs).

    Args:
        outputs: Logits, or standardised values.
        kind: What is learned.
        combine: What is averaged.
        weights: One a member, at least 0 and not all 0; equal when empty.
    """
    said = np.asarray(outputs, dtype=np.float64)
    shares = np.asarray(weights, dtype=np.float64)
    shares = np.ones(len(said)) if shares.size == 0 else shares
    said, shares = said[shares > 0], shares[shares > 0] / shares.sum()
    if kind is Kind.REGRESS or combine == "logits":
        mean: Floats = np.tensordot(shares, said, 1)
        return mean
    from scipy.special import log_expit, log_softmax, logsumexp

    columns = shares[:, None, None]
    if kind is Kind.CLASSIFY:
        logs: Floats = logsumexp(log_softmax(said, axis=-1), b=columns, axis=0)
        return logs
    there, absent = (logsumexp(log_expit(sign * said), b=columns, axis=0) for sign in (1.0, -1.0))
    odds: Floats = there - absent
    return odds
