"""`ravine resume`: kept beside `fit`, which it is a part of."""

from ravine.fit.fit import resume

__all__ = ["resume"]
