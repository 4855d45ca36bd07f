"""A pretrained network, opened."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from ravine.models.build import Built


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A pretrained network with a head for the new question.

    Attributes:
        built: The network, and how it is built again.
        words: Where its weights come from, for people.
        mean, std: Of each channel on the scale 0 … 255, with which it was trained; None: not known.
    """

    built: Built
    words: str
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    @property
    def module(self) -> nn.Module:
        """The network."""
        return self.built.module
