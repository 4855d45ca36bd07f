"""How a pretrained network was moved to new data: how much, how similar, what was tried, what learns at which rate."""

from __future__ import annotations

from ravine.records.results import Known, TransferSection
from ravine.report.dots import dots
from ravine.report.figure import Figure, Key
from ravine.report.html import Html, coded, data, h, join
from ravine.report.material import Material
from ravine.report.numbers import count, duration, label, plural, sentence, significant, value_text
from ravine.report.panel import Panel
from ravine.report.panels.ensemble import beyond_noise, gain_said
from ravine.report.table import Head, table

_USUAL = {
    (False, True): "a linear head: the body has too few rows to learn from, and fits as it is",
    (True, True): "fine-tune all of it, the body slowly",
    (False, False): "the last block too, or a head on earlier layers: the hardest case",
    (True, False): "fine-tune all of it, or train from scratch",
}
"""What is usually right, by (much data, similar)."""


def panel(material: Material) -> Panel | None:
    """The plan with its reason, the 2 × 2, the trials, and the rates of the parts."""
    section = material.results.transfer
    if section is None:
        return None
    body = join(
        h("p", "From ", data(section.source), ". ", h("strong", section.plan), ": ", _reason(section), cls="story"),
        _square(section),
        _features(section),
        _dots(section).to_html() if section.trials else None,
        _trials(section) if section.trials else None,
        _parts(section) if section.parts else None,
    )
    return Panel("transfer", "What was kept of the pretrained network", "Transfer", body)


def _reason(section: TransferSection) -> Html:
    if not section.auto:
        return coded("this plan was asked for; `--plan auto` measures and tries.")
    return coded(sentence(section.reason))


def _square(section: TransferSection) -> Html | None:
    if section.similar is None:
        return None
    here = section.per_class >= section.much, section.similar
    rows = [
        [f"{words} ({border} {plural(section.much, 'row')} a class)", *(_cell((much, alike), here) for alike in _SIDES)]
        for much, words, border in ((False, "little data", "below"), (True, "much data", "from"))
    ]
    heads = [Head(f"{plural(section.per_class, 'row')} of the rarest class"), Head("similar"), Head("not similar")]
    return table("What is usually right, by how much data there are and how similar they are", heads, rows)


_SIDES = (True, False)


def _cell(place: tuple[bool, bool], here: tuple[bool, bool]) -> Html:
    chip = join(" ", h("span", "these data", cls="chip chosen")) if place == here else None
    return join(_USUAL[place], chip)


def _features(section: TransferSection) -> Html | None:
    if section.pretrained is None:
        return None
    train, held = section.compared
    heads = [
        Head("features of"),
        Head("a linear head", number=True),
        Head("5 neighbours", number=True),
        Head("LogME", number=True),
    ]
    rows = [_row("the pretrained body", section.pretrained)]
    if section.random is not None:
        rows.append(_row("the same with random weights", section.random))
    return table(f"What features tell, of {count(train)} training and {count(held)} held rows", heads, rows)


def _row(name: str, known: Known) -> list[str]:
    return [name, *(significant(value, strip=False) for value in (known.linear, known.neighbours, known.logme))]


def _dots(section: TransferSection) -> Figure:
    trials = section.trials
    metric = trials[0].score.name
    chosen = next((place for place, trial in enumerate(trials) if trial.chosen), None)
    return dots(
        [(trial.plan, trial.score) for trial in trials if trial.score.value is not None],
        name="plot-transfer",
        metric=metric,
        title=f"Validation {label(metric)} when judged, with 95% intervals",
        alt=f"Validation {label(metric)} of each plan that was tried.",
        keys=(Key("chosen", "net", "dot"), Key("left", "base", "dot")),
        marked=chosen,
    )


def _trials(section: TransferSection) -> Html:
    trials = section.trials
    heads = [
        Head("plan"),
        Head("epochs", number=True),
        Head(label(trials[0].score.name), number=True),
        Head("loss", number=True),
        Head("against the best before"),
        Head("time", number=True),
        Head("how it ended"),
    ]
    rows = [
        [
            trial.plan,
            count(trial.epochs),
            value_text(trial.score),
            significant(trial.loss),
            "–" if trial.gain is None else f"{gain_said(trial.gain)}: {beyond_noise(trial.gain)}",
            duration(trial.seconds),
            coded(trial.words),
        ]
        for trial in trials
    ]
    marked = frozenset(place for place, trial in enumerate(trials) if trial.chosen)
    return table("Plans that were tried, on the validation rows", heads, rows, marked=marked)


def _parts(section: TransferSection) -> Html:
    heads = [Head("part"), Head("parameters", number=True), Head("rate, of the head's", number=True), Head("learns")]
    rows = [
        [data(part.name), count(part.parameters), significant(part.rate) if part.rate else "0", coded(part.words)]
        for part in section.parts
    ]
    return table("Parts of the network from its input to its head, and how they learn", heads, rows)
