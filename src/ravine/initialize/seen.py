"""What is kept of each layer while a network runs: statistics, never the numbers themselves."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils._python_dispatch import TorchDispatchMode

from ravine.initialize.activations import ACTIVATIONS, Activation, is_activation, known_activation
from ravine.initialize.running import WEIGHTED, first_tensor, is_layer, names_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerProbe:
    """One run of one layer.

    Attributes:
        name: Dotted name; "name#2" for the second run of a layer; "block.gelu()" for an activation
            that is a function called in a block's forward.
        kind: Class of the layer, or name of the function.
        shape: Of what it gives, the batch included.
        mean: Of all numbers it gives.
        std: Their standard deviation.
        predicted: The standard deviation that Var(z) = #parents · E(u²) · Var(w) + E(b²) leads to, from
            the layer's own input u: for linear and convolution layers, None for others.
        saturated: Share of numbers on the flat sides of a tanh, sigmoid or their kin: |tanh| above 0.97,
            sigmoid outside [0.03, 0.97]; None for other kinds.
        dead: Share of units that are 0 for every row and place of the batch, for activations that can
            die so; None for other kinds.
        gradient: Norm of the gradient of the layer's own parameters, at its first run; None without.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    mean: float
    std: float
    predicted: float | None
    saturated: float | None
    dead: float | None
    gradient: float | None


@dataclass(slots=True)
class Run:
    """One run of one layer, while the network runs."""

    part: nn.Module | None  # None for a function
    name: str
    kind: str
    output: tuple[int, ...]
    mean: float
    std: float
    predicted: float | None = None
    saturated: float | None = None
    dead: float | None = None


@dataclass(slots=True)
class Seen:
    """What has run so far, and what is running now; its methods are what `running.watched` calls."""

    model: nn.Module
    names: dict[nn.Module, str] = field(init=False)
    runs: list[Run] = field(default_factory=list)
    inside: list[nn.Module] = field(default_factory=list)
    count: Counter[str] = field(default_factory=Counter)
    channels_first: bool = False

    def __post_init__(self) -> None:
        self.names = names_of(self.model)

    def entered(self, part: nn.Module, _: tuple[Any, ...]) -> None:
        """A module begins."""
        self.inside.append(part)

    def left(self, part: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        """A module has given its output; where it is a layer, that is noted."""
        self.inside.pop()
        numbers = first_tensor(output)
        if numbers is None or not numbers.numel() or not is_layer(part) or isinstance(part, nn.Identity):
            return
        if "parametrizations." in self.names[part]:
            return  # computes a weight, not what the network says of the batch
        run = self.note(part, self.names[part], type(part).__name__, numbers, known_activation(part))
        if isinstance(part, WEIGHTED) and given and isinstance(given[0], Tensor):
            self.channels_first = not isinstance(part, nn.Linear)
            run.predicted = _predicted(part, given[0].detach())

    def note(self, part: nn.Module | None, name: str, kind: str, numbers: Tensor, activation: Activation | None) -> Run:
        """Keep the numbers' statistics, not the numbers."""
        self.count[name] += 1
        full = name if self.count[name] == 1 else f"{name}#{self.count[name]}"
        values = numbers.detach().to(torch.float64 if numbers.dtype == torch.float64 else torch.float32)
        run = Run(part, full, kind, tuple(numbers.shape), values.mean().item(), values.std(correction=0).item())
        if activation is not None and activation.saturates is not None:
            low, high = activation.saturates
            run.saturated = ((values < low) | (values > high)).float().mean().item()
        if activation is not None and activation.dies:
            axis = 1 if self.channels_first and values.ndim > 2 else -1
            silent = (values == 0).movedim(axis, 0).flatten(1) if values.ndim > 1 else (values == 0)[None]
            run.dead = silent.all(1).float().mean().item()
        self.runs.append(run)
        return run

    def finished(self, gradients: dict[nn.Parameter, Tensor]) -> Iterator[LayerProbe]:
        """The runs with the gradients, each told once."""
        told: set[nn.Module] = set()
        for run in self.runs:
            own = [] if run.part is None or run.part in told else _own(run.part)
            if run.part is not None:
                told.add(run.part)
            squares = [gradients[value].double().square().sum().item() for value in own if value in gradients]
            yield LayerProbe(
                name=run.name,
                kind=run.kind,
                shape=run.output,
                mean=run.mean,
                std=run.std,
                predicted=run.predicted,
                saturated=run.saturated,
                dead=run.dead,
                gradient=math.sqrt(sum(squares)) if squares else None,
            )

    def never(self) -> Iterator[str]:
        """Layers that hold parameters of which no run was seen."""
        ran = {value for run in self.runs if run.part is not None for value in _own(run.part)}
        for part, name in self.names.items():
            own = list(part.parameters(recurse=False))
            if own and not any(value in ran for value in own) and part is not self.model:
                yield name


def _own(part: nn.Module) -> list[nn.Parameter]:
    """The parameters of a layer; attention computes with those of its parts itself."""
    inner = isinstance(part, nn.MultiheadAttention) or parametrize.is_parametrized(part)
    return list(part.parameters(recurse=inner))


def _predicted(layer: Any, given: Tensor) -> float:
    """√(#parents · E(u²) · Var(w) + E(b²)), each as it is in this layer and batch."""
    weight = layer.weight.detach().double()
    parents = weight[0].numel()
    if isinstance(layer, nn.modules.conv._ConvTransposeNd):
        # (in, out/groups, *window): each output place is reached by one in stride of the window's
        parents = weight.numel() // weight.shape[1] / layer.groups / math.prod(layer.stride)
    variance = parents * given.double().square().mean().item() * weight.var(correction=0).item()
    if layer.bias is not None:
        variance += layer.bias.detach().double().square().mean().item()
    return math.sqrt(variance)


class Functions(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees activations that are functions: a `relu` inside a forward has no module that could tell."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen = seen

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation; tell of it where no activation's module or layer of torch runs it."""
        output = func(*args, **(kwargs or {}))
        name = _FUNCTIONS.get(func.overloadpacket)
        inside = self.seen.inside
        if name is not None and inside and isinstance(output, Tensor) and not _speaks_for_itself(inside[-1]):
            block = inside[-1]
            prefix = "" if block is self.seen.model else f"{self.seen.names[block]}."
            self.seen.note(None, f"{prefix}{name}()", name, output, ACTIVATIONS[name])
        return output


def _speaks_for_itself(part: nn.Module) -> bool:
    """Whether what happens inside `part` is its own affair: an activation, or a layer of torch such as an LSTM."""
    return is_activation(part) or (is_layer(part) and type(part).__module__.startswith("torch.nn."))


_FUNCTIONS = {
    getattr(torch.ops.aten, name + ending): name
    for name in ("relu", "leaky_relu", "gelu", "silu", "mish", "hardswish", "elu", "softplus", "tanh", "sigmoid")
    for ending in ("", "_")
    if hasattr(torch.ops.aten, name + ending)
}
