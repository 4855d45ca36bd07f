"""Where the first number that is none came from."""

from __future__ import annotations

from math import isfinite
from typing import Any, ClassVar
from weakref import ReferenceType, ref

import torch
from torch import Tensor

from ravine.watch.checks.check import Check
from ravine.watch.checks.graph import Node, nodes_before, plain_name, saved
from ravine.watch.instrument import LossSeen, Scene
from ravine.watch.place import place_of_call

ROWS = 5
RESULT = ("result", "output")


class Finite(Check):
    """Sees the first loss that is not finite while everything behind it is still there, and looks where it began.

    Exact: rows of the batch that hold NaN or an infinity; or parameters that do, from the step before; or the
    operation in the graph of this loss whose result is the first that is not finite, with the layer it belongs to. On
    an accelerator the loss is read at sampled steps alone, lest every step wait for it.
    """

    name: ClassVar[str] = "finite"

    def __init__(self) -> None:
        self._batch: list[ReferenceType[Tensor]] = []
        self._dataset: ReferenceType[Any] | None = None
        self._done = False
        self._seen = 0  # identity of the last loss that was finite

    def batch(self, scene: Scene, loader: Any, batch: Any) -> None:
        """Know the batch again, as long as the program has it."""
        if not self._done:
            self._batch = [ref(part) for part in _tensors(batch)]
            try:
                self._dataset = ref(loader.dataset)
            except TypeError:  # a list cannot be referred to
                self._dataset = None

    def loss(self, scene: Scene, seen: LossSeen) -> None:
        """Is the loss a number?"""
        if self._done or not seen.with_gradient or not _readable(scene, seen.value):
            return
        self._seen = id(seen.value)
        if not _is_finite(seen.value):
            data = [part for part in (seen.targets, seen.outputs) if part is not None and not part.requires_grad]
            self._tell(scene, seen.value, data, seen.place)

    def backward_begin(self, scene: Scene, root: Tensor) -> None:
        """Is what goes backward a number, where no loss function was seen?"""
        if self._done or id(root) == self._seen or root.numel() != 1 or not _readable(scene, root):
            return
        if not _is_finite(root):
            self._tell(scene, root, [], place_of_call())

    def _tell(self, scene: Scene, value: Tensor, data: list[Tensor], place: str) -> None:
        self._done = True
        batch = [part for one in self._batch if (part := one()) is not None] + data
        if rows := _bad_rows(batch):
            dataset = None if self._dataset is None else self._dataset()
            inside = _bad_rows([part for part in getattr(dataset, "tensors", ()) if isinstance(part, Tensor)])
            scene.fact("data-not-finite", rows=rows[:ROWS], count=len(rows), dataset_rows=inside[:ROWS], place=place)
            return
        bad = [
            name
            for model in scene.models
            for name, p in model.named_parameters()
            if p.is_floating_point() and not bool(torch.isfinite(p).all())
        ]
        if bad:
            scene.fact("not-finite", where="parameter", tensor=bad[0], count=len(bad), place=place)
            return
        operation, layer, why, is_data = _origin(scene, value)
        if is_data:
            scene.fact("data-not-finite", rows=[], count=0, dataset_rows=[], place=place)
            return
        scene.fact("not-finite", where="operation", operation=operation, layer=layer, why=why, place=place)


def _is_finite(value: Tensor) -> bool:
    return isfinite(value.item()) if value.dim() == 0 else bool(torch.isfinite(value).all())


def _readable(scene: Scene, value: Tensor) -> bool:
    return value.device.type == "cpu" or scene.sampled


def _tensors(thing: Any) -> list[Tensor]:
    if isinstance(thing, Tensor):
        return [thing]
    if isinstance(thing, dict):
        thing = list(thing.values())
    if isinstance(thing, list | tuple):
        return [part for one in thing for part in _tensors(one)]
    return []


def _bad_rows(parts: list[Tensor]) -> list[int]:
    """Rows with a number that is none, in any of these."""
    for part in parts:
        if part.is_floating_point() and part.dim():
            bad = ~torch.isfinite(part).reshape(part.shape[0], -1).all(1)
            if rows := bad.nonzero().flatten().tolist():
                return [int(row) for row in rows]
    return []


def _origin(scene: Scene, value: Tensor) -> tuple[str, str, str, bool]:
    """The first operation with a result that is not finite: its name, layer and reason, and whether it was given so."""
    layer = ""
    for node in nodes_before(value):
        variable = getattr(node, "variable", None)
        if isinstance(variable, Tensor):
            layer = scene.name_of(variable) or layer
            continue
        kept = saved(node)
        if why := _reason(node, kept):
            return plain_name(node), layer, why, False
        for name, tensor in kept.items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                if name in RESULT:
                    return plain_name(node), layer, "", False
                given = [parent for parent, _ in node.next_functions if parent is not None]
                before = [parent for parent in given if not hasattr(parent, "variable")]
                return (plain_name(before[0]) if before else "", layer, "", not before)
    return ("the loss function", layer, "", False)


def _reason(node: Node, kept: dict[str, Tensor]) -> str:
    """What is known to go wrong in an operation, in words; "" when it did not."""
    name = plain_name(node)
    given, other, result = kept.get("self"), kept.get("other"), kept.get("result")
    if name in ("Log", "Log2", "Log10") and given is not None and bool((given <= 0).any()):
        return f"the logarithm of {float(given.min()):.3g}"
    if name == "Log1P" and given is not None and bool((given <= -1).any()):
        return f"log1p of {float(given.min()):.3g}"
    if name == "Div" and other is not None and bool((other == 0).any()):
        return "a division by 0"
    if name == "Sqrt" and result is not None and bool(torch.isnan(result).any()):
        return "the square root of a negative number"
    if name == "Exp" and result is not None and bool(torch.isinf(result).any()):
        return f"an exponential that is too large for {str(result.dtype).removeprefix('torch.')}"
    for tensor in kept.values():
        if tensor.dtype == torch.float16 and bool(torch.isinf(tensor).any()):
            return "a number that is too large for float16"
    return ""
