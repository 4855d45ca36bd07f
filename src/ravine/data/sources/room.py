"""Room for large arrays: in memory, or in a file that vanishes with the process."""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ravine.core.errors import BadData


def memory_bytes() -> int:
    """Memory that this process may use: the machine's, or less where a container sets a limit."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 8 << 30
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            total = min(total, int(Path(limit).read_text()))
    return total


def pixel_room(shape: tuple[int, ...], owner: str, memory: int | None = None) -> NDArray[np.uint8]:
    """An array to fill: uint8, `shape`; a memory map when it takes more than a quarter of memory.

    Args:
        shape: Of the array.
        owner: Who is named when there is no room.
        memory: Bytes of memory; None: measured.

    Raises:
        BadData: The disk has no room for the map.
    """
    size = math.prod(shape)
    if size <= (memory_bytes() if memory is None else memory) // 4:
        return np.empty(shape, np.uint8)
    try:
        with tempfile.TemporaryFile(prefix="ravine-pixels-") as file:
            if hasattr(os, "posix_fallocate"):  # a sparse file would fail later, in the middle of a write
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, np.uint8, "w+", shape=shape)
    except OSError as error:
        raise BadData(
            f"{owner}: the pictures take {size / 2**30:.1f} GiB, more than memory should hold, and "
            f"{tempfile.gettempdir()} has no room for them ({error.strerror or error}). Set TMPDIR to a folder on a "
            "larger disk, or choose a smaller --image-size."
        ) from None
