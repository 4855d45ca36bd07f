"""Layers that compute with other weights than the ones they keep.

The class of a layer is swapped for a generated subclass, whose forward hands filtered weights to
the forward of the class before. Parameters stay where they are, so that the keys of the state_dict,
optimizers and checkpoints know nothing of it; in evaluation the forward is the plain one. (Torch's
own parametrizations rename the keys.)
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import new_class
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.regularize.outputs import Around
from ravine.regularize.technique import LayerTechnique

Schedule = Callable[[float], float]

Role = Literal["none", "weight", "output"]
"""What a filter does at the moment: nothing, change weights, or compute what the layer returns."""

DENSE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
RECURRENT = (nn.RNNBase, nn.RNNCellBase)
FILTERED = (*DENSE, *TRANSPOSED, *RECURRENT, nn.MultiheadAttention)
"""Layers whose weights a technique changes when nobody says where."""

_ABSENT = object()


class WeightFilter(LayerTechnique):
    """A technique that changes the weights a layer computes with.

    It acts on layers of torch by kind: the weight of a Linear, a convolution, a Bilinear or an
    Embedding, the hidden weights of recurrent layers and cells, the projections of
    MultiheadAttention; and on any other layer that keeps a Parameter called `weight` with two or more
    dimensions. Several filters on one layer act in the order in which they came. A recurrent layer
    computes its whole sequence with the weights drawn once.
    """

    kinds: ClassVar[tuple[type[nn.Module], ...]] = FILTERED
    """Layers it is put on when nobody says where."""
    inward: ClassVar[bool] = False
    """Whether it also changes the input weights of recurrent layers."""
    schedule: Schedule | None = None
    """Training pass through a layer, counted from `start` → factor of its strength; compiled graphs break there."""
    start: int = 0

    @abstractmethod
    def role(self, training: bool) -> Role:
        """What it does in training, and in evaluation."""

    @abstractmethod
    def filtered(self, weight: Tensor, factor: Tensor | float) -> Tensor:
        """The weight to compute with.

        Args:
            weight: As the layer keeps it, or as an earlier filter left it. Not changed.
            factor: What the schedule says now, a scalar; 1 without one.
        """

    def check(self, name: str, layer: nn.Module) -> None:
        """Refuse a layer it cannot act on, called `name`."""
        check_weights(self.name, name, layer, self.inward)

    def suits(self, name: str, layer: nn.Module) -> bool:  # noqa: ARG002 (others ask for the name)
        """Whether it is put on `layer` when nobody says where."""
        return isinstance(layer, self.kinds)

    def attach(self, layers: Mapping[str, nn.Module]) -> None:
        """Put it on these layers; all are looked at first."""
        for name, layer in layers.items():
            self.check(name, layer)
        for layer in layers.values():
            put(layer, Carried(self))

    def detach(self, layers: Mapping[str, nn.Module]) -> None:
        """Take it off these layers."""
        take(self, layers)


class OutputFilter(WeightFilter):
    """A filter that can also compute what a Linear returns, where its role is "output"."""

    @abstractmethod
    def output(self, inputs: Tensor, weight: Tensor, bias: Tensor | None, training: bool) -> Tensor:
        """What the layer returns: (batch, *, in) → (batch, *, out)."""


@dataclass
class Carried:
    """One technique as one layer carries it."""

    technique: LayerTechnique
    passes: int = 0

    def again(self, layer: nn.Module) -> None:
        """Called when it is put on, and when `layer` was copied or loaded: for what torch does not take along."""

    def left(self) -> None:
        """Called when it is taken off."""


@dataclass(slots=True)
class _Load:
    """All that one layer carries."""

    carried: list[Carried] = field(default_factory=list)
    evaluates: bool = False  # whether anything is at work in evaluation
    hook: int | None = None


class _Carrier(nn.Module):
    """What a generated class puts before the layer's own."""

    _ravine_load: _Load

    def extra_repr(self) -> str:
        return ", ".join([super().extra_repr(), *(repr(c.technique) for c in self._ravine_load.carried)]).strip(", ")

    def __reduce_ex__(self, protocol: Any) -> Any:
        # The generated class has no name that pickle could look up: it is generated again.
        kept: Any = self
        return _blank, (plain_class(self),), kept.__getstate__()

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        for carried in self._ravine_load.carried:
            carried.again(self)


def put(layer: nn.Module, carried: Carried) -> None:
    """Let `layer` carry one technique more."""
    load: _Load | None = layer.__dict__.get("_ravine_load")
    if load is None:
        load = _Load()
        layer.__class__ = _carrier(type(layer))
        layer.__dict__["_ravine_load"] = load
    load.carried.append(carried)
    carried.again(layer)
    _settle(layer, load)


def take(technique: LayerTechnique, layers: Mapping[str, nn.Module]) -> None:
    """Take `technique` off these layers; the last one gives a layer its class back."""
    for name, layer in layers.items():
        if not issubclass(type(layer), _Carrier) or "_plain" not in vars(type(layer)):
            raise BadValue(
                f"{technique.name}: layer {name!r} was given the class {type(layer).__name__} later on. "
                "Take off first what did so."
            )
    for layer in layers.values():
        load: _Load = layer.__dict__["_ravine_load"]
        for carried in [c for c in load.carried if c.technique is technique]:
            load.carried.remove(carried)
            carried.left()
        _settle(layer, load)
        if not load.carried:
            del layer.__dict__["_ravine_load"]
            layer.__class__ = plain_class(layer)


def plain_class(layer: nn.Module) -> type[nn.Module]:
    """The class of `layer` as it is without what it carries."""
    kind: type[nn.Module] = getattr(type(layer), "_plain", type(layer))
    return kind


def check_swap(owner: str, name: str, layer: nn.Module) -> None:
    """Refuse a layer whose class cannot be swapped."""
    if isinstance(layer, torch.jit.ScriptModule):
        raise BadValue(f"{owner}: layer {name!r} is a ScriptModule. Put it on before scripting.")
    own = vars(layer).get("forward")
    if own is not None and not isinstance(own, Around):
        raise BadValue(
            f"{owner}: layer {name!r} has a forward of its own, beside its class {type(layer).__name__}. "
            "Take off first what put it there."
        )
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in layer.parameters(recurse=False)):
        raise BadValue(f"{owner}: layer {name!r} has no weights yet. Let it see one batch first.")


def check_weights(owner: str, name: str, layer: nn.Module, inward: bool) -> None:
    """Refuse a layer whose weights cannot be filtered."""
    check_swap(owner, name, layer)
    places = weight_places(layer, inward)
    if not places:
        what = f"layer {name!r}, a {plain_class(layer).__name__},"
        raise BadValue(
            f"{owner}: {what} keeps no weight of two or more dimensions. It acts on Linear, convolutions, "
            "recurrent layers, attention, embeddings, and layers with a Parameter called weight."
        )
    for holder, weight in places:
        if isinstance(getattr(type(holder), weight, None), property):
            raise BadValue(
                f"{owner}: the {weight} of layer {name!r} is computed by a parametrization already. Take that off "
                "first: torch.nn.utils.parametrize.remove_parametrizations."
            )
    if isinstance(layer, nn.Embedding) and (layer.sparse or layer.max_norm is not None):
        got = "sparse=True" if layer.sparse else f"max_norm={layer.max_norm:g}"
        raise BadValue(refusal(owner, f"embedding {name!r}", "have sparse=False and no max_norm", got))


def weight_places(layer: nn.Module, inward: bool) -> list[tuple[nn.Module, str]]:
    """Where the weights of `layer` are kept: modules and the names of their attributes."""
    if isinstance(layer, nn.RNNBase):
        wanted = ("weight_ih", "weight_hh", "weight_hr") if inward else ("weight_hh",)
        return [(layer, name) for name in layer._flat_weights_names if name.startswith(wanted)]
    if isinstance(layer, nn.RNNCellBase):
        return [(layer, "weight_ih"), (layer, "weight_hh")] if inward else [(layer, "weight_hh")]
    if isinstance(layer, nn.MultiheadAttention):
        names = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
        inner = [(layer, name) for name in names if getattr(layer, name) is not None]
        return [*inner, (layer.out_proj, "weight")]
    weight = getattr(layer, "weight", None)
    return [(layer, "weight")] if isinstance(weight, Tensor) and weight.ndim >= 2 else []


_Working = list[tuple[WeightFilter, Tensor | float]]


def _compute(layer: _Carrier, below: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What `layer` returns for these arguments, everything that is at work applied."""
    working: _Working = []
    last: OutputFilter | None = None
    for carried in layer._ravine_load.carried:
        technique = carried.technique
        if not isinstance(technique, WeightFilter):
            continue
        role = technique.role(layer.training)
        if role == "weight":
            working.append((technique, 1.0 if technique.schedule is None else _scheduled(carried, technique)))
        elif isinstance(technique, OutputFilter) and role == "output":
            last = technique
    if last is not None:
        inputs = args[0] if args else kwargs["input"]
        bias = layer.bias
        assert isinstance(layer.weight, Tensor)
        assert bias is None or isinstance(bias, Tensor)
        return last.output(inputs, _through(working, layer.weight), bias, layer.training)
    if not working:
        return below(layer, *args, **kwargs)
    if isinstance(layer, nn.RNNBase):
        return _recurrent(layer, working, below, args, kwargs)
    inward = any(technique.inward for technique, _ in working)
    held: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for holder, name in weight_places(layer, inward):
            used = [(t, f) for t, f in working if t.inward or not name.startswith("weight_ih")]
            weight = _through(used, getattr(holder, name))
            space = holder.__dict__
            # A plain attribute hides the Parameter of the same name; replicas have plain ones anyway.
            held.append((space, name, space.get(name, _ABSENT)))
            space[name] = weight
            if getattr(holder, name) is not weight:
                raise BadValue(
                    f"{working[0][0].name}: a parametrization was registered on {name} after it. "
                    "Put it on layers without one."
                )
        return below(layer, *args, **kwargs)
    finally:
        for space, name, before in held:
            if before is _ABSENT:
                del space[name]
            else:
                space[name] = before


def _recurrent(
    layer: nn.RNNBase,
    working: _Working,
    below: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """A recurrent layer reads its weights from a list; it gets another one for this call."""
    before = layer._flat_weights
    weights = list(before)
    for place, name in enumerate(layer._flat_weights_names):
        if name.startswith("weight"):
            used = [(t, f) for t, f in working if t.inward or name.startswith("weight_hh")]
            weights[place] = _through(used, before[place])
    layer.__dict__["_flat_weights"] = weights
    try:
        return below(layer, *args, **kwargs)
    finally:
        layer.__dict__["_flat_weights"] = before


def _through(working: _Working, weight: Any) -> Any:
    for technique, factor in working:
        weight = technique.filtered(weight, factor)
    return weight


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _scheduled(carried: Carried, technique: WeightFilter) -> Tensor:
    """The factor at this training pass, which is counted; a tensor, so that no graph is made for its value."""
    assert technique.schedule is not None
    factor = technique.schedule(technique.start + carried.passes)
    carried.passes += 1
    return torch.tensor(factor)


def _settle(layer: nn.Module, load: _Load) -> None:
    """Note whether anything acts in evaluation, and then keep torch from reading the weights past the layer.

    `nn.TransformerEncoderLayer` computes with its layers' weights itself in evaluation, without
    calling them, unless one of them has a hook.
    """
    filters = [c.technique for c in load.carried if isinstance(c.technique, WeightFilter)]
    load.evaluates = any(technique.role(training=False) != "none" for technique in filters)
    if load.evaluates and load.hook is None:
        load.hook = layer.register_forward_pre_hook(_nothing).id
    elif not load.evaluates and load.hook is not None:
        del layer._forward_pre_hooks[load.hook]
        load.hook = None


def _nothing(layer: nn.Module, args: Any) -> None:
    """A hook that does nothing."""


_KINDS: dict[Any, type[nn.Module]] = {}


def _carrier(plain: type[nn.Module]) -> type[nn.Module]:
    """The class of layers of class `plain` that carry something; always the same one."""
    if plain in _KINDS:
        return _KINDS[plain]
    below: Callable[..., Any] = plain.forward

    def forward(self: _Carrier, *args: Any, **kwargs: Any) -> Any:
        if not self.training and not self._ravine_load.evaluates:
            return below(self, *args, **kwargs)
        return _compute(self, below, args, kwargs)

    # Exporters ask it for the names of its arguments.
    forward.__signature__ = inspect.signature(below)  # type: ignore[attr-defined]
    space = {"_plain": plain, "forward": forward, "__module__": plain.__module__, "__doc__": plain.__doc__}
    _KINDS[plain] = new_class(f"Regularized{plain.__name__}", (_Carrier, plain), {}, lambda own: own.update(space))
    return _KINDS[plain]


def _blank(plain: type[nn.Module]) -> nn.Module:
    """An empty layer that carries something, for its state to be put in."""
    kind = _carrier(plain)
    return kind.__new__(kind)
