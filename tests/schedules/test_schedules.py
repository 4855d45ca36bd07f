"""Every schedule against torch's of the same kind, its closed form, and the laws of all."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
import warnings

import pytest
import torch
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
    join,
    name_of,
    repeat,
    scale,
)

STEPS = 10_000
LENGTH = "be a length such as 100, '5%', '2 epochs' or '10_000 samples'"

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
    "one-cycle in three phases": (
        OneCycle(STEPS + 1, rise=0.2, start=0.1, end=1e-3, phases=3),
        lambda o: torch_lr.OneCycleLR(
            o, 1.0, total_steps=STEPS + 1, pct_start=0.2, three_phase=True, div_factor=10, final_div_factor=100
        ),
    ),
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
        join(Warmup(100, start=0.1), Cosine(STEPS - 100), at=[100]),
        lambda o: torch_lr.SequentialLR(
            o,
            [torch_lr.LinearLR(o, 0.1, 1.0, total_iters=100), torch_lr.CosineAnnealingLR(o, STEPS - 100)],
            milestones=[100],
        ),
    ),
    "repeat": (repeat(Cosine(37)), lambda o: torch_lr.CosineAnnealingWarmRestarts(o, 37)),
    "scale": (
        scale(Warmup(50, start=0.2, shape="constant"), Step(every=300, factor=0.3)),
        lambda o: torch_lr.ChainedScheduler(
            [torch_lr.ConstantLR(o, 0.2, total_iters=50), torch_lr.StepLR(o, 300, gamma=0.3)]
        ),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_gives_the_same_numbers_as_torch(name):
    ours, theirs = PAIRS[name]
    assert [ours(t) for t in range(STEPS)] == pytest.approx(of_torch(theirs), rel=1e-9, abs=1e-9)


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


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Cosine(0), "cosine: total must be at least 1; got 0. Lengths are in steps."),
        (lambda: Linear(10, end=-1), "linear: end must be at least 0; got -1."),
        (lambda: Step(every=-3), "step: every must be at least 1; got -3. Lengths are in steps."),
        (lambda: MultiStep(at=[3, 1]), "multi-step: at must be in rising order; got (3, 1)."),
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
        (
            lambda: WarmupStableDecay(1, 1, 0),
            "warmup-stable-decay: decay must be at least 1; got 0. Lengths are in steps.",
        ),
        (lambda: join(Constant(), at=[3]), "join: schedules must be at least two; got 1."),
        (
            lambda: join(Constant(), Cosine(3), at=[3, 4]),
            "join: at must name 1 times, one between each two of 2 schedules; got (3, 4).",
        ),
        (lambda: join(Constant(), Cosine(3), Linear(3), at=[4, 3]), "join: at must be in rising order; got (4, 3)."),
        (lambda: join(Constant(), 3), "join: each must be a schedule; got 3."),
        (lambda: repeat(Cosine(), times=0), "repeat: times must be a whole number of at least 1; got 0."),
        (lambda: scale(Cosine(), -1), "scale: by must be at least 0; got -1."),
        (lambda: Cosine("-5%"), f"cosine: total must {LENGTH}; got '-5%'."),
        (lambda: Cosine("5 days"), f"cosine: total must {LENGTH}; got '5 days'."),
        (lambda: Cosine([5]), f"cosine: total must {LENGTH}; got [5]."),
        (lambda: Warmup(None), f"warmup: steps must {LENGTH}; got None."),
        (lambda: Cosine("0%"), "cosine: total must be longer than nothing; got '0%'."),
        (lambda: Cosine(10, floor="low"), "cosine: floor must be a number; got 'low'."),
        (
            lambda: Cyclic(10, momentum=(0.9, 0.8)),
            "cyclic: momentum must be a pair of the lowest and the highest in [0, 1); got (0.9, 0.8).",
        ),
        (lambda: OneCycle(phases=4), "one-cycle: phases must be in [2, 3]; got 4."),
        (lambda: OneCycle(phases=3, rise=0.6), "one-cycle: rise must be at most 0.5 in three phases; got 0.6."),
    ],
)
def test_what_is_out_of_bounds_is_refused_in_words(make, words):
    with pytest.raises(BadValue) as refusal:
        make()
    assert str(refusal.value) == words
