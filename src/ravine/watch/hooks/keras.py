"""Losses of Keras on torch, which its own functions compute, and the rate that its own optimizers take."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from weakref import ref

from torch import Tensor
from torch.compiler import is_compiling

from ravine.watch.hooks.patches import Patches
from ravine.watch.instrument import LossSeen
from ravine.watch.place import place_of_call
from ravine.watch.steps import Steps

_OURS = {  # torch's name for what they compute, of probabilities and of logits; "" where torch has none
    "sparse_categorical_crossentropy": ("categorical_crossentropy", "cross_entropy"),
    "categorical_crossentropy": ("categorical_crossentropy", "cross_entropy"),
    "binary_crossentropy": ("binary_cross_entropy", "binary_cross_entropy_with_logits"),
    "mean_squared_error": ("mse_loss", "mse_loss"),
    "mean_absolute_error": ("l1_loss", "l1_loss"),
}


def install(steps: Steps, patches: Patches) -> None:
    """Hook into Keras as soon as the program is seen to use it: when it sets a mode, or goes back."""
    there = False

    def look(_training: bool = True) -> None:
        nonlocal there
        keras = sys.modules.get("keras")
        if there or keras is None or not hasattr(keras, "losses"):
            return
        there = True
        patches.replace(keras.losses.Loss, "__call__", lambda original: _heard(original, steps))
        for kind in (keras.optimizers.Optimizer, *keras.optimizers.Optimizer.__mro__):
            if "apply" in kind.__dict__:
                patches.replace(kind, "apply", lambda original: _applied(original, steps))
                break

    look()
    patches.join(steps.modes, look)
    patches.join(steps.strangers, look)


def _heard(original: Callable[..., Any], steps: Steps) -> Callable[..., Any]:
    bell = steps.bell

    def loss(self: Any, y_true: Any, y_pred: Any, *args: Any, **kwargs: Any) -> Any:
        before = steps.losses
        value = original(self, y_true, y_pred, *args, **kwargs)
        if is_compiling() or bell.passing or type(value) is not Tensor or not bell.hears_numbers():
            return value
        if steps.losses == before and isinstance(y_pred, Tensor):
            name = _name(self)
            steps.hear_loss(
                LossSeen(
                    name=name,
                    outputs=y_pred,
                    targets=_targets(y_true, y_pred),
                    value=value,
                    options={},
                    place=place_of_call(),
                    with_gradient=value.requires_grad,
                )
            )
        return value

    return loss


def _applied(original: Callable[..., Any], steps: Steps) -> Callable[..., Any]:
    def apply(self: Any, *args: Any, **kwargs: Any) -> Any:
        if steps.by_hand is not None and not steps.by_hand.rates and steps.bell.hears():
            of = ref(self)
            steps.by_hand.rates.append(lambda: _rate(of()))
        return original(self, *args, **kwargs)

    return apply


def _rate(optimizer: Any) -> Any:
    """Its learning rate, left on its device; None when it is gone."""
    rate = getattr(optimizer, "learning_rate", None)
    return getattr(rate, "value", rate)


def _name(loss: Any) -> str:
    theirs = getattr(getattr(loss, "fn", None), "__name__", "") or type(loss).__name__
    of_logits = bool(getattr(loss, "_fn_kwargs", {}).get("from_logits", False))
    return _OURS[theirs][of_logits] if theirs in _OURS else theirs


def _targets(y_true: Any, y_pred: Tensor) -> Tensor | None:
    """The targets as the loss takes them, which leaves out or adds an axis of one, and adapts their type."""
    if not isinstance(y_true, Tensor):
        return None
    if y_true.dim() == y_pred.dim() and y_true.shape[-1] == 1 != y_pred.shape[-1]:
        return y_true.squeeze(-1)
    return y_true.reshape(y_pred.shape) if y_true.numel() == y_pred.numel() else y_true
