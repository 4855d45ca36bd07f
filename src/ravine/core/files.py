"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ravine.core.errors import BadRun


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that appears under `path` only once all of it is on disk.

    Bytes go to a hidden neighbour, are synced, and take the name in one rename; the folder is
    synced too, so that the name survives a power cut. On any error the neighbour is removed
    and what stood at `path` before stays.

    Raises:
        BadRun: The disk is full or the folder cannot be written; the text says which.
    """
    with explained(path):
        handle, hidden = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(hidden, 0o666 & ~_UMASK)
            os.replace(hidden, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(hidden)
            raise
        sync_folder(path.parent)


def write_whole(path: Path, data: bytes | str) -> None:
    """Write `data` to `path`, whole or not at all."""
    with whole_file(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON, whole or not at all; NaN and infinities become null."""
    text = json.dumps(plain(value), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    # A file name that is no UTF-8 reaches Python as lone surrogates; \udc80 is JSON's escape too.
    write_whole(path, text.encode("utf-8", "backslashreplace"))


def read_json(path: Path) -> Any:
    """The JSON in `path`, or a `BadRun` that names the file and the place of the fault."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadRun(f"{path}: not there. Is the folder a Ravine run?") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadRun(f"{path}: cannot be read ({error}).") from None
    except json.JSONDecodeError as error:
        raise BadRun(f"{path}: damaged JSON at line {error.lineno}: {error.msg}.") from None


def plain(value: Any) -> Any:
    """`value` in JSON's own types: NaN and infinities to None, NumPy scalars and arrays to Python's.

    >>> plain({"a": float("nan"), "b": (1, 2.5)})
    {'a': None, 'b': [1, 2.5]}
    """
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    raise TypeError(f"plain: no JSON form for {type(value).__name__}")


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses about `path` into one line with a remedy."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadRun(f"{path}: cannot be written ({reason}). Free some space, or choose another place.") from error


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` durable, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


_UMASK = _umask()
