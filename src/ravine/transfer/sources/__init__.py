"""Where pretrained networks come from, one a file; runs of Ravine's own are opened by `ravine.fit`."""

from __future__ import annotations

from ravine.transfer.sources.opened import Opened
from ravine.transfer.sources.opening import is_weights, open_pretrained

__all__ = ["Opened", "is_weights", "open_pretrained"]
