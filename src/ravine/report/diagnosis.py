"""A diagnosis as one page: the verdict, the findings, and the curves with the evidence drawn on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ravine.core.files import write_whole
from ravine.core.version import VERSION
from ravine.diagnose.doctor import Diagnosis
from ravine.diagnose.symptom import Abstained
from ravine.records.finding import Finding, Severity
from ravine.records.history import History
from ravine.report.diagnosis_compare import Compared, compared, curve_label, run_names
from ravine.report.diagnosis_figures import curve_figures, layer_figures, overlay
from ravine.report.diagnosis_text import cells, explained_by, measures, unit, where
from ravine.report.document import asset, document
from ravine.report.figure import Figure
from ravine.report.html import NOTHING, Html, coded, data, fold, h, join, text
from ravine.report.numbers import plural, sentence
from ravine.report.panel import Panel
from ravine.report.table import Head, table

_OPEN_FIGURES = 4


def write_diagnosis(path: Path, history: History, diagnosis: Diagnosis) -> None:
    """Write one self-contained page about one run, whole or not at all.

    Raises:
        BadRun: It cannot be written.
    """
    write_diagnoses(path, [history], [diagnosis])


def write_diagnoses(path: Path, histories: Sequence[History], diagnoses: Sequence[Diagnosis]) -> None:
    """Write one self-contained page about one run or several, which are compared first.

    Raises:
        BadRun: It cannot be written.
    """
    write_whole(path, page(histories, diagnoses))


def page(histories: Sequence[History], diagnoses: Sequence[Diagnosis]) -> str:
    """The whole page as text."""
    names = run_names(histories)
    if len(histories) == 1:
        panels = _panels(histories[0], diagnoses[0])
    else:
        panels = _compared_panels(histories, names)
        for number, (name, history, diagnosis) in enumerate(zip(names, histories, diagnoses, strict=True), start=1):
            panels.append(_run_panel(number, name, history, diagnosis))
    title = names[0] if len(names) == 1 else plural(len(names), "run")
    return framed(f"Diagnosis of {title}", _headline(title, diagnoses), panels, "from the log alone")


def framed(title: str, header: Html, panels: Sequence[Panel], made: str) -> str:
    """Panels under a header, beside their list of contents, as a whole page.

    Args:
        title: Of the window.
        header: Of the page.
        panels: In order.
        made: What the page was made from, for its last line.
    """
    links = (h("li", h("a", panel.short, href=f"#{panel.id}")) for panel in panels)
    content = h(
        "div",
        h("nav", h("ul", *links), aria_label="Contents", cls="contents"),
        h(
            "main",
            header,
            h("noscript", h("p", "Plots need JavaScript.", cls="partial")),
            *(panel.to_html() for panel in panels),
            h("footer", h("p", text(f"Made by Ravine {VERSION} {made}."))),
            id="content",
        ),
        cls="frame-of-page",
    )
    style, script = (asset("ravine.report", name) for name in ("page.css", "page.js"))
    return document(title, content, style=style, script=script)


def _headline(title: str, diagnoses: Sequence[Diagnosis]) -> Html:
    chips = join(*(chip(diagnosis) for diagnosis in diagnoses)) if len(diagnoses) == 1 else None
    said = verdict_html(diagnoses[0]) if len(diagnoses) == 1 else _verdicts(diagnoses)
    return hero("diagnosis of a training", title, said, chips)


def hero(kind: str, title: str, said: Html, chips: Html | None) -> Html:
    """The header of a page: what kind it is, about what, and the verdict."""
    return h(
        "header",
        h("p", h("span", f"Ravine · {kind}", cls="eyebrow"), chips, cls="topline"),
        h("h1", data(title)),
        h("p", said, cls="lede"),
        cls="hero",
    )


def chip(diagnosis: Diagnosis) -> Html:
    """The verdict in two words."""
    if diagnosis.findings:
        worst = min(diagnosis.findings, key=lambda one: list(Severity)[::-1].index(one.severity)).severity
        return h("a", plural(len(diagnosis.findings), "finding"), href="#findings", cls=f"chip severity-{worst.value}")
    return h("span", {"healthy": "healthy"}.get(diagnosis.verdict, "cannot tell"), cls="chip status-done")


def verdict_html(diagnosis: Diagnosis) -> Html:
    """The verdict, and the one thing to change."""
    if diagnosis.verdict == "healthy":
        return text("Healthy: nothing was found.")
    if diagnosis.verdict == "cannot-tell":
        return text("Cannot tell: there are too few values to judge by.")
    first = diagnosis.findings[0]
    return join(h("strong", f"This run {first.symptom.replace('-', ' ')}. "), coded(first.advice))


def _verdicts(diagnoses: Sequence[Diagnosis]) -> Html:
    healthy = sum(one.verdict == "healthy" for one in diagnoses)
    ill = sum(one.verdict == "findings" for one in diagnoses)
    return text(f"{plural(len(diagnoses), 'run')} compared: {healthy} healthy, {ill} with findings.")


def _compared_panels(histories: Sequence[History], names: list[str]) -> list[Panel]:
    curves = compared(histories)
    if not curves:
        return []
    figures = [overlay(histories, names, one.name) for one in curves]
    tables = [join(h("h3", _sentence_case(curve_label(one.name))), _comparison(one)) for one in curves]
    body = join(_plots([figure for figure in figures if figure is not None]), *tables)
    return [Panel("comparison", "The runs beside each other", "Comparison", body)]


def _comparison(one: Compared) -> Html:
    heads = [Head("run"), *(Head(t, number=True) for t in ("best", "at", "last", "best against the first"))]
    rows = [[data(entry.run), *cells(one.name, entry)] for entry in one.entries]
    return table(f"{curve_label(one.name)} of the runs", heads, rows)


def _panels(history: History, diagnosis: Diagnosis) -> list[Panel]:
    """The panels of the only run on a page."""
    panels = [
        Panel("findings", "Findings", "Findings", findings_html(history, diagnosis)),
        Panel("curves", "Curves", "Curves", _curves(curve_figures(history, diagnosis))),
        Panel("layers", "Layers", "Layers", _plots(layer_figures(history))),
        Panel("untold", "What could not be told", "Not told", _untold(diagnosis.abstained)),
        Panel("log", "How the log was read", "Log", _read(history)),
    ]
    return [panel for panel in panels if panel.body]


def _run_panel(number: int, name: str, history: History, diagnosis: Diagnosis) -> Panel:
    """One of several runs, in one panel."""
    prefix = f"run{number}-"
    layers, untold, read = _plots(layer_figures(history, prefix)), _untold(diagnosis.abstained), _read(history)
    body = join(
        findings_html(history, diagnosis),
        _curves(curve_figures(history, diagnosis, prefix)),
        fold("Layers", layers) if layers else None,
        fold("What could not be told", untold) if untold else None,
        fold("How the log was read", read) if read else None,
    )
    return Panel(f"run{number}", name, name[:24], body)


def findings_html(history: History, diagnosis: Diagnosis) -> Html:
    """A card for each finding; the verdict where there is none."""
    if not diagnosis.findings:
        return h("p", verdict_html(diagnosis), cls="story")
    return join(*(_card(n, finding, history) for n, finding in enumerate(diagnosis.findings, start=1)))


def _card(number: int, finding: Finding, history: History) -> Html:
    told = where(finding, history)
    head = h(
        "h3",
        h("span", str(number), cls="sign", aria_hidden="true"),
        h("span", finding.severity.value, cls="severity"),
        data(f"this run {finding.symptom.replace('-', ' ')}"),
        h("span", told, cls="where") if told else None,
    )
    effects = explained_by(finding)
    beside = h("p", f"It explains: {', '.join(effects)}.") if effects else None
    advice = h("p", h("strong", "What to do: "), coded(finding.advice), cls="advice")
    return h(
        "article", head, h("p", coded(finding.evidence)), advice, beside, cls=f"finding severity-{finding.severity}"
    )


def _curves(figures: Sequence[Figure]) -> Html:
    rest = figures[_OPEN_FIGURES:]
    return join(_plots(figures[:_OPEN_FIGURES]), fold("More curves", _plots(rest)) if rest else None)


def _plots(figures: Sequence[Figure]) -> Html:
    return h("div", *(figure.to_html() for figure in figures), cls="plots") if figures else NOTHING


def _untold(abstained: Sequence[Abstained]) -> Html:
    if not abstained:
        return NOTHING
    first = (
        h("li", coded(measure), f" – {', '.join(symptoms[:6])}{', …' if len(symptoms) > 6 else ''}")
        for measure, symptoms in measures(abstained)[:4]
    )
    heads = [Head("symptom"), Head("what is missing"), Head("what would tell")]
    rows = [[one.symptom, sentence(one.why), coded(one.measure)] for one in abstained]
    return join(
        h("p", "What was written leaves room for them. What would tell most of them:", cls="story"),
        h("ul", *first, cls="steps"),
        fold(f"All {plural(len(rows), 'symptom')}", table("Symptoms that could not be told", heads, rows)),
    )


def _read(history: History) -> Html:
    heads = [Head("in the log"), Head("here"), Head("how")]
    rows = [[data(one.theirs), one.ours or "–", one.how] for one in history.mapping]
    notes = [h("p", note) for note in history.notes]
    if unit(history) != "step":
        notes.append(h("p", f"The log counts no steps: steps are its {unit(history)}s."))
    return join(*notes, table("Columns of the log and the curves they became", heads, rows) if rows else None)


def _sentence_case(words: str) -> str:
    return words[:1].upper() + words[1:]
