"""The only list of families."""

from __future__ import annotations

from ravine.core.catalogue import Catalogue
from ravine.models import convnet, gru, mlp, resnet, transformer
from ravine.models.family import Family

FAMILIES: Catalogue[Family] = Catalogue(
    "model",
    [mlp.FAMILY, convnet.FAMILY, resnet.FAMILY, gru.FAMILY, transformer.FAMILY],
    name=lambda family: family.name,
)
