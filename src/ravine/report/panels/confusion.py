"""Which classes are taken for which."""

from __future__ import annotations

from ravine.report.figure import Figure, axis, color, names_axis, plot_text
from ravine.report.html import Html, data, fold, h, join
from ravine.report.material import Material
from ravine.report.numbers import NONE, count, percent, plural
from ravine.report.panel import Panel
from ravine.report.table import Head, table

_NARROW = 10
_WRITTEN = 20
_DRAWN = 60
_MOST_PAIRS = 15
_MOST_CLASSES = 60

Matrix = list[list[int]]


def panel(material: Material) -> Panel | None:
    """The matrix where it can be read, the most confused pairs, and each class by itself."""
    test, read = material.results.test, material.results.data
    if test is None or not test.confusion:
        return None
    matrix = test.confusion
    names = list(read.classes) if read and len(read.classes) == len(matrix) else [str(n) for n in range(len(matrix))]
    if len(matrix) <= _WRITTEN:
        whole: Html | None = _written(matrix, names)
    elif len(matrix) <= _DRAWN:
        whole = _drawn(matrix, names).to_html()
    else:
        whole = h("p", f"{count(len(matrix))} classes are too many for a matrix; here are the ends of it.", cls="story")
    classes = _classes(matrix, names)
    pairs = _pairs(matrix, names) if len(matrix) > 2 else None
    body = join(
        h("div", whole, h("div", pairs), cls="beside-matrix") if len(matrix) <= _NARROW else join(whole, pairs),
        classes if len(matrix) > _DRAWN else fold("Class by class", classes),
    )
    return Panel("confusion", "What is taken for what", "Confusion", body)


def _written(matrix: Matrix, names: list[str]) -> Html:
    corner = h("td", "truth ↓", h("br"), "predicted →", cls="corner")
    head = h("tr", corner, *(h("th", data(name, 24), scope="col") for name in names))
    body = [
        h(
            "tr",
            h("th", data(name, 24), scope="row"),
            *(_cell(matrix[row], row, column) for column in range(len(names))),
        )
        for row, name in enumerate(names)
    ]
    caption = "Test rows by true class (down) and predicted class (across): count, and share of the true class"
    whole = h("table", h("caption", caption), h("thead", head), h("tbody", *body), cls="confusion")
    return h("div", whole, cls="scroll", role="region", aria_label="Confusion matrix", tabindex="0")


def _cell(row: list[int], truth: int, column: int) -> Html:
    number, whole = row[column], sum(row)
    if not number:
        return h("td", "0", cls="none")
    share = number / max(whole, 1)
    kind = "right" if truth == column else "wrong"
    return h(
        "td",
        h("span", count(number)),
        h("small", percent(share, 0 if share > 0.0995 else 1)),
        cls=kind,
        style=f"--share:{share:.3f}",
    )


def _drawn(matrix: Matrix, names: list[str]) -> Figure:
    shares = [[number / max(sum(row), 1) for number in row] for row in matrix]
    hover = [
        [
            f"truth {plot_text(truth, 40)}<br>predicted {plot_text(guess, 40)}<br>{count(number)} of {count(sum(row))}"
            for guess, number in zip(names, row, strict=True)
        ]
        for truth, row in zip(names, matrix, strict=True)
    ]
    trace = {
        "type": "heatmap",
        "z": shares,
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[0, color("heat-0")], [0.02, color("heat-1")], [1, color("heat-2")]],
        "showscale": False,
        "hovertext": hover,
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    across = {**names_axis(names), "range": [-0.5, len(names) - 0.5], "tickangle": -90, "side": "top"}
    return Figure(
        id="plot-confusion",
        title="Share of each true class (down) by predicted class (across)",
        alt=f"Confusion matrix of {len(names)} classes; the most confused pairs are listed below.",
        traces=[trace],
        layout={"xaxis": across, "yaxis": {**names_axis(names), "title": axis()["title"]}},
        height=min(160 + 13 * len(names), 900),
    )


def _pairs(matrix: Matrix, names: list[str]) -> Html:
    wrong = [
        (number, truth, guess)
        for truth, row in enumerate(matrix)
        for guess, number in enumerate(row)
        if number and truth != guess
    ]
    if not wrong:
        return h("p", "No test row is taken for another class.", cls="story")
    wrong.sort(key=lambda entry: -entry[0])
    rows = [
        [data(names[truth]), data(names[guess]), count(number), percent(number / max(sum(matrix[truth]), 1))]
        for number, truth, guess in wrong[:_MOST_PAIRS]
    ]
    heads = [Head("truth"), Head("taken for"), Head("rows", number=True), Head("of this class", number=True)]
    title = "Most confused"
    return join(h("h3", title), table(title, heads, rows, total=len(wrong), what="confused pairs"))


def _classes(matrix: Matrix, names: list[str]) -> Html:
    """Recall, precision and F1 of each class, the worst first."""
    guessed = [sum(row[column] for row in matrix) for column in range(len(matrix))]
    entries = []
    for place, name in enumerate(names):
        there, hit = sum(matrix[place]), matrix[place][place]
        recall = hit / there if there else None
        precision = hit / guessed[place] if guessed[place] else None
        f1 = 2 * hit / (there + guessed[place]) if there + guessed[place] else None
        entries.append((f1, name, there, recall, precision))
    entries.sort(key=lambda entry: (entry[0] is None, entry[0] if entry[0] is not None else 0.0))
    rows = [
        [data(name), count(there), percent(recall), percent(precision), percent(f1) if f1 is not None else NONE]
        for f1, name, there, recall, precision in entries[:_MOST_CLASSES]
    ]
    heads = [
        Head("class"),
        Head("test rows", number=True),
        Head("found (recall)", number=True),
        Head("right when said (precision)", number=True),
        Head("F1", number=True),
    ]
    caption = f"{plural(len(names), 'class', 'classes')}, the least well known first"
    return table(caption, heads, rows, total=len(names), what="classes")
