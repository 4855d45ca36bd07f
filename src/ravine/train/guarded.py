"""What a training puts around code and settings that are not its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

import torch

from ravine.core.errors import RavineError, UserCodeError


@contextlib.contextmanager
def users_code(where: Callable[[], str]) -> Iterator[None]:
    """What the user's network, loss or data raise becomes one clear error, the original chained."""
    try:
        yield
    except RavineError:
        raise
    except Exception as error:
        first = next(iter(str(error).strip().splitlines()), "")
        raise UserCodeError(f"training stopped in {where()}: {type(error).__name__}: {first}") from error


@contextlib.contextmanager
def settings_put_back() -> Iterator[None]:
    """Leave torch's process-wide settings as they were found."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    benchmark = torch.backends.cudnn.benchmark
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
        torch.backends.cudnn.benchmark = benchmark


def make_deterministic() -> None:
    """Let torch choose only operations that give the same bits every time."""
    # cuBLAS is deterministic only with a workspace of fixed size, read when it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
