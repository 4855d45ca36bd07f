"""A network cut into parts, from its input to its head: what is frozen, woken and slowed down together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

STEM = "stem"


@dataclass(frozen=True, slots=True)
class Part:
    """Modules that go together.

    Attributes:
        name: The numbered block, "stages.3"; "stem" for what stands before the first; else the layer.
        modules: Every module in it, without the children of those that are not.
    """

    name: str
    modules: tuple[nn.Module, ...]

    def parameters(self) -> Iterator[nn.Parameter]:
        """The parameters of its modules, each once."""
        seen: set[int] = set()
        for module in self.modules:
            for parameter in module.parameters(recurse=False):
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield parameter


def parts_of(body: nn.Module, head: nn.Module) -> list[Part]:
    """The parts of `body` without `head`, first the one next to the input.

    Parts are the numbered blocks in their order; what stands before the first is the stem, what
    stands after a block goes with it, and without numbers every layer is a part. Parts without
    parameters are left away, and their modules go with the part before.

    Args:
        body: Any network whose modules are defined in the order in which they are used.
        head: The layer of the answer, somewhere inside.
    """
    named = [(name, module) for name, module in body.named_modules() if module is not head]
    numbered = any(_block(name) is not None for name, module in named if _owns(module))
    found: dict[str, list[nn.Module]] = {}
    current = STEM
    for name, module in named:
        block = _block(name)
        if block is None and not _owns(module) and any(True for _ in module.children()):
            continue  # a container: its children are parts of their own
        if block is not None:
            current = block
        elif not numbered and _owns(module):
            current = name or STEM
        found.setdefault(current, []).append(module)
    return _with_parameters([Part(name, tuple(modules)) for name, modules in found.items()])


def _with_parameters(parts: Sequence[Part]) -> list[Part]:
    kept: list[Part] = []
    for part in parts:
        if any(True for _ in part.parameters()):
            kept.append(part)
        elif kept:
            kept[-1] = Part(kept[-1].name, kept[-1].modules + part.modules)
    return kept


def _block(name: str) -> str | None:
    """The first numbered block in a dotted name.

    >>> _block("stages.3.conv"), _block("stem")
    ('stages.3', None)
    """
    found = re.match(r"(.*?\.)?\d+(?=\.|$)", name)
    return found[0] if found else None


def _owns(module: nn.Module) -> bool:
    return any(True for _ in module.parameters(recurse=False))
