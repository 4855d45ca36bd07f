"""From runs that were done to cases: the gate first, then what each detector says of each."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.faults.baselines import LOOKS, forest
from benchmarks.faults.gate import Judgement, judge, strengths
from benchmarks.faults.injections import INJECTIONS
from benchmarks.faults.mask import TIERS
from benchmarks.faults.plan import Run
from benchmarks.faults.score import Case, first_right
from benchmarks.faults.tasks import TASKS, worst

HERE = Path(__file__).parent
SPLIT: dict[str, Any] = json.loads((HERE / "split.json").read_text())
ACCEPTED: dict[str, list[str]] = json.loads((HERE / "accepted.json").read_text())
FIXED: dict[str, dict[str, Any]] = json.loads((HERE / "fixes.json").read_text())
FOREST = "random forest"
CLEAN = "clean"


@dataclass(frozen=True)
class Judged:
    """One run with the truth about it.

    Attributes:
        run: Which.
        said: What every detector says of it.
        truth: The fault; "" where it is healthy.
        strength: "mild", "medium" or "gross"; "harmless" where the gate was not passed; "" for a control.
    """

    run: Run
    said: dict[str, Any]
    truth: str
    strength: str

    @property
    def planted(self) -> str:
        """What is planted, whether it does harm or not."""
        return "" if self.run.is_control else INJECTIONS[self.run.name].symptom

    @property
    def part(self) -> str:
        """Of the split: "development", "scoring", or "held-out" where the fault took no part either."""
        if self.run.task in SPLIT["development"]["tasks"]:
            return "development"
        return "held-out" if self.truth and INJECTIONS[self.run.name].fresh else "scoring"


def gated(said: dict[Run, dict[str, Any]]) -> tuple[list[Judged], dict[tuple[str, str, str, int], Judgement]]:
    """Pass every injection through the gate, task by task and optimizer by optimizer.

    Args:
        said: What is said of each run that was done.

    Returns: All runs that could be judged, and the judgements by task, optimizer, injection and level. An injection
        with fewer than two pairs of runs is left out.
    """
    clean = {(run.task, run.optimizer, run.seed): one["score"] for run, one in said.items() if run.name == CLEAN}
    groups: dict[tuple[str, str, str], dict[int, list[Run]]] = defaultdict(lambda: defaultdict(list))
    judged = []
    for run, one in said.items():
        if run.is_control:
            judged.append(Judged(run, one, "", ""))
        elif math.isfinite(clean.get((run.task, run.optimizer, run.seed), math.nan)):
            groups[run.task, run.optimizer, run.name][run.level].append(run)
    judgements = {}
    for (task, optimizer, name), levels in groups.items():
        there = {level: runs for level, runs in sorted(levels.items()) if len(runs) > 1}
        for level, runs in there.items():
            pairs = [(clean[task, optimizer, run.seed], said[run]["score"]) for run in runs]
            before, after = zip(*pairs, strict=True)
            judgements[task, optimizer, name, level] = judge(before, after, worst(TASKS[task].kind))
        called = strengths([judgements[task, optimizer, name, level].passes for level in there])
        for runs, strength in zip(there.values(), called, strict=True):
            truth = INJECTIONS[name].symptom if strength != "harmless" else ""
            judged += [Judged(run, said[run], truth, strength) for run in runs]
    return judged, judgements


def accepted(truth: str) -> frozenset[str]:
    """All names that are right for a fault: its own, those reasoned, and those whose advice was tried and helped."""
    tried = [name for name, found in FIXED.get(truth, {}).items() if found["verified"]]
    return frozenset([truth, *ACCEPTED.get(truth, ()), *tried]) if truth else frozenset()


def doctor_cases(runs: Iterable[Judged], tier: str) -> list[Case]:
    """What the doctor says with what a tier knows."""
    cases = []
    for one in runs:
        told, right = one.said["tiers"][tier], accepted(one.truth)
        first = first_right(one.said["early"], right) if tier == TIERS[-1] else math.nan
        abstained = frozenset(told["abstained"])
        cases.append(Case(one.truth, right, tuple(told["found"]), abstained, first, *_harmless(one)))
    return cases


def baseline_cases(runs: Iterable[Judged], name: str) -> list[Case]:
    """What a baseline says."""
    return [
        Case(one.truth, accepted(one.truth), tuple(one.said["baselines"][name]), frozenset(), math.nan, *_harmless(one))
        for one in runs
    ]


def forest_cases(runs: list[Judged], every: list[Judged]) -> list[Case]:
    """What a forest says that has seen the development split.

    No cases where it would be asked for what it was trained on, or was trained on fewer than two classes.
    """
    seen = [one for one in every if one.part == "development"]
    truths = [one.truth or forest.HEALTHY for one in seen]
    if len(set(truths)) < 2 or any(one.part == "development" for one in runs):
        return []
    trained = forest.trained([one.said["features"] for one in seen], truths)
    return [
        Case(
            one.truth,
            accepted(one.truth),
            tuple(forest.named(trained, one.said["features"])),
            frozenset(),
            math.nan,
            *_harmless(one),
        )
        for one in runs
    ]


def all_cases(runs: list[Judged], every: list[Judged]) -> dict[str, tuple[str, list[Case]]]:
    """Detector → the tier by which it is judged, and its cases; without detectors that have none."""
    found = {f"Ravine, tier {tier}": (tier, doctor_cases(runs, tier)) for tier in TIERS}
    found |= {f"{name} (our re-implementation)" if " " not in name or name[0].isupper() else name:
              ("D", baseline_cases(runs, name)) for name in LOOKS}  # fmt: skip
    found[FOREST] = ("D", forest_cases(runs, every))
    return {name: (tier, cases) for name, (tier, cases) in found.items() if cases}


def _harmless(one: Judged) -> tuple[str, frozenset[str]]:
    """What is planted and does no harm, and all that is true of it."""
    planted = one.planted if one.strength == "harmless" else ""
    return planted, accepted(planted)
