"""How a technique acts on what layers of an existing network take and give.

The layer keeps its class, its children and the keys of its state_dict. Only its instance gets a
`forward` of its own, an `Around`, which is deleted again when the technique is taken off.

Why not forward hooks, torch's own way: `torch.compile` does not guard on them, so that a hooked
network runs the code compiled for its twin without hooks, silently; they also switch off the fused
evaluation of `nn.TransformerEncoderLayer`, and cost more in each call. Why not another class:
parametrizations swap the class as well, and the two cannot come off in any order.

A shallow `copy.copy` of a layer shares its `Around` with the original, as it shares its parameters;
`copy.deepcopy` and pickle give the copy one of its own.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from ravine.core.errors import BadValue, refusal
from ravine.regularize.technique import LayerTechnique

Below = Callable[..., Any]
"""What the layer would compute without this technique."""


class Act(ABC):
    """What a technique does at one layer."""

    idle = True
    """Whether nothing is done in evaluation; then evaluation goes straight to the layer."""

    @abstractmethod
    def around(self, layer: nn.Module, below: Below, args: tuple[Any, ...], kwargs: dict[str, Any], on: bool) -> Any:
        """The layer's output for these arguments; `on` while training."""


class Around:
    """The `forward` of one layer while a technique is on it."""

    def __init__(self, layer: nn.Module, name: str, act: Act) -> None:
        self.layer = layer
        self.name = name
        self.act = act
        self.awake = False
        """Whether it acts in evaluation as it does in training: for Monte Carlo predictions."""
        self.below: Below | None = layer.__dict__.get("forward")
        # Exporters ask the network's `forward` for the names of its arguments.
        self.__signature__ = inspect.signature(layer.forward)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The layer's output, with the technique at work."""
        on = self.awake or self.layer.training
        if not on and self.act.idle:
            return self._run(*args, **kwargs)
        return self.act.around(self.layer, self._run, args, kwargs, on)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        if self.below is not None:
            return self.below(*args, **kwargs)
        return type(self.layer).forward(self.layer, *args, **kwargs)


def put(layer: nn.Module, name: str, act: Act) -> None:
    """Let `act` of the technique `name` work at `layer`, around what is there already."""
    layer.__dict__["forward"] = Around(layer, name, act)


def take_off(layer: nn.Module, name: str) -> None:
    """Undo `put`, whatever was put before or after; nothing happens where nothing is."""
    above: Around | None = None
    for around in arounds(layer):
        if around.name == name:
            if above is not None:
                above.below = around.below
            elif around.below is not None:
                layer.__dict__["forward"] = around.below
            else:
                del layer.__dict__["forward"]
            return
        above = around


def arounds(layer: nn.Module) -> Iterator[Around]:
    """What is put on `layer`, the latest first."""
    at = layer.__dict__.get("forward")
    while isinstance(at, Around):
        yield at
        at = at.below


class OutputTechnique(nn.Module, LayerTechnique, Act):
    """A technique that changes what a layer gives; by itself it is a layer too.

    A member says what happens to a tensor in `change`. Then `apply(model, Member(...))` puts it
    after layers of a network that exists, and `nn.Sequential(..., Member(...))` builds one with it.
    """

    by_row = True
    """Whether each row of a batch has its own chance."""

    @abstractmethod
    def change(self, x: Tensor, layer: nn.Module | None) -> Tensor:
        """A layer's output in training → what is passed on; `layer` is None when this is the layer."""

    def rest(self, x: Tensor) -> Tensor:
        """The same in evaluation; only asked when `idle` is False."""
        return x

    def forward(self, x: Tensor) -> Tensor:
        """The tensor, changed while training."""
        if self.training:
            return self.change(x, None)
        return x if self.idle else self.rest(x)

    def around(self, layer: nn.Module, below: Below, args: tuple[Any, ...], kwargs: dict[str, Any], on: bool) -> Any:
        """The layer's output, its first tensor changed."""
        out = below(*args, **kwargs)
        first, rebuilt = first_tensor(self.name, out)
        return rebuilt(self.change(first, layer) if on else self.rest(first))

    def attach(self, layers: Mapping[str, nn.Module]) -> None:
        """Put it after these layers."""
        for layer in layers.values():
            put(layer, self.name, self)

    def detach(self, layers: Mapping[str, nn.Module]) -> None:
        """Take it off these layers."""
        for layer in layers.values():
            take_off(layer, self.name)


def first_tensor(owner: str, out: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The tensor that a layer's output begins with, and how to put another in its place.

    Recurrent layers give (steps, state), attention gives (output, weights): the first is what goes on.

    Raises:
        BadValue: There is none.
    """
    if isinstance(out, Tensor | PackedSequence):
        return out, _itself
    if isinstance(out, tuple) and out and isinstance(out[0], Tensor | PackedSequence):
        rest = out[1:]
        return out[0], lambda first: (first, *rest)
    must = "be a tensor or a tuple that begins with one"
    raise BadValue(refusal(owner, "the output of a layer it is put on", must, type(out).__name__))


def _itself(first: Any) -> Any:
    return first


HIDDEN_ACTIVATIONS = (
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.PReLU,
    nn.RReLU,
    nn.ELU,
    nn.CELU,
    nn.SELU,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.Softplus,
    nn.Softsign,
    nn.Tanh,
    nn.Tanhshrink,
    nn.Hardtanh,
    nn.Hardswish,
    nn.Hardsigmoid,
    nn.Sigmoid,
)
"""Activations that hidden layers have; softmax is none."""

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
"""Layers whose output has channels second: (batch, channels, *places)."""

_WEIGHT_LAYERS = (nn.Linear, nn.Bilinear, nn.RNNBase, *CONVOLUTIONS)


def hidden_activations(model: nn.Module, after: tuple[type[nn.Module], ...]) -> dict[str, nn.Module]:
    """Activation layers that belong to a weight layer of the kinds `after`, and have another weight layer behind them.

    Layers are taken in the order in which the network lists them, so that the activation of the
    answer, if there is one, is not among them.
    """
    found: dict[str, nn.Module] = {}
    waiting: dict[str, nn.Module] = {}
    latest: nn.Module | None = None
    for name, layer in model.named_modules():
        if isinstance(layer, _WEIGHT_LAYERS):
            found |= waiting
            waiting = {}
            latest = layer
        elif isinstance(layer, HIDDEN_ACTIVATIONS) and isinstance(latest, after):
            waiting[name] = layer
    return found
