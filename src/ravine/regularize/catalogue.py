"""The only list of regularization techniques."""

from __future__ import annotations

from ravine.core.catalogue import Catalogue
from ravine.regularize.dropconnect import DROPCONNECT
from ravine.regularize.technique import Technique

TECHNIQUES: Catalogue[Technique] = Catalogue(
    "regularization technique",
    [
        DROPCONNECT,
    ],
    name=lambda technique: technique.name,
)
"""Every technique by name; the recipe, the command line and the pages read this."""
