"""Normalizations by name: batch, ghost, decorrelated, group, layer, instance, RMS and weight norm."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from ravine.core.catalogue import Catalogue, did_you_mean
from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import Interval
from ravine.core.sources import Source
from ravine.regularize.any_batch_norm import AnyBatchNorm, FrozenBatchNorm
from ravine.regularize.channel_groups import check_groups, groups_of_at_least
from ravine.regularize.decorrelated_batch_norm import (
    DecorrelatedBatchNorm,
    DecorrelatedBatchNorm1d,
    DecorrelatedBatchNorm2d,
)
from ravine.regularize.ghost_batch_norm import GhostBatchNorm
from ravine.regularize.norm_site import MovedChannels, Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """The record of one normalization.

    Attributes:
        name: Its one public name.
        make: The place, and settings by keyword → a layer for it; the signature has the defaults.
        formula: What it does, in a line; x̂ is then scaled by γ and shifted by β.
        source: Where it comes from.
        needs_layer_before: Whether it acts on the weights of the layer before instead of on features.
    """

    name: str
    make: Callable[..., nn.Module]
    formula: str
    source: Source
    needs_layer_before: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        """What can be set, with its defaults."""
        parameters = inspect.signature(self.make).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def check_settings(self, owner: str, given: dict[str, Any]) -> None:
        """Refuse settings that it does not have."""
        known = self.settings
        for name in given:
            if name not in known:
                words = ", ".join(known) or "none"
                raise BadValue(
                    f"{owner}: {self.name} norm has no setting {name!r}.{did_you_mean(name, known)} Known: {words}."
                )


def make_norm(
    name: str, channels: int, dims: int | None = None, *, channels_last: bool = False, affine: bool = True,
    **settings: Any,
) -> nn.Module:  # fmt: skip
    """A normalization layer by name.

    >>> make_norm("group", 64, dims=2).num_groups
    16

    Args:
        name: In `NORMS`.
        channels: How many.
        dims: Dimensions after batch and channels, 1 to 3; None: any.
        channels_last: Whether channels are the last dimension rather than the second.
        affine: Whether scale and shift are learned, (channels) each.
        settings: Of that normalization.

    Raises:
        BadValue: An unknown name or setting, groups that do not divide the channels, or weight norm,
            which is no layer of its own (`swap_norm` puts it on the layer before).
    """
    norm = NORMS[name]
    Interval(1).check("make_norm", "channels", channels)
    if dims not in (None, 1, 2, 3):
        raise BadValue(refusal("make_norm", "dims", "be 1, 2, 3 or None", dims))
    if norm.needs_layer_before:
        raise BadValue(
            f'make_norm: {name} norm is no layer of its own but acts on the one before. Use swap_norm(model, "{name}").'
        )
    norm.check_settings("make_norm", settings)
    return norm.make(Site(channels, dims, channels_last, affine, f"make_norm: {name} norm"), **settings)


def batch(site: Site, *, eps: float = 1e-5, momentum: float | None = 0.1, frozen: bool = False) -> nn.Module:
    """Batch norm of the place's rank; `frozen` keeps the statistics as they are."""
    kind = FrozenBatchNorm if frozen else _BATCH.get(site.dims, AnyBatchNorm)
    layer = kind(site.channels, eps, momentum, site.affine)
    return _second(site, layer.requires_grad_(False).eval() if frozen else layer)


def ghost(site: Site, *, size: int = 32, eps: float = 1e-5, momentum: float | None = 0.1) -> nn.Module:
    """Batch norm of ghost batches of `size` rows."""
    return _second(site, GhostBatchNorm(site.channels, size, eps=eps, momentum=momentum, affine=site.affine))


def decorrelated(
    site: Site, *, groups: int | None = None, method: str = "auto", iterations: int = 10,
    momentum: float | None = 0.1, eps: float = 1e-5,
) -> nn.Module:  # fmt: skip
    """Whitening in groups; None: the fewest groups of at most 16 channels."""
    kind = _DECORRELATED.get(site.dims, DecorrelatedBatchNorm)
    groups = groups if groups is None else check_groups(site.owner, site.channels, groups)
    return _second(
        site,
        kind(
            site.channels, groups, method=method, iterations=iterations, momentum=momentum, eps=eps, affine=site.affine
        ),
    )


def group(site: Site, *, groups: int | None = None, eps: float = 1e-5) -> nn.Module:
    """Group norm; None: the most groups, up to the paper's 32, of at least 4 channels."""
    count = groups_of_at_least(site.channels, 4, 32) if groups is None else groups
    return _second(site, nn.GroupNorm(check_groups(site.owner, site.channels, count), site.channels, eps, site.affine))


def layer(site: Site, *, eps: float = 1e-5) -> nn.Module:
    """Layer norm: over channels where they are last, over channels and positions (one group) where they are second."""
    return nn.LayerNorm(site.channels, eps, site.affine) if site.last else group(site, groups=1, eps=eps)


def instance(site: Site, *, eps: float = 1e-5) -> nn.Module:
    """Instance norm of the place's rank; group norm of one channel each, the same, where the rank is not known."""
    kind = _INSTANCE.get(site.dims)
    if kind is None:
        return group(site, groups=site.channels, eps=eps)
    return _second(site, kind(site.channels, eps, affine=site.affine))


def rms(site: Site, *, eps: float | None = None) -> nn.Module:
    """RMS norm over the channels at each position; it has no shift. eps=None: the smallest number of the dtype."""
    made = nn.RMSNorm(site.channels, eps, site.affine)
    return made if site.last else MovedChannels(made, 1, -1)


def weight(site: Site) -> nn.Module:
    """Nothing, in the place: `swap_norm` gives the weights of the layer before a direction and a length."""
    del site
    return nn.Identity()


def _second(site: Site, made: nn.Module) -> nn.Module:
    """`made`, which wants channels second, for the place."""
    return MovedChannels(made, -1, 1) if site.last else made


_BATCH: dict[int | None, type[nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d]] = {
    1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d,
}  # fmt: skip
_INSTANCE: dict[int | None, type[nn.InstanceNorm1d | nn.InstanceNorm2d | nn.InstanceNorm3d]] = {
    1: nn.InstanceNorm1d, 2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d,
}  # fmt: skip
_DECORRELATED: dict[int | None, type[DecorrelatedBatchNorm]] = {
    1: DecorrelatedBatchNorm1d,
    2: DecorrelatedBatchNorm2d,
}

NORMS: Catalogue[Norm] = Catalogue(
    "normalization",
    [
        Norm(
            name="batch",
            make=batch,
            formula="x̂ = (x − μ)/√(σ² + ε), over rows and positions of each channel",
            source=Source(
                "Ioffe & Szegedy", 2015,
                "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
                arxiv="1502.03167",
            ),
        ),
        Norm(
            name="ghost",
            make=ghost,
            formula="batch norm over ghost batches of a few rows each",
            source=Source(
                "Hoffer et al.", 2017,
                "Train longer, generalize better: closing the generalization gap in large batch training of "
                "neural networks",
                arxiv="1705.08741",
            ),
        ),
        Norm(
            name="decorrelated",
            make=decorrelated,
            formula="x̂ = Σ^(−1/2)(x − μ), over rows and positions, in groups of channels",
            source=Source("Huang et al.", 2018, "Decorrelated Batch Normalization", arxiv="1804.08450"),
        ),
        Norm(
            name="group",
            make=group,
            formula="x̂ = (x − μ)/√(σ² + ε), over positions and a group of channels of each row",
            source=Source("Wu & He", 2018, "Group Normalization", arxiv="1803.08494"),
        ),
        Norm(
            name="layer",
            make=layer,
            formula="x̂ = (x − μ)/√(σ² + ε), over the channels of each row",
            source=Source("Ba et al.", 2016, "Layer Normalization", arxiv="1607.06450"),
        ),
        Norm(
            name="instance",
            make=instance,
            formula="x̂ = (x − μ)/√(σ² + ε), over positions of each channel of each row",
            source=Source(
                "Ulyanov et al.", 2016, "Instance Normalization: The Missing Ingredient for Fast Stylization",
                arxiv="1607.08022",
            ),
        ),
        Norm(
            name="rms",
            make=rms,
            formula="x̂ = x/√(mean(x²) + ε), over the channels at each position",
            source=Source("Zhang & Sennrich", 2019, "Root Mean Square Layer Normalization", arxiv="1910.07467"),
        ),
        Norm(
            name="weight",
            make=weight,
            formula="w = g·v/‖v‖ for each output of the layer before; features are left alone",
            source=Source(
                "Salimans & Kingma", 2016,
                "Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep Neural Networks",
                arxiv="1602.07868",
            ),
            needs_layer_before=True,
        ),
    ],
    name=lambda norm: norm.name,
)  # fmt: skip
"""Every normalization by name."""
