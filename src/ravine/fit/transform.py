"""What is done to a training batch on the device: augmentation of inputs, mixing of examples."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F  # noqa: N812 (torch's own habit)
from torch import Tensor

from ravine.core.shapes import InputShape
from ravine.data.task import Kind, Task
from ravine.regularize import light, mixup
from ravine.train.recipe import TrainChoices
from ravine.train.trainer import Transform


def batch_transform(choices: TrainChoices, shape: InputShape, task: Task) -> tuple[Transform | None, list[str]]:
    """The transform that `choices` ask for, and its parts in words; None when there is nothing to do.

    Raw fields come in, before normalization: mixing commutes with it, since it is affine.
    """
    augment = light(shape) if choices.augment == "light" and shape.form == "image" else None
    alpha = choices.mixup if choices.mixup != "auto" and shape.form != "table" else 0.0
    words: list[str] = []
    if augment is not None:
        words.append("random shifts of the pictures")
    if alpha > 0:
        words.append(f"mixup, λ ~ Beta({alpha:g}, {alpha:g})")
    if not words:
        return None, words

    def transform(inputs: tuple[Any, ...], target: Tensor) -> tuple[tuple[Any, ...], Tensor]:
        if augment is not None:
            inputs = augment(*inputs)
        if alpha > 0:
            mixed = mixup(inputs[0].float(), _soft(target, task), alpha)
            inputs = (mixed.inputs,)
            target = mixed.share * mixed.targets + (1 - mixed.share) * mixed.others
        return inputs, target

    return transform, words


def _soft(target: Tensor, task: Task) -> Tensor:
    """Targets that can be mixed: probabilities of the classes, or the numbers they are."""
    return F.one_hot(target, task.outputs).float() if task.kind is Kind.CLASSIFY else target
