"""What several networks gain over one: each member, their mean, the whole; and how much they differ."""

from __future__ import annotations

from ravine.records.results import EnsembleSection, Gain, Score
from ravine.report.dots import dots
from ravine.report.figure import Figure, Key
from ravine.report.html import Html, data, h, join
from ravine.report.material import Material
from ravine.report.numbers import gain_text, label, percent, plural, significant, value_text
from ravine.report.panel import Panel
from ravine.report.table import Head, table

_SAID = {
    "seeds": "trainings with first weights and an order of rows of their own",
    "snapshots": "ends of the cycles of one training",
    "checkpoints": "epochs of one training",
}


def panel(material: Material) -> Panel | None:
    """A dot for each member, one for their mean, one for the ensemble; the gain; the diversity."""
    section = material.results.ensemble
    if section is None or not section.members:
        return None
    body = join(
        h("p", _story(section), cls="story"),
        _dots(section).to_html(),
        _scores(section),
        h("p", _diversity(section), cls="story"),
    )
    return Panel("ensemble", "What the ensemble gains", "Ensemble", body)


def gain_said(gain: Gain) -> str:
    """A gain with its interval, in the words of a metric."""
    if gain.value is None:
        return "a gain that is no number"
    if gain.low is None or gain.high is None:
        return gain_text(gain.name, gain.value)
    ends = f"{gain_text(gain.name, gain.low)} to {gain_text(gain.name, gain.high)}"
    return f"{gain_text(gain.name, gain.value)} (95% interval {ends})"


def beyond_noise(gain: Gain) -> str:
    """Whether the interval of a gain leaves zero out, as an end of a sentence."""
    if gain.low is None or gain.high is None:
        return "no interval can be given"
    if gain.low > 0:
        return "a gain beyond noise"
    return "a loss beyond noise" if gain.high < 0 else "within noise"


def _story(section: EnsembleSection) -> Html:
    gain = _of(section.gains, section.metric)
    best = _of(section.gains_over_best, section.metric)
    members = plural(len(section.members), "member")
    parts: list[str | Html] = [
        f"{members}, {_SAID.get(section.kind, section.kind)}, {section.how}; their {section.combine} are averaged. "
    ]
    if gain is not None:
        parts.append(
            f"Against the mean member its {label(section.metric)} changes by {gain_said(gain)}: {beyond_noise(gain)}. "
        )
    if best is not None and section.best:
        parts += ["Against ", data(section.best), f", the best on validation rows: {gain_said(best)}, "]
        parts.append(f"{beyond_noise(best)}.")
    return join(*parts)


def _diversity(section: EnsembleSection) -> str:
    parts = []
    if section.disagreement is not None:
        parts.append(f"Two members disagree on {percent(section.disagreement)} of the rows.")
    if section.error_correlation is not None:
        parts.append(f"Their errors correlate with {significant(section.error_correlation, 2)}.")
    if section.ambiguity is not None and section.squared_error is not None:
        parts.append(
            f"Squared error: {significant(section.squared_error_of_members)} of a member, less "
            f"{significant(section.ambiguity)} by which members stray from their mean, is "
            f"{significant(section.squared_error)} of the mean answer."
        )
    return " ".join(parts)


def _scores(section: EnsembleSection) -> Html:
    names = [score.name for score in section.scores]
    heads = [Head("answers of"), Head("weight", number=True), *(Head(label(name), number=True) for name in names)]
    rows = [["the ensemble", "", *_values(section.scores, names)], ["mean member", "", *_values(section.mean, names)]]
    rows += [
        [data(member.name), significant(member.weight, 2), *_values(member.scores, names)] for member in section.members
    ]
    gains = ["gain over the mean", ""]
    for name in names:
        gain = _of(section.gains, name)
        gains.append("–" if gain is None else gain_said(gain))
    rows.insert(2, gains)
    return table("The ensemble and its members on the test part", heads, rows, marked=frozenset({0}))


def _values(scores: list[Score], names: list[str]) -> list[str]:
    found = {score.name: score for score in scores}
    return [value_text(found[name]) if name in found else "–" for name in names]


def _of(gains: list[Gain], metric: str) -> Gain | None:
    return next((gain for gain in gains if gain.name == metric), None)


def _dots(section: EnsembleSection) -> Figure:
    metric = section.metric
    entries = [
        (name, score)
        for name, scores in (
            ("the ensemble", section.scores),
            ("mean member", section.mean),
            *((member.name, member.scores) for member in section.members),
        )
        for score in scores
        if score.name == metric and score.value is not None
    ]
    return dots(
        entries,
        name="plot-ensemble",
        metric=metric,
        title=f"Test {label(metric)}, with 95% intervals",
        alt=f"Test {label(metric)} of the ensemble and its members.",
        keys=(Key("ensemble", "net", "dot"), Key("members", "base", "dot")),
    )
