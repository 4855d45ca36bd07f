"""Which module's backward is wrong: each is checked alone, on what it was given and what came back to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from ravine.optim.gradcheck.calls import Calls, Recorded
from ravine.optim.gradcheck.copies import float_leaves
from ravine.optim.gradcheck.places import place_of
from ravine.optim.gradcheck.problem import Call, Effort, Problem
from ravine.optim.gradcheck.report import Culprit, Row
from ravine.optim.gradcheck.tensors import Care, check_tensor

_SAMPLES = 24  # coordinates of a tensor of one module; a random direction reaches the others


def culprits(calls: Calls, care: Care, effort: Effort) -> tuple[Culprit, ...]:
    """The deepest modules whose backward alone is wrong while all modules inside them are right.

    The calls that were recorded are repeated with copies of their inputs, all of a module's one after the other,
    so that what one leaves behind for another shows. The number checked is Σ ⟨v, output⟩, with v the gradient that
    came back to the output, scaled to size 1: a wrong gradient from further on reaches a right module as just
    another v. A module is looked at after those inside it, and not at all if one of them is wrong.
    """
    careful = replace(care, samples=_SAMPLES)
    found: list[Culprit] = []
    for name, module in reversed(calls.modules.items()):
        if any(one.name.startswith(f"{name}." if name else "") for one in found):
            continue
        records = calls.calls[name]
        faulty = [row for row in _checked_alone(module, records, careful, effort) if row.faulty]
        if faulty:
            worst = max(faulty, key=lambda row: (row.verdict == "wrong", row.error))
            custom = dict.fromkeys(kind for record in records for kind in record.custom)
            found.append(
                Culprit(
                    name=name,
                    kind=type(module).__name__,
                    where=place_of(type(module)),
                    worst=worst.name,
                    functions=tuple(map(_named, custom)),
                    row=worst,
                )
            )
    return tuple(reversed(found))


def inputs_of(call: Call, through: Sequence[bool] | None = None) -> dict[str, Tensor]:
    """The tensors in floating point that a call is given, by name; where `through` is false they are left out."""
    given = pytree.tree_flatten_with_path((call.args, call.kwargs))[0]
    wanted = [True] * len(given) if through is None else through
    found = [
        (path, leaf)
        for (path, leaf), flows in zip(given, wanted, strict=True)
        if flows and isinstance(leaf, Tensor) and (leaf.is_floating_point() or leaf.is_complex())
    ]
    if len(found) == 1:
        return {"input": found[0][1]}
    return {f"input {_path(path)}": leaf for path, leaf in found}


def weights_for(outputs: Sequence[Tensor], cotangents: Sequence[Tensor | None], seed: int) -> list[Tensor] | None:
    """What came back to each output, scaled to size 1; random numbers where nothing did; None: it is not finite."""
    known = [torch.zeros_like(o) if c is None else c.to(o) for o, c in zip(outputs, cotangents, strict=True)]
    size = math.sqrt(sum(float(c.abs().square().mean()) for c in known if c.numel()))
    if not math.isfinite(size):
        return None
    if size > 0.0:
        return [c / size for c in known]
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(o.shape, generator=generator, dtype=o.dtype).to(o.device) for o in outputs]


class _Repeated(nn.Module):
    """Several calls of one module, in turn."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *calls: tuple[tuple[Any, ...], dict[str, Any]]) -> list[Any]:
        return [self.module(*args, **kwargs) for args, kwargs in calls]


def _checked_alone(module: nn.Module, records: Sequence[Recorded], care: Care, effort: Effort) -> list[Row]:
    leaves: dict[str, Tensor] = {}
    weights: list[Tensor] = []
    for turn, record in enumerate(records, start=1):
        returned = weights_for(float_leaves(record.output), record.cotangents, care.seed)
        if returned is None:
            return []
        weights += returned
        of_call = f" of call {turn}" if len(records) > 1 else ""
        given = inputs_of(record.call, record.through)
        leaves |= {f"{name}{of_call}": leaf for name, leaf in given.items()}
    leaves |= {name: p for name, p in module.named_parameters() if p.requires_grad and p.numel()}
    if not weights or not leaves:
        return []
    call = Call(_Repeated(module), tuple((record.call.args, record.call.kwargs) for record in records))
    problem = Problem(call, leaves, records[0].draws, effort, weights)
    problem.unsettle()
    gradients = problem.gradients()
    if not math.isfinite(problem.base):
        return []
    problem.settle()
    return [check_tensor(problem, name, gradients[name], care) for name in leaves]


def _named(kind: type) -> str:
    where = place_of(kind)
    return f"{kind.__name__} ({where})" if where else kind.__name__


def _path(path: tuple[Any, ...]) -> str:
    """Where in (args, kwargs) a tensor stands: "0" for the first by place, "mask" for one by name."""
    return ".".join(str(getattr(key, "idx", getattr(key, "key", getattr(key, "name", key)))) for key in path[1:])
