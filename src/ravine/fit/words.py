"""Each step of a job in a line."""

from __future__ import annotations

from ravine.optim.averages import parse
from ravine.records.results import BaselineSection, DataSection, TestSection, TrainSection


def average_words(average: float | str) -> list[str]:
    """What is averaged over the training; nothing where nothing is."""
    how = parse(average) if average != "auto" else None
    return [how.told] if how is not None else []


def data_words(section: DataSection) -> str:
    """What was read."""
    what = {"table": "rows", "image": "images", "sequence": "sequences"}[section.form]
    shape = f" of {section.shape}" if section.shape else ""
    classes = f", {len(section.classes)} classes" if section.classes else ""
    learned = f"{section.task} {section.target}{classes} ({section.task_reason})"
    return f"{section.name}: {section.rows:,} {what}{shape}; {learned}"


def baseline_words(section: BaselineSection) -> str:
    """What simple methods reach."""
    parts = []
    for baseline in section.baselines:
        score = next((score for score in baseline.scores if score.name == section.metric), None)
        if score is not None and score.value is not None:
            parts.append(f"{baseline.name} {score.value:.4g}")
    return f"test {section.metric}: {', '.join(parts)}"


def train_words(section: TrainSection) -> str:
    """How the training went."""
    best = f", best at epoch {section.best_epoch}" if section.best_epoch else ""
    best += f" ({section.kept})" if section.kept else ""
    return (
        f"{section.epochs} epochs in {section.seconds:.1f} s ({section.samples_per_second:,.0f} rows/s){best}; "
        f"ended by {section.stopped_by}"
    )


def test_words(section: TestSection) -> str:
    """What the finished network reaches."""
    score = next((score for score in section.scores if score.name == section.metric), None)
    if score is None or score.value is None:
        return section.verdict
    interval = f" (95% interval {score.low:.4g} to {score.high:.4g})" if score.low is not None else ""
    return f"{score.name} {score.value:.4g}{interval} on {section.rows:,} rows"
