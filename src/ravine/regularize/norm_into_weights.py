"""A normalization layer given up for weight norm on the layer before it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from ravine.core.errors import BadValue
from ravine.regularize.norm_site import MovedChannels, Site

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def check_layer_before(norm: nn.Module, before: nn.Module | None, site: Site) -> None:
    """Refuse a norm before which there is no layer that can carry weight norm.

    Raises:
        BadValue: Nothing before it, another kind of layer, other channels, or weight norm there already.
    """
    kind = type(norm).__name__
    if before is None or not isinstance(before, (nn.Linear, *_CONVOLUTIONS)):
        got = "nothing" if before is None else type(before).__name__
        raise BadValue(f"{site.owner}: weight norm needs a Linear or convolution right before the {kind}; got {got}.")
    if before.weight.shape[0] != site.channels:
        raise BadValue(
            f"{site.owner}: weight norm needs a layer with {site.channels} outputs before the {kind}; "
            f"got {before.weight.shape[0]}."
        )
    if parametrize.is_parametrized(before, "weight"):
        raise BadValue(f"{site.owner}: the {type(before).__name__} before it has a parametrized weight already.")


@torch.no_grad()
def norm_into_weights(norm: nn.Module, before: nn.Module) -> None:
    """Fold what `norm` does to each channel on its own into `before`, and give that weight norm.

        w ← (γ/σ)·w,   b ← (γ/σ)·(b − μ) + β,   then w = g·v/‖v‖ with g = ‖w‖

    with μ and σ² the running statistics of batch norm, else 0 and 1.

    Args:
        norm: With channels as `before` has outputs.
        before: Linear or convolution; it gets a bias when it has none.

    Source: Salimans & Kingma 2016 (arXiv:1602.07868), equations 2 and 4 for the start from data.
    """
    assert isinstance(before, (nn.Linear, *_CONVOLUTIONS))
    norm = norm.inner if isinstance(norm, MovedChannels) else norm
    outputs = before.weight.shape[0]
    if before.bias is None:
        before.bias = nn.Parameter(before.weight.new_zeros(outputs))
    scale, shift = torch.ones_like(before.bias), torch.zeros_like(before.bias)
    if isinstance(norm, _BatchNorm) and norm.running_mean is not None and norm.running_var is not None:
        scale = (norm.running_var + norm.eps).rsqrt().to(scale.dtype)
        shift = -norm.running_mean.to(scale.dtype) * scale
    gamma, beta = (_vector(norm, name, outputs) for name in ("weight", "bias"))
    if gamma is not None:
        scale, shift = scale * gamma, shift * gamma
    if beta is not None:
        shift = shift + beta
    before.weight.mul_(scale.view(-1, *[1] * (before.weight.ndim - 1)))
    before.bias.mul_(scale).add_(shift)
    weight_norm(before)


def _vector(norm: nn.Module, name: str, channels: int) -> Tensor | None:
    """Scale or shift with one number a channel, where the norm has such."""
    own = getattr(norm, name, None)
    return own if isinstance(own, Tensor) and own.shape == (channels,) else None
