"""Numbers and curves as people read them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_BY_FACTORS = ("loss", "rmse", "mae")
_SHARES = ("accuracy", "f1", "exact_match")


def number(name: str, value: float | None) -> str:
    """A metric in the form its name asks for.

    >>> number("val_accuracy", 0.98765), number("val_loss", 0.0123456), number("lr", None)
    ('98.77%', '0.01235', '–')
    """
    if value is None:
        return "–"
    if not math.isfinite(value):
        return str(value)
    if name.endswith(_SHARES):
        return f"{100 * value:.2f}%"
    return f"{value:.4g}"


def spark(values: Sequence[float], width: int = 24, *, log: bool = False) -> str:
    """A curve in one line of text: the mean of each of `width` stretches, lowest to highest block.

    Args:
        values: The curve; what is not finite is left away.
        width: Most blocks.
        log: Draw the logarithm, where all values are positive: a loss falls by factors.

    >>> spark([1, 2, 3, 4]), spark([1, 10, 100, 1000], log=True)
    ('▁▃▆█', '▁▃▆█')
    """
    finite = [value for value in values if math.isfinite(value)]
    if log and all(value > 0 for value in finite):
        finite = [math.log(value) for value in finite]
    if not finite:
        return ""
    if len(finite) > width:
        cuts = [round(i * len(finite) / width) for i in range(width + 1)]
        finite = [math.fsum(finite[a:b]) / (b - a) for a, b in itertools.pairwise(cuts)]
    low, high = min(finite), max(finite)
    if high == low:
        return _BLOCKS[0] * len(finite)
    return "".join(_BLOCKS[round((value - low) / (high - low) * (len(_BLOCKS) - 1))] for value in finite)


def falls_by_factors(name: str) -> bool:
    """Whether the metric is one that falls towards zero, so that its logarithm shows more.

    >>> falls_by_factors("val_loss"), falls_by_factors("accuracy")
    (True, False)
    """
    return name.endswith(_BY_FACTORS)


def duration(seconds: float) -> str:
    """A span of time.

    >>> duration(7.2), duration(95), duration(4000)
    ('7 s', '1:35', '1:06:40')
    """
    if not math.isfinite(seconds):
        return "–"
    if seconds < 60:
        return f"{seconds:.0f} s"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def seconds_left(done: int, total: int, seconds: float) -> float:
    """Time to the end at the pace so far; infinite before the first step."""
    return (total - done) * seconds / done if done > 0 else math.inf
