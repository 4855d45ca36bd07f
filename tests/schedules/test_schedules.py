"""Every schedule against torch's of the same kind, its closed form, and the laws of all."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler as torch_lr

from ravine.core.errors import BadValue
from ravine.schedules import (
    CATALOGUE,
    Constant,
    Cosine,
    CosineRestarts,
    Cyclic,
    Exponential,
    InverseTime,
    Linear,
    MultiStep,
    OneCycle,
    Polynomial,
    Schedule,
    Step,
    Warmup,
    WarmupStableDecay,
    build,
    join,
    name_of,
)

STEPS = 2000

EXAMPLES = {
    "constant": Constant(0.5),
    "linear": Linear(700),
    "cosine": Cosine(700, floor=0.1),
    "one-cycle": OneCycle(700),
    "step": Step(every=70, factor=0.5),
    "multi-step": MultiStep(at=[10, 500]),
    "exponential": Exponential(0.01),
    "inverse-time": InverseTime(0.1, offset=2),
    "polynomial": Polynomial(700, power=2),
    "cosine-restarts": CosineRestarts(50, growth=1.5, floor=0.1),
    "cyclic": Cyclic(half_cycle=30, low=0.1, shape="triangular2"),
    "warmup": Warmup(40, start=0.1, shape="exponential"),
    "warmup-stable-decay": WarmupStableDecay(10, 100, 50),
}


def of_torch(make, steps=STEPS, lr=1.0):
    """The factors that a torch scheduler gives."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    with warnings.catch_warnings():
        # SequentialLR still passes the epoch number that torch itself calls deprecated.
        warnings.simplefilter("ignore")
        scheduler = make(optimizer)
        factors = []
        for _ in range(steps):
            factors.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    return factors


PAIRS = {
    "constant": (Constant(0.5), lambda o: torch_lr.ConstantLR(o, factor=0.5, total_iters=STEPS + 1)),
    "linear": (Linear(700, start=0.8, end=0.1), lambda o: torch_lr.LinearLR(o, 0.8, 0.1, total_iters=700)),
    "cosine": (Cosine(STEPS, floor=0.03), lambda o: torch_lr.CosineAnnealingLR(o, STEPS, eta_min=0.03)),
    "one-cycle": (OneCycle(STEPS + 1), lambda o: torch_lr.OneCycleLR(o, 1.0, total_steps=STEPS + 1)),
    "one-cycle linear": (
        OneCycle(STEPS + 1, rise=0.4, shape="linear"),
        lambda o: torch_lr.OneCycleLR(o, 1.0, total_steps=STEPS + 1, pct_start=0.4, anneal_strategy="linear"),
    ),
    "step": (Step(every=300, factor=0.3), lambda o: torch_lr.StepLR(o, 300, gamma=0.3)),
    "multi-step": (
        MultiStep(at=[5, 300, 301], factor=0.3),
        lambda o: torch_lr.MultiStepLR(o, [5, 300, 301], gamma=0.3),
    ),
    "exponential": (Exponential(-math.log(0.99)), lambda o: torch_lr.ExponentialLR(o, gamma=0.99)),
    "inverse-time": (InverseTime(0.3), lambda o: torch_lr.LambdaLR(o, lambda t: 1 / (1 + 0.3 * t))),
    "polynomial": (Polynomial(900, power=1.7), lambda o: torch_lr.PolynomialLR(o, total_iters=900, power=1.7)),
    "cosine-restarts": (
        CosineRestarts(37, growth=2, floor=0.1),
        lambda o: torch_lr.CosineAnnealingWarmRestarts(o, 37, T_mult=2, eta_min=0.1),
    ),
    "cosine-restarts even": (
        CosineRestarts(37),
        lambda o: torch_lr.CosineAnnealingWarmRestarts(o, 37),
    ),
    "warmup": (Warmup(50, start=0.2), lambda o: torch_lr.LinearLR(o, 0.2, 1.0, total_iters=50)),
    "warmup constant": (Warmup(50, start=0.2, shape="constant"), lambda o: torch_lr.ConstantLR(o, 0.2, total_iters=50)),
    **{
        f"cyclic {shape}": (
            Cyclic(half_cycle=31, low=0.2, shape=shape, decay=0.999),
            lambda o, shape=shape: torch_lr.CyclicLR(
                o, 0.2, 1.0, step_size_up=31, mode=shape, gamma=0.999, cycle_momentum=False
            ),
        )
        for shape in ("triangular", "triangular2", "exp_range")
    },
    "join": (
        join(Warmup(100, start=0.1), Cosine(1900), at=[100]),
        lambda o: torch_lr.SequentialLR(
            o, [torch_lr.LinearLR(o, 0.1, 1.0, total_iters=100), torch_lr.CosineAnnealingLR(o, 1900)], milestones=[100]
        ),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_gives_the_same_numbers_as_torch(name):
    ours, theirs = PAIRS[name]
    assert [ours(t) for t in range(STEPS)] == pytest.approx(of_torch(theirs), rel=1e-9, abs=1e-10)


def test_every_schedule_of_the_catalogue_is_tried():
    assert set(EXAMPLES) == set(CATALOGUE)
    assert {name_of(schedule) for schedule in EXAMPLES.values()} == set(CATALOGUE)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_schedule_is_a_frozen_function_of_time(name):
    schedule = EXAMPLES[name]
    assert isinstance(schedule, Schedule)
    for again in (copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))):
        assert again == schedule
        assert [again(t) for t in range(0, 3000, 7)] == [schedule(t) for t in range(0, 3000, 7)]
    assert all(isinstance(schedule(t), float) and 0 <= schedule(t) <= 1 for t in range(3000))
    first = dataclasses.fields(schedule)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(schedule, first, 3)


def test_both_readings_of_inverse_time():
    assert [InverseTime(0.2)(t) for t in range(STEPS)] == pytest.approx([1 / (1 + 0.2 * t) for t in range(STEPS)])
    assert [InverseTime(1, offset=7)(t) for t in range(STEPS)] == pytest.approx([1 / (7 + t) for t in range(STEPS)])


@pytest.mark.parametrize(("shape", "fall"), [("linear", 0.75), ("cosine", (1 + 2**-0.5) / 2), ("sqrt", 0.5)])
def test_warmup_stable_decay_in_its_three_parts(shape, fall):
    plan = WarmupStableDecay(warmup=10, stable=30, decay=40, floor=0.2, start=0.5, shape=shape)
    assert plan(0) == 0.5
    assert plan(5) == pytest.approx(0.75)
    assert {plan(t) for t in range(10, 41)} == {1.0}
    assert plan(50) == pytest.approx(0.2 + 0.8 * fall)
    assert plan(80) == plan(8000) == pytest.approx(0.2)


def test_exponential_warmup_grows_by_equal_factors():
    rise = Warmup(20, start=0.01, shape="exponential")
    ratios = [rise(t + 1) / rise(t) for t in range(20)]
    assert ratios == pytest.approx([ratios[0]] * 20)
    assert rise(0) == pytest.approx(0.01)


@given(
    name=st.sampled_from(["cosine", "linear", "constant", "step"]),
    total=st.integers(1, 5000),
    share=st.floats(0, 0.99),
)
def test_built_schedules_rise_without_a_gap_and_never_stand_still(name, total, share):
    warmup = min(int(share * total), total - 1)
    plan = build(name, total_steps=total, warmup_steps=warmup)
    assert all(plan(t) > 0 for t in range(total))
    assert plan(warmup) == 1.0
    rise = [plan(t) for t in range(warmup + 1)]
    assert rise == pytest.approx([(t + 1) / (warmup + 1) for t in range(warmup + 1)])


def test_one_cycle_brings_its_own_rise():
    assert build("one-cycle", total_steps=100, warmup_steps=5) == OneCycle(100)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Cosine(0), "cosine: total must be at least 1; got 0. Lengths are in steps."),
        (lambda: Linear(10, end=-1), "linear: end must be at least 0; got -1."),
        (lambda: Step(every=-3), "step: every must be at least 1; got -3. Lengths are in steps."),
        (lambda: MultiStep(at=[3, 1]), "multi-step: at must be steps of at least 0 in rising order; got (3, 1)."),
        (lambda: Exponential(-1), "exponential: rate must be at least 0; got -1."),
        (lambda: InverseTime(1, offset=0), "inverse-time: offset must be above 0; got 0."),
        (lambda: Polynomial(10, power=0), "polynomial: power must be above 0; got 0."),
        (lambda: CosineRestarts(10, growth=0.5), "cosine-restarts: growth must be at least 1; got 0.5."),
        (lambda: OneCycle(10, rise=1), "one-cycle: rise must be in (0, 1); got 1."),
        (lambda: Constant(math.nan), "constant: factor must be at least 0; got nan."),
        (
            lambda: Cyclic(10, shape="square"),
            "cyclic: shape must be one of triangular, triangular2, exp_range; got 'square'.",
        ),
        (
            lambda: Warmup(10, start=0, shape="exponential"),
            "warmup: start must be above 0; got 0. Nothing grows from 0 by factors.",
        ),
        (lambda: WarmupStableDecay(1, 1, 0), "warmup-stable-decay: decay must be above 0; got 0."),
        (
            lambda: join(Constant(), at=[3]),
            "join: at must name 0 steps, one between each two of 1 schedules; got (3,).",
        ),
        (
            lambda: build("cosine", total_steps=10, warmup_steps=10),
            "schedule: warmup must be in [0, 10), the steps of the run; got 10. Shorten the warmup or train longer.",
        ),
        (lambda: build("cosine", total_steps=0), "schedule: total_steps must be at least 1; got 0."),
        (
            lambda: build("cosin", total_steps=10),
            "unknown schedule 'cosin'. Did you mean 'cosine'? Known: cosine, one-cycle, constant, linear, step.",
        ),
    ],
)
def test_what_is_out_of_bounds_is_refused_in_words(make, words):
    with pytest.raises(BadValue) as refusal:
        make()
    assert str(refusal.value) == words
