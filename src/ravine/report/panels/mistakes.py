"""The worst mistakes, with what the network saw."""

from __future__ import annotations

from ravine.records.results import Mistake
from ravine.report.html import Html, data, h, join, picture
from ravine.report.material import Material
from ravine.report.numbers import percent, plural, significant
from ravine.report.panel import Panel
from ravine.report.table import pairs

_MOST = 24
_MOST_VALUES = 30
_LONGEST = 120
_PICTURE_BYTES = 500_000


def panel(material: Material) -> Panel | None:
    """One card a mistake; wrong labels in the data are often among them."""
    test, read = material.results.test, material.results.data
    if test is None or not test.mistakes:
        return None
    cards: list[Html] = []
    weight = 0
    for mistake in test.mistakes[:_MOST]:
        weight += len(mistake.image)
        cards.append(_card(mistake, drawn=weight <= _PICTURE_BYTES))
    left = len(test.mistakes) - len(cards)
    labels = read is None or read.task != "regress"
    hint = "Look here first for wrong labels in the data." if labels else "Look here first for faults in the data."
    body = join(
        h("p", f"The test rows with the largest loss, the worst first. {hint}", cls="story"),
        h("div", *cards, cls="mistakes pictured" if any(m.image for m in test.mistakes) else "mistakes"),
        h("p", f"{plural(left, 'mistake')} more in results.json.", cls="left-out") if left else None,
    )
    return Panel("mistakes", "Worst mistakes", "Mistakes", body)


def _card(mistake: Mistake, *, drawn: bool) -> Html:
    said = f" ({percent(mistake.confidence, 0)})" if mistake.confidence is not None else ""
    facts = [
        h("div", h("dt", "truth"), h("dd", data(mistake.truth, 40), cls="truth")),
        h("div", h("dt", "predicted"), h("dd", data(mistake.predicted, 40), said, cls="guess")),
    ]
    if mistake.loss is not None:
        facts.append(h("div", h("dt", "loss"), h("dd", significant(mistake.loss))))
    shown = picture(mistake.image, f"test row {mistake.id}: {mistake.truth} taken for {mistake.predicted}")
    return h(
        "article",
        h("div", shown, cls="frame") if mistake.image and drawn else None,
        h("div", h("h3", data(mistake.id, 60)), h("dl", *facts), cls="facts"),
        _values(mistake),
        cls="mistake",
    )


def _values(mistake: Mistake) -> Html | None:
    if not mistake.row:
        return None
    entries = [(data(name), data(_short(value))) for name, value in list(mistake.row.items())[:_MOST_VALUES]]
    left = len(mistake.row) - len(entries)
    return h(
        "details",
        h("summary", "its values"),
        pairs(f"Values of test row {mistake.id}", entries),
        h("p", f"{plural(left, 'value')} more in results.json.", cls="left-out") if left else None,
    )


def _short(value: object) -> str:
    if value is None:
        return "missing"
    if isinstance(value, float):
        return significant(value, 5)
    spelled = str(value)
    return spelled if len(spelled) <= _LONGEST else spelled[: _LONGEST - 1] + "…"
