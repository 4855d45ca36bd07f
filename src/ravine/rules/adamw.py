"""AdamW: Adam whose weight decay does not pass through the second moment."""

from __future__ import annotations

from dataclasses import replace

from ravine.core.sources import Source
from ravine.rules.adam import ADAM

ADAMW = replace(
    ADAM,
    name="adamw",
    formula=f"p ← (1 − αλ)p; {ADAM.formula}",
    decay="decoupled",
    weight_decay=1e-2,
    source=Source("Loshchilov & Hutter", 2019, "Decoupled Weight Decay Regularization", arxiv="1711.05101"),
    twin="torch.optim.AdamW",
)
"""Adam's update to the letter; the record alone differs, since decay belongs to the driver."""
