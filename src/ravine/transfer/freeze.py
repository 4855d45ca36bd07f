"""Frozen modules: no gradient, no moving statistics, no dropout; `train()` does not wake them."""

from __future__ import annotations

from collections.abc import Iterable
from types import MethodType

from torch import nn

from ravine.transfer.parts import Part


def freeze(parts: Iterable[Part]) -> None:
    """Hold all values of `parts` as they are, batch-norm statistics included, bit for bit.

    Parameters need no gradient any more and lose the one they have. Modules go into evaluation mode and stay there
    whatever `train()` is told, also in a deepcopy; modules below that are of no frozen part do as they are told.
    """
    for part in parts:
        for parameter in part.parameters():
            parameter.requires_grad_(False)
            parameter.grad = None
        for module in part.modules:
            module.training = False
            # An attribute of the instance: torch's own train() asks each child for its method.
            module.train = MethodType(_stay, module)  # type: ignore[method-assign]


def hold_statistics(parts: Iterable[Part]) -> None:
    """Keep normalizing by the statistics that `parts` came with, while their weights learn.

    A head solved on the body in evaluation mode then fits the body in training, and few rows do not spoil what many
    have told: with moving statistics a short training on other pictures can lose nearly all that the body knew.
    Frozen modules stay frozen; `unfreeze` lets go of these too.
    """
    for part in parts:
        for module in part.modules:
            if getattr(module, "running_mean", None) is not None and not is_frozen(module):
                module.training = False
                module.train = MethodType(_hold, module)  # type: ignore[method-assign]


def unfreeze(parts: Iterable[Part], *, training: bool = True) -> None:
    """Let `parts` learn again, statistics too.

    Args:
        parts: Frozen or not.
        training: The mode they go into.
    """
    for part in parts:
        for parameter in part.parameters():
            parameter.requires_grad_(True)
        for module in part.modules:
            if _told(module) in (_stay, _hold):
                del module.__dict__["train"]
                module.training = training


def is_frozen(module: nn.Module) -> bool:
    """Whether `module` itself was frozen."""
    return _told(module) is _stay


def _told(module: nn.Module) -> object:
    """What stands in place of the module's `train`, None where nothing does."""
    return getattr(module.__dict__.get("train"), "__func__", None)


def _stay(self: nn.Module, mode: bool = True) -> nn.Module:
    """In place of `train`: stays in evaluation mode, and hands the mode on to the children."""
    self.training = False
    for child in self.children():
        child.train(mode)
    return self


def _hold(self: nn.Module, mode: bool = True) -> nn.Module:  # noqa: ARG001 (as train has it)
    """In place of `train`, for a normalization whose weights learn."""
    self.training = False
    return self
