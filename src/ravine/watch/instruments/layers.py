"""Gradients, updates and activations, layer by layer, at sampled steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar
from weakref import ReferenceType, ref

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ravine.watch.checks.graph import operation
from ravine.watch.instrument import Instrument, Scene
from ravine.watch.instruments.units import BY_OPERATION, Activations, bounds_of, moments
from ravine.watch.passing import computes

MOST_LAYERS = 64
MOST_ELEMENTS = 8_000_000  # of the weights whose update is measured: they are copied for the time of a step
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass(slots=True)
class _Layer:
    """What is known of one layer at this step."""

    module: ReferenceType[nn.Module]
    name: str
    kind: str
    depth: int
    weight: ReferenceType[Tensor] | None = None
    numbers: dict[str, Tensor] = field(default_factory=dict)


class Layers(Instrument):
    """One row of kind "layer" for each layer in the first forward pass of a sampled step.

    Layers with a weight get the norms of its gradient, itself and its update; activations, whether modules or functions
    between two layers, get their share of zeros, silent units and saturation; `dead` is the share of units silent
    in all of the last four sampled batches, of 128 rows at least. All is computed on the device and by one call for all
    layers where torch has one; at other steps this costs nothing.
    """

    name: ClassVar[str] = "layers"

    def __init__(self) -> None:
        self._layers: dict[int, _Layer] = {}
        self._extra: list[_Layer] = []
        self._activations = Activations()
        self._before: list[tuple[_Layer, Tensor, Tensor]] = []
        self._measured: set[tuple[int, tuple[int, ...]]] = set()  # activations that a module has shown already
        self._last_weight = ""
        self._convolves = False

    def forward(self, scene: Scene, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Measure what a layer takes and gives."""
        value = output[0] if isinstance(output, tuple) and output else output
        if not scene.sampled or not module.training or id(module) in self._layers or not computes(module):
            return
        if not isinstance(value, Tensor) or not value.requires_grad or len(self._layers) >= MOST_LAYERS:
            return
        if not value.is_floating_point() or value.dim() < 2:
            return
        bounds = bounds_of(module)
        weight = _weight_of(module)
        if bounds is None and weight is None:
            return
        layer = _Layer(ref(module), scene.name_of(module), type(module).__name__, len(self._layers))
        mean, spread = moments(value.detach())
        layer.numbers = {"act_mean": mean, "act_std": spread}
        if bounds is not None:
            layer.numbers |= self._activations.measure(layer.name, value.detach(), self._axis(value), bounds)
            self._measured.add((value.data_ptr(), tuple(value.shape)))
        if weight is not None:
            layer.weight = ref(weight)
            self._look_before(layer, module, inputs)
        self._layers[id(module)] = layer

    def step_begin(self, scene: Scene, optimizer: Optimizer) -> None:
        """Norms of gradients and weights; copies of the weights."""
        if not self._layers or not scene.sampled:
            return
        own = {id(p) for group in optimizer.param_groups for p in group["params"]}
        there = [
            (layer, weight)
            for layer in self._layers.values()
            if layer.weight is not None and (weight := layer.weight()) is not None and id(weight) in own
        ]
        there = [(layer, weight) for layer, weight in there if weight.grad is not None and not weight.grad.is_sparse]
        if not there:
            return
        weights = [weight.detach() for _, weight in there]
        gradients = [weight.grad for _, weight in there if weight.grad is not None]
        for (layer, _), size, slope in zip(there, _norms(weights), _norms(gradients), strict=True):
            layer.numbers |= {"weight_norm": size, "grad_norm": slope}
        left = MOST_ELEMENTS
        for layer, weight in there:
            if weight.numel() <= left:
                left -= weight.numel()
                self._before.append((layer, weight, weight.detach().clone()))

    def step_end(self, scene: Scene, optimizer: Optimizer) -> None:
        """Norms of the updates; write the rows."""
        if self._before:
            moved = list(
                torch._foreach_sub([w.detach() for _, w, _ in self._before], [old for _, _, old in self._before])
            )
            for (layer, _, _), size in zip(self._before, _norms(moved), strict=True):
                layer.numbers["update_norm"] = size
        for layer in (*self._layers.values(), *self._extra):
            scene.write("layer", layer=layer.name, type=layer.kind, depth=layer.depth, **layer.numbers)
        self._layers, self._extra, self._before = {}, [], []
        self._measured.clear()
        self._last_weight = ""

    def _axis(self, value: Tensor) -> int:
        return 1 if self._convolves and value.dim() > 2 else value.dim() - 1

    def _look_before(self, layer: _Layer, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        """An activation that is a function is seen in the next layer's input."""
        x = inputs[0] if inputs else None
        if isinstance(x, Tensor) and x.is_floating_point():
            mean, spread = moments(x.detach())
            layer.numbers |= {"in_mean": mean, "in_std": spread}
            bounds = BY_OPERATION.get(operation(x)) if x.requires_grad else None
            if bounds is not None and (x.data_ptr(), tuple(x.shape)) not in self._measured:
                name = f"{self._last_weight or 'input'} > {operation(x).lower()}"
                numbers = self._activations.measure(name, x.detach(), self._axis(x), bounds)
                self._extra.append(_Layer(layer.module, name, operation(x), layer.depth, numbers=numbers))
        self._last_weight = layer.name
        self._convolves = isinstance(module, CONVOLUTIONS) or (
            self._convolves and not isinstance(module, nn.Linear | nn.LayerNorm)
        )


def _weight_of(module: nn.Module) -> Tensor | None:
    """What it multiplies by: of a recurrent layer by the input, of one of Keras its kernel."""
    for weight in (
        getattr(module, "weight", None),
        getattr(module, "weight_ih_l0", None),
        getattr(getattr(module, "kernel", None), "value", None),
    ):
        if isinstance(weight, Tensor):
            return weight
    return None


def _norms(tensors: list[Tensor]) -> list[Tensor]:
    return [norm.float() for norm in torch._foreach_norm(tensors)]
