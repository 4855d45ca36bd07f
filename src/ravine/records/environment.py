"""`environment.json`: the machine, the versions and the command of a run."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import socket
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "ravine",
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "polars",
    "pillow",
    "pydantic",
    "plotly",
    "safetensors",
    "lightning-fabric",
    "torchmetrics",
    "onnx",
    "timm",
)
"""What decides how a run comes out, by the names packages are installed under."""


def environment(command: Sequence[str] | None = None, folder: Path | None = None) -> dict[str, Any]:
    """The machine, the versions and the command of a run, for `environment.json`.

    What torch knows (devices, threads, its build) is for the caller to add under "torch": this
    room does not load it.

    Args:
        command: Words of the command; those of this process when None.
        folder: Where to ask for the git commit; the working folder when None.

    Returns:
        JSON's own types only. What cannot be found out here is None.
    """
    words = _words() if command is None else list(command)
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(words),
        "folder": str(Path.cwd()),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "processor": processor(),
        "cores": cores(),
        "memory_bytes": memory_bytes(),
        "packages": versions(),
        "git": git_state(folder or Path.cwd()),
        "process": {"pid": os.getpid(), "host": socket.gethostname()},
    }


def versions() -> dict[str, str]:
    """Version of each of `PACKAGES` that is installed; nothing is imported for it."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def processor() -> str | None:
    """The processor's name for people: "AMD EPYC 7763 64-Core Processor"."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Model") and value.strip():
                return value.strip()
    return platform.processor() or platform.machine() or None


def cores() -> int | None:
    """Logical cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def memory_bytes() -> int | None:
    """Main memory of the machine, in bytes."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit of the repository around `folder`, and whether tracked files differ from it."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def is_alive(pid: int) -> bool:
    """Whether a process of this machine has the number `pid`."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _words() -> list[str]:
    """The command as a person would type it again: our own program by its name alone."""
    program = Path(sys.argv[0])
    if program.stem == "ravine" or program.parts[-2:] == ("ravine", "__main__.py"):
        return ["ravine", *sys.argv[1:]]
    return list(sys.orig_argv)


def _git(folder: Path, *words: str) -> str | None:
    """What git prints, without its last line end; None when there is no git, no repository, or no answer."""
    try:
        answer = subprocess.run(  # noqa: S603 (fixed words, no shell)
            ("git", "--no-optional-locks", *words),  # noqa: S607 (the user's own git, wherever it is)
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
