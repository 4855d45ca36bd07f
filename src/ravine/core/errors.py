"""Errors a person can act on: owner, name, what is allowed, what came, what to do next.

Everything Ravine refuses is refused with a `RavineError`. The command line prints its text
alone, without a traceback, and exits with 2.
"""

from __future__ import annotations

from collections.abc import Sequence


class RavineError(Exception):
    """Something the user gave cannot be used; the text says what and what to do about it."""


class BadValue(RavineError, ValueError):
    """A value outside what its owner allows."""


class BadData(RavineError, ValueError):
    """A file, folder or array that cannot be read or trained on."""


class BadRun(RavineError, RuntimeError):
    """A run folder or checkpoint that cannot be used."""


class UserCodeError(RavineError, RuntimeError):
    """Code that belongs to the user raised; the original is chained as `__cause__`."""


class Missing(RavineError, ImportError):
    """An optional package is needed and not there; the text has the install command."""


class Faults(BadValue):
    """All faults of one thing at once, so that a user mends them in one go.

    >>> print(Faults("recipe.toml", ["train.lr must be above 0; got -1", "no such key 'epoch'"]))
    recipe.toml: 2 faults
      - train.lr must be above 0; got -1
      - no such key 'epoch'
    """

    def __init__(self, owner: str, faults: Sequence[str]) -> None:
        self.owner = owner
        self.faults = tuple(faults)
        if len(self.faults) == 1:
            text = f"{owner}: {self.faults[0]}"
        else:
            lines = "".join(f"\n  - {fault}" for fault in self.faults)
            text = f"{owner}: {len(self.faults)} faults{lines}"
        super().__init__(text)


def refusal(owner: str, name: str, must: str, got: object, remedy: str = "") -> str:
    """The one sentence every refusal is made of.

    >>> refusal("adam", "beta1", "be in [0, 1)", 1.0)
    'adam: beta1 must be in [0, 1); got 1.0.'
    """
    text = f"{owner}: {name} must {must}; got {got!r}."
    return f"{text} {remedy}" if remedy else text


def missing_package(owner: str, package: str, extra: str) -> Missing:
    """The error for an optional package that is not installed.

    >>> print(missing_package("ravine export --to onnx", "onnx", "onnx"))
    ravine export --to onnx: needs the package 'onnx'; install it with: pip install 'ravine[onnx]'
    """
    return Missing(f"{owner}: needs the package {package!r}; install it with: pip install 'ravine[{extra}]'")
