"""The place of a normalization layer: how many channels it has and where they lie."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ravine.core.errors import BadValue
from ravine.regularize.any_batch_norm import AnyBatchNorm, FrozenBatchNorm
from ravine.regularize.decorrelated_batch_norm import (
    DecorrelatedBatchNorm,
    DecorrelatedBatchNorm1d,
    DecorrelatedBatchNorm2d,
)
from ravine.regularize.ghost_batch_norm import GhostBatchNorm


@dataclass(frozen=True, slots=True)
class Site:
    """What a normalization is made for.

    Attributes:
        channels: How many.
        dims: Dimensions after batch and channels (2 for pictures); None where it is not known.
        last: Whether channels are the last dimension, (batch, *, channels), rather than the second.
        affine: Whether scale and shift are learned.
        owner: Who is named in errors.
    """

    channels: int
    dims: int | None = None
    last: bool = False
    affine: bool = True
    owner: str = "norm"


class MovedChannels(nn.Module):
    """A layer for channels at one place put where they lie at another: (…) → the same shape.

    Args:
        inner: The layer.
        source: Dimension where the channels lie.
        target: Dimension where `inner` wants them.
    """

    def __init__(self, inner: nn.Module, source: int, target: int) -> None:
        super().__init__()
        self.inner = inner
        self.source = source
        self.target = target

    def forward(self, x: Tensor) -> Tensor:
        """The inner layer on the moved channels, moved back."""
        out: Tensor = self.inner(x.movedim(self.source, self.target))
        return out.movedim(self.target, self.source)

    def extra_repr(self) -> str:
        """The settings."""
        return f"source={self.source}, target={self.target}"


_SECOND: dict[type[nn.Module], int | None] = {
    nn.BatchNorm1d: 1,
    nn.BatchNorm2d: 2,
    nn.BatchNorm3d: 3,
    nn.SyncBatchNorm: None,
    nn.InstanceNorm1d: 1,
    nn.InstanceNorm2d: 2,
    nn.InstanceNorm3d: 3,
    nn.GroupNorm: None,
    AnyBatchNorm: None,
    FrozenBatchNorm: None,
    GhostBatchNorm: None,
    DecorrelatedBatchNorm: None,
    DecorrelatedBatchNorm1d: 1,
    DecorrelatedBatchNorm2d: 2,
}
"""Layers whose channels are the second dimension, and their dimensions after it."""


def is_norm(layer: nn.Module) -> bool:
    """Whether `layer` is a normalization that can be swapped.

    Exact types only: subclasses elsewhere add activations or read other dimensions under these names.
    """
    if isinstance(layer, MovedChannels):
        return is_norm(layer.inner)
    return type(layer) in _SECOND or type(layer) in (nn.LayerNorm, nn.RMSNorm)


def site_of(layer: nn.Module, owner: str) -> Site:
    """The place that `layer`, a norm, fills; `owner` is named in errors.

    A LayerNorm over one dimension has its channels last; one over three or four normalizes whole
    feature maps, (channels, height, width), and has them second.

    Raises:
        BadValue: A LayerNorm or RMSNorm over two dimensions, which can mean either.
    """
    if isinstance(layer, MovedChannels):
        inner = site_of(layer.inner, owner)
        return Site(inner.channels, None, last=layer.source == -1, affine=inner.affine, owner=owner)
    if isinstance(layer, nn.LayerNorm | nn.RMSNorm):
        shape = tuple(layer.normalized_shape)
        if len(shape) == 2:
            raise BadValue(
                f"{owner}: {type(layer).__name__} over {shape} has no dimension that is plainly the channels. "
                f"Make it one over the channels alone first."
            )
        last = len(shape) == 1
        return Site(shape[0], None if last else len(shape) - 1, last, layer.elementwise_affine, owner)
    channels = layer.num_channels if isinstance(layer, nn.GroupNorm) else layer.num_features
    assert isinstance(channels, int)
    return Site(channels, _SECOND[type(layer)], affine=bool(layer.affine), owner=owner)
