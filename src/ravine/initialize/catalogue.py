"""The only list of schemes."""

from __future__ import annotations

from ravine.core.catalogue import Catalogue
from ravine.initialize.kaiming import KAIMING
from ravine.initialize.lecun import LECUN
from ravine.initialize.normal import NORMAL
from ravine.initialize.orthogonal import ORTHOGONAL
from ravine.initialize.scheme import Scheme
from ravine.initialize.truncated_normal import TRUNCATED_NORMAL
from ravine.initialize.xavier import XAVIER
from ravine.initialize.zeros import ZEROS

SCHEMES: Catalogue[Scheme] = Catalogue(
    "initialization scheme",
    [KAIMING, XAVIER, LECUN, ORTHOGONAL, TRUNCATED_NORMAL, NORMAL, ZEROS],
    name=lambda scheme: scheme.name,
)
