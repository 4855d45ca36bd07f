"""How the tensors of one parameter group are stepped together: many small ones flat, large ones alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

SMALL = 1 << 15
"""Tensors of at most so many elements are gathered; copying larger ones costs more than calling a kernel again."""

BLOCK = 1 << 20
"""A flat block holds at most so many elements, which bounds the memory of the scratch buffers."""


def real(tensor: Tensor) -> Tensor:
    """The tensor as real numbers, sharing its memory: complex ones get a last axis of 2."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def order_of(tensor: Tensor) -> tuple[int, ...] | None:
    """The order of axes in which `tensor` lies densely in memory, or None where it has gaps."""
    if tensor.is_contiguous():
        return tuple(range(tensor.ndim))
    order = tuple(sorted(range(tensor.ndim), key=tensor.stride, reverse=True))
    return order if tensor.permute(order).is_contiguous() else None


def line(tensor: Tensor, order: tuple[int, ...]) -> Tensor:
    """`tensor` as one axis, in memory order `order`: a view where it lies so, else a copy."""
    if tensor.is_contiguous() and order == tuple(range(tensor.ndim)):
        return tensor.view(-1)
    return tensor.permute(order).reshape(-1)


class Scratch:
    """Buffers for gathered parameters and gradients, shared by all blocks of a kind."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, torch.dtype, torch.device], Tensor] = {}

    def take(self, use: str, dtype: torch.dtype, device: torch.device, size: int) -> Tensor:
        """A flat buffer of `size` elements, undefined content, valid until the next taker of the same use."""
        key = (use, dtype, device)
        buffer = self._buffers.get(key)
        if buffer is None or buffer.numel() < size:
            buffer = self._buffers[key] = torch.empty(size, dtype=dtype, device=device)
        return buffer[:size]


class Block:
    """Small tensors whose state lies in flat buffers, so that one call steps them all."""

    def __init__(self, params: Sequence[Tensor], records: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
        self.sizes = [p.numel() for p in params]
        self.shapes = [p.shape for p in params]
        self.dtype, self.device = params[0].dtype, params[0].device
        self.size = sum(self.sizes)
        self.slots = [self._gathered([record[name] for record in records]) for name in names]
        self.views: dict[str, list[Tensor]] = {}
        for name, flat in zip(names, self.slots, strict=True):
            self.views[name] = self.cut(flat)
            for record, view in zip(records, self.views[name], strict=True):
                record[name] = view
        self._buffers: dict[str, tuple[Tensor, list[Tensor]]] = {}

    def cut(self, flat: Tensor) -> list[Tensor]:
        """The parts of a flat buffer in the shapes of the members."""
        return [part.view(shape) for part, shape in zip(torch.split(flat, self.sizes), self.shapes, strict=True)]

    def gather(self, scratch: Scratch, use: str, tensors: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Copy `tensors` into a flat buffer; it and its parts in the shapes of the members."""
        held = self._buffers.get(use)
        if held is None:
            flat = scratch.take(use, self.dtype, self.device, self.size)
            held = self._buffers[use] = (flat, self.cut(flat))
        torch._foreach_copy_(held[1], list(tensors))
        return held

    def _gathered(self, tensors: Sequence[Tensor]) -> Tensor:
        flat = torch.empty(self.size, dtype=self.dtype, device=self.device)
        torch._foreach_copy_(self.cut(flat), list(tensors))
        return flat


class Bundle:
    """Parameters of one group that share dtype, device and step count."""

    def __init__(
        self,
        indices: list[int],
        params: Sequence[Tensor],
        records: list[dict[str, Any]],
        names: tuple[str, ...],
        step: int,
        flat: bool,
    ) -> None:
        self.indices = indices
        self.records = records
        self.names = names
        self.step = step
        self.dtype, self.device = params[0].dtype, params[0].device
        self.alone = [i for i, p in enumerate(params) if not (flat and _gathers(p))]
        self.blocks: list[tuple[list[int], Block]] = []
        if flat:
            for members in filled([i for i, p in enumerate(params) if _gathers(p)], [p.numel() for p in params]):
                block = Block([params[i] for i in members], [records[i] for i in members], names)
                self.blocks.append((members, block))
        self.slots = [[record[name] for record in records] for name in names]
        self.clockwork: Tensor | None = None  # the step count as torch's fused kernels want it

    def fits(self, params: Sequence[Tensor], state: Any) -> bool:
        """Whether parameters and state are still the tensors this bundle was made for."""
        for place, index in enumerate(self.indices):
            p, record = params[index], self.records[place]
            if state.get(p) is not record or record["step"] != self.step:
                return False
            if p.dtype is not self.dtype or p.device != self.device:
                return False
            for name, held in zip(self.names, self.slots, strict=True):
                if record.get(name) is not held[place]:
                    return False
        return True

    def tick(self) -> None:
        """Count one step for every member."""
        self.step += 1
        for record in self.records:
            record["step"] = self.step


def _gathers(p: Tensor) -> bool:
    return 0 < p.numel() <= SMALL and not p.is_complex()


def filled(indices: Sequence[int], sizes: Sequence[int]) -> Iterator[list[int]]:
    """The indices in runs of at most BLOCK elements."""
    run: list[int] = []
    total = 0
    for index in indices:
        if run and total + sizes[index] > BLOCK:
            yield run
            run, total = [], 0
        run.append(index)
        total += sizes[index]
    if run:
        yield run
