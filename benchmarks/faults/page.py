"""The page of results, in Markdown."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks.faults.evaluate import FOREST, SPLIT, Judged, accepted, all_cases, doctor_cases
from benchmarks.faults.gate import Judgement
from benchmarks.faults.injections import CANNOT_BE_PLANTED, INJECTIONS
from benchmarks.faults.mask import TIERS
from benchmarks.faults.picture import draw
from benchmarks.faults.score import Case, Scores, Share, confusion, scores, wilson, wrongly_fired
from benchmarks.faults.seen import digest

INTRO = """# How well faults are named

Small real trainings with faults planted in them, watched by `ravine.watch()` as any program would be, and healthy ones
that look strange. `make faults` repeats all of it. A fault counts only where it makes the score on unseen rows worse:
paired with the same seeds without it, p < .05 and by half a standard deviation at least; what passes no such gate is a
healthy run.

A first scoring, of the tasks digits-conv, fashion-conv, text-transformer and digits-patches, missed the goals. It was
then used for development, as all that had been made before. The scores shown here are of fresh tasks, with other data
and other architectures, and of fresh fault classes; they were looked at once, after the bounds were frozen.
One of the tables had equal rows in training and in evaluation, which were rightly named on healthy runs too: they were
taken out of the data, and that task alone was looked at again.
"""

HOW = """Tier A has curves alone, B also rates, gradient norms and what the program was told, C also layers, inputs and
what the program does, D also what takes forward passes of the watcher's own. *False alarms*: healthy runs with any
finding, notes among them, with Wilson's interval of 95%; *of patterns*: of those alone in which nothing is planted;
*untrue*: all of them again, where a finding names something else than what is planted and does no harm. *Recall*:
faulty runs with any finding; *knowable*: of faults whose symptom the tier can know. *First*, *first three*: faulty runs
of which the first name, or one of three, is right.
*Set*: precision and recall of all names. *Time*: middle share of the steps after which a right name is there.
*Abstains*: of faults that the tier cannot know and of which nothing is said, those of which it says that it cannot
tell. Names that are right beside the planted one are in `benchmarks/faults/accepted.json`, those of the baselines'
messages in `benchmarks/faults/baselines/map.json`; both were written before any scoring. The records depend a little
on how busy the machine is, since the watcher takes no more than its share of the time.
"""

GOALS = (
    ("false alarms at tier C, of patterns", "C", "patterns", "at most", 0.02),
    ("false alarms at tier A, of patterns", "A", "patterns", "at most", 0.05),
    ("recall at tier D", "D", "recall", "at least", 0.9),
    ("recall at tier A, of what it can know", "A", "knowable", "at least", 0.7),
    ("first name right at tier D", "D", "top1", "at least", 0.8),
)

HEAD = (
    "| detector | false alarms | of patterns | untrue | recall | knowable | first | first three | set precision | "
    "set recall | time | abstains |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|\n"
)


def write(
    judged: list[Judged],
    judgements: dict[tuple[str, str, str, int], Judgement],
    asked: int,
    subset: str,
    page: Path,
    picture: Path,
) -> str:
    """Write the page and its picture, and give the page's text.

    Args:
        judged: All runs, with the truth about them.
        judgements: Those of the gate.
        asked: How many runs there would be.
        subset: Which runs were asked for.
        page: Where it goes.
        picture: Where the confusion matrix goes.
    """
    scoring = [one for one in judged if one.part in ("scoring", "held-out")]
    held_out = [one for one in scoring if one.part == "held-out" or one.run.is_control]
    parts = [INTRO, _state(judged, asked, subset), HOW]
    for title, runs in (
        ("Scoring: tasks that took no part in choosing thresholds", scoring),
        ("Of these, fault classes that took no part either, beside all healthy patterns", held_out),
        ("Development: tasks on which thresholds were chosen", [one for one in judged if one.part == "development"]),
    ):
        if runs:
            parts.append(f"## {title}\n\n{_counted(runs)}\n\n{_table(runs, judged)}")
    if scoring:
        parts.append(_goals(scoring))
    parts += [_by_symptom(judged), _healthy(judged), _gate(judgements)]
    right = {(one.truth, name) for one in judged for name in accepted(one.truth)} | {("healthy", "healthy")}
    draw(confusion(doctor_cases(judged, TIERS[-1])), right, picture)
    shown = picture.name if picture.parent == page.parent else f"../images/{picture.name}"
    parts.append(f"## Confusion\n\nTier D, all runs; right names are framed.\n\n![Planted against named]({shown})\n")
    text = "\n".join(parts)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text)
    return text


def _state(judged: Sequence[Judged], asked: int, subset: str) -> str:
    frozen = SPLIT["frozen"]
    if frozen == digest():
        said = f"Thresholds were frozen before scoring, as `{frozen}`."
    else:
        said = (
            f"**Thresholds were not frozen before these runs** (doctor and baselines are `{digest()}`): "
            "read the scores as those of development."
        )
    whole = "" if len(judged) >= asked else f" **{asked - len(judged)} runs of {asked} are not in it.**"
    return f"Runs of the subset `{subset}`: {len(judged)}.{whole} {said}\n"


def _counted(runs: Sequence[Judged]) -> str:
    faulty = sum(bool(one.truth) for one in runs)
    return f"{len(runs) - faulty} healthy runs, {faulty} faulty ones."


def _table(runs: list[Judged], every: list[Judged]) -> str:
    lines = [
        _row(name if name != FOREST else f"{FOREST}, trained on the development part", scores(cases, tier))
        for name, (tier, cases) in all_cases(runs, every).items()
    ]
    return HEAD + "".join(lines)


def _row(name: str, found: Scores) -> str:
    alarms = " | ".join(map(_with_interval, (found.alarms, found.patterns, found.untrue)))
    shares = (found.recall, found.knowable, found.top1, found.top3, found.set_precision, found.set_recall)
    time = f"{found.time:.2f}" if math.isfinite(found.time) else "–"
    return f"| {name} | {alarms} | {' | '.join(map(_percent, shares))} | {time} | {_percent(found.abstains)} |\n"


def _with_interval(share: Share) -> str:
    low, high = share.interval
    return f"{_percent(share)} ({100 * low:.0f}–{100 * high:.0f})"


def _percent(share: Share) -> str:
    return f"{100 * share.value:.0f}%" if share.of else "–"


def _goals(runs: list[Judged]) -> str:
    lines = []
    for words, tier, name, side, goal in GOALS:
        share = getattr(scores(doctor_cases(runs, tier), tier), name)
        met = share.value <= goal if side == "at most" else share.value >= goal
        verdict = "met" if met else "**missed**"
        lines.append(f"| {words} | {side} {100 * goal:.0f}% | {_with_interval(share)} | {verdict} |\n")
    return "## Goals\n\nOn the scoring tasks.\n\n| | goal | measured | |\n|---|---|---|---|\n" + "".join(lines)


def _by_symptom(judged: list[Judged]) -> str:
    cases: dict[tuple[str, str], dict[str, list[Case]]] = defaultdict(dict)
    for tier in TIERS:
        for one, case in zip(judged, doctor_cases(judged, tier), strict=True):
            if one.truth:
                cases[one.truth, one.strength].setdefault(tier, []).append(case)
    lines = [
        f"| {truth} | {strength} | {len(found['D'])} | "
        + " | ".join(f"{_percent(scores(found[tier], tier).top1)}" for tier in TIERS)
        + f" | {_percent(scores(found['D'], 'D').recall)} |\n"
        for (truth, strength), found in sorted(cases.items())
    ]
    head = "| planted | strength | runs | first, A | B | C | D | any finding, D |\n|---|---|---|---|---|---|---|---|\n"
    missing = "".join(f"\n- {name}: {why}" for name, why in CANNOT_BE_PLANTED.items())
    return f"## By symptom\n\nAll runs.\n\n{head}{''.join(lines)}\nNot planted:\n{missing}\n"


def _healthy(judged: list[Judged]) -> str:
    healthy = [one for one in judged if not one.truth]
    cases = {tier: doctor_cases(healthy, tier) for tier in TIERS}
    groups: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(healthy):
        groups[one.run.name if one.run.is_control else f"planted, harmless: {one.run.name}"].append(place)
    lines = []
    for name, places in groups.items():
        counts = [sum(bool(cases[tier][place].found) for place in places) for tier in TIERS]
        said = wrongly_fired(cases["D"][place] for place in places)
        words = ", ".join(f"{symptom} {count}" for symptom, count in said.most_common())
        lines.append(f"| {name} | {len(places)} | {' | '.join(map(str, counts))} | {words} |\n")
    pure = [case for one, case in zip(healthy, cases["D"], strict=True) if one.run.is_control]
    alarms = sum(bool(case.found) for case in pure)
    low, high = wilson(alarms, len(pure))
    true = sum(case.harmless in case.found for case in cases["D"] if case.harmless)
    harmless = sum(bool(case.harmless) for case in cases["D"])
    return (
        "## Healthy runs\n\n"
        f"Of {len(pure)} healthy patterns, {alarms} have a finding at tier D ({100 * low:.0f}–{100 * high:.0f}%). "
        f"Of {harmless} runs in which what is planted does no harm, {true} are told what is planted: counted above as "
        "false alarms, though what is said is so.\n\n"
        "| pattern | runs | alarms, A | B | C | D | named, D |\n|---|---|---|---|---|---|---|\n" + "".join(lines)
    )


def _gate(judgements: dict[tuple[str, str, str, int], Judgement]) -> str:
    lines = []
    for name, injection in INJECTIONS.items():
        for level, strength in enumerate(injection.levels):
            found = [one for key, one in judgements.items() if key[2:] == (name, level)]
            if found:
                lines.append(f"| {name} | {strength:g} | {sum(one.passes for one in found)} of {len(found)} |\n")
    return (
        "## The gate\n\nIn how many pairs of task and optimizer each strength is a fault.\n\n"
        "| planted | strength | passes |\n|---|---|---|\n" + "".join(lines)
    )
