"""Pretrained image classifiers of the package transformers, from a folder or the hub."""

from __future__ import annotations

import importlib
from typing import Any

from torch import Tensor, nn

from ravine.core.errors import missing_package
from ravine.core.shapes import InputShape
from ravine.models.build import Built
from ravine.transfer.head import replace_head
from ravine.transfer.sources.fetching import fetched, for_pictures
from ravine.transfer.sources.opened import Opened

HUGGING_FACE = "hf:"


class Logits(nn.Module):
    """A network of transformers that answers with its logits alone."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, pixels: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, outputs)."""
        logits: Tensor = self.inner(pixel_values=pixels).logits
        return logits


def from_hugging_face(name: str, shape: InputShape, outputs: int) -> Opened:
    """The image classifier called `name` on the hub, or in the folder `name`; weights from safetensors alone."""
    owner = f"--from {HUGGING_FACE}{name}"
    for_pictures(owner, shape, channels=3)
    try:
        transformers: Any = importlib.import_module("transformers")
    except ImportError as error:
        raise missing_package(owner, "transformers", "hf") from error
    loader = transformers.AutoModelForImageClassification
    made = Logits(fetched(owner, lambda: loader.from_pretrained(name, use_safetensors=True)))
    replace_head(made, outputs, owner)
    built = Built(made.train(), f"{HUGGING_FACE}{name}", None, f"{owner}, pretrained", "pretrained; a new head")
    return Opened(built=built, words=f"Hugging Face's {name}")
