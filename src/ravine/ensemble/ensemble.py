"""An ensemble is a network: its members answer, and the average of their answers is the output."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own habit)
from torch import Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.data.task import Kind

Combine = Literal["probabilities", "logits"]


class Ensemble(nn.Module):
    """The weighted mean of several networks, in the form that one network of their kind would answer in.

    Averaged probabilities are given back as logits, so that loss, metrics, calibration and export see what they
    know:

        classify     zₖ = log Σₘ wₘ·softmax(zₘ)ₖ, whose softmax is the mean
        multi-label  z = log p̄ − log(1 − p̄), p̄ = Σₘ wₘ·sigmoid(zₘ), whose sigmoid is the mean
        regress      z = Σₘ wₘ·zₘ

    >>> sure, unsure = nn.Linear(1, 2), nn.Linear(1, 2)
    >>> both = Ensemble([sure, unsure], "classify")
    >>> x = torch.ones(3, 1)
    >>> mean = (sure(x).softmax(1) + unsure(x).softmax(1)) / 2
    >>> torch.allclose(both(x).softmax(1), mean)
    True

    Args:
        members: Networks that take the same fields and give as many outputs.
        kind: What is learned: "classify", "multi-label" or "regress".
        combine: What is averaged; values of a regression are the same either way.
        weights: One a member, above 0, made to sum to 1; equal when not given. A buffer.

    Raises:
        BadValue: No members, another number of weights, or one that is not above 0.
    """

    weights: Tensor

    def __init__(
        self,
        members: Sequence[nn.Module],
        kind: Kind | str,
        *,
        combine: Combine = "probabilities",
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if not members:
            raise BadValue("ensemble: needs at least one member.")
        if combine not in ("probabilities", "logits"):
            raise BadValue(refusal("ensemble", "combine", "be one of probabilities, logits", combine))
        given = [1.0] * len(members) if weights is None else [float(weight) for weight in weights]
        if len(given) != len(members):
            raise BadValue(refusal("ensemble", "weights", f"be {len(members)}, one a member", len(given)))
        if not all(weight > 0 and math.isfinite(weight) for weight in given):
            raise BadValue(refusal("ensemble", "weights", "be above 0", given, "Leave out members of no weight."))
        self.members = nn.ModuleList(members)
        self.kind, self.combine = Kind(kind), combine
        shares = torch.tensor(given, dtype=torch.float64)
        self.register_buffer("weights", (shares / shares.sum()).float())

    def __len__(self) -> int:
        return len(self.members)

    def outputs(self, *fields: Tensor) -> Tensor:
        """What each member answers: (members, batch, outputs)."""
        return torch.stack([member(*fields) for member in self.members])

    def forward(self, *fields: Tensor) -> Tensor:
        """The mean answer as logits or standardised values, (batch, outputs)."""
        said = self.outputs(*fields)
        weights = self.weights.to(said.dtype).view(-1, 1, 1)
        if self.kind is Kind.REGRESS or self.combine == "logits":
            return (weights * said).sum(0)
        logs = weights.log()
        if self.kind is Kind.CLASSIFY:
            return torch.logsumexp(F.log_softmax(said, -1) + logs, 0)
        there, absent = (torch.logsumexp(F.logsigmoid(sign * said) + logs, 0) for sign in (1.0, -1.0))
        return there - absent
