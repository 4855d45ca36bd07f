"""Gaussian noise on gradients, fading with time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor, nn
from torch.utils.hooks import RemovableHandle

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import NON_NEGATIVE
from ravine.core.sources import Source
from ravine.regularize.technique import Acts, LayerTechnique, Technique
from ravine.regularize.weights import Carried, check_swap, put, take


def gradient_noise(gradient: Tensor, std: float, generator: Generator | None = None) -> Tensor:
    """The gradient with independent Gaussian noise on each element: g + σ·ε, ε ~ N(0, 1).

    Args:
        gradient: Any shape (*). Not changed.
        std: σ, at least 0.
        generator: Source of chance, on the device of the gradient; the global one when None.

    Returns: The same shape and dtype.
    """
    noise = torch.randn(gradient.shape, dtype=gradient.dtype, device=gradient.device, generator=generator)
    return torch.add(gradient, noise, alpha=std)


@dataclass(frozen=True, eq=False)
class GradientNoise(LayerTechnique):
    """`gradient_noise` on the gradients of parameters while training, with σ falling with time.

        g ← g + σₜ·ε,  σₜ² = η / (1 + t)^γ

    t counts the backward passes that reached the parameter, from 0; with gradients accumulated over
    several passes each adds its noise. With several processes (DDP) the noise is added before gradients
    are averaged: draws that differ by process average out to σ²/processes, equal seeds give the same everywhere.
    Parameters replaced later (`load_state_dict(assign=True)`) have no noise until it is put on again.

    Args:
        eta: η, at least 0; the paper takes 0.01, 0.3 or 1.
        gamma: γ, at least 0; 0 keeps σ as it is.
        start: t at the first pass, in a run that goes on.
        generator: Source of chance, on the device of the parameters; the global one when None.

    Source: Neelakantan et al. 2015, equation 1.
    """

    name: ClassVar[str] = "gradient-noise"

    eta: float
    gamma: float = 0.55
    start: int = 0
    generator: Generator | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("eta", "gamma", "start"):
            NON_NEGATIVE.check(self.name, name, getattr(self, name))

    def std(self, t: float) -> float:
        """σ at backward pass t ≥ 0."""
        return float((self.eta / (1 + t) ** self.gamma) ** 0.5)

    def suits(self, name: str, layer: nn.Module) -> bool:  # noqa: ARG002 (others ask for the name)
        """Whether `layer` has parameters of its own that are trained."""
        return bool(_trained(layer))

    def attach(self, layers: Mapping[str, nn.Module]) -> None:
        """Put it on the parameters these layers hold themselves; one shared by several counts once."""
        for name, layer in layers.items():
            check_swap(self.name, name, layer)
            if not _trained(layer):
                raise BadValue(f"{self.name}: layer {name!r} has no parameter of its own that requires a gradient.")
            if getattr(layer, "sparse", False):
                raise BadValue(refusal(self.name, f"embedding {name!r}", "have sparse=False", "sparse=True"))
        seen: set[int] = set()
        for layer in layers.values():
            names = [name for name, p in _trained(layer).items() if id(p) not in seen]
            seen |= {id(p) for p in _trained(layer).values()}
            put(layer, _Noisy(self, hooks={name: _Hook(self, layer) for name in names}))

    def detach(self, layers: Mapping[str, nn.Module]) -> None:
        """Take it off these layers."""
        take(self, layers)


class _Hook:
    """What autograd calls with the gradient of one parameter."""

    def __init__(self, technique: GradientNoise, layer: nn.Module) -> None:
        self.technique = technique
        self.layer = layer
        self.t = technique.start

    def __call__(self, gradient: Tensor) -> Tensor:
        if not self.layer.training:
            return gradient
        std = self.technique.std(self.t)
        self.t += 1
        return gradient_noise(gradient, std, self.technique.generator)


@dataclass
class _Noisy(Carried):
    """The hooks on the parameters of one layer. Torch drops them from copies, so they are put on again."""

    hooks: dict[str, _Hook] = field(default_factory=dict)
    handles: list[RemovableHandle] = field(default_factory=list)

    def again(self, layer: nn.Module) -> None:
        places: dict[str, Any] = {name: layer.get_parameter(name) for name in self.hooks}
        self.handles = [places[name].register_hook(hook) for name, hook in self.hooks.items()]

    def left(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "handles": []}


def _trained(layer: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in layer.named_parameters(recurse=False) if p.requires_grad}


GRADIENT_NOISE = Technique(
    name="gradient-noise",
    make=GradientNoise,
    main="eta",
    acts=Acts.LAYERS,
    formula="g ← g + σₜ·ε,  σₜ² = η / (1 + t)^γ",
    source=Source(
        "Neelakantan et al.",
        2015,
        "Adding Gradient Noise Improves Learning for Very Deep Networks",
        arxiv="1511.06807",
    ),
)
