"""A pretrained network before the data it is moved to: what every plan starts from."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from ravine.data.batches import TensorBatches
from ravine.regularize.chosen import Chosen
from ravine.train.losses import Loss
from ravine.train.machine import Machine
from ravine.train.trainer import Metrics, Transform
from ravine.transfer.kept import Kept
from ravine.transfer.parts import Part, parts_of
from ravine.transfer.rates import BODY


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Network, data and choices.

    Attributes:
        network: Fields → outputs, with pretrained weights and a new head.
        head_name: Dotted name of the head inside it.
        body_name: Of what is pretrained, head included; "" for all of it.
        outputs: Of the head.
        loss: Of the data, on which it is judged.
        train: Rows to learn from.
        held: Rows to watch.
        machine: Where.
        training_loss: To train with, where it differs.
        metrics: As the trainer takes them.
        watch: The number that decides what is best.
        transform: What changes training rows anew at each sight.
        chosen: Techniques.
        choices: Of the trainer: rate, epochs, optimizer …
        seed: Of all draws.
        views: Changed versions of a row whose features are kept.
        body_lr: Rate of the body as a share of the head's.
        layer_decay: Factor of the rate from one part of the body to the one before.
        l2_sp: α of the pull towards the pretrained weights.
        unfreeze: Epochs from one part woken to the next; 0 wakes all at once.
        holds: Whether a pretrained body normalizes by its own statistics while it learns.
        kept: Features of the rows and the head solved on them, where `kept_of` has made them already.
    """

    network: nn.Module
    head_name: str
    outputs: int
    loss: Loss
    train: TensorBatches
    held: TensorBatches | None
    machine: Machine
    body_name: str = "body"
    training_loss: Any = None
    metrics: Metrics | None = None
    watch: str | None = None
    transform: Transform | None = None
    chosen: Chosen = field(default_factory=Chosen)
    choices: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    views: int = 3
    body_lr: float = BODY
    layer_decay: float | None = None
    l2_sp: float = 0.0
    unfreeze: float = 0.0
    holds: bool = True
    kept: Kept | None = None

    @property
    def head(self) -> nn.Linear:
        """The head itself."""
        found = self.network.get_submodule(self.head_name)
        assert isinstance(found, nn.Linear)
        return found

    @property
    def parts(self) -> list[Part]:
        """The parts of the body, first the one next to the input."""
        return parts_of(self.network.get_submodule(self.body_name), self.head)

    def copied(self, **changes: Any) -> Setting:
        """The same with a copy of the network, and other changes."""
        return replace(self, **{"network": copy.deepcopy(self.network), **changes})
