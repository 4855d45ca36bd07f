"""Doing something once torch is imported, without importing it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType


def when_torch_is_there(do: Callable[[], None]) -> None:
    """Call `do` as soon as the program has imported torch; at once if it has."""
    if "torch" in sys.modules:
        do()
    else:
        sys.meta_path.insert(0, _Finder(do))


class _Finder(MetaPathFinder):
    """Finds torch as everybody else does, and is gone after that."""

    def __init__(self, do: Callable[[], None]) -> None:
        self._do = do

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of torch with a loader around its own; None for all else."""
        if fullname != "torch":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loading(spec.loader, self._do)
        return spec


class _Loading(Loader):
    """Runs a module as its own loader does, leaves that loader in its place, and then does what was to be done."""

    def __init__(self, loader: Loader, do: Callable[[], None]) -> None:
        self._loader = loader
        self._do = do

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """The module, as its own loader makes it."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, then do it."""
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._do()
