"""Files of weights, put into a named family; nothing but tensors is ever read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ravine.core.errors import BadRun
from ravine.core.shapes import InputShape
from ravine.models.build import build
from ravine.train.warm_start import warm_start
from ravine.transfer.head import name_of_head, replace_head
from ravine.transfer.sources.opened import Opened

_TOLD = 4

_BODY, _NORMALIZER = "body.", "normalizer."
"""In front of the names in a run's own file: its network, and statistics of its inputs, of which these data have their
own."""


def from_file(path: Path, shape: InputShape, outputs: int, *, family: str, **size: Any) -> Opened:
    """The network of `family` with the weights in `path`, all but the head.

    Raises:
        BadRun: The file cannot be read, or weights do not fit; the text says which, and their shapes.
    """
    built = build(family, shape, outputs, **size)
    found = warm_start(built.module, path)
    head = name_of_head(built.module) + "."
    left = (head, _BODY + head, _NORMALIZER)
    faults = [
        f"{name} is {there} in the file, {here} in the network"
        for name, (there, here) in found.other_shape.items()
        if not name.startswith(head)
    ]
    faults += [f"{name} is not in the file" for name in found.missing if not name.startswith(head)]
    faults += [f"{name} is not in the network" for name in found.extra if not name.startswith(left)]
    if faults:
        more = f"; and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
        raise BadRun(
            f"{path}: its weights do not fit {built.name} (width {_size(built.size, 'width')}, depth "
            f"{_size(built.size, 'depth')}): {'; '.join(faults[:_TOLD])}{more}. Name the network they are of: --model, "
            "--set model.width=…, --set model.depth=…"
        )
    replace_head(built.module, outputs)
    how = f"{len(found.same) + len(found.renamed)} tensors from {path}; a new head"
    return Opened(built=replace(built, initialization=how), words=str(path))


def _size(size: Any, name: str) -> Any:
    return getattr(size, name, "its own")
