"""Layer-wise rates: what was learned before moves more slowly than what is new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from ravine.core.intervals import Interval
from ravine.regularize.chosen import Chosen
from ravine.transfer.parts import Part

BODY = 0.1
"""Rate of the body as a share of the head's: a tenth of the rate it was trained with is the usual start."""

_SHARE = Interval(0.0, 1.0, left_open=True)


def rate_scales(parts: Sequence[Part], *, body: float = BODY, layer_decay: float | None = None) -> dict[int, float]:
    """Factor of the rate by `id` of the parameter; what is not named keeps the whole rate.

        last part: body          k parts before it: body · layer_decayᵏ

    Args:
        parts: Of the body, first the one next to the input.
        body: Rate of the last part as a share of the head's, in (0, 1].
        layer_decay: Factor from one part to the one before, in (0, 1]; None: the same for all.

    Raises:
        BadValue: A factor out of bounds.
    """
    _SHARE.check("transfer", "body_lr", body)
    if layer_decay is not None:
        _SHARE.check("transfer", "layer_decay", layer_decay)
    factor = 1.0 if layer_decay is None else layer_decay
    last = len(parts) - 1
    return {id(p): body * factor ** (last - place) for place, part in enumerate(parts) for p in part.parameters()}


@dataclass(frozen=True)
class Rated(Chosen):
    """The techniques of a training, and rates that differ from parameter to parameter.

    Attributes:
        scales: Factor of the rate by `id` of the parameter.
    """

    scales: Mapping[int, float] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, chosen: Chosen, scales: Mapping[int, float]) -> Rated:
        """`chosen` with these rates."""
        return cls(chosen.entries, chosen.batch, scales=scales)

    def grouped(self, model: nn.Module, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """As `Chosen.grouped`, and split by rate: the loop multiplies each group's by its `lr_scale`."""
        split: list[dict[str, Any]] = []
        for group in super().grouped(model, groups):
            by_scale: dict[float, list[nn.Parameter]] = {}
            for parameter in group["params"]:
                by_scale.setdefault(self.scales.get(id(parameter), 1.0), []).append(parameter)
            split += [{**group, "params": params, "lr_scale": scale} for scale, params in by_scale.items()]
        return split
