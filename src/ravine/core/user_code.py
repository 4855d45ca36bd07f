"""`file.py:function`: code that belongs to the user, called once, its faults told in one line."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue, UserCodeError


def call_user(spec: str, *offered: Any) -> Any:
    """What `function` in `file.py` returns, for a spec "file.py:function".

    The file's folder is on the import path while the file is imported and the function runs.

    Args:
        spec: File and function.
        offered: Arguments, of which the function gets as many, from the first, as it takes.

    Raises:
        BadValue: No such file or function, or a function that needs other arguments.
        UserCodeError: The file or the function raised; the original is the cause.
    """
    path, name = split_spec(spec)
    with _importable(path.parent):
        with _explained(path, f"importing {path.name}"):
            module = _imported(path)
        function = _function(module, path, name)
        given = _taken(function, offered, f"{path}: {name}()")
        with _explained(path, f"{name}()"):
            return function(*given)


def is_spec(text: str) -> bool:
    """Whether `text` names Python code.

    >>> is_spec("mine.py:pictures"), is_spec("mine.csv")
    (True, False)
    """
    return text.endswith(".py") or ".py:" in text


def split_spec(spec: str) -> tuple[Path, str]:
    """File and function of "file.py:function"."""
    file, _, name = spec.rpartition(":") if ".py:" in spec else (spec, "", "")
    path = Path(file)
    if not path.is_file():
        near = [other.name for other in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise BadValue(f"{spec}: no file {file!r}.{did_you_mean(path.name, near)}")
    if not name:
        functions = _functions(path)
        known = f" {path.name} has: {', '.join(functions)}." if functions else ""
        raise BadValue(f"{spec}: name the function: {file}:FUNCTION.{known}")
    return path.resolve(), name


def _imported(path: Path) -> ModuleType:
    """The file as a module, under a name no other file has; always read anew."""
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    name = f"ravine_user_{path.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module  # classes of the file are found again by pickle, in loader workers
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        raise
    return module


def _function(module: ModuleType, path: Path, name: str) -> Callable[..., Any]:
    known = _functions(path)
    function = getattr(module, name, None)
    if function is None:
        has = ", ".join(known) or "none"
        raise BadValue(f"{path}: no function {name!r}.{did_you_mean(name, known)} It has: {has}.")
    if not callable(function):
        raise BadValue(f"{path}: {name!r} must be a function; got {type(function).__name__}.")
    return function  # type: ignore[no-any-return]


def _taken(function: Callable[..., Any], offered: tuple[Any, ...], owner: str) -> tuple[Any, ...]:
    """As many of `offered` as the function takes by place."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # built in C, without a signature: the call will tell
        return ()
    parameters = signature.parameters.values()
    by_place = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    any_number = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    given = offered if any_number else offered[:by_place]
    try:
        signature.bind(*given)
    except TypeError as error:
        most = f"at most {len(offered)} arguments" if offered else "no arguments"
        raise BadValue(f"{owner} must take {most} ({error}). Give each of the others a default.") from None
    return given


def _functions(path: Path) -> list[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return []
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))


@contextmanager
def _explained(path: Path, what: str) -> Iterator[None]:
    """Turn whatever the user's code raises into one line with its place."""
    try:
        yield
    except (Exception, SystemExit) as error:
        place = _place(path, error)
        raise UserCodeError(f"{place}: {what} raised {type(error).__name__}: {_first_line(error)}") from error


def _place(path: Path, error: BaseException) -> str:
    """file:line, the deepest line inside the user's file."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}:{lines[-1]}" if lines else str(path)


def _first_line(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return text.strip().partition("\n")[0] or "(without a word)"
