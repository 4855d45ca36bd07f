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
from types import CodeType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from ravine.core.errors import BadValue, refusal
from ravine.regularize.technique import LayerTechnique


class Act(ABC):
    """What a technique does at one layer."""

    idle: bool = True
    """Whether nothing is done in evaluation; then evaluation goes straight to the layer."""
    counts: bool = False
    """Whether training passes are counted for it; a compiled graph breaks there."""
    by_row: bool = True
    """Whether each row of a batch has its own chance."""

    @abstractmethod
    def around(self, at: Around, args: tuple[Any, ...], kwargs: dict[str, Any], on: bool) -> Any:
        """The output of the layer `at.layer` for these arguments; `on` while training."""


class Around:
    """The `forward` of one layer while a technique is on it."""

    def __init__(self, layer: nn.Module, name: str, act: Act) -> None:
        self.layer = layer
        self.name = name
        self.act = act
        self.awake = False
        """Whether it acts in evaluation as it does in training: for Monte Carlo predictions."""
        self.passes = 0
        """Training passes so far, where they are counted."""
        self.below: Callable[..., Any] | None = layer.__dict__.get("forward")
        self.hook: int | None = None
        # Exporters ask the network's `forward` for the names of its arguments, and where it is written.
        self.__signature__ = inspect.signature(layer.forward)

    @property
    def __code__(self) -> CodeType:
        return type(self.layer).forward.__code__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The layer's output, with the technique at work."""
        on = self.awake or self.layer.training
        if not on and self.act.idle:
            return self.run(*args, **kwargs)
        out = self.act.around(self, args, kwargs, on)
        if self.act.counts and self.layer.training:
            _count(self)
        return out

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """What the layer would compute without this technique."""
        if self.below is not None:
            return self.below(*args, **kwargs)
        return type(self.layer).forward(self.layer, *args, **kwargs)


def put(layer: nn.Module, name: str, act: Act) -> None:
    """Let `act` of the technique `name` work at `layer`, around what is there already."""
    around = Around(layer, name, act)
    if not act.idle:
        # Fused evaluation of `nn.TransformerEncoderLayer` passes by layers that have no hook.
        around.hook = layer.register_forward_pre_hook(_nothing).id
    layer.__dict__["forward"] = around


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
            if around.hook is not None:
                del layer._forward_pre_hooks[around.hook]
            return
        above = around


def arounds(layer: nn.Module) -> Iterator[Around]:
    """What is put on `layer`, the latest first."""
    at = layer.__dict__.get("forward")
    while isinstance(at, Around):
        yield at
        at = at.below


def _nothing(layer: nn.Module, args: Any) -> None:
    """A hook that does nothing."""


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _count(at: Around | OutputTechnique) -> None:
    at.passes += 1


class OutputTechnique(nn.Module, LayerTechnique, Act):
    """A technique that changes what a layer gives; by itself it is a layer too.

    A member says what happens to a tensor in `change`. Then `apply(model, Member(...))` puts it
    after layers of a network that exists, and `nn.Sequential(..., Member(...))` builds one with it.
    """

    kinds: ClassVar[tuple[type[nn.Module], ...]] = ()
    """Layers it is put on when nobody says where and the kind of a layer is enough to tell."""

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0
        """Training passes so far, where they are counted and this is the layer."""

    @abstractmethod
    def change(self, x: Any) -> Any:
        """A layer's output in training → what is passed on.

        Args:
            x: A tensor; from recurrent layers perhaps a PackedSequence. Not changed.
        """

    def change_at(self, x: Any, layer: nn.Module | None, passes: int) -> Any:
        """`change`, for members that ask what layer gave `x`, or when.

        Args:
            x: As for `change`.
            layer: What gave it; None when the technique is itself the layer.
            passes: Training passes before this one, where they are counted.
        """
        del layer, passes
        return self.change(x)

    def rest(self, x: Any) -> Any:
        """The same in evaluation; only asked when `idle` is False."""
        return x

    def forward(self, x: Any) -> Any:
        """The tensor, changed while training."""
        if not self.training:
            return x if self.idle else self.rest(x)
        out = self.change_at(x, None, self.passes)
        if self.counts:
            _count(self)
        return out

    def around(self, at: Around, args: tuple[Any, ...], kwargs: dict[str, Any], on: bool) -> Any:
        """The layer's output, its first tensor changed."""
        out = at.run(*args, **kwargs)
        first, rest = first_tensor(self.name, out)
        first = self.change_at(first, at.layer, at.passes) if on else self.rest(first)
        return first if rest is None else (first, *rest)

    def suits(self, name: str, layer: nn.Module) -> bool:
        """Whether `layer` is of one of its `kinds`."""
        del name
        return isinstance(layer, self.kinds)

    def attach(self, layers: Mapping[str, nn.Module]) -> None:
        """Put it after these layers."""
        for layer in layers.values():
            put(layer, self.name, self)

    def detach(self, layers: Mapping[str, nn.Module]) -> None:
        """Take it off these layers."""
        for layer in layers.values():
            take_off(layer, self.name)


def first_tensor(owner: str, out: Any) -> tuple[Any, tuple[Any, ...] | None]:
    """The tensor that a layer's output begins with, and what comes after it; None when it is all.

    Recurrent layers give (steps, state), attention gives (output, weights): the first is what goes on.

    Raises:
        BadValue: There is none.
    """
    if isinstance(out, Tensor | PackedSequence):
        return out, None
    if isinstance(out, tuple) and out and isinstance(out[0], Tensor | PackedSequence):
        return out[0], out[1:]
    must = "be a tensor or a tuple that begins with one"
    raise BadValue(refusal(owner, "the output of a layer it is put on", must, type(out).__name__))


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
