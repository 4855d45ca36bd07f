"""Parameter groups by what the parameters are: no decay on biases and norms, rates by depth."""

from __future__ import annotations

import re
from typing import Any

from torch import nn

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import NON_NEGATIVE, Interval

_NORMS = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.LocalResponseNorm,
    nn.CrossMapLRN2d,
)
_KINDS = ("norm", "bias", "embedding")
_DECAY_RANGE = Interval(0.0, 1.0, left_open=True)


def param_groups(
    model: nn.Module,
    weight_decay: float = 1e-2,
    *,
    no_decay: str = "norm,bias",
    layer_decay: float | None = None,
    lr: float | None = None,
) -> list[dict[str, Any]]:
    """Groups for an optimizer, each parameter in exactly one; frozen ones are left away.

    Args:
        model: The network; parameters shared by several modules count once, at their first place.
        weight_decay: λ of what decays.
        no_decay: What does not, any of "norm", "bias", "embedding", with commas; "" lets all decay.
            A "norm" is a module whose class says so, in torch or in its name (LayerNorm, RMSNorm).
        layer_decay: Factor by which the rate falls from one layer to the one before it; the last layer
            keeps `lr`. Layers are the numbered blocks of the model, in order; what stands before
            the first block (stem, embeddings) counts as one more, what stands after as the last.
        lr: The rate of the last layer; needed with `layer_decay`.

    Returns:
        Dicts with `params`, `weight_decay` and, with `layer_decay`, `lr`; empty groups are left away.

    Raises:
        BadValue: An unknown kind, a factor outside (0, 1], or a model with nothing to train.
    """
    owner = "param_groups"
    NON_NEGATIVE.check(owner, "weight_decay", weight_decay)
    spared = _spared_kinds(no_decay)
    if layer_decay is not None:
        _DECAY_RANGE.check(owner, "layer_decay", layer_decay)
        if lr is None:
            raise BadValue(refusal(owner, "lr", "be given with layer_decay", None))
    named = [(name, p, kind) for name, p, kind in _kinds(model) if p.requires_grad]
    if not named:
        raise BadValue(f"{owner}: {type(model).__name__} has no parameter that requires a gradient.")
    depths = _depths([name for name, _, _ in named]) if layer_decay is not None else [0] * len(named)
    deepest = max(depths)
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for (_, p, kind), depth in zip(named, depths, strict=True):
        decays = kind not in spared
        group = groups.setdefault((depth, decays), {"params": [], "weight_decay": weight_decay if decays else 0.0})
        group["params"].append(p)
        if layer_decay is not None and lr is not None:
            group["lr"] = lr * layer_decay ** (deepest - depth)
    return [groups[key] for key in sorted(groups, key=lambda key: (key[0], not key[1]))]


def _spared_kinds(no_decay: str) -> set[str]:
    kinds = {kind.strip() for kind in no_decay.split(",") if kind.strip()}
    for kind in sorted(kinds):
        if kind not in _KINDS:
            hint = did_you_mean(kind, _KINDS)
            raise BadValue(f"param_groups: no_decay knows {', '.join(_KINDS)}; got {kind!r}.{hint}")
    return kinds


def _kinds(model: nn.Module) -> list[tuple[str, nn.Parameter, str]]:
    """Every parameter once, with its full name and what it is: "norm", "bias", "embedding" or "weight"."""
    seen: set[int] = set()
    found = []
    for path, module in model.named_modules():
        for name, p in module.named_parameters(recurse=False):
            if id(p) not in seen:
                seen.add(id(p))
                found.append((f"{path}.{name}" if path else name, p, _kind(module, name)))
    return found


def _kind(module: nn.Module, name: str) -> str:
    if isinstance(module, _NORMS) or "norm" in type(module).__name__.lower():
        return "norm"
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return "embedding"
    # MultiheadAttention and recurrent nets number or prefix theirs: in_proj_bias, bias_ih_l0
    return "bias" if re.search(r"(^|_)bias(_|$)", name) else "weight"


def _depths(names: list[str]) -> list[int]:
    """The layer of each name: numbered blocks in order of appearance, the stem before, the head after."""
    blocks: dict[str, int] = {}
    places: list[int | None] = []
    for name in names:
        block = re.match(r"(.*?\.)?\d+(?=\.)", name)
        places.append(None if block is None else blocks.setdefault(block[0], len(blocks) + 1))
    numbered = [i for i, place in enumerate(places) if place is not None]
    if not numbered:
        order: dict[str, int] = {}
        return [order.setdefault(name.rpartition(".")[0], len(order)) for name in names]
    head = len(blocks) + 1
    return [place if place is not None else (0 if i < numbered[0] else head) for i, place in enumerate(places)]
