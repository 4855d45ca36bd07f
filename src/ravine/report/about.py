"""What a run is, and how far it came, in plain sentences."""

from __future__ import annotations

from ravine.records.results import DataSection
from ravine.report.material import Material
from ravine.report.numbers import count, plural

_STATUS = {
    "done": ("finished", ""),
    "running": (
        "still running",
        "This run is not finished, or its process was stopped without a word. The page shows what was known when it"
        " was made. If nothing is running any more, `ravine resume` goes on from the last snapshot.",
    ),
    "interrupted": (
        "interrupted",
        "This run was interrupted: the page shows what it reached. `ravine resume` goes on from the last snapshot.",
    ),
    "failed": (
        "failed",
        "This run failed: the page shows what it reached before. Mend the cause; `ravine resume` goes on from the last"
        " snapshot, if one was written.",
    ),
}
_STEPS = {
    "data": "reading the data",
    "split": "split",
    "prepare": "preparation",
    "model": "network",
    "baselines": "baselines",
    "plan": "plan",
    "train": "the end of the training",
    "test": "test",
}
_THING = {"image": "picture", "sequence": "sequence"}


def known_status(material: Material) -> str:
    """The status, or "other" where the records hold a word of their own."""
    return material.results.status if material.results.status in _STATUS else "other"


def status(material: Material) -> tuple[str, str, tuple[str, ...]]:
    """The status in a word, in a sentence ("" when done), and the steps not reached."""
    word, sentence = _STATUS.get(material.results.status, (material.results.status, ""))
    if not sentence:
        return word, "", ()
    return word, sentence, tuple(name for step, name in _STEPS.items() if getattr(material.results, step) is None)


def about(material: Material) -> str:
    """What was trained on what, in one plain sentence; "" before the data were read."""
    read, model, split = material.results.data, material.results.model, material.results.split
    if read is None:
        return ""
    size = plural(read.rows, _THING.get(read.form, "row"))
    if model is None:
        return f"{size}, to {_goal(read, 'tell', 'give', 'predict')}."
    network = f"A network ({model.name}, {plural(model.parameters, 'parameter')})"
    share = f"{count(split.train)} of {size}" if split else size
    return f"{network} that {_goal(read, 'tells', 'gives', 'predicts')}, trained on {share}."


def _goal(read: DataSection, tell: str, give: str, predict: str) -> str:
    """What is learned, with the verbs in the form the sentence needs."""
    if read.task == "multi-label":
        return f"{give} {plural(len(read.classes), 'label')}"
    if read.classes:
        return f"{tell} {plural(len(read.classes), 'class', 'classes')} apart"
    return f"{predict} {read.target}"
