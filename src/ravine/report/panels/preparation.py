"""How rows were divided, and what happens to a row before the network sees it."""

from __future__ import annotations

from ravine.report.html import Html, coded, h, join
from ravine.report.material import Material
from ravine.report.numbers import count, percent, sentence
from ravine.report.panel import Panel

_PARTS = (("train", "training"), ("val", "validation"), ("test", "test"))


def panel(material: Material) -> Panel | None:
    """A bar of the three parts, and the steps of the preparation as a list."""
    split, prepare = material.results.split, material.results.prepare
    if split is None and prepare is None:
        return None
    steps = [h("li", coded(sentence(step))) for step in prepare.steps] if prepare else []
    listed = h("ol", *steps, cls="steps") if steps else None
    body = join(
        _bar(material),
        h("h3", "Before the network sees a row") if listed else None,
        listed,
        h("p", "The statistics belong to the model: prediction takes raw rows.", cls="left-out") if listed else None,
    )
    return Panel("split", "Split and preparation", "Split", body)


def _bar(material: Material) -> Html | None:
    split = material.results.split
    if split is None:
        return None
    sizes = {"train": split.train, "val": split.val, "test": split.test}
    whole = sum(sizes.values()) or 1
    bar = h(
        "div",
        *(h("span", cls=f"part part-{part}", style=f"flex-grow:{sizes[part]}") for part, _ in _PARTS if sizes[part]),
        cls="split-bar",
        aria_hidden="true",
    )
    entries = (
        h(
            "div",
            h("dt", h("i", cls=f"key-bar part-{part}", aria_hidden="true"), name),
            h("dd", h("span", count(sizes[part]), cls="value"), h("span", percent(sizes[part] / whole), cls="beside")),
        )
        for part, name in _PARTS
    )
    return join(h("p", coded(sentence(split.how)), cls="story"), bar, h("dl", *entries, cls="split-key"))
