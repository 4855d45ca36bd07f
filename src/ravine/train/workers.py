"""How many processes should load a data set: measured on its own batches, as much loading as hides behind a step."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from torch.utils.data import DataLoader

from ravine.records.results import Candidate

SHARE_THAT_COUNTS = 0.05
"""Of a step's time: loading that takes less is not worth a process."""

WORTHWHILE = 10.0
"""Seconds of loading in the whole training below which starting processes does not pay."""

GAIN = 0.95
"""More processes must bring the time of a step to at most this share."""

_TIMED = 6  # batches a candidate is timed over, after the ones its processes begin with


def measured_workers(
    loader_with: Callable[[int], DataLoader[Any]],
    step: Callable[[Any], object],
    *,
    steps: int,
    seconds: float = 20.0,
) -> tuple[int, list[Candidate]]:
    """The number of loader processes with which loading and computing go fastest together.

    Args:
        loader_with: Number of processes → a loader of the training data.
        step: What is done with each loaded batch: a forward and a backward pass, changing nothing.
        steps: Optimizer steps the training will take.
        seconds: When to stop trying.

    Returns: The number, and what was measured; (0, []) where loading takes next to no time.
    """
    began = time.perf_counter()
    alone, loading = _paced(loader_with(0), step)
    if alone is None or loading <= SHARE_THAT_COUNTS * alone or loading * steps < WORTHWHILE:
        return 0, []
    tried = {0: alone}
    entries = [_entry(0, alone)]
    for count in _counts(os.cpu_count() or 1):
        if time.perf_counter() - began > seconds:
            break
        try:
            paced, _ = _paced(loader_with(count), step)
        except Exception as error:  # a data set that cannot go to another process is loaded in this one
            # torch wraps what a process raised into its traceback; the last line is the error itself
            last = next(iter(str(error).strip().splitlines()[-1:]), type(error).__name__)
            entries.append(_entry(count, None, note=f"failed: {last[:120]}"))
            break
        if paced is not None:
            tried[count] = paced
            entries.append(_entry(count, paced))
    fastest = min(tried, key=tried.__getitem__)
    best = fastest if tried[fastest] <= GAIN * alone else 0
    return best, [entry.model_copy(update={"chosen": entry.name == _name(best)}) for entry in entries]


def _counts(cores: int) -> Sequence[int]:
    """1, 2, 4 … up to the number of cores.

    >>> list(_counts(6))
    [1, 2, 4, 6]
    """
    counts = [1 << power for power in range(cores.bit_length()) if 1 << power < cores]
    return [*counts, cores]


def _paced(loader: DataLoader[Any], step: Callable[[Any], object]) -> tuple[float | None, float]:
    """Seconds a batch, loading and step together, and those of loading; None when there are too few batches."""
    skipped = 1 + loader.num_workers * (loader.prefetch_factor or 0) if loader.num_workers else 1
    batches = iter(loader)
    waited, timed, began = 0.0, 0, 0.0
    try:
        for number in range(skipped + _TIMED):
            if number == skipped:
                waited, began = 0.0, time.perf_counter()
            asked = time.perf_counter()
            batch = next(batches, None)
            waited += time.perf_counter() - asked
            if batch is None:
                break
            step(batch)
            timed += number >= skipped
    finally:
        _shut_down(batches)
    if timed < 2:
        return None, 0.0
    return (time.perf_counter() - began) / timed, waited / timed


def _shut_down(batches: Any) -> None:
    """End the processes of a loader that was not walked to its end."""
    end = getattr(batches, "_shutdown_workers", None)
    if end is not None:
        end()


def _name(count: int) -> str:
    return "loading in the training process" if count == 0 else f"{count} loader process{'es' if count > 1 else ''}"


def _entry(count: int, seconds: float | None, note: str = "") -> Candidate:
    return Candidate(name=_name(count), milliseconds=None if seconds is None else 1000 * seconds, note=note)
