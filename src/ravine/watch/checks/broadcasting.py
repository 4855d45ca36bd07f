"""Whether outputs and targets are held against each other row by row."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from torch import Tensor

from ravine.watch.checks.check import Check
from ravine.watch.checks.graph import Node, shape
from ravine.watch.instrument import LossSeen, Scene
from ravine.watch.place import place_of_call

STEPS = 4
_ONE_INPUT = ("Mean", "Sum", "Pow", "Abs", "Sqrt", "Mul", "Div")


class Broadcasting(Check):
    """Sees losses of every output against every target: (n, 1) against (n).

    Exact: the shapes differ, and what they broadcast to is larger than both. A single target for all outputs is none.
    Where the loss is written out, as ((outputs - targets)**2).mean(), the difference's own shape tells.
    """

    name: ClassVar[str] = "broadcasting"

    def loss(self, scene: Scene, seen: LossSeen) -> None:
        """Compare the shapes."""
        if seen.outputs is None or seen.targets is None or seen.outputs.shape == seen.targets.shape:
            return
        if not seen.name.endswith(("mse_loss", "l1_loss", "huber_loss", "gaussian_nll_loss", "poisson_nll_loss")):
            return
        if prod(_broadcast(tuple(seen.outputs.shape), tuple(seen.targets.shape))) > max(
            seen.outputs.numel(), seen.targets.numel()
        ):
            self._tell(scene, tuple(seen.outputs.shape), tuple(seen.targets.shape), seen.name, seen.place)

    def backward_begin(self, scene: Scene, root: Tensor) -> None:
        """A loss that is written out: find its difference."""
        if scene.step >= STEPS:
            return
        node: Node = root.grad_fn
        for _ in range(6):
            if node is None:
                return
            name = node.name()
            if name == "SubBackward0":
                break
            if not name.startswith(_ONE_INPUT):
                return
            node = next((parent for parent, _ in node.next_functions if parent is not None), None)
        else:
            return
        given = [shape(parent) for parent, _ in node.next_functions if parent is not None]
        if len(given) != 1:  # both sides have gradients: none of them is data
            return
        wide = shape(node)
        n = wide[0] if wide else 0
        if n > 1 and wide == (n, n) and given[0] in ((n, 1), (n,)):
            self._tell(scene, given[0], (n,) if given[0] == (n, 1) else (n, 1), "a difference", place_of_call())

    def _tell(self, scene: Scene, outputs: tuple[int, ...], targets: tuple[int, ...], loss: str, place: str) -> None:
        scene.fact("loss-broadcasts", loss=loss, outputs=list(outputs), targets=list(targets), place=place)


def _broadcast(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """The shape to which two broadcast.

    >>> _broadcast((32, 1), (32,))
    (32, 32)
    """
    long, short = sorted((one, other), key=len, reverse=True)
    return tuple(max(a, b) for a, b in zip(long, (1,) * (len(long) - len(short)) + short, strict=True))
