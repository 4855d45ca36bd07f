"""The fresh tasks and faults: everything can be built, takes steps, and is what it is called."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from benchmarks.faults import fresh_plants
from benchmarks.faults.injections import FRESH, INJECTIONS
from benchmarks.faults.tasks import TASKS, Job, run
from torch import Tensor, nn

FAULTS = [(name, task) for name, one in INJECTIONS.items() if one.fresh for task in one.tasks]


@pytest.fixture
def shortened() -> Callable[[Job, int], Job]:
    """Lets a job take `steps` steps of 16 rows and evaluate a few rows."""

    def shorten(job: Job, steps: int) -> Job:
        job.epochs, job.batch_size = 1, 16
        for part, rows in ((job.parts.train, 16 * steps), (job.parts.val, 32), (job.parts.test, 32)):
            part.x, part.y = part.x[:rows], part.y[:rows]
        return job

    return shorten


@pytest.mark.parametrize("task", FRESH)
def test_rows_are_disjoint_and_standardized(task):
    parts = TASKS[task].job("adam", 0).parts
    assert len(parts.train.x) >= 1000
    assert len(parts.test.x) >= 500
    if TASKS[task].kind != "text":
        assert abs(float(parts.train.x.mean())) < 0.2
        assert 0.7 < float(parts.train.x.std()) < 1.3
    again = TASKS[task].job("sgd", 0).parts
    torch.testing.assert_close(again.train.x, parts.train.x)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("task", FRESH)
def test_two_steps_change_every_matrix(task, optimizer, shortened):
    job = shortened(TASKS[task].job(optimizer, 0), 2)
    torch.manual_seed(0)
    model = job.build()
    before = [p.detach().clone() for p in model.parameters()]
    run(job, model)
    for was, parameter in zip(before, model.parameters(), strict=True):
        assert parameter.isfinite().all()
        assert parameter.dim() == 1 or not torch.equal(was, parameter)  # a norm may take a bias away again


@pytest.mark.parametrize(("name", "task"), FAULTS)
def test_each_fresh_fault_takes_steps_where_it_is_planted(name, task, shortened):
    injection = INJECTIONS[name]
    job = shortened(TASKS[task].job(injection.optimizers[-1], 0), 2)
    injection.plant(job, injection.levels[-1])
    torch.manual_seed(0)
    model = job.build()
    run(job, model)
    assert job.batches == 2


def test_text_is_scored_and_lost_along_its_classes(shortened):
    job = shortened(TASKS["text-lstm"].job("sgd", 0), 1)
    outputs = job.build()(job.parts.train.x)
    expected = nn.functional.cross_entropy(outputs.movedim(2, 1), job.parts.train.y)
    torch.testing.assert_close(job.loss(outputs, job.parts.train.y), expected)


def _job(**rows: Tensor) -> Job:
    job = TASKS["diamonds-silu"].job("sgd", 0)
    for part in (job.parts.train, job.parts.val, job.parts.test):
        for name, value in rows.items():
            setattr(part, name, value.clone())
    return job


def test_targets_one_row_off_are_those_of_the_row_before():
    job = _job(y=torch.arange(10))
    fresh_plants.one_row_off(job, 0.6)
    assert job.parts.train.y.tolist() == [0, 1, 2, 3, 9, 4, 5, 6, 7, 8]
    assert job.parts.test.y.tolist() == list(range(10))


def test_a_share_of_the_labels_is_the_next_class():
    job = _job(y=torch.arange(4000) % 5)
    fresh_plants.neighbour_labels(job, 0.25)
    moved = (job.parts.train.y - torch.arange(4000) % 5) % 5
    assert set(moved.tolist()) == {0, 1}
    assert 0.2 < float(moved.float().mean()) < 0.3


def test_an_erased_piece_is_in_one_piece_round_the_end():
    job = _job()
    fresh_plants.erased(job, 0.5)
    assert job.augment is not None
    kept = job.augment(torch.ones(50, 1, 4, 5)).reshape(50, 20)
    assert (kept == 0).sum(1).tolist() == [10] * 50
    edges = (kept != kept.roll(1, 1)).sum(1)
    assert edges.tolist() == [2] * 50


def test_a_small_buffer_has_every_row_once_and_near_its_place():
    order = list(fresh_plants.SmallBuffer(200, 10))
    assert sorted(order) == list(range(200))
    assert all(row <= place + 9 for place, row in enumerate(order))
    assert order != sorted(order)


def test_gradients_are_cleared_once_an_epoch(shortened):
    job = shortened(TASKS["diamonds-silu"].job("sgd", 0), 4)
    fresh_plants.cleared_seldom(job, 1.0)
    model, cleared = job.build(), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    zero_grad = optimizer.zero_grad
    optimizer.zero_grad = lambda: (cleared.append(job.batches), zero_grad())  # type: ignore[method-assign]
    for _ in range(8):
        job.batches += 1
        job.update(job, model, optimizer, job.parts.train.x[:16], job.parts.train.y[:16])
    assert cleared == [1, 5]


def test_the_new_head_is_not_what_the_optimizer_has(shortened):
    job = shortened(TASKS["fashion-mixer"].job("sgd", 0), 1)
    fresh_plants.old_head(job, 1.0)
    model = job.build()
    given = list(job.learnable(model))
    missing = [name for name, p in model.named_parameters() if not any(p is one for one in given)]
    assert missing == ["head.weight", "head.bias"]


def test_dropout_stands_in_front_of_all_linear_layers_but_the_first():
    job = TASKS["diamonds-silu"].job("sgd", 0)
    fresh_plants.dropped(job, 0.8)
    layers = list(job.build().modules())
    assert [one.p for one in layers if isinstance(one, nn.Dropout)] == [0.8, 0.8]


def test_the_rate_fades_at_the_end_of_each_epoch():
    job = TASKS["diamonds-silu"].job("sgd", 0)
    fresh_plants.fading(job, 0.5)
    assert job.schedule is not None
    steps = [job.schedule(step / (30 * job.epochs)) for step in (0, 29, 30, 59, 60)]
    assert steps == [1.0, 1.0, 0.5, 0.5, 0.25]
