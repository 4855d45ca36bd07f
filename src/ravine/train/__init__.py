"""The training loop, its recipe and its plan, and what goes with them: rates for batches, warm starts, noise scales."""

from __future__ import annotations

from ravine.train.largest_batch import largest_batch
from ravine.train.noise_scale import NoiseScale, noise_parts
from ravine.train.scaled_lr import scaled_lr
from ravine.train.warm_start import warm_start

__all__ = ["NoiseScale", "largest_batch", "noise_parts", "scaled_lr", "warm_start"]
