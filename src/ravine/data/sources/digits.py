"""Handwritten digits of 8 × 8 pixels, as scikit-learn ships them: 1,797 pictures, 10 classes."""

from __future__ import annotations

import numpy as np

from ravine.data.raw import Images, Raw
from ravine.data.sources.builtin import Builtin
from ravine.data.sources.options import Options
from ravine.data.sources.resize import sized


def open_digits(options: Options) -> Raw:
    """The pictures, (1797, 8, 8, 1), their 17 grey levels spread over 0 … 255; targets 0 … 9."""
    from sklearn.datasets import load_digits

    options.refuse_columns("digits", "a set of pictures")
    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    raw = Raw(
        name="digits",
        origin="digits",
        inputs=Images(pixels),
        targets=bunch.target.astype(np.int64),
        target_names=("digit",),
        ids=np.arange(1, len(pixels) + 1),
    )
    return sized(raw, options)


DIGITS = Builtin(name="digits", summary="1,797 handwritten digits of 8 × 8 pixels: which of 10", open=open_digits)
