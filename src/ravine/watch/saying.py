"""What the watcher says: lines on standard error, which is not the program's output."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """One line of the watcher's own; nothing where the program has closed standard error."""
    try:
        sys.stderr.write(f"ravine: {line}\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        return
