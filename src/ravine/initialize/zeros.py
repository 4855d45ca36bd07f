"""Zeros: in the catalogue so that asking for them is answered with the reason against."""

from __future__ import annotations

from typing import NoReturn

from torch import Generator, Tensor

from ravine.core.errors import BadValue
from ravine.core.sources import Source
from ravine.initialize.scheme import Scheme


def zeros(weight: Tensor, gain: float = 1.0, generator: Generator | None = None) -> NoReturn:
    """Refuses.

    With equal weights every unit of a layer computes the same, gets the same gradient, and stays
    the same for ever; with zeros no gradient passes to the layers below at all. Biases start at
    0 without harm, since the weights already tell units apart.

    Raises:
        BadValue: Always.
    """
    del weight, gain, generator
    raise BadValue(
        "initialize: scheme 'zeros' cannot be used for weights: all units of a layer would compute the same and "
        "get the same gradient for ever. Use 'auto', or 'normal' for small numbers."
    )


ZEROS = Scheme(
    name="zeros",
    draw=zeros,
    formula="w = 0: refused for weights",
    source=Source("Rumelhart et al.", 1986, "Learning Representations by Back-Propagating Errors", "Nature 323"),
)
