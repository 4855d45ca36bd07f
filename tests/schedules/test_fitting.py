"""Lengths in steps, epochs, samples and shares: one recipe for runs of any length, without a gap where parts meet."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.core.errors import BadValue
from ravine.core.time import Clockwork
from ravine.schedules import (
    CATALOGUE,
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    Linear,
    MultiStep,
    OneCycle,
    Plateau,
    Step,
    Warmup,
    WarmupStableDecay,
    build,
    join,
    parse,
    repeat,
    scale,
)

RUN = Clockwork(total_steps=1000, steps_per_epoch=50, batch_size=32)


@pytest.mark.parametrize(
    ("given", "same"),
    [
        (Cosine(), Cosine(1000)),
        (Cosine("50%"), Cosine(500)),
        (Cosine("300 steps"), Cosine(300)),
        (Warmup("2 epochs"), Warmup(100)),
        (Warmup("10_000 samples"), Warmup(312)),
        (Warmup("0.01%"), Warmup(1)),
        (Step(every="3 epochs"), Step(every=150)),
        (Step(), Step(every=334)),
        (MultiStep(at=["10 epochs", 600, "75%"]), MultiStep(at=[500, 600, 750])),
        (MultiStep(at="10 epochs"), MultiStep(at=[500])),
        (Exponential(3, per="100%"), Exponential(0.003)),
        (InverseTime(1, per="1 epoch"), InverseTime(0.02)),
        (WarmupStableDecay(), WarmupStableDecay(50, 750, 200)),
        (WarmupStableDecay("10%", "70%", "20%"), WarmupStableDecay(100, 700, 200)),
        (Warmup("5%") >> Cosine(), join(Warmup(50), Cosine(950), at=[50])),
        (Warmup("5%") >> Constant() >> Linear("20%"), join(Warmup(50), Constant(), Linear(200), at=[50, 800])),
        (join(Constant(), Cosine(), at="10 epochs"), join(Constant(), Cosine(500), at=[500])),
        (repeat(Cosine(), times=4), repeat(Cosine(250), times=4)),
        (repeat(Cosine("10 epochs")), repeat(Cosine(500))),
        (repeat(Warmup("1%") >> Cosine(), 2), repeat(join(Warmup(10), Cosine(490), at=[10]), 2)),
        (0.5 * Cosine(), scale(Cosine(1000), 0.5)),
        (Warmup("5%") * Step(every="10%"), scale(Warmup(50), Step(every=100))),
    ],
    ids=str,
)
def test_what_a_length_comes_to(given, same):
    fitted = given.fitted(RUN)
    assert fitted.ready
    assert [fitted(t) for t in range(1200)] == pytest.approx([same(t) for t in range(1200)], rel=1e-12)
    assert fitted.fitted(RUN) == fitted


@given(steps=st.integers(20, 3000), times=st.integers(1, 7))
def test_rounds_fill_the_run(steps, times):
    waves = repeat(Linear(), times).fitted(steps)
    assert waves.takes() == pytest.approx(steps)
    assert waves(0) == 1
    assert waves(steps) == pytest.approx(0, abs=1e-9)
    tops = [t for t in range(1, steps) if waves(t) > waves(t - 1)]
    assert tops == [math.ceil(k * steps / times) for k in range(1, times)]
    joined = (Warmup("10%") >> repeat(Cosine(), times)).fitted(steps)
    assert joined.takes() == pytest.approx(steps)


def test_a_warmup_too_short_to_be_a_step_falls_away():
    assert (Warmup("5%") >> Cosine()).fitted(9) == Cosine(9)


@given(steps=st.integers(20, 3000), shares=st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_parts_cover_the_run_and_each_ends_where_the_next_begins(steps, shares):
    """Lines that meet: whatever the length of the run, no step is lost or taken twice at a joint."""
    shares = [100 * share / (sum(shares) + 1) for share in shares]
    heights = [0.2 + 0.1 * (k % 7) for k in range(len(shares) + 2)]
    lines = [Linear(f"{share}%", start=a, end=b) for share, (a, b) in zip(shares, pairwise(heights), strict=False)]
    lines.append(Linear(start=heights[len(shares)], end=heights[len(shares) + 1]))
    chain = join(*lines).fitted(steps)
    parts = getattr(chain, "schedules", (chain,))
    at = [0, *getattr(chain, "at", ()), steps]
    for k, part in enumerate(parts):
        assert part.total == at[k + 1] - at[k]  # each fills its time exactly
        assert at[k] == int(at[k])
    if len(parts) == len(lines):  # none was shorter than half a step
        assert chain(0) == pytest.approx(heights[0])
        assert chain(steps) == pytest.approx(heights[len(shares) + 1])
        for k, moment in enumerate(at[1:-1]):
            assert parts[k](at[k + 1] - at[k]) == chain(moment)  # the end of one is the beginning of the next


@given(steps=st.integers(40, 2000), share=st.floats(2.5, 40), name=st.sampled_from([*CATALOGUE]))
def test_a_warmup_rises_to_where_the_next_begins(steps, share, name):
    after = parse(CATALOGUE[name].example).fitted(steps)
    rest = steps - round(share / 100 * steps)
    chain = (Warmup(f"{share}%", start=0.001) >> parse(CATALOGUE[name].example)).fitted(steps)
    at = chain.at[0]
    assert steps - at == rest
    rise = abs(chain(at) - chain(at - 1))
    assert chain(at) == pytest.approx(after(0), rel=1e-6)
    assert rise <= (abs(after(0) - 0.001)) / at + 1e-12
    assert chain.schedules[0](at) == pytest.approx(chain(at))


@given(steps=st.integers(3, 3000), name=st.sampled_from([*CATALOGUE]))
def test_every_example_fits_every_run(steps, name):
    schedule = parse(CATALOGUE[name].example).fitted(steps)
    assert schedule.ready
    assert all(math.isfinite(schedule(t)) and 0 <= schedule(t) <= 1 for t in range(0, steps + 1, 1 + steps // 50))


@given(
    name=st.sampled_from(["cosine", "linear", "constant", "step", "polynomial"]),
    total=st.integers(1, 5000),
    share=st.floats(0, 0.99),
)
def test_a_recipe_s_warmup_rises_without_a_gap_and_never_stands_still(name, total, share):
    warmup = min(int(share * total), total // 2)
    plan = build(name, total, warmup=int(share * total))
    assert all(plan(t) > 0 for t in range(total))
    assert plan(warmup) == 1.0
    rise = [plan(t) for t in range(warmup + 1)]
    assert rise == pytest.approx([(t + 1) / (warmup + 1) for t in range(warmup + 1)])


def test_a_recipe_s_warmup_comes_before_what_has_none():
    assert build("one-cycle", 100, warmup=5) == OneCycle(100)
    assert build("warmup(10%) > cosine", 100, warmup=5) == (Warmup(10) >> Cosine(90))
    rise = Warmup(5, start=1 / 6)
    assert build("cosine(50%) > linear(50%)", 105, warmup=5) == join(rise, Cosine(50), Linear(50))
    guided = build("plateau(patience=3)", 100, warmup=5)
    assert (guided.schedule, guided.feedback, guided.begins) == (rise, Plateau(patience=3), 5)
    guided = build("plateau", 100)
    assert (guided.schedule, guided.begins) == (Constant(), 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "cosine(2000 steps)",
            "cosine: total must not be longer than the run of 1,000 steps; got '2000'. Shorten it or train longer.",
        ),
        (
            "step(every=30 epochs)",
            "step: every must not be longer than the run of 1,000 steps; got '30 epochs'. Shorten it or train longer.",
        ),
        (
            "warmup(300) > cosine(900)",
            "schedule: warmup(steps=300) > cosine(total=900) takes 1,200 steps, longer than the run of 1,000 steps. "
            "Train longer, or write its lengths as shares of the run: 5%.",
        ),
        (
            "warmup(20%) > cosine(90%)",
            "schedule: warmup(steps=20%) > cosine(total=90%) takes 1,100 steps, longer than the run of 1,000 steps. "
            "Train longer, or write its lengths as shares of the run: 5%.",
        ),
        (
            "repeat(cosine(400), times=3)",
            "schedule: repeat(cosine(total=400), times=3) takes 1,200 steps, longer than the run of 1,000 steps. "
            "Train longer, or write its lengths as shares of the run: 5%.",
        ),
        (
            "warmup-stable-decay(60%, decay=50%)",
            "schedule: warmup-stable-decay(warmup=60%, decay=50%) takes 1,100 steps, longer than the run of 1,000 "
            "steps. Train longer, or write its lengths as shares of the run: 5%.",
        ),
        ("repeat(step)", "repeat: times must be given, or every, as step has no length of its own; got None."),
    ],
)
def test_what_does_not_fit_is_refused_in_words(text, words):
    with pytest.raises(BadValue) as refusal:
        parse(text).fitted(RUN)
    assert str(refusal.value) == words


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Cosine("5%")(3), "cosine: total is '5%' and no number of steps yet. Say how long the run is"),
        (lambda: Cosine()(3), "cosine: total is as long as the run and no number of steps yet"),
        (lambda: MultiStep(at=["5%"])(3), "multi-step: at is "),
        (lambda: (Warmup("5%") >> Cosine())(3), "depends on how long the run is"),
        (lambda: repeat(Cosine())(3), "repeat: every is as long as the run"),
        (
            lambda: Cosine("2 epochs").fitted(100),
            "2 epochs can be turned into steps only where steps_per_epoch is known",
        ),
        (lambda: Cosine().fitted(0), "schedule: total_steps must be at least 1; got 0."),
        (lambda: Warmup(3) > Cosine(4), "written with >> in Python"),
        (lambda: Cosine() >> Linear(), "cosine and linear have no length of their own"),
    ],
)
def test_what_waits_for_a_run_says_so(call, words):
    with pytest.raises(BadValue) as refusal:
        call()
    assert words in str(refusal.value)
