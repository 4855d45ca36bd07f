"""From the words of a command to an exit code: where errors become one clear text."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import typer

from ravine.cli.app import app
from ravine.cli.verb import Interrupted
from ravine.core.catalogue import did_you_mean
from ravine.core.errors import RavineError

DONE, BROKEN, REFUSED, STOPPED = 0, 1, 2, 130

# Typer brings its own copy of click or uses click itself, by its version; in both, a command that
# cannot be read raises a relative of BadParameter, which is public.
_UsageError: type[BaseException] = typer.BadParameter.__mro__[1]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        argv: Words after the program's name; those of this process when None.

    Returns:
        0 when all went well, 1 for a fault of ours, 2 for something the user gave that cannot be
        used, 130 after Ctrl-C. With `--debug` a traceback comes before the message.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = app(words or ["--help"], prog_name="ravine", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        code = STOPPED
    except Interrupted:
        return STOPPED
    except BrokenPipeError:
        _forget_output()
        return BROKEN
    except Exception as error:  # the one place that may catch everything: the user sees no traceback unasked
        return _tell(error, debug="--debug" in words)
    if code == STOPPED:
        print("stopped by Ctrl-C.", file=sys.stderr)  # noqa: T201
    return code if isinstance(code, int) else DONE


def _tell(error: Exception, *, debug: bool) -> int:
    if debug:
        _trace(error)
    if isinstance(error, RavineError):
        return _say(f"error: {error}", REFUSED)
    if isinstance(error, _UsageError):
        return _say(f"error: {_usage(error)}", REFUSED)
    name = type(error).__name__
    first_line = str(error).partition("\n")[0]
    hint = "" if debug else " and add what --debug shows"
    return _say(
        f"error: {name}: {first_line}\nThis is a fault of Ravine, not of yours; please report it{hint}.",
        BROKEN,
    )


def _usage(error: Any) -> str:
    command = error.ctx.command_path if error.ctx is not None else "ravine"
    unknown = getattr(error, "option_name", None)
    if unknown is not None and error.ctx is not None and "No such option" in error.message:
        options = [name for option in error.ctx.command.params for name in option.opts if name.startswith("--")]
        text = f"{command}: unknown option {unknown!r}.{did_you_mean(unknown, options)}"
    else:
        text = f"{command}: {error.format_message()}"
    return f"{text}\nTry: {command} --help"


def _say(text: str, code: int) -> int:
    print(text, file=sys.stderr)  # noqa: T201 (standard error is how a command speaks of errors)
    return code


def _trace(error: Exception) -> None:
    import traceback

    traceback.print_exception(error, file=sys.stderr)


def _forget_output() -> None:
    """Let nothing more be written to a reader that has gone, not even when Python ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
