"""Breast Cancer Wisconsin (Diagnostic), as scikit-learn ships it: 569 tumours, 30 measurements each."""

from __future__ import annotations

from ravine.data.raw import Raw
from ravine.data.sources.builtin import Builtin, sklearn_frame
from ravine.data.sources.columns import raw_of_frame
from ravine.data.sources.options import Options


def open_breast_cancer(options: Options) -> Raw:
    """The table with the target column "diagnosis"."""
    from sklearn.datasets import load_breast_cancer

    frame = sklearn_frame(load_breast_cancer(), "diagnosis")
    return raw_of_frame(frame, name="breast-cancer", origin="breast-cancer", options=options, target="diagnosis")


BREAST_CANCER = Builtin(
    name="breast-cancer", summary="569 tumours, 30 measurements each: malignant or benign", open=open_breast_cancer
)
