"""Blocks that compute again what they would keep: less memory, one more forward pass through them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue


def checkpoint_blocks(model: nn.Module, blocks: str | Sequence[str] | None = "auto") -> list[str]:
    """Let blocks of `model` keep only their input for the backward pass, and compute the rest again there.

    Outputs, gradients, buffers and random numbers stay the same: dropout drops the same units at
    the second computation, and running statistics are not moved by it. Keys of the state_dict
    stay, copies and pickles of the network too; without gradients it costs nothing.

    Args:
        model: Any network; changed in place.
        blocks: "auto": the parts with layers of their own that stand in a row of several of one class
            (`nn.Sequential`, `nn.ModuleList`), the outermost such rows. Names, also with
            wildcards: "stages.*", or a list; of blocks inside one another the outer. None takes off
            what was put on.

    Returns: Names of the blocks changed, in the network's order.

    Raises:
        BadValue: No blocks are found or meant, one is checkpointed already, one has no forward of
            its own; nothing is changed.
    Source: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", arXiv:1604.06174.
    """
    if blocks is None:
        return _taken_off(model)
    chosen = _rows(model) if blocks == "auto" else _named(model, blocks)
    for name in chosen:
        part = model.get_submodule(name)
        if isinstance(part, _Checkpointed):
            raise BadValue(f"checkpoint_blocks: {name!r} is checkpointed already. Take it off first: blocks=None.")
        if isinstance(part, nn.ModuleList | nn.ModuleDict):
            raise BadValue(
                f"checkpoint_blocks: {name!r} is a {type(part).__name__}, which has no forward: name its parts."
            )
    for name in chosen:
        part = model.get_submodule(name)
        part.__class__ = _checkpointed(type(part))
    return chosen


class _Checkpointed:
    """Put before the class of a block; knows the class that it stands before."""

    _plain: type[nn.Module]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        plain = super().forward  # type: ignore[misc]
        if not torch.is_grad_enabled():
            return plain(*args, **kwargs)
        if torch.compiler.is_compiling():  # the compiler computes again without touching buffers
            return checkpoint(plain, *args, use_reentrant=False, **kwargs)

        def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
            return nullcontext(), _on_copies(self)  # type: ignore[arg-type]

        return checkpoint(plain, *args, use_reentrant=False, context_fn=contexts, **kwargs)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """For copy and pickle, which could not find this class by its name."""
        told: Any = super().__reduce_ex__(protocol)
        return _empty, (self._plain,), *told[2:]


_KINDS: dict[type[nn.Module], type[nn.Module]] = {}
"""A class for each class of block, so that blocks of one class stay so."""


def _checkpointed(plain: type[nn.Module]) -> type[nn.Module]:
    if plain not in _KINDS:
        # The name stays, so that what prints the network shows the blocks that it has.
        _KINDS[plain] = type(plain.__name__, (_Checkpointed, plain), {"_plain": plain, "__module__": plain.__module__})
    return _KINDS[plain]


def _empty(plain: type[nn.Module]) -> nn.Module:
    kind = _checkpointed(plain)
    return kind.__new__(kind)


@contextmanager
def _on_copies(block: nn.Module) -> Iterator[None]:
    """Inside, buffers of `block` are copies: what a second computation does to running statistics is forgotten."""
    held = [
        (part, name, value) for part in block.modules() for name, value in part._buffers.items() if value is not None
    ]
    for part, name, value in held:
        part._buffers[name] = value.clone()
    try:
        yield
    finally:
        for part, name, value in held:
            part._buffers[name] = value


def _rows(model: nn.Module) -> list[str]:
    """Members of rows of blocks, the outermost."""
    found: list[str] = []
    for name, part in model.named_modules():
        if not isinstance(part, nn.Sequential | nn.ModuleList) or _inside(name, found):
            continue
        members = [(key, child) for key, child in part.named_children() if _is_block(child)]
        kinds = Counter(_kind(child) for _, child in members)
        found += [f"{name}.{key}" if name else key for key, child in members if kinds[_kind(child)] > 1]
    if not found:
        raise BadValue(
            f"checkpoint_blocks: the {type(model).__name__} has no row of blocks of one class. "
            f"Name what is to be computed again: {_parts(model)}."
        )
    return found


def _kind(part: nn.Module) -> type[nn.Module]:
    return part._plain if isinstance(part, _Checkpointed) else type(part)


def _is_block(part: nn.Module) -> bool:
    has_parts = any(True for _ in part.children()) and any(True for _ in part.parameters())
    return has_parts and not isinstance(part, nn.ModuleList | nn.ModuleDict)


def _named(model: nn.Module, blocks: str | Sequence[str]) -> list[str]:
    patterns = [blocks] if isinstance(blocks, str) else list(blocks)
    names = [name for name, _ in model.named_modules() if name]
    found: list[str] = []
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise BadValue(
                f"checkpoint_blocks: the {type(model).__name__} has no part {pattern!r}.{did_you_mean(pattern, names)} "
                f"It has: {_parts(model)}."
            )
    for name in names:  # an outer part comes before what is inside it
        if not _inside(name, found) and any(fnmatchcase(name, pattern) for pattern in patterns):
            found.append(name)
    if not found:
        raise BadValue(f"checkpoint_blocks: blocks must name at least one part; got {blocks!r}.")
    return found


def _inside(name: str, outer: Sequence[str]) -> bool:
    return any(name == other or name.startswith(f"{other}.") for other in outer)


def _parts(model: nn.Module) -> str:
    return ", ".join(name for name, _ in model.named_children()) or "no parts"


def _taken_off(model: nn.Module) -> list[str]:
    found: dict[str, Any] = {name: part for name, part in model.named_modules() if isinstance(part, _Checkpointed)}
    for part in found.values():
        part.__class__ = part._plain
    return list(found)
