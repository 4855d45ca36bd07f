"""What a person brings ready-made: a network, data sets or loaders, a loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Provided:
    """Torch objects that go to training as they are: not split, not prepared, not copied.

    Attributes:
        name: Short name for people: "mine.py:pictures".
        origin: What opens the same source again: the argument of `ravine fit`; "" for objects
            that only live in this process.
        model: A `torch.nn.Module`, or None when Ravine is to choose one.
        train: A `torch.utils.data.Dataset` or `DataLoader` of (inputs, target) pairs, or None
            when only a model was given.
        val: The same for validation; None when it is to be cut from `train`.
        test: The same for the final test; None when there is none.
        loss: Called as loss(outputs, targets), gives a scalar tensor; None for the usual one.
    """

    name: str
    origin: str
    model: Any = None
    train: Any = None
    val: Any = None
    test: Any = None
    loss: Callable[..., Any] | None = None
