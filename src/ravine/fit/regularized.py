"""The techniques of a run, tried before anything is trained."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ravine.core.errors import BadValue
from ravine.data.task import Kind, Task
from ravine.regularize.chosen import Chosen, choose
from ravine.regularize.label_smoothing import LabelSmoothing
from ravine.train.randomness import random_state, set_random_state
from ravine.train.recipe import Recipe


def chosen_for(recipe: Recipe, task: Task, network: nn.Module, inputs: tuple[Any, ...], target: Tensor) -> Chosen:
    """What [regularize] asks for, put on and taken off `network` once, and seen to work on a few rows.

    Chance goes on afterwards as if nothing had been tried.

    Raises:
        BadValue: A technique has no place in this network, or does not suit these data.
    """
    chosen = choose(recipe.regularize, task.outputs if task.kind is Kind.CLASSIFY else None)
    if task.kind is not Kind.CLASSIFY and any(isinstance(technique, LabelSmoothing) for technique in chosen.batch):
        raise BadValue(f"label-smoothing: needs one of several classes as a target; the task is {task.kind.value}.")
    before = random_state()
    try:
        chosen.put_on(network)
        chosen.take_off(network)
        chosen.transform(inputs, target)
    except BadValue as error:
        raise BadValue(f"[regularize] {error}") from error
    finally:
        set_random_state(before)
    return chosen
