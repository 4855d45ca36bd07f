"""`file.py:function`: a pretrained network that the user's code makes."""

from __future__ import annotations

from ravine.core.shapes import InputShape
from ravine.models.build import Built, build
from ravine.transfer.head import replace_head
from ravine.transfer.sources.opened import Opened


def from_user(spec: str, shape: InputShape, outputs: int) -> Opened:
    """The network that the function returns, offered the shape of a row and the number of outputs."""
    made = build(spec, shape, outputs, rows=1)
    replace_head(made.module, outputs, f"--from {spec}")
    built = Built(made.module, spec, None, f"{spec}, pretrained", "as the function loads it; a new head")
    return Opened(built=built, words=f"what {spec} gives")
