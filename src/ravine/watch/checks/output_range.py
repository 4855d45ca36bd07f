"""Whether the output can be what the targets are."""

from __future__ import annotations

from typing import ClassVar

from ravine.watch.checks.check import IN_A_ROW, Check
from ravine.watch.checks.graph import operation
from ravine.watch.instrument import LossSeen, Scene

REACH = {"Sigmoid": (0.0, 1.0), "Tanh": (-1.0, 1.0), "Softmax": (0.0, 1.0), "Relu": (0.0, float("inf"))}
LOGITS = ("cross_entropy", "binary_cross_entropy_with_logits")
MARGIN = 0.01


class OutputRange(Check):
    """Sees outputs whose activation keeps them from the targets, and logits that may not be negative or large.

    Exact: the outputs' own graph names the activation. In a regression the targets must lie outside what it can give;
    as logits of cross_entropy the outputs of a relu, sigmoid or tanh cannot say what they should.
    """

    name: ClassVar[str] = "output-range"

    def __init__(self) -> None:
        self._times = 0

    def loss(self, scene: Scene, seen: LossSeen) -> None:
        """Ask the outputs for their activation."""
        if seen.outputs is None or seen.targets is None or not seen.with_gradient or not scene.sampled:
            return
        activation = operation(seen.outputs)
        if activation not in REACH:
            return
        if seen.name in LOGITS:
            if activation == "Softmax" or (activation == "Sigmoid" and seen.name != "cross_entropy"):
                return  # normalized twice: told by its own check
            self._tell(scene, seen, activation, {})
        elif seen.name.endswith(("mse_loss", "l1_loss", "huber_loss")) and seen.targets.numel():
            least, most = REACH[activation]
            low, high = float(seen.targets.min()), float(seen.targets.max())
            if low < least - MARGIN or high > most + MARGIN:
                self._tell(scene, seen, activation, {"least": low, "most": high})

    def _tell(self, scene: Scene, seen: LossSeen, activation: str, details: dict[str, float]) -> None:
        self._times += 1
        if self._times == IN_A_ROW:
            scene.fact(
                "output-cannot-reach", activation=activation.lower(), loss=seen.name, place=seen.place, **details
            )
