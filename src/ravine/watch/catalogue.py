"""The instruments a watcher plays; the list below is the only list."""

from __future__ import annotations

from ravine.core.catalogue import Catalogue
from ravine.watch.instrument import Instrument
from ravine.watch.instruments.curve import Curve
from ravine.watch.instruments.gradient_norm import GradientNorm
from ravine.watch.instruments.rate import Rate

INSTRUMENTS: Catalogue[type[Instrument]] = Catalogue(
    "instrument", [Curve, Rate, GradientNorm], name=lambda instrument: instrument.name
)
