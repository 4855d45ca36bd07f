"""Numbers as people read them: sensible digits, units, names of metrics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ravine.records.results import Score

NONE = "–"

_LABELS = {
    "r2": "R²",
    "f1": "F1",
    "rmse": "RMSE",
    "mae": "MAE",
    "mse": "MSE",
    "mape": "MAPE",
    "auc": "AUC",
    "roc_auc": "ROC AUC",
    "lr": "learning rate",
    "train": "training",
    "val": "validation",
    "ece": "calibration error",
}
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def label(metric: str) -> str:
    """The name of a metric for people.

    >>> label("r2"), label("log_loss"), label("macro_f1")
    ('R²', 'log loss', 'macro F1')
    """
    if metric in _LABELS:
        return _LABELS[metric]
    return " ".join(_LABELS.get(word, word) for word in metric.split("_"))


def lower_is_better(metric: str) -> bool:
    """Whether a metric counts errors, as far as its name tells.

    >>> lower_is_better("log_loss"), lower_is_better("r2")
    (True, False)
    """
    return metric in {"rmse", "mae", "mse", "mape", "ece"} or "loss" in metric or "error" in metric


def is_share(metric: str) -> bool:
    """Whether a metric is a share of rows, best read as a percentage."""
    return "accuracy" in metric or metric in {"coverage", "error_rate"}


def count(number: int | float) -> str:
    """A whole number with its thousands apart.

    >>> count(1149000)
    '1,149,000'
    """
    return f"{number:,.0f}"


def plural(number: int, one: str, many: str = "") -> str:
    """A count with its noun.

    >>> plural(1, "row"), plural(1200, "class", "classes")
    ('1 row', '1,200 classes')
    """
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def sentence(words: str) -> str:
    """Words with a capital in front and a full stop behind, whatever they came with.

    >>> sentence("a table with 9 columns"), sentence("Given by hand.")
    ('A table with 9 columns.', 'Given by hand.')
    """
    words = words.strip()
    end = "" if not words or words[-1] in ".!?…" else "."
    return words[:1].upper() + words[1:] + end


def significant(number: float | None, digits: int = 3, *, strip: bool = True) -> str:
    """A number to so many significant digits, powers of ten beyond 10⁻⁴ and 10⁷; trailing zeros go unless told.

    >>> significant(0.012345), significant(123456.7), significant(1.5e-7), significant(None)
    ('0.0123', '123,457', '1.5 × 10⁻⁷', '–')
    >>> significant(0.4), significant(0.4, strip=False)
    ('0.4', '0.400')
    """
    if number is None or math.isnan(number):
        return NONE
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    if number == 0:
        return "0"
    power = math.floor(math.log10(abs(number)))
    if -4 <= power < 7:
        shown = f"{number:,.{max(0, digits - 1 - power)}f}"
        return _tidy(shown, strip=strip)
    shown = f"{number:.{digits - 1}e}"
    mantissa, _, exponent = shown.partition("e")
    return f"{_tidy(mantissa, strip=strip)} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def _tidy(shown: str, *, strip: bool) -> str:
    if strip and "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    return shown.replace("-", "−")


def percent(share: float | None, decimals: int = 1) -> str:
    """A share as a percentage.

    >>> percent(0.98612), percent(None)
    ('98.6%', '–')
    """
    if share is None or not math.isfinite(share):
        return NONE
    return f"{100 * share:.{decimals}f}%".replace("-", "−")


def value_text(score: Score) -> str:
    """The value of a score with as many digits as its interval warrants."""
    return measure(score.name, score.value, _decimals(score))


def interval_text(score: Score) -> str:
    """The 95% interval of a score, "97.3% to 99.4%"; empty where none was given."""
    if score.low is None or score.high is None:
        return ""
    decimals = _decimals(score)
    return f"{measure(score.name, score.low, decimals)} to {measure(score.name, score.high, decimals)}"


def measure(metric: str, value: float | None, decimals: int | None = None) -> str:
    """A value of `metric`: a percentage for shares, else a number; `decimals` None means three digits."""
    if value is None or not math.isfinite(value):
        return NONE
    if is_share(metric):
        return percent(value, 1 if decimals is None else decimals)
    if decimals is None or abs(value) >= 1e7:
        return significant(value)
    return f"{value:,.{decimals}f}".replace("-", "−")


def gain_text(metric: str, gain: float) -> str:
    """A difference of two values of `metric`, with its sign.

    >>> gain_text("accuracy", 0.028), gain_text("r2", -0.01234)
    ('+2.8 points', '−0.012')
    """
    sign = "+" if gain > 0 else "−" if gain < 0 else "±"
    if is_share(metric):
        return f"{sign}{abs(100 * gain):.1f} points"
    return sign + significant(abs(gain), 2)


def duration(seconds: float) -> str:
    """A span of time.

    >>> duration(0.0042), duration(8.42), duration(192), duration(7500)
    ('4.2 ms', '8.4 s', '3 min 12 s', '2 h 5 min')
    """
    if not math.isfinite(seconds):
        return NONE
    if seconds < 1:
        return f"{significant(1000 * seconds, 2)} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _decimals(score: Score) -> int | None:
    """Decimals that show one digit of the half width, two when the first is a 1 or 2; None without an interval."""
    if score.low is None or score.high is None or not score.high > score.low:
        return None
    half = (score.high - score.low) / 2 * (100 if is_share(score.name) else 1)
    if not math.isfinite(half):
        return None
    power = math.floor(math.log10(half))
    wanted = -power + (1 if half / 10.0**power < 3 else 0)
    return min(max(wanted, 1 if is_share(score.name) else 0), 6)
