"""Which modules and optimizers a program has, and what its parameters are called; nothing is kept alive by it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from weakref import ReferenceType, ref

from torch import Tensor, nn
from torch.optim import Optimizer

_WRAPPING = re.compile(r"(^|\.)_orig_mod(?=\.|$)")


class Census:
    """Optimizers as they step, modules as they are met, and names from both."""

    def __init__(self) -> None:
        self._optimizers: list[ReferenceType[Optimizer]] = []
        self._met: dict[int, ReferenceType[nn.Module]] = {}
        self._roots: list[ReferenceType[nn.Module]] = []
        self._names: dict[int, tuple[ReferenceType[Any], str]] = {}
        self._stale = False

    @property
    def optimizers(self) -> list[Optimizer]:
        """Those alive, in the order in which they first stepped."""
        return _alive(self._optimizers)

    @property
    def models(self) -> list[nn.Module]:
        """Largest known modules that own a parameter of an optimizer; before any has stepped, all the largest."""
        if self._stale:
            self._settle()
        return _alive(self._roots)

    def forget(self) -> None:
        """Forget the optimizers: another training begins."""
        self._optimizers = []
        self._stale = True

    def knows(self, optimizer: Optimizer) -> bool:
        """Whether this optimizer has stepped before."""
        return any(one() is optimizer for one in self._optimizers)

    @property
    def several(self) -> bool:
        """Whether more than one optimizer has stepped."""
        return len(self._optimizers) > 1

    def meet(self, module: nn.Module) -> None:
        """A module was seen in use; one of Keras keeps its layers where torch does not look."""
        for layer in getattr(module, "_flatten_layers", tuple)():
            if isinstance(layer, nn.Module) and layer is not module:
                self._meet(layer)
        self._meet(module)

    def _meet(self, module: nn.Module) -> None:
        known = self._met.get(id(module))
        if known is None or known() is not module:
            self._met[id(module)] = ref(module)
            self._stale = True

    def number_of(self, optimizer: Optimizer) -> int:
        """Its place in the order of first steps, from 0."""
        for number, one in enumerate(self._optimizers):
            if one() is optimizer:
                return number
        self._optimizers.append(ref(optimizer))
        self._stale = True
        return len(self._optimizers) - 1

    def name_of(self, thing: Tensor | nn.Module) -> str:
        """Its name in the model it belongs to; "" when unknown, and for a root."""
        if self._stale:
            self._settle()
        known = self._names.get(id(thing))
        return known[1] if known is not None and known[0]() is thing else ""

    def has(self, module: nn.Module) -> bool:
        """Whether `module` is one of the models or inside one."""
        if self._stale:
            self._settle()
        known = self._names.get(id(module))
        return known is not None and known[0]() is module

    def is_root(self, module: nn.Module) -> bool:
        """Whether `module` is one of the models."""
        return any(root() is module for root in self._roots)

    @property
    def size(self) -> int:
        """How many modules and parameters have names."""
        return len(self._names)

    def _settle(self) -> None:
        self._stale = False
        self._met = {key: module for key, module in self._met.items() if module() is not None}
        trained = {id(p) for o in self.optimizers for group in o.param_groups for p in group["params"]}
        inside: set[int] = set()
        roots: list[nn.Module] = []
        for module in reversed(_alive(self._met.values())):  # what contains others was met after them, mostly
            if id(module) in inside or not _owns(module, trained):
                continue
            within = {id(one) for one in module.modules()} - {id(module)}
            roots = [root for root in roots if id(root) not in within]
            inside |= within
            roots.append(module)
        roots.reverse()
        parts = _parts(roots)
        roots = [root for root in roots if root not in parts]
        self._roots = [ref(root) for root in roots]
        self._names = {}
        for part in parts:
            self._name(part, f"{_own_name(part)}.")
        for number, root in enumerate(roots):
            self._name(root, f"{type(root).__name__}{number + 1}." if number else "")

    def _name(self, root: nn.Module, before: str) -> None:
        """The first model's names stand alone; those of others have the model's class in front."""
        outer = "module" if type(root).__name__ in ("DistributedDataParallel", "DataParallel") else ""
        for name, module in root.named_modules():
            self._names.setdefault(id(module), (ref(module), (before + _shortened(name, outer)).rstrip(".")))
        for name, parameter in root.named_parameters():
            self._names.setdefault(id(parameter), (ref(parameter), before + _shortened(name, outer)))


def _owns(module: nn.Module, trained: set[int]) -> bool:
    own = {id(parameter) for parameter in module.parameters()}
    return bool(own & trained) if trained else bool(own)


def _parts(roots: list[nn.Module]) -> list[nn.Module]:
    """Modules all of whose parameters another one has too, without having the module itself: layers in Keras."""
    own = [{id(parameter) for parameter in root.parameters()} for root in roots]
    return [root for root, its in zip(roots, own, strict=True) if any(its < others for others in own)]


def _own_name(module: nn.Module) -> str:
    name = getattr(module, "name", "")
    return name if isinstance(name, str) and name else type(module).__name__


def _shortened(name: str, outer: str) -> str:
    """`name` without what torch.compile and parallel wrappers put into it.

    >>> _shortened("_orig_mod.encoder.weight", ""), _shortened("module.head", "module")
    ('encoder.weight', 'head')
    """
    plain = _WRAPPING.sub("", name)
    return (plain.removeprefix(outer) if outer else plain).lstrip(".")


def _alive(references: Iterable[ReferenceType[Any]]) -> list[Any]:
    return [thing for thing in (reference() for reference in references) if thing is not None]
