"""Whether every parameter that could learn does."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from typing import ClassVar
from weakref import ReferenceType, ref

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ravine.watch.checks.check import Check
from ravine.watch.checks.graph import nodes_before
from ravine.watch.instrument import Scene

FIRST, LAST = 5, 25  # own steps of an optimizer between which it is looked at
NAMES = 5
SAMPLE = 16  # elements of a parameter by which a change made by hand is seen


class Coverage(Check):
    """Sees parameters that get gradients and no update, and those that are to be updated and get no gradient.

    Exact: the parameter requires a gradient and has one that is not zero, no optimizer in this process holds it, and
    its value does not change; or an optimizer holds it, its layer computes with gradients, and none ever arrives. A
    frozen parameter (requires_grad=False), a layer under no_grad and one that is not used are meant to be so.
    """

    name: ClassVar[str] = "coverage"

    def __init__(self) -> None:
        self._steps: dict[int, int] = {}
        self._without: dict[int, list[ReferenceType[Tensor]]] = {}
        self._ran: dict[int, ReferenceType[nn.Module]] = {}  # in the order of the forward pass
        self._outside: list[tuple[ReferenceType[Tensor], Tensor]] = []
        self._strangers: list[ReferenceType[Tensor]] = []
        self._done = False

    def forward(self, scene: Scene, module: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        """Note which layers compute with gradients while training."""
        if not self._done and module.training and isinstance(output, Tensor) and output.requires_grad:
            self._ran.setdefault(id(module), ref(module))

    def backward_begin(self, scene: Scene, root: Tensor) -> None:
        """Once: which parameters does a loss reach that belong to no known model?"""
        if self._done or scene.step not in (FIRST, FIRST + 1) or len(scene.optimizers) < 2:
            return
        known = {id(p) for model in scene.models for p in model.parameters()}
        for node in nodes_before(root):
            leaf = getattr(node, "variable", None)
            if isinstance(leaf, nn.Parameter) and id(leaf) not in known:
                self._strangers.append(ref(leaf))

    def step_end(self, scene: Scene, optimizer: Optimizer) -> None:
        """Follow the first steps of each optimizer."""
        if self._done:
            return
        step = self._steps[id(optimizer)] = self._steps.get(id(optimizer), 0) + 1
        self._follow_the_empty(optimizer, step)
        if step == LAST:
            self._tell_detached(scene, optimizer)
        if step == FIRST and not self._outside:
            self._outside = [(ref(p), _sample(p)) for p in self._uncovered(scene)]
        if all(count >= LAST for count in self._steps.values()):
            self._done = True
            self._tell_missing(scene)

    def _follow_the_empty(self, optimizer: Optimizer, step: int) -> None:
        """Parameters of the optimizer without gradient at every step so far."""
        if step == 1:
            every = [p for group in optimizer.param_groups for p in group["params"]]
            self._without[id(optimizer)] = [ref(p) for p in every if p.requires_grad and p.grad is None]
        elif empty := self._without.get(id(optimizer)):
            self._without[id(optimizer)] = [one for one in empty if (p := one()) is not None and p.grad is None]

    def _tell_detached(self, scene: Scene, optimizer: Optimizer) -> None:
        empty = {id(p) for one in self._without.get(id(optimizer), []) if (p := one()) is not None}
        if not empty:
            return
        ran = [module for one in self._ran.values() if (module := one()) is not None]
        layers = [m for m in ran if any(id(p) in empty for p in m.parameters(recurse=False))]
        names = [scene.name_of(p) for m in layers for p in m.parameters(recurse=False) if id(p) in empty]
        if layers:
            scene.fact(
                "parameters-without-gradients",
                parameters=names[:NAMES],
                count=len(names),
                cut=scene.name_of(layers[-1]),
            )

    def _uncovered(self, scene: Scene) -> list[Tensor]:
        held = {id(p) for o in scene.optimizers for group in o.param_groups for p in group["params"]}
        return [
            p
            for model in scene.models
            for p in model.parameters()
            if p.requires_grad and p.grad is not None and id(p) not in held
        ]

    def _tell_missing(self, scene: Scene) -> None:
        candidates = [(p, before) for one, before in self._outside if (p := one()) is not None and p.grad is not None]
        left = {id(p) for p in self._uncovered(scene)}
        candidates = [
            (p, before) for p, before in candidates if id(p) in left and bool(torch.equal(_sample(p), before))
        ]
        candidates = [(p, before) for p, before in candidates if p.grad is not None and bool(p.grad.any())]
        missing = [p for p, _ in candidates]
        if missing and (missing := _held_by_none(missing)):
            names = [scene.name_of(p) for p in missing]
            trained = sum(p.numel() for model in scene.models for p in model.parameters())
            share = sum(p.numel() for p in missing) / max(1, trained)
            scene.fact("parameters-outside", parameters=names[:NAMES], count=len(names), share=round(share, 4))
        self._tell_exchanged(scene)

    def _tell_exchanged(self, scene: Scene) -> None:
        """Two optimizers hold the same parameters, and those of a network that also gets gradients nobody holds."""
        optimizers = scene.optimizers
        owners: dict[int, int] = {}
        for o in optimizers:
            for p in (p for group in o.param_groups for p in group["params"]):
                owners[id(p)] = owners.get(id(p), 0) + 1
        twice = [key for key, count in owners.items() if count > 1]
        strangers = [p for one in self._strangers if (p := one()) is not None and p.grad is not None]
        if not twice or not strangers or not (strangers := _held_by_none(strangers)):
            return
        scene.fact(
            "optimizers-exchanged",
            optimizers=[type(o).__name__ for o in optimizers],
            shared=len(twice),
            network=_network_of(strangers),
            count=len(strangers),
        )


def _sample(parameter: Tensor) -> Tensor:
    return parameter.detach().reshape(-1)[:SAMPLE].clone()


def _held_by_none(parameters: list[Tensor]) -> list[Tensor]:
    """Those that no optimizer alive in this process holds, also one that has not stepped yet."""
    held: set[int] = set()
    for thing in gc.get_objects():
        if issubclass(type(thing), Optimizer):
            held.update(id(p) for group in getattr(thing, "param_groups", []) for p in group["params"])
    return [p for p in parameters if id(p) not in held]


def _network_of(parameters: Iterable[Tensor]) -> str:
    """The class of the largest module alive that owns these parameters; "" when there is none."""
    wanted = {id(p) for p in parameters}
    owners = [
        (len(own), type(thing).__name__)
        for thing in gc.get_objects()
        if issubclass(type(thing), nn.Module) and (own := {id(p) for p in thing.parameters()}) & wanted
    ]
    return max(owners, default=(0, ""))[1]
