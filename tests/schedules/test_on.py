"""Schedules at work on optimizers: the same rates and momenta as torch's, from any step, for every group."""

from __future__ import annotations

import copy
import json
import warnings

import pytest
import torch
from torch.optim import lr_scheduler as torch_lr

from ravine import optim
from ravine.core.errors import BadValue
from ravine.core.time import Clockwork
from ravine.schedules import (
    CATALOGUE,
    Constant,
    Cosine,
    Cyclic,
    Guided,
    Linear,
    OneCycle,
    Plateau,
    Step,
    Warmup,
    join,
    parse,
)

STEPS = 10_000

MAKERS = {
    "torch sgd": lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9),
    "torch adam": lambda groups: torch.optim.Adam(groups, lr=0.1, betas=(0.9, 0.99)),
    "ravine momentum": lambda groups: optim.SGD(groups, lr=0.1, momentum=0.9),
    "ravine adamw": lambda groups: optim.AdamW(groups, lr=0.1, betas=(0.9, 0.99)),
}


def groups_of():
    parameters = [torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(2))]
    return [{"params": [parameters[0]]}, {"params": [parameters[1]], "lr": 0.02}]


def momentum(group):
    return group["betas"][0] if "betas" in group else group["momentum"]


def taken(scheduler, steps):
    """Rates and momenta of both groups at each step."""
    found = []
    optimizer = scheduler.optimizer
    for _ in range(steps):
        found.append([(group["lr"], momentum(group)) for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return torch.tensor(found, dtype=torch.float64)


PAIRS = {
    **{
        f"cyclic {shape}": (
            Cyclic(31, low=0.2, shape=shape, decay=0.999, momentum=(0.8, 0.95)),
            lambda o, shape=shape: torch_lr.CyclicLR(
                o, [0.02, 0.004], [0.1, 0.02], 31, mode=shape, gamma=0.999, base_momentum=0.8, max_momentum=0.95
            ),
        )
        for shape in ("triangular", "triangular2", "exp_range")
    },
    "one-cycle": (
        OneCycle(STEPS + 1, momentum=(0.85, 0.95)),
        lambda o: torch_lr.OneCycleLR(o, [0.1, 0.02], total_steps=STEPS + 1),
    ),
    "one-cycle in three phases": (
        OneCycle(STEPS + 1, shape="linear", phases=3, momentum=(0.7, 0.9)),
        lambda o: torch_lr.OneCycleLR(
            o, [0.1, 0.02], total_steps=STEPS + 1, three_phase=True, anneal_strategy="linear",
            base_momentum=0.7, max_momentum=0.9,
        ),
    ),
    "cosine": (Cosine(STEPS), lambda o: torch_lr.CosineAnnealingLR(o, STEPS)),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "maker"), [*((name, "torch adam") for name in PAIRS), ("cyclic triangular", "torch sgd")]
)
def test_rates_and_momenta_are_torch_s(name, maker):
    ours, theirs = PAIRS[name]
    mine = taken(ours.on(MAKERS[maker](groups_of())), STEPS)
    twin = taken(theirs(MAKERS[maker](groups_of())), STEPS)
    torch.testing.assert_close(mine, twin, rtol=1e-9, atol=1e-10)


ANY = [*(CATALOGUE[name].example for name in CATALOGUE), "warmup(5%) > cyclic(10%, momentum=[0.8, 0.95])"]


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("text", ANY)
def test_goes_on_from_any_step_bit_by_bit(text, maker):
    schedule = parse(text)
    whole = taken(schedule.on(MAKERS[maker](groups_of()), 60), 60)
    for done in (0, 1, 17, 42, 59):
        first = MAKERS[maker](groups_of())
        scheduler = schedule.on(first, 60)
        taken(scheduler, done)
        saved = json.loads(json.dumps(scheduler.state_dict()))  # numbers alone
        second = MAKERS[maker](groups_of())
        again = schedule.on(second, Clockwork(total_steps=60))
        again.load_state_dict(saved)
        assert again.get_last_lr() == scheduler.get_last_lr()
        assert torch.equal(taken(again, 60 - done), whole[done:])
        third = schedule.on(MAKERS[maker](groups_of()), 60, done=done)
        assert torch.equal(taken(third, 60 - done), whole[done:])


def test_the_optimizer_may_be_loaded_before_or_after():
    def course():
        optimizer = MAKERS["ravine adamw"](groups_of())
        return optimizer, Cosine(50).on(optimizer)

    optimizer, scheduler = course()
    whole = taken(scheduler, 20)
    states = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    rest = taken(scheduler, 20)
    for order in ((0, 1), (1, 0)):
        parts = course()
        for place in order:
            parts[place].load_state_dict(states[place])
        assert torch.equal(taken(parts[1], 20), rest)
    assert len(whole) == 20


def test_momentum_returns_to_its_own_where_a_schedule_leaves_it_alone():
    optimizer = MAKERS["torch adam"](groups_of())
    found = taken(join(Cyclic(5, momentum=(0.7, 0.8)), Linear(10), at=[10]).on(optimizer), 20)[:, 0, 1]
    assert found[:10].min() == pytest.approx(0.7)
    assert found[10:].unique().tolist() == [0.9]


def test_a_group_added_later_starts_from_its_own_rate():
    optimizer = torch.optim.SGD(groups_of()[:1], lr=0.1, momentum=0.9)
    scheduler = Step(every=2, factor=0.5).on(optimizer)
    taken(scheduler, 2)
    optimizer.add_param_group({"params": [torch.zeros(1, requires_grad=True)], "lr": 1.0})
    optimizer.step()
    scheduler.step()
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.5]


def test_a_rate_that_is_a_tensor_stays_one():
    rate = torch.tensor(0.1)
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=rate)
    scheduler = Cosine(10).on(optimizer)
    for _ in range(5):
        optimizer.step()
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate
    assert float(rate) == pytest.approx(0.05)


def test_is_what_torch_expects_of_a_scheduler():
    optimizer = MAKERS["torch sgd"](groups_of())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SequentialLR's own use of a deprecated argument
        both = torch_lr.SequentialLR(optimizer, [Warmup(5).on(optimizer), Constant().on(optimizer)], milestones=[5])
        rates = []
        for _ in range(8):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            both.step()
    assert isinstance(Cosine(3).on(optimizer), torch_lr.LRScheduler)
    assert rates[5:] == [0.1, 0.1, 0.1]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda o: Cosine().on(o), "cosine: total is as long as the run and no number of steps yet"),
        (lambda o: Cosine(2000).on(o, 1000), "not be longer than the run of 1,000 steps"),
        (lambda o: Cosine(10).on(o, done=-1), "scheduler: done must be a whole number of at least 0; got -1."),
        (
            lambda o: Cyclic(10, momentum=(0.8, 0.9)).on(torch.optim.Adagrad(o.param_groups[0]["params"])),
            "a group of Adagrad has neither momentum nor betas",
        ),
        (
            lambda o: Cosine(10).on(o).load_state_dict({"last_epoch": 0, "base_lrs": [1.0], "base_momenta": [None]}),
            "the state is for 1 parameter groups; this optimizer has 2.",
        ),
    ],
)
def test_what_cannot_be_driven_is_refused_and_left_alone(call, words):
    optimizer = MAKERS["torch sgd"](groups_of())
    with pytest.raises(BadValue) as refusal:
        call(optimizer)
    assert words in str(refusal.value)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.02]


def test_a_plateau_drives_an_optimizer_and_is_resumed_bit_by_bit():
    losses = [3.0, 2.0, 2.0, 2.0, 1.9, 1.9, 1.9, 1.9, 1.9, float("nan"), 1.8, 1.8, 1.8, 1.8]
    plateau = Plateau(patience=1, factor=0.5, cooldown=1)

    def rates(scheduler, values):
        found = []
        for value in values:
            scheduler.optimizer.step()
            scheduler.step(value)
            found.append([group["lr"] for group in scheduler.optimizer.param_groups])
        return found

    whole = rates(plateau.on(MAKERS["ravine adamw"](groups_of())), losses)
    assert whole[-1][0] < 0.1
    assert [a / b for a, b in whole] == pytest.approx([5.0] * len(whole))
    for done in range(len(losses)):
        first = plateau.on(MAKERS["ravine adamw"](groups_of()))
        rates(first, losses[:done])
        again = plateau.on(MAKERS["ravine adamw"](groups_of()))
        again.load_state_dict(json.loads(json.dumps(first.state_dict())))
        assert rates(again, losses[done:]) == whole[done:]


def test_feedback_lowers_what_time_allows_and_is_resumed_bit_by_bit():
    """Expected: the schedule's factor times that of the plateau, told only what came after the warmup."""
    guided = parse("warmup(6) > plateau(patience=1, factor=0.5)")
    assert isinstance(guided, Guided)
    losses = [3.0, 3.0, 3.0, 2.0, 2.0, 2.0, 1.9, 1.9, 1.9, 1.9]

    def rates(scheduler, values):
        found = []
        for value in values:
            for _ in range(2):
                scheduler.optimizer.step()
                scheduler.step()
            scheduler.see(value)
            found.append([group["lr"] for group in scheduler.optimizer.param_groups])
        return found

    whole = rates(guided.on(MAKERS["torch adam"](groups_of())), losses)
    state, expected = None, []
    for place, loss in enumerate(losses, 1):
        factor = 1.0
        if 2 * place >= 6:
            factor, state = guided.feedback(loss, state)
        expected.append(0.1 * factor * guided.schedule(2.0 * place))
    assert [rate for rate, _ in whole] == pytest.approx(expected)
    assert whole[-1][0] < whole[3][0] == pytest.approx(0.1)
    for done in range(len(losses)):
        first = guided.on(MAKERS["torch adam"](groups_of()))
        rates(first, losses[:done])
        again = guided.on(MAKERS["torch adam"](groups_of()))
        again.load_state_dict(json.loads(json.dumps(first.state_dict())))
        assert rates(again, losses[done:]) == whole[done:]
