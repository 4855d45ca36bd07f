"""How the tensors of one parameter group are stepped together: many small ones flat, large ones alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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


class Lane:
    """One parameter with its state as flat tensors that share their memory, kept from step to step."""

    def __init__(self, p: Tensor, slots: Sequence[Tensor]) -> None:
        order = None if p.is_complex() else order_of(p)
        self.dense = order is not None and all(order_of(slot) == order for slot in slots)
        self.order = order or ()
        self.pointer, self.strides = p.data_ptr(), p.stride()
        self.plain = p.is_contiguous()
        if self.dense:
            self.p = line(p.detach(), self.order)
            self.slots = [line(slot, self.order) for slot in slots]

    def still(self, p: Tensor) -> bool:
        """Whether `p` lies where it lay; `p.data = …` moves it."""
        return p.data_ptr() == self.pointer and p.stride() == self.strides

    def gradient(self, g: Tensor) -> Tensor:
        """A gradient of the parameter in the same order."""
        return g.view(-1) if self.plain and g.is_contiguous() else line(g, self.order)


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


class Shadow:
    """A flat copy of a small model's gradients."""

    def __init__(self) -> None:
        self._shapes: list[torch.Size] = []
        self._held: tuple[Tensor, list[Tensor]] | None = None

    def gather(self, tensors: list[Tensor]) -> tuple[Tensor, list[Tensor]] | None:
        """The tensors in one flat buffer, and its parts in their shapes; None where they are many or unlike."""
        first = tensors[0]
        if any(g.dtype is not first.dtype or g.device != first.device for g in tensors) or first.is_complex():
            return None
        shapes = [g.shape for g in tensors]
        if self._held is None or self._shapes != shapes or self._held[0].dtype is not first.dtype:
            sizes = [g.numel() for g in tensors]
            if sum(sizes) > BLOCK:
                return None
            flat = torch.empty(sum(sizes), dtype=first.dtype, device=first.device)
            parts = [part.view(shape) for part, shape in zip(torch.split(flat, sizes), shapes, strict=True)]
            self._shapes, self._held = shapes, (flat, parts)
        torch._foreach_copy_(self._held[1], tensors)
        return self._held


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
    """Parameters of one group that share dtype, device and step count.

    `members` are places among the parameters that have a gradient; `alone` and `blocks` are places among the members.
    """

    def __init__(
        self,
        members: list[int],
        params: Sequence[Tensor],
        records: list[dict[str, Any]],
        names: tuple[str, ...],
        step: int,
        flat: bool,
    ) -> None:
        self.members = members
        self.records = records
        self.names = names
        self.step = step
        self.dtype, self.device = params[0].dtype, params[0].device
        alone = [i for i, p in enumerate(params) if not (flat and _gathers(p))]
        # largest first: a kernel is compiled at its first call, and made parallel only for what is large then
        self.alone = sorted(alone, key=lambda i: -params[i].numel())
        self.blocks: list[tuple[list[int], Block]] = []
        if flat:
            for run in filled([i for i, p in enumerate(params) if _gathers(p)], [p.numel() for p in params]):
                block = Block([params[i] for i in run], [records[i] for i in run], names)
                self.blocks.append((run, block))
        self.slots = [[record[name] for record in records] for name in names]
        self._lanes: list[Lane] | None = None
        self.clockwork: Tensor | None = None  # the step count as torch's fused kernels want it

    def fits(self, params: Sequence[Tensor], places: Sequence[int], state: Mapping[Tensor, Any]) -> bool:
        """Whether parameters and state are still the tensors this bundle was made for."""
        step, dtype, device = self.step, self.dtype, self.device
        for member, record in zip(self.members, self.records, strict=True):
            p = params[places[member]]
            if state.get(p) is not record or record["step"] != step or p.dtype is not dtype or p.device != device:
                return False
        for name, held in zip(self.names, self.slots, strict=True):
            for record, slot in zip(self.records, held, strict=True):
                if record.get(name) is not slot:
                    return False
        return True

    def lanes(self, params: Sequence[Tensor]) -> list[Lane]:
        """The lanes of those `alone`, in their order."""
        lanes = self._lanes
        if lanes is None or not all(lane.still(params[i]) for lane, i in zip(lanes, self.alone, strict=True)):
            lanes = [Lane(params[i], [held[i] for held in self.slots]) for i in self.alone]
            self._lanes = lanes
        return lanes

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
