"""Random numbers that are the same at every evaluation: dropout keeps its mask while a parameter is moved."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True, slots=True)
class Spring:
    """One source of random numbers: how to read its state and how to put it back."""

    get: Callable[[], Any]
    set: Callable[[Any], Any]


class Draws:
    """The state of every source of random numbers, to be put back before each evaluation.

    Args:
        springs: The sources.
        states: Where each begins; where it stands now when None.
    """

    def __init__(self, springs: Sequence[Spring], states: Sequence[Any] | None = None) -> None:
        self.springs = list(springs)
        self.states = [spring.get() for spring in springs] if states is None else list(states)

    def rewind(self) -> None:
        """Make every source begin again."""
        for spring, state in zip(self.springs, self.states, strict=True):
            spring.set(state)

    def moved(self) -> Draws:
        """Only the sources that have moved since the beginning: the others need no rewinding."""
        pairs = [
            (spring, state)
            for spring, state in zip(self.springs, self.states, strict=True)
            if not _same(state, spring.get())
        ]
        return Draws([spring for spring, _ in pairs], [state for _, state in pairs])

    def now(self) -> Draws:
        """The same sources, beginning where they stand now."""
        return Draws(self.springs)


def springs(own: Sequence[torch.Generator] = ()) -> list[Spring]:
    """Torch's generators, Python's, NumPy's, and those that the model holds itself."""
    found = [
        Spring(torch.get_rng_state, torch.set_rng_state),
        Spring(random.getstate, random.setstate),
        Spring(lambda: np.random.get_state(legacy=False), np.random.set_state),
    ]
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        found.append(Spring(torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all))
    return found + [Spring(one.get_state, one.set_state) for one in own]


@contextmanager
def undisturbed(seed: int) -> Iterator[None]:
    """Seed every source inside, and leave all of them outside as they were."""
    before = Draws(springs())
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        before.rewind()


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, dict):
        return all(_same(value, b[key]) for key, value in a.items())
    if isinstance(a, list):
        return all(map(_same, a, b))
    return bool(a == b)
