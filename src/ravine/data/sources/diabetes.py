"""Diabetes, as scikit-learn ships it: 442 patients, 10 measurements each: disease progression after a year."""

from __future__ import annotations

from ravine.data.raw import Raw
from ravine.data.sources.builtin import Builtin, sklearn_frame
from ravine.data.sources.columns import raw_of_frame
from ravine.data.sources.options import Options


def open_diabetes(options: Options) -> Raw:
    """The table with the target column "progression"."""
    from sklearn.datasets import load_diabetes

    frame = sklearn_frame(load_diabetes(), "progression")
    return raw_of_frame(frame, name="diabetes", origin="diabetes", options=options, target="progression")


DIABETES = Builtin(
    name="diabetes", summary="442 patients, 10 measurements each: disease progression after a year", open=open_diabetes
)
