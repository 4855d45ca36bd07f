"""What a regularization technique is, and how it is put into a network that exists."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from ravine.core.sources import Source


class Acts(Enum):
    """Where a technique does its work."""

    LAYERS = "layers"
    """On what layers of the network compute while training: `LayerTechnique`."""
    BATCH = "batch"
    """On rows and targets, before the network sees them: `BatchTechnique`."""
    WEIGHTS = "weights"
    """On parameters, as a penalty or a bound that the optimizer carries out: `WeightTechnique`."""


class LayerTechnique(ABC):
    """Something that changes layers of an existing network, and can be taken off again.

    What is attached keeps the keys of the state_dict, survives deepcopy, `torch.compile` and export,
    and costs nothing in evaluation. What changes weights is a `ravine.regularize.weights.WeightFilter`.
    """

    name: ClassVar[str]
    """Its name in the catalogue."""

    @abstractmethod
    def suits(self, name: str, layer: nn.Module) -> bool:
        """Whether it is put on `layer`, called `name`, when nobody says where."""

    def places(self, model: nn.Module) -> dict[str, nn.Module]:
        """The layers of `model` it is put on when nobody says where: those that suit it.

        A member that must see the whole network to tell, a hidden layer from the head, says it here.
        """
        return {name: layer for name, layer in model.named_modules() if self.suits(name, layer)}

    @abstractmethod
    def attach(self, layers: Mapping[str, nn.Module]) -> None:
        """Put it on these layers, given by their names in the order of the network; no layer comes twice.

        Raises:
            BadValue: A layer of a kind that it cannot act on; then none is changed.
        """

    @abstractmethod
    def detach(self, layers: Mapping[str, nn.Module]) -> None:
        """Take it off these layers, which are then exactly as they were before.

        Called with all or some of the layers it was put on; what came later is off already, unless
        the caller asked for this technique alone.
        """


class BatchTechnique(Protocol):
    """Something done to each training batch, on the device where the batch is."""

    def __call__(self, inputs: tuple[Any, ...], target: Tensor) -> tuple[tuple[Any, ...], Tensor]:
        """Fields and targets of a batch → the same, changed; nothing given is changed in place."""
        ...


class WeightTechnique(Protocol):
    """A penalty or bound on parameters."""

    def for_optimizer(self) -> dict[str, float]:
        """What to ask of the optimizers of `ravine.optim`: `{"l1": 1e-4}`, `{"max_norm": 3.0}`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Technique:
    """The record of one technique.

    Attributes:
        name: Its one public name: file, function, recipe, command line, page.
        make: Settings → the technique; its signature has the defaults.
        main: The argument that `name = 0.2` sets; None where it takes none.
        acts: Where it does its work.
        formula: What it does, in a line.
        source: Where it comes from.
    """

    name: str
    make: Callable[..., Any]
    main: str | None
    acts: Acts
    formula: str
    source: Source
