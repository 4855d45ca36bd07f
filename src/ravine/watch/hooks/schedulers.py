"""Steps of every learning-rate scheduler, of classes that are defined later too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch.optim.lr_scheduler import LRScheduler

from ravine.watch.hooks.patches import Patches
from ravine.watch.steps import Steps


def install(steps: Steps, patches: Patches) -> None:
    """Tell when a scheduler steps; those inside another are part of it."""
    bell = steps.bell
    depth = 0

    def told(original: Callable[..., Any]) -> Callable[..., Any]:
        def step(self: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal depth
            depth += 1
            try:
                done = original(self, *args, **kwargs)
            finally:
                depth -= 1
            if depth == 0 and not bell.passing and not getattr(self, "_is_initial", False) and bell.hears():
                bell.ring("scheduler", self)
            return done

        return step

    def hook(kind: type) -> None:
        if "step" in kind.__dict__ and callable(kind.__dict__["step"]):
            patches.replace(kind, "step", told)

    for kind in _family(LRScheduler):
        hook(kind)

    def born(kind: type[LRScheduler], /, **given: Any) -> None:
        super(LRScheduler, kind).__init_subclass__(**given)
        hook(kind)

    if "__init_subclass__" not in LRScheduler.__dict__:
        LRScheduler.__init_subclass__ = classmethod(born)  # type: ignore[assignment]
        patches.later(lambda: delattr(LRScheduler, "__init_subclass__"))


def _family(kind: type[LRScheduler]) -> Iterator[type[LRScheduler]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)
