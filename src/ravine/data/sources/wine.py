"""Wine recognition, as scikit-learn ships it: 178 wines, 13 chemical measurements each: which of 3 cultivars."""

from __future__ import annotations

from ravine.data.raw import Raw
from ravine.data.sources.builtin import Builtin, sklearn_frame
from ravine.data.sources.columns import raw_of_frame
from ravine.data.sources.options import Options


def open_wine(options: Options) -> Raw:
    """The table with the target column "cultivar"."""
    from sklearn.datasets import load_wine

    frame = sklearn_frame(load_wine(), "cultivar")
    return raw_of_frame(frame, name="wine", origin="wine", options=options, target="cultivar")


WINE = Builtin(name="wine", summary="178 wines, 13 chemical measurements each: which of 3 cultivars", open=open_wine)
