"""Other normalization layers in a network that exists."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ravine.core.errors import BadValue, Faults
from ravine.regularize.decorrelated_batch_norm import DecorrelatedBatchNorm
from ravine.regularize.norm_into_weights import check_layer_before, norm_into_weights
from ravine.regularize.norm_site import MovedChannels, is_norm, site_of
from ravine.regularize.norms import NORMS, Norm

_OWNER = "swap_norm"


def swap_norm(model: nn.Module, name: str, **settings: Any) -> list[str]:
    """Replace every normalization layer of `model` by another kind, in place.

    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
    >>> swap_norm(model, "group", groups=2)
    ['1']
    >>> model[1].num_groups
    2

    Batch, layer, group, instance and RMS norm of torch are replaced, and Ravine's own; subclasses
    of other libraries are left alone. Parts are swapped by giving the part: `swap_norm(model.trunk, …)`.

    What carries over: device, dtype, mode; scale and shift, and whether they train, where their
    shapes fit. Between batch, ghost and decorrelated norm also the running mean and variance, ε and
    momentum unless given, so that evaluation gives what it gave. Otherwise running statistics are
    to be learned: train, or call `recompute_batch_norm`. Hooks of the old layers are not carried over.

    Channels that are the last dimension, as LayerNorm in a transformer has them, stay there: what
    needs them second is wrapped. `"layer"` for convolutional features is group norm of one group.

    `"batch", frozen=True` fixes statistics, scale and shift of batch norm. `"weight"` removes the
    layer and gives the Linear or convolution registered right before it weight norm
    (torch.nn.utils.parametrizations.weight_norm), with scale and shift, and the running statistics
    of batch norm, folded into length and bias: in evaluation the network computes what it did.

    Args:
        model: The network; it must hold its norms, not be one.
        name: In `NORMS`.
        settings: Of that normalization, such as groups=8.

    Returns: Names of the layers replaced, in the network's order.

    Raises:
        BadValue: An unknown name or setting, no layer to replace, groups that do not divide the
            channels of a layer (with the nearest that do), nothing before a layer to carry weight
            norm; all faults at once, and nothing is changed.
    """
    norm = NORMS[name]
    norm.check_settings(_OWNER, settings)
    found = {place: layer for place, layer in _outermost(model).items() if is_norm(layer)}
    if "" in found:
        raise BadValue(
            f"{_OWNER}: the {type(model).__name__} given is itself the layer. Give the network that holds it."
        )
    if not found:
        raise BadValue(
            f"{_OWNER}: the {type(model).__name__} has no normalization layer of torch or Ravine to replace."
        )
    made, faults = {}, []
    before = _layers_before(model)
    for place, layer in found.items():
        try:
            made[place] = _made(norm, place, layer, settings)
            if norm.needs_layer_before:
                check_layer_before(layer, before.get(place), site_of(layer, repr(place)))
        except BadValue as fault:
            faults.append(str(fault))
    if faults:
        raise Faults(_OWNER, faults)
    for place, layer in found.items():
        if norm.needs_layer_before:
            norm_into_weights(layer, before[place])
        else:
            _carry_over(layer, made[place], model)
    _replace(model, {id(layer): made[place] for place, layer in found.items()})
    return list(found)


def _outermost(model: nn.Module) -> dict[str, nn.Module]:
    """All modules by name, but none inside a norm that is wrapped."""
    modules: dict[str, nn.Module] = {}
    wrapped: set[int] = set()
    for place, module in model.named_modules():
        if isinstance(module, MovedChannels):
            wrapped.add(id(module.inner))
        if id(module) not in wrapped:
            modules[place] = module
    return modules


def _layers_before(model: nn.Module) -> dict[str, nn.Module]:
    """The layer without children that is registered right before each."""
    before: dict[str, nn.Module] = {}
    last: nn.Module | None = None
    for place, module in _outermost(model).items():
        if last is not None:
            before[place] = last
        # A parametrized layer has children, of the parametrization alone.
        leaf = set(dict(module.named_children())) <= {"parametrizations"} and "parametrizations" not in place
        if leaf or is_norm(module):
            last = module
    return before


def _made(norm: Norm, place: str, layer: nn.Module, settings: dict[str, Any]) -> nn.Module:
    site = site_of(layer, repr(place))
    old = _inner(layer)
    like = {}
    if isinstance(old, _BatchNorm | DecorrelatedBatchNorm) and "momentum" in norm.settings:
        like = {"eps": old.eps, "momentum": old.momentum}
    elif settings.get("frozen"):
        raise BadValue(f"{place!r} is {type(old).__name__}: only batch norm has statistics to freeze.")
    return norm.make(site, **{**like, **settings})


def _inner(layer: nn.Module) -> nn.Module:
    return layer.inner if isinstance(layer, MovedChannels) else layer


@torch.no_grad()
def _carry_over(layer: nn.Module, new: nn.Module, model: nn.Module) -> None:
    """Device, dtype, mode, scale, shift and statistics of `layer` to `new`."""
    like = next(
        (t for t in (*layer.parameters(), *layer.buffers(), *model.parameters()) if t.is_floating_point()), None
    )
    if like is not None:
        new.to(device=like.device, dtype=like.dtype)
    old, put = _inner(layer), _inner(new)
    frozen = any(not p.requires_grad for p in put.parameters())
    for name in ("weight", "bias"):
        had, has = getattr(old, name, None), getattr(put, name, None)
        if isinstance(had, Tensor) and isinstance(has, Tensor) and had.shape == has.shape:
            has.copy_(had)
            has.requires_grad_(had.requires_grad and not frozen)
    _carry_statistics(old, put)
    new.train(layer.training)


def _carry_statistics(old: nn.Module, put: nn.Module) -> None:
    kept: tuple[str, ...]
    if not isinstance(old, _BatchNorm | DecorrelatedBatchNorm) or old.running_mean is None:
        return
    if isinstance(put, _BatchNorm) and isinstance(old, _BatchNorm):
        kept = ("running_mean", "running_var", "num_batches_tracked")
    elif isinstance(put, DecorrelatedBatchNorm) and isinstance(old, DecorrelatedBatchNorm):
        if put.groups != old.groups:
            return
        kept = ("running_mean", "running_whitening", "num_batches_tracked")
    elif isinstance(put, DecorrelatedBatchNorm):
        # Whitening by variances alone is a diagonal matrix: evaluation starts as it was.
        assert isinstance(old, _BatchNorm)
        assert old.running_var is not None
        root = (old.running_var + old.eps).rsqrt().view(put.groups, -1)
        put.running_whitening.copy_(torch.diag_embed(root))
        kept = ("running_mean", "num_batches_tracked")
    else:
        return
    for name in kept:
        put.get_buffer(name).copy_(old.get_buffer(name))


def _replace(model: nn.Module, new: dict[int, nn.Module]) -> None:
    """Put each new layer wherever the old one is held; a layer held twice stays one layer."""
    for holder in list(model.modules()):
        for name, child in list(holder._modules.items()):
            if child is not None and id(child) in new:
                setattr(holder, name, new[id(child)])
                _leave_fast_path(holder)
    for module in model.modules():
        if isinstance(module, nn.TransformerEncoder):
            module.use_nested_tensor = False


def _leave_fast_path(holder: nn.Module) -> None:
    """Torch's fused transformer layer would go on to compute layer norm, whatever the module is."""
    if isinstance(holder, nn.TransformerEncoderLayer):
        holder.activation_relu_or_gelu = 0
