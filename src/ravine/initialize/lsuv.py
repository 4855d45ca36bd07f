"""Layer-sequential unit variance: weights scaled until a batch says that each layer's output has variance 1."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.utils import parametrize

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import POSITIVE
from ravine.initialize.catalogue import SCHEMES
from ravine.initialize.running import WEIGHTED, Batch, called, names_of, untouched, watched


@dataclass(frozen=True, slots=True)
class Scaled:
    """What was done to one layer.

    Attributes:
        name: Its dotted name.
        before: Variance of its output with the scheme's own weights, layers below being done already.
        after: Variance at the end.
        factor: What its weight was multiplied by, all in all.
        passes: How many times it was scaled.
    """

    name: str
    before: float
    after: float
    factor: float
    passes: int


@dataclass(frozen=True, slots=True)
class Lsuv:
    """What `lsuv` did.

    Attributes:
        layers: In the order in which they run.
        never: Layers with weights that did not run on the batch, and were left with the scheme's weights.
    """

    layers: tuple[Scaled, ...]
    never: tuple[str, ...]

    def __str__(self) -> str:
        """A table, a row a layer."""
        wide = max(len("layer"), *(len(layer.name) for layer in self.layers))
        lines = [f"{'layer':{wide}}  variance before      after  scaled by  passes"]
        lines += [
            f"{layer.name:{wide}}  {layer.before:15.4g}  {layer.after:9.4g}  {layer.factor:9.4g}  {layer.passes:6}"
            for layer in self.layers
        ]
        if self.never:
            lines.append(f"never run on this batch: {', '.join(self.never)}")
        return "\n".join(lines)


class _Reached(Exception):
    """Ends a pass at the layer that is being scaled: what comes after it does not matter yet."""


def lsuv(
    model: nn.Module,
    batch: Batch,
    *,
    tolerance: float = 0.05,
    most: int = 10,
    scheme: str = "orthogonal",
    generator: Generator | None = None,
) -> Lsuv:
    """Give linear and convolution layers of `model` weights such that on `batch` each output has variance 1.

        W ← orthogonal;   in the order of execution, until |Var(z) − 1| ≤ tolerance:   W ← W / √Var(z)

    Works on any network that runs eagerly, whatever lies between its layers. The network runs as
    in training, dropout included, with the same random numbers at each pass. A layer that runs
    several times is scaled once, by its first run, and of layers that share a weight the first.
    Biases start at 0; other layers keep their values, and so do buffers and the random state.

    Args:
        model: Any network; changed in place.
        batch: Prepared rows, as many as a training step has or more.
        tolerance: How far from 1 a variance may stay.
        most: Passes a layer at the most.
        scheme: What the weights start from, a name in `SCHEMES`.
        generator: Source of chance; the global one when None.

    Returns: What was done, layer by layer; `str()` of it is a table.

    Raises:
        BadValue: No such layers; a layer gives the same number everywhere or no finite one.
            The weights are then as they were.
    Source: Mishkin & Matas 2016, "All You Need Is a Good Init", arXiv:1511.06422, Algorithm 1.
    """
    POSITIVE.check("lsuv", "tolerance", tolerance)
    if most < 1:
        raise BadValue(refusal("lsuv", "most", "be at least 1", most))
    names = names_of(model)
    layers = [part for part in names if isinstance(part, WEIGHTED)]
    if not layers:
        raise BadValue(f"lsuv: the {type(model).__name__} has no linear or convolution layer.")
    draw = SCHEMES[scheme].draw
    order = _order(model, batch, layers)
    kept = [(value, value.detach().clone()) for layer in layers for value in layer.parameters()]
    try:
        with torch.no_grad():
            for layer in layers:
                _give(layer, draw(layer.weight, 1.0, generator))
                if layer.bias is not None:
                    layer.bias.zero_()
        done = [_scale(model, batch, layer, names[layer], tolerance, most) for layer in order]
    except BaseException:
        with torch.no_grad():
            for value, before in kept:
                value.copy_(before)
        raise
    return Lsuv(tuple(done), tuple(names[layer] for layer in layers if layer not in order))


def _order(model: nn.Module, batch: Batch, layers: list[Any]) -> list[Any]:
    """Those of `layers` that run, by their first run; of several that share one weight the first."""
    ran: dict[int, nn.Module] = {}

    def left(part: nn.Module, _: Any, __: Any) -> None:
        if part in layers:
            weight: Any = part.weight
            ran.setdefault(id(weight) if isinstance(weight, nn.Parameter) else id(part), part)

    with untouched(model), torch.no_grad(), watched(model, left):
        called("lsuv", model, batch)
    if not ran:
        raise BadValue(f"lsuv: none of the {len(layers)} linear and convolution layers ran on this batch.")
    return list(dict.fromkeys(ran.values()))


def _scale(model: nn.Module, batch: Batch, layer: Any, name: str, tolerance: float, most: int) -> Scaled:
    before = variance = _variance(model, batch, layer, name)
    factor, passes = 1.0, 0
    while abs(variance - 1) > tolerance and passes < most:
        step = 1 / math.sqrt(variance)
        with torch.no_grad():
            _give(layer, layer.weight * step)
        factor, passes = factor * step, passes + 1
        variance = _variance(model, batch, layer, name)
    return Scaled(name, before, variance, factor, passes)


def _give(layer: Any, weight: Tensor) -> None:
    """Set the weight, through what computes it where something does (`torch.nn.utils.parametrize`)."""
    if parametrize.is_parametrized(layer, "weight"):
        layer.weight = weight
    else:
        layer.weight.copy_(weight)


def _variance(model: nn.Module, batch: Batch, layer: nn.Module, name: str) -> float:
    """Variance of all numbers that `layer` gives in its first run."""
    seen: list[float] = []

    def left(_: nn.Module, __: Any, output: Tensor) -> None:
        seen.append(float(output.float().var(correction=0)))
        raise _Reached

    handle = layer.register_forward_hook(left)
    try:
        with untouched(model), torch.no_grad(), suppress(_Reached):
            called("lsuv", model, batch)
    finally:
        handle.remove()
    if not (seen and math.isfinite(seen[0]) and seen[0] > 0):
        got = f"variance {seen[0]:g}" if seen else "nothing"
        raise BadValue(
            f"lsuv: layer {name!r} gives {got} on this batch, which no factor makes 1. "
            "Give rows that differ, finite and standardized; the weights are as they were."
        )
    return seen[0]
