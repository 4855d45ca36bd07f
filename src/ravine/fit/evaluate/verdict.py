"""One sentence: does the network beat what needs no network, and is the difference beyond noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ravine.data.task import Kind
from ravine.fit.baselines import FittedBaseline
from ravine.fit.evaluate.answers import Answers
from ravine.fit.evaluate.measures import deciding
from ravine.fit.intervals import Bootstrap, mcnemar

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
    gain, bounds = measure.gain(boot, answers, rival.answers)
    ends = [] if bounds is None else [_gap(measure.name, end) for end in bounds]
    evidence = [f"difference {' to '.join(ends)}"] if ends else []
    if answers.task.kind is Kind.CLASSIFY:
        mine = answers.choice == answers.classes_true
        theirs = rival.answers.choice == answers.classes_true
        p = mcnemar(int((mine & ~theirs).sum()), int((theirs & ~mine).sum()))
        beyond = p < 0.05
        evidence.append(f"McNemar p {_small(p)}")
    else:
        beyond = bounds is not None and not bounds.low <= 0.0 <= bounds.high
    against = (
        f"{name} {told} against {_told(measure.name, best)} for {rival.name} on the same {len(answers):,} test rows"
    )
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


def _told(metric: str, value: float) -> str:
    return f"{100 * value:.1f}%" if metric == "accuracy" else f"{value:.3f}"


def _gap(metric: str, value: float) -> str:
    return f"{100 * value:+.1f} points" if metric == "accuracy" else f"{value:+.3f}"


def _small(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
