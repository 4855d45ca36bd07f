"""The root of every backward pass: of `backward`, and of `torch.autograd.grad` where it is asked of parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.compiler import is_compiling

from ravine.watch.hooks.patches import Patches
from ravine.watch.steps import Steps


def install(steps: Steps, patches: Patches) -> None:
    """Tell when a backward pass begins and ends."""
    patches.replace(torch.autograd, "backward", lambda original: _backward(original, steps))
    patches.replace(torch.autograd, "grad", lambda original: _grad(original, steps))


def _backward(original: Callable[..., Any], steps: Steps) -> Callable[..., Any]:
    bell = steps.bell

    def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
        if is_compiling() or bell.passing:
            return original(tensors, *args, **kwargs)
        root = tensors if isinstance(tensors, Tensor) else _only(tensors)
        if root is None or steps.going_back or not bell.hears_numbers():
            return original(tensors, *args, **kwargs)
        root = steps.begin_backward(root)
        try:
            original(tensors, *args, **kwargs)
        except BaseException:
            steps.break_backward()
            raise
        return steps.end_backward(root)

    return backward


def _grad(original: Callable[..., Any], steps: Steps) -> Callable[..., Any]:
    bell = steps.bell

    def grad(outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        root = outputs if isinstance(outputs, Tensor) else _only(outputs)
        if (
            is_compiling()
            or bell.passing
            or root is None
            or not _of_parameters(inputs)
            or steps.going_back
            or root.numel() != 1
            or not bell.hears_numbers()
        ):
            return original(outputs, inputs, *args, **kwargs)
        root = steps.begin_backward(root)
        try:
            gradients = original(outputs, inputs, *args, **kwargs)
        except BaseException:
            steps.break_backward()
            raise
        steps.end_backward(root)
        return gradients

    return grad


def _only(tensors: Any) -> Tensor | None:
    """The tensor of a sequence of one; several roots are told of as their first."""
    return tensors[0] if isinstance(tensors, Sequence) and tensors and isinstance(tensors[0], Tensor) else None


def _of_parameters(inputs: Any) -> bool:
    """Whether gradients of a model are asked for, and not those of its inputs."""
    if isinstance(inputs, Tensor):
        return isinstance(inputs, nn.Parameter)
    return isinstance(inputs, Sequence) and bool(inputs) and isinstance(inputs[0], nn.Parameter)
