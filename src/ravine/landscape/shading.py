"""A surface as shaded bands between contours, pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ravine.landscape.surfaces import Surface, Window

Array = NDArray[np.float64]
BANDS = 16
"""How many bands lie between the lowest and the highest loss in sight."""

_SAMPLES = (140, 98)  # where losses are sampled to place the contours


def losses(surface: Surface, window: Window, columns: int, rows: int) -> Array:
    """The loss at the middle of each pixel of `window`, shape (rows, columns); the top row is the highest y."""
    left, right, bottom, top = window
    x = left + (torch.arange(columns, dtype=torch.float64) + 0.5) * (right - left) / columns
    y = top - (torch.arange(rows, dtype=torch.float64) + 0.5) * (top - bottom) / rows
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    found: Array = surface(grid).numpy()
    return found


def contours(surface: Surface, window: Window) -> Array:
    """The losses at which contours lie, rising, shape (BANDS + 1,)."""
    seen = losses(surface, window, *_SAMPLES)
    lowest = min(float(seen.min()), surface.lowest)
    heights = np.quantile(seen, np.linspace(0.0, 1.0, BANDS + 1) ** surface.spacing)
    heights[0] = lowest
    return np.maximum.accumulate(heights + np.arange(BANDS + 1) * 1e-12 * max(1.0, float(np.abs(heights).max())))


def bands(values: Array, heights: Array) -> Array:
    """For each loss the number of its band, with fractions: from 0 at the lowest contour to BANDS."""
    return np.interp(values, heights, np.arange(len(heights), dtype=np.float64))


def shaded(surface: Surface, window: Window, columns: int, rows: int, *, low: Any, high: Any, line: Any) -> Any:
    """The map as pixels, shape (rows, columns, 3), uint8.

    Args:
        surface: What to draw.
        window: What of it.
        columns: Width in pixels.
        rows: Height in pixels.
        low: Colour of the deepest band, as (red, green, blue).
        high: Colour of the highest.
        line: Colour of the contours.
    """
    band = bands(losses(surface, window, columns, rows), contours(surface, window))
    down, across = np.gradient(band)
    steep = np.hypot(down, across)
    # a contour covers a pixel by how near it runs: distance in bands over bands a pixel
    distance = np.abs(band - np.round(band)) / np.maximum(steep, 1e-12)
    cover = np.clip(1.1 - distance, 0.0, 1.0) * np.clip(1.4 - 2.0 * steep, 0.25, 1.0)  # fainter where they crowd
    cover[(band < 0.5) | (band > BANDS - 0.5)] = 0.0
    share = np.minimum(np.floor(band), BANDS - 1)[..., None] / (BANDS - 1)
    ground = np.asarray(low, float) * (1 - share) + np.asarray(high, float) * share
    drawn = ground * (1 - 0.55 * cover[..., None]) + np.asarray(line, float) * 0.55 * cover[..., None]
    return np.clip(np.round(drawn), 0, 255).astype(np.uint8)
