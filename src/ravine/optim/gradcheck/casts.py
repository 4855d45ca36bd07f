"""Casts to a lower precision inside the forward pass: their rounding drowns every difference."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ravine.optim.gradcheck.copies import float_leaves
from ravine.optim.gradcheck.places import place_in

_DOUBLE = (torch.float64, torch.complex128)


class Casts(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches for the first place inside where numbers in double precision become less precise.

    Attributes:
        found: "file:line (torch.float32)"; "" while there is none.
    """

    found = ""

    def __torch_dispatch__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run `function`, and look at what went in and came out."""
        output = function(*args, **(kwargs or {}))
        if not self.found:
            coarse = [t.dtype for t in float_leaves(output) if t.dtype not in _DOUBLE]
            if coarse and any(t.dtype in _DOUBLE for t in float_leaves((args, kwargs))):
                self.found = f"{place_in(traceback.extract_stack()) or 'torch'} ({coarse[0]})"
        return output
