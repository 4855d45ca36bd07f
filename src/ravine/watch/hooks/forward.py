"""What modules compute: a hook on modules costs every call of every module, so it comes and goes."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.compiler import is_compiling
from torch.nn.modules import module as modules
from torch.nn.modules.module import register_module_forward_hook
from torch.utils.hooks import RemovableHandle

from ravine.watch.hooks.patches import Patches
from ravine.watch.instrument import LossSeen
from ravine.watch.passing import answer, computes, given
from ravine.watch.steps import EARLY, Steps

_BATCHES = 4
"""How many batches of an evaluation are looked into."""


def install(steps: Steps, patches: Patches) -> None:
    """Tell what modules without children and roots compute, at sampled steps and at the beginning of evaluations."""
    hook = Forward(steps)
    hook.settle()
    patches.join(steps.sampling, hook.settle)
    patches.join(steps.strangers, hook.meet)
    patches.join(steps.modes, hook.mode)
    patches.join(steps.compiled, hook.settle)
    patches.later(hook.remove)


class Forward:
    """The one hook on all modules.

    It is there at sampled steps, for some batches after a model was set to evaluate, and always where models give
    their own loss. Never in a program that compiles: torch would warn of it, and compile again whenever it changes.
    """

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._scene = steps.scene
        self._bell = steps.bell
        self._census = steps.scene.census
        self._handle: RemovableHandle | None = None
        self._calls = 0  # of modules, that evaluation may still have looked into
        self._strangers: list[nn.Module] = []
        self._gives_loss = False

    def settle(self) -> None:
        """Put the hook there, or take it away, as it is wanted now."""
        wanted = (self._scene.sampled or self._calls > 0 or self._gives_loss) and not self._scene.compiled
        if wanted and self._handle is None:
            self._handle = register_module_forward_hook(self._seen)
            modules._global_forward_hooks_with_kwargs[self._handle.id] = True
        elif not wanted:
            self.remove()

    def remove(self) -> None:
        """Take the hook away."""
        if self._handle is not None:
            self._handle.remove()
            modules._global_forward_hooks_with_kwargs.pop(self._handle.id, None)  # torch forgets to
            self._handle = None

    def mode(self, training: bool) -> None:
        """A model was set to train or to evaluate."""
        self._calls = 0 if training or not self._steps.affords() else _BATCHES * max(1, self._census.size)
        self.settle()

    def meet(self) -> None:
        """Get to know modules that nobody had asked for parameters before they were used."""
        for module in self._strangers:
            self._census.meet(module)
        self._strangers.clear()

    def _seen(self, module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        if is_compiling() or self._steps.going_back or not self._bell.hears_numbers():
            return
        if not self._census.has(module):
            if self._steps.backwards < EARLY:
                self._strangers.append(module)
            return
        leaf = computes(module)
        if not leaf:
            self._returned(module, output)
        if self._scene.sampled or self._calls > 0:
            if leaf or self._census.is_root(module):
                self._tell(module, given(module, inputs, named), answer(output))
            if self._calls:
                self._calls -= 1
                if not self._calls:
                    self.settle()

    def _tell(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not (isinstance(output, Tensor) and output.is_meta):  # shapes alone
            self._bell.ring("forward", module, inputs, output)

    def _returned(self, module: nn.Module, output: Any) -> None:
        """Tell of the loss that a model gives, unless it was computed by a function that told of it."""
        value = _loss_in(output)
        if value is None or self._steps.losses:
            return
        self._gives_loss = True
        self._steps.hear_loss(
            LossSeen(
                name="returned",
                outputs=None,
                targets=None,
                value=value,
                options={},
                place=type(module).__name__,
                with_gradient=value.requires_grad,
            )
        )


def _loss_in(output: Any) -> Tensor | None:
    """The scalar called loss in what a model returned."""
    value = output.get("loss") if isinstance(output, dict) else getattr(output, "loss", None)
    return value if isinstance(value, Tensor) and value.numel() == 1 else None
