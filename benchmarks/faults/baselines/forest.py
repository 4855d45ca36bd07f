"""A random forest on features of the curves: what a learned detector does that has seen the development split."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from benchmarks.faults.baselines.reading import broken, by_step, gradients, inputs, typical, updates, values

from ravine.records.history import History

HEALTHY = "healthy"
MISSING = -1.0  # none of the features is so low


def features(history: History) -> list[float]:
    """Numbers of a record, (features,), all finite; the same ones whatever the task."""
    found: list[float] = []
    for name in ("train_loss", "val_loss", "train_accuracy", "val_accuracy"):
        curve = values(history, name)
        found += [float(broken(curve)), *_shape([value for value in curve if math.isfinite(value)])]
    steps = [value for value in by_step(history, "train_loss") if math.isfinite(value)]
    found += _shape(steps)
    found += (
        _spread(by_step(history, "grad_norm")) + _spread(by_step(history, "lr")) + _spread(by_step(history, "clipped"))
    )
    for quantity in ("zeros", "silent", "saturated", "grad_norm", "act_std"):
        found += _spread(list(typical(history, quantity).values()))
    found += _spread([ratio for ratios in updates(history).values() for ratio in ratios])
    ratios = [norms[0] / norms[-1] for norms in gradients(history) if len(norms) > 1 and norms[-1] > 0]
    found += _spread(ratios)
    for name in ("mean", "std", "target_std"):
        found += _spread([abs(value) for value in inputs(history, name)])
    return np.clip(np.nan_to_num(found, nan=MISSING, posinf=1e9, neginf=-1e9), -1e9, 1e9).tolist()


def trained(rows: Sequence[Sequence[float]], truths: Sequence[str]) -> Any:
    """A forest that tells classes apart."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(300, class_weight="balanced_subsample", random_state=0)
    return forest.fit(np.asarray(rows), list(truths))


def named(forest: Any, row: Sequence[float]) -> list[str]:
    """Classes, most likely first, as far as they are likelier than a healthy run."""
    shares = dict(zip(forest.classes_, forest.predict_proba([row])[0], strict=True))
    healthy = shares.pop(HEALTHY, 0.0)
    return [name for name, share in sorted(shares.items(), key=lambda one: -one[1]) if share > healthy][:3]


def _shape(curve: list[float]) -> list[float]:
    """Begin, end, best, where the best is, and roughness."""
    if len(curve) < 3:
        return [MISSING] * 5
    changes = np.abs(np.diff(curve))
    scale = max(abs(curve[0]), 1e-9)
    return [
        curve[0],
        curve[-1] / scale,
        min(curve) / scale,
        float(np.argmin(curve)) / len(curve),
        float(changes.mean()) / scale,
    ]


def _spread(found: list[float]) -> list[float]:
    """Least, middle and most, in orders of magnitude."""
    finite = [value for value in found if math.isfinite(value)]
    if not finite:
        return [MISSING] * 3
    return [math.log10(max(1e-12, value)) for value in (min(finite), sorted(finite)[len(finite) // 2], max(finite))]
