"""Networks that other people wrote: `file.py:function` and `timm:NAME`."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue, UserCodeError, missing_package, refusal
from ravine.core.shapes import InputShape

TIMM = "timm:"


def is_outside(name: str) -> bool:
    """Whether `name` points outside Ravine.

    >>> is_outside("net.py:make"), is_outside("timm:resnet18"), is_outside("mlp")
    (True, True, False)
    """
    return name.startswith(TIMM) or ":" in name or name.endswith(".py")


def build_outside(name: str, shape: InputShape, outputs: int) -> tuple[nn.Module, str]:
    """The network, and what is known of its first weights."""
    if name.startswith(TIMM):
        return _from_timm(name.removeprefix(TIMM), shape, outputs), "as timm sets it"
    return _from_file(name, shape, outputs), "as the function sets it"


def _from_timm(model: str, shape: InputShape, outputs: int) -> nn.Module:
    """A network of the package timm, without pretrained weights, for pictures of this shape."""
    if shape.form != "image":
        raise BadValue(refusal(f"{TIMM}{model}", "the data", "be made of images", f"a {shape.form}"))
    try:
        timm: Any = importlib.import_module("timm")
    except ImportError as error:
        raise missing_package(f"--model {TIMM}{model}", "timm", "timm") from error
    known = timm.list_models()
    if model not in known:
        hint = did_you_mean(model, known)
        raise BadValue(f"{TIMM}{model}: timm {timm.__version__} has no such model.{hint} See timm.list_models().")
    sides: dict[str, Any] = {"img_size": (shape.height, shape.width)}
    try:
        return _module(timm.create_model(model, num_classes=outputs, in_chans=shape.channels, **sides), model)
    except TypeError:  # convolutional networks take any size and no such argument
        return _module(timm.create_model(model, num_classes=outputs, in_chans=shape.channels), model)


def _from_file(name: str, shape: InputShape, outputs: int) -> nn.Module:
    """What the function in a file of the user returns, called with as much as it takes."""
    file, _, function = name.rpartition(":")
    if not file or not function:
        raise BadValue(refusal("--model", "a file", "name a function too, like net.py:make", name))
    path = Path(file).expanduser()
    if not path.is_file():
        raise BadValue(f"--model {name}: there is no file {path}.")
    make = _find(_run(path, name), function, path)
    try:
        made = _call(make, shape, outputs)
    except Exception as error:
        raise UserCodeError(f"--model {name}: {_where(error, path)}{type(error).__name__}: {error}") from error
    return _module(made, name)


def _run(path: Path, name: str) -> dict[str, Any]:
    """The names in the user's file, run as a module of its own beside whose neighbours it may import."""
    title = f"_ravine_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(title, path)
    if spec is None or spec.loader is None:
        raise BadValue(refusal("--model", "a file", "be Python, like net.py:make", name))
    module = importlib.util.module_from_spec(spec)
    sys.modules[title] = module  # classes defined there are looked up here by pickle and dataclasses
    folder = str(path.parent.resolve())
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise UserCodeError(f"--model {name}: {path}, line {error.lineno}: {error.msg}") from error
    except Exception as error:
        raise UserCodeError(f"--model {name}: {_where(error, path)}{type(error).__name__}: {error}") from error
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
    return vars(module)


def _find(names: dict[str, Any], function: str, path: Path) -> Callable[..., Any]:
    found = names.get(function)
    if callable(found):
        return found  # type: ignore[no-any-return]
    hint = did_you_mean(function, [key for key, value in names.items() if callable(value)])
    raise BadValue(f"{path}: there is no function {function!r}.{hint}")


def _call(make: Callable[..., Any], shape: InputShape, outputs: int) -> Any:
    """Call with (shape, outputs), (shape) or nothing, by how many arguments have no default or are taken."""
    try:
        taken = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):
        return make()
    if any(p.kind is p.VAR_POSITIONAL for p in taken):
        return make(shape, outputs)
    count = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in taken)
    return make(*(shape, outputs)[:count])


def _module(made: Any, name: str) -> nn.Module:
    if not isinstance(made, nn.Module):
        raise BadValue(refusal(f"--model {name}", "what it returns", "be a torch.nn.Module", type(made).__name__))
    return made


def _where(error: BaseException, path: Path) -> str:
    """The last line of the user's own file that the error passed through: "net.py, line 3: "."""
    own = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    return f"{path}, line {own[-1]}: " if own else ""
