"""Sources of data, one a file, all reached by one argument.

`BUILTINS` is the only list of the built-in ones; `opening.open_source` opens anything.
"""

from ravine.core.catalogue import Catalogue
from ravine.data.sources.breast_cancer import BREAST_CANCER
from ravine.data.sources.builtin import Builtin
from ravine.data.sources.diabetes import DIABETES
from ravine.data.sources.digits import DIGITS
from ravine.data.sources.fashion_mnist import FASHION_MNIST
from ravine.data.sources.wine import WINE

BUILTINS: Catalogue[Builtin] = Catalogue(
    "built-in source",
    [DIGITS, BREAST_CANCER, WINE, DIABETES, FASHION_MNIST],
    name=lambda builtin: builtin.name,
)
