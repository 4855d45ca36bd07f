"""The lists agree with each other and with the catalogue of symptoms."""

from __future__ import annotations

import pytest
from benchmarks.faults.baselines import LOOKS, MAP
from benchmarks.faults.controls import CONTROLS
from benchmarks.faults.evaluate import ACCEPTED, SPLIT, Judged, gated
from benchmarks.faults.injections import CANNOT_BE_PLANTED, FRESH, INJECTIONS
from benchmarks.faults.plan import SUBSETS, Run
from benchmarks.faults.tasks import TASKS, Job, step

from ravine.diagnose.symptoms import SYMPTOMS

PLANTED = {one.symptom for one in INJECTIONS.values()}


def test_every_symptom_is_planted_or_it_is_said_why_not():
    assert PLANTED | set(CANNOT_BE_PLANTED) == set(SYMPTOMS)
    assert not PLANTED & set(CANNOT_BE_PLANTED)


def test_accepted_names_are_symptoms_of_what_is_planted():
    listed = {name: others for name, others in ACCEPTED.items() if name != "why"}
    assert set(listed) == PLANTED
    assert {other for others in listed.values() for other in others} <= set(SYMPTOMS)


def test_the_split_has_every_task_once_and_every_fresh_fault():
    development, scoring = SPLIT["development"], SPLIT["scoring"]
    assert sorted(development["tasks"] + scoring["tasks"]) == sorted(TASKS)
    assert sorted(scoring["tasks"]) == sorted(FRESH)
    assert scoring["held_out"] == [one.name for one in INJECTIONS.values() if one.fresh]


@pytest.mark.parametrize("kind", ["data", "architecture"])
def test_data_and_architectures_of_the_scoring_took_no_part(kind):
    kinds = {part: {getattr(TASKS[name], kind) for name in SPLIT[part]["tasks"]} for part in ("development", "scoring")}
    assert not kinds["development"] & kinds["scoring"]


def test_fresh_faults_are_planted_in_fresh_tasks_alone():
    for injection in INJECTIONS.values():
        assert not injection.fresh or set(injection.tasks) <= set(FRESH)


def test_runs_are_of_the_part_that_their_task_and_fault_are_of():
    def part(task: str, name: str, truth: str) -> str:
        return Judged(Run(task, "sgd", 0, name, -1 if name == "clean" else 0), {}, truth, "").part

    assert part("digits-conv", "rate too high", "diverges") == "development"
    assert part("digits-conv", "clean", "") == "development"
    assert part("text-lstm", "rate too high", "diverges") == "scoring"
    assert part("text-lstm", "clean", "") == "scoring"
    assert part("text-lstm", "momentum far too high", "bounces") == "held-out"
    assert part("text-lstm", "momentum far too high", "") == "scoring"  # it does no harm there


def test_messages_of_baselines_are_mapped_to_symptoms():
    assert set(MAP) == set(LOOKS)
    assert {name for messages in MAP.values() for name in messages.values()} <= set(SYMPTOMS) | {"unnamed"}


@pytest.mark.parametrize("subset", SUBSETS)
def test_no_run_is_there_twice(subset):
    runs = list(SUBSETS[subset]())
    assert len({run.key for run in runs}) == len(runs)


def test_the_full_set_has_300_healthy_runs_of_every_pattern():
    controls = [run for run in SUBSETS["full"]() if run.is_control]
    assert len(controls) >= 300
    assert len([run for run in controls if run.task in FRESH]) >= 350
    assert {run.name for run in controls} == set(CONTROLS)
    assert {run.name for run in SUBSETS["full"]() if not run.is_control} == set(INJECTIONS)


def _state(job: Job) -> list[object]:
    """What a plant may exchange for something else."""
    rows = (job.parts.train, job.parts.val, job.parts.test)
    fields = {name: value for name, value in vars(job).items() if name not in ("parts", "prepare")}
    return [*fields.values(), *(part.x for part in rows), *(part.y for part in rows), len(job.prepare)]


@pytest.mark.parametrize("task", TASKS)
def test_every_fault_can_be_planted_where_it_says(task):
    for injection in INJECTIONS.values():
        if task in injection.tasks:
            for level in injection.levels:
                job = TASKS[task].job("sgd", 0)
                before = _state(job)
                injection.plant(job, level)
                after = _state(job)
                assert any(one is not other for one, other in zip(before, after, strict=True)), injection.name


def test_scoring_has_two_tasks_of_each_fault_and_all_that_fit_of_the_fresh_ones():
    runs = [run for run in SUBSETS["full"]() if run.task in FRESH and not run.is_control]
    for name, injection in INJECTIONS.items():
        there = {run.task for run in runs if run.name == name}
        fitting = set(injection.tasks) & set(FRESH)
        assert there <= fitting
        assert len(there) == (len(fitting) if injection.fresh else min(2, len(fitting)))
        assert {run.optimizer for run in runs if run.name == name} <= set(injection.optimizers)
    assert 1500 <= len([run for run in SUBSETS["full"]() if run.task in FRESH]) <= 2600


def test_a_fault_for_one_optimizer_is_planted_with_no_other():
    for subset in SUBSETS.values():
        for run in subset():
            assert run.is_control or run.optimizer in INJECTIONS[run.name].optimizers


def test_an_ordinary_step_is_that_of_torch():
    import torch

    job = TASKS["digits-mlp"].job("sgd", 0)
    torch.manual_seed(0)
    model = job.build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = job.parts.train.x[:20], job.parts.train.y[:20]
    before = [p.detach().clone() for p in model.parameters()]
    gradients = torch.autograd.grad(job.loss(model(x), y), list(model.parameters()))
    job.batches = 1
    step(job, model, optimizer, x, y)
    for was, gradient, now in zip(before, gradients, model.parameters(), strict=True):
        torch.testing.assert_close(now.detach(), was - 0.1 * gradient)


def test_what_does_no_harm_is_healthy():
    def said(score: float) -> dict[str, object]:
        return {"score": score, "tiers": {}}

    runs = {}
    for seed, score in enumerate((0.9, 0.91, 0.92, 0.93, 0.94)):
        runs[Run("digits-mlp", "sgd", seed, "clean")] = said(score)
        for level, lost in enumerate((0.0, 0.1, 0.4)):
            runs[Run("digits-mlp", "sgd", seed, "rate too high", level)] = said(score - lost - 0.001 * seed)
    judged, judgements = gated(runs)
    called = {one.run.level: (one.truth, one.strength) for one in judged}
    assert called == {-1: ("", ""), 0: ("", "harmless"), 1: ("diverges", "mild"), 2: ("diverges", "gross")}
    assert len(judgements) == 3
