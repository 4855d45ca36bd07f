"""What is done to a training batch on the device: augmentation of inputs, mixing of examples."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ravine.core.shapes import InputShape
from ravine.data.task import Kind, Task
from ravine.regularize import MixUp
from ravine.regularize.augment import PRESETS, Pipeline, RandAugment
from ravine.regularize.augment.named import chosen_transforms
from ravine.train.recipe import TrainChoices
from ravine.train.trainer import Transform


def batch_transform(choices: TrainChoices, shape: InputShape, task: Task) -> tuple[Transform | None, list[str]]:
    """The transform that `choices` ask for, and its parts in words; None when there is nothing to do.

    Raw fields come in, before normalization: mixing commutes with it, since it is affine.

    Raises:
        Missing: The augmentation asked for needs Kornia, and it is not installed.
    """
    augment, words = _augmentation(choices, shape)
    alpha = choices.mixup if choices.mixup != "auto" and shape.form != "table" else 0.0
    mixing = MixUp(alpha, task.outputs if task.kind is Kind.CLASSIFY else None) if alpha > 0 else None
    if mixing is not None:
        words.append(f"mixup, λ ~ Beta({alpha:g}, {alpha:g})")
    if not words:
        return None, words

    def transform(inputs: tuple[Any, ...], target: Tensor) -> tuple[tuple[Any, ...], Tensor]:
        if augment is not None:
            inputs = (augment(inputs[0]),)
        return (inputs, target) if mixing is None else mixing(inputs, target)

    return transform, words


def _augmentation(choices: TrainChoices, shape: InputShape) -> tuple[nn.Module | None, list[str]]:
    """What changes pictures, and what it does, in words; None for other rows, and when nothing is to be done."""
    if shape.form != "image":
        return None, []
    if isinstance(choices.augment, list):
        module: Pipeline | RandAugment = chosen_transforms(choices.augment, shape.height, shape.width)
    else:
        module = PRESETS[choices.augment].make(shape.height, shape.width, False, None)
    words = module.words(shape.channels)
    return (module, words) if words else (None, [])
