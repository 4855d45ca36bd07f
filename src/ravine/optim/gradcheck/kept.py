"""What modules remember from call to call, put back: running statistics, counters, caches."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_GONE = object()


class Kept:
    """The buffers and attributes of a module and all inside it, as they are now.

    Args:
        module: None remembers nothing.
    """

    def __init__(self, module: nn.Module | None) -> None:
        inner = [] if module is None else list(module.modules())
        self.buffers = [
            (one._buffers, name, buffer, buffer.clone())
            for one in inner
            for name, buffer in one._buffers.items()
            if buffer is not None
        ]
        self.attributes = [(vars(one), name, value) for one in inner for name, value in vars(one).items()]
        self._known = [(vars(one), set(vars(one))) for one in inner]

    def narrow(self) -> None:
        """Keep only what has changed since, so that putting back costs little; called after one evaluation."""
        self.buffers = [entry for entry in self.buffers if _changed(*entry)]
        new = [(held, name, _GONE) for held, known in self._known for name in held if name not in known]
        self.attributes = [entry for entry in self.attributes if entry[0].get(entry[1], _GONE) is not entry[2]] + new

    def restore(self, *, attributes: bool = True) -> None:
        """Put everything back."""
        with torch.no_grad():
            for held, name, buffer, values in self.buffers:
                buffer.copy_(values)
                held[name] = buffer
        if attributes:
            for owner, name, value in self.attributes:
                if value is _GONE:
                    owner.pop(name, None)
                else:
                    owner[name] = value


def _changed(held: dict[str, Any], name: str, buffer: Tensor, values: Tensor) -> bool:
    return held.get(name) is not buffer or not torch.equal(buffer, values)
