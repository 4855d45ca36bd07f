"""Running somebody's program in this process, as `python` would run it."""

from __future__ import annotations

import atexit
import builtins
import contextlib
import os
import runpy
import signal
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType

from ravine.core.errors import BadValue

_OURS = str(Path(__file__).parent.parent)  # frames of this library are not the program's


def run_program(target: str, args: Sequence[str], *, module: bool) -> None:
    """Run `target` with `args`; returns, or raises SystemExit with the code python would end with.

    `sys.argv`, `sys.path[0]`, `__main__`, `__file__` and `__spec__` are what python makes them. What the program
    does not catch is told as python tells it, without our frames, and is an exit with 1; Ctrl-C ends this process
    by the signal, once everything registered with atexit has run.

    Args:
        target: File, folder or archive, or the name of a module.
        args: What comes after it.
        module: Whether it is a module's name, as after `python -m`.

    Raises:
        BadValue: There is no such file.
    """
    if not module and not os.path.exists(target):
        raise BadValue(f"watch: no file {target!r}. To watch a module: ravine watch -m {target}")
    ends_by_signal: list[int] = []
    atexit.register(_end, ends_by_signal)
    sys.excepthook = sys.__excepthook__
    sys.argv = ["-m" if module else target, *args]
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, __annotations__={})
    try:
        if module:
            _first_on_path(os.getcwd())
            runpy._run_module_as_main(target)  # type: ignore[attr-defined]
        elif os.path.isdir(target) or zipfile.is_zipfile(target):
            _first_on_path(target)
            runpy._run_module_as_main("__main__", alter_argv=False)  # type: ignore[attr-defined]
        else:
            _first_on_path(str(Path(target).resolve().parent))
            _run_file(os.path.abspath(target), main)
    except SystemExit:
        raise
    except KeyboardInterrupt as error:
        _tell(error)
        ends_by_signal.append(signal.SIGINT)
        raise SystemExit(128 + signal.SIGINT) from None
    except BaseException as error:
        _tell(error)
        raise SystemExit(1) from None


@contextlib.contextmanager
def before_hard_exit(do: Callable[[], None]) -> Iterator[None]:
    """Call `do` should the program end itself by `os._exit`, which nothing else survives."""
    leave = os._exit

    def _exit(status: int) -> None:
        with contextlib.suppress(Exception):
            do()
        leave(status)

    os._exit = _exit  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = leave


def _run_file(path: str, main: ModuleType) -> None:
    main.__dict__.update(__file__=path, __cached__=None, __loader__=SourceFileLoader("__main__", path))
    source = Path(path).read_bytes()
    exec(compile(source, path, "exec", dont_inherit=True), main.__dict__)  # noqa: S102 (the program itself)


def _first_on_path(entry: str) -> None:
    """Put what python puts there in the place of what this program was started with."""
    if not sys.flags.safe_path:
        sys.path[0] = entry


def _tell(error: BaseException) -> None:
    """What python prints of an exception that nothing has caught."""
    seen: set[int] = set()
    ahead: list[BaseException | None] = [error]
    while ahead:
        one = ahead.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.__traceback__ = _without_ours(one.__traceback__)
        ahead += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            ahead += one.exceptions
    sys.excepthook(type(error), error, error.__traceback__)


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    """`trace` without frames of this library, unless that is all there is."""
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    kept = [frame for frame in frames if not frame.tb_frame.f_code.co_filename.startswith(_OURS)]
    following: TracebackType | None = None
    for frame in reversed(kept):
        frame.tb_next = following
        following = frame
    return following


def _end(by_signal: list[int]) -> None:
    """End this process as python ends after Ctrl-C, when everything else has ended."""
    if not by_signal:
        return
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), by_signal[0])
