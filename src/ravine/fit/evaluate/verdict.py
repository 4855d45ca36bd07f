"""One sentence: does the network beat what needs no network, and is the difference beyond noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ravine.data.task import Kind
from ravine.fit.baselines import FittedBaseline
from ravine.fit.evaluate.answers import Answers
from ravine.fit.evaluate.measures import deciding
from ravine.fit.intervals import Bootstrap, Bounds, mcnemar, paired_shares

_WORDS = {"accuracy": "accuracy", "r2": "R²", "r2_log": "R² of the logarithm", "f1": "macro F1"}


def verdict(answers: Answers, baselines: Sequence[FittedBaseline], boot: Bootstrap) -> str:
    """Compare the network with the best baseline on the same test rows.

    For classes McNemar's exact test decides whether the difference is beyond noise, else the
    95% interval of the difference, by paired bootstrap.
    """
    measure = deciding(answers.task)
    name = _WORDS[measure.name]
    value = measure.value(boot, answers)
    told = _told(measure.name, value)
    if not baselines:
        return f"The network reaches {name} {told} on {len(answers):,} test rows; no baseline was fitted."
    rivals = [(measure.value(boot, rival.answers), rival) for rival in baselines]
    best, rival = max(rivals, key=lambda pair: pair[0] if np.isfinite(pair[0]) else -np.inf)
    gain, bounds, p = _compared(answers, rival.answers, boot)
    beyond = p < 0.05 if p is not None else bounds is not None and not bounds.low <= 0.0 <= bounds.high
    evidence = [] if bounds is None else [f"difference {_gap(measure.name, bounds)}"]
    evidence += [] if p is None else [f"McNemar p {_small(p)}"]
    theirs = _told(measure.name, best)
    against = f"{name} {told} against {theirs} for {rival.name} on the same {len(answers):,} test rows"
    if not np.isfinite(gain):
        return f"The network cannot be compared with the baselines: {against}."
    if not beyond:
        judgement = "within noise of the best baseline"
    elif gain > 0:
        judgement = "better than every baseline, beyond noise"
    else:
        judgement = "worse than the best baseline, beyond noise"
    told_evidence = f" ({', '.join(evidence)})" if evidence else ""
    return f"The network is {judgement}: {against}{told_evidence}."


def _compared(answers: Answers, rival: Answers, boot: Bootstrap) -> tuple[float, Bounds | None, float | None]:
    """How much better than the rival, the 95% interval of it, and McNemar's p-value for classes."""
    if answers.task.kind is not Kind.CLASSIFY:
        gain, bounds = deciding(answers.task).gain(boot, answers, rival)
        return gain, bounds, None
    mine, theirs = answers.choice == answers.classes_true, rival.choice == rival.classes_true
    only_mine, only_theirs = int((mine & ~theirs).sum()), int((theirs & ~mine).sum())
    gain = (only_mine - only_theirs) / len(answers)
    return gain, paired_shares(only_mine, only_theirs, len(answers)), mcnemar(only_mine, only_theirs)


def _told(metric: str, value: float) -> str:
    return f"{100 * value:.1f}%" if metric == "accuracy" else f"{value:.3f}"


def _gap(metric: str, ends: Bounds) -> str:
    if metric == "accuracy":
        return f"{100 * ends.low:+.1f} to {100 * ends.high:+.1f} points"
    return f"{ends.low:+.3f} to {ends.high:+.3f}"


def _small(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
