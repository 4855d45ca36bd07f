"""Passes over a DataLoader, its batches, and how long the program waited for them."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary, ref

from torch.utils.data import DataLoader, dataloader

from ravine.watch.hooks.patches import Patches
from ravine.watch.steps import Steps


def install(steps: Steps, patches: Patches) -> None:
    """Tell when a pass begins and of each batch."""
    bell, scene = steps.bell, steps.scene
    loaders: WeakKeyDictionary[Any, Callable[[], DataLoader[Any] | None]] = WeakKeyDictionary()

    def begun(original: Callable[..., Any]) -> Callable[..., Any]:
        def __iter__(self: DataLoader[Any]) -> Any:  # noqa: N807
            batches = original(self)
            if bell.hears():
                loaders[batches] = _held(self)
                steps.look_by_hand()
                bell.passing = False  # nor is a pass over data that nobody sets the mode for
                bell.ring("epoch", self)
            return batches

        return __iter__

    def given(original: Callable[..., Any]) -> Callable[..., Any]:
        def __next__(self: Any) -> Any:  # noqa: N807
            if not bell.hears():
                return original(self)
            asked = perf_counter()
            batch = original(self)
            scene.waited = perf_counter() - asked
            loader = loaders.get(self, _nobody)()
            if loader is not None:
                bell.ring("batch", loader, batch)
            return batch

        return __next__

    patches.replace(DataLoader, "__iter__", begun)
    patches.replace(dataloader._BaseDataLoaderIter, "__next__", given)


def _held(loader: DataLoader[Any]) -> Callable[[], DataLoader[Any] | None]:
    """Gives the loader of a pass: one that nobody else keeps, as in Keras, lives as long as the pass.

    A loader whose workers persist keeps its passes itself, and neither would ever go if the pass kept it too.
    """
    return ref(loader) if loader.persistent_workers else lambda: loader


def _nobody() -> None:
    return None
