"""The text form: what it makes, what comes back out, and what it says of a text it cannot read."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ravine.core.errors import BadValue
from ravine.schedules import (
    CATALOGUE,
    Constant,
    Cosine,
    CosineRestarts,
    Cyclic,
    Guided,
    InverseTime,
    Linear,
    MultiStep,
    OneCycle,
    Plateau,
    Polynomial,
    Step,
    Warmup,
    WarmupStableDecay,
    join,
    parse,
    repeat,
    scale,
)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("cosine", Cosine()),
        ("  Cosine ( ) ", Cosine()),
        ("one-cycle", OneCycle()),
        ("one_cycle", OneCycle()),
        ("cosine(300)", Cosine(300)),
        ("cosine(300 steps, 0.1)", Cosine(300, 0.1)),
        ("cosine(total=10_000 samples, floor=1e-3)", Cosine("10000 samples", 1e-3)),
        ("cosine(floor=5%)", Cosine(floor=0.05)),
        ("step(every=30 epochs, factor=.5)", Step("30 epochs", 0.5)),
        ("multi-step([30 epochs, 60ep], 0.2)", MultiStep(["30 epochs", "60 epochs"], 0.2)),
        ("multi-step(at=50%)", MultiStep(["50%"])),
        ("inverse-time(rate=1, offset=4)", InverseTime(1, 4)),
        ("warmup(5%, shape=exponential)", Warmup("5%", shape="exponential")),
        ("warmup-stable-decay(shape=cosine)", WarmupStableDecay(shape="cosine")),
        ("cyclic(5%, momentum=[0.85, 0.95])", Cyclic("5%", momentum=(0.85, 0.95))),
        ("cosine(total=none)", Cosine()),
        ("warmup(5%) > cosine", Warmup("5%") >> Cosine()),
        ("warmup(5%) >> cosine", Warmup("5%") >> Cosine()),
        ("warmup(5%) > constant > linear(20%)", join(Warmup("5%"), Constant(), Linear("20%"))),
        ("join(constant, cosine, at=10 epochs)", join(Constant(), Cosine(), at=["10 epochs"])),
        ("repeat(warmup(1%) > cosine, times=3)", repeat(Warmup("1%") >> Cosine(), 3)),
        ("repeat(step(10), every=40)", repeat(Step(10), every=40)),
        ("scale(cosine, 0.5)", scale(Cosine(), 0.5)),
        ("0.5 * cosine", scale(Cosine(), 0.5)),
        ("warmup * step(10) * 2", scale(scale(Warmup(), Step(10)), 2)),
        ("(warmup > cosine) * 0.1", scale(Warmup() >> Cosine(), 0.1)),
        ("plateau", Plateau()),
        ("plateau(patience=3, mode=max, relative=false)", Plateau(patience=3, mode="max", relative=False)),
        ("warmup(5%) > plateau(patience=3)", Guided(Warmup("5%"), Plateau(patience=3))),
    ],
)
def test_what_a_text_makes(text, made):
    assert parse(text) == made


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_example_of_every_schedule_makes_it(name):
    assert type(parse(CATALOGUE[name].example)) is CATALOGUE[name]


LENGTHS = st.one_of(
    st.integers(1, 10**6),
    st.floats(0.01, 100).map(lambda percent: f"{percent}%"),
    st.floats(0.01, 1000).map(lambda amount: f"{amount} epochs"),
    st.integers(1, 10**6).map(lambda amount: f"{amount} samples"),
)
FACTORS = st.floats(0, 2)
SINGLE = st.one_of(
    st.builds(Constant, FACTORS),
    st.builds(Cosine, st.none() | LENGTHS, FACTORS),
    st.builds(Linear, st.none() | LENGTHS, FACTORS, FACTORS),
    st.builds(Polynomial, st.none() | LENGTHS, st.floats(0.1, 5)),
    st.builds(Step, st.none() | LENGTHS, FACTORS),
    st.builds(MultiStep, st.lists(LENGTHS.filter(lambda length: isinstance(length, str)), max_size=4)),
    st.builds(CosineRestarts, LENGTHS, st.floats(1, 3)),
    st.builds(Cyclic, LENGTHS, FACTORS, st.sampled_from(["triangular", "exp_range"]), momentum=st.just((0.8, 0.9))),
    st.builds(OneCycle, st.none() | LENGTHS, phases=st.sampled_from([2, 3])),
    st.builds(Warmup, LENGTHS, FACTORS, end=st.none() | FACTORS),
)
ANY = st.recursive(
    SINGLE,
    lambda inner: st.one_of(
        st.builds(lambda rise, after: rise >> after, st.builds(Warmup, LENGTHS), inner),
        st.builds(lambda one, after: join(one, after, at="20%"), inner, inner),
        st.builds(scale, inner, FACTORS | inner),
        st.builds(repeat, inner, st.integers(1, 5)),
    ),
    max_leaves=4,
)


@given(ANY)
@example(scale(scale(Constant(0.5), 0.25), Constant(0.125)))
def test_a_schedule_is_read_back_from_its_own_text(schedule):
    again = parse(str(schedule))
    assert str(again) == str(schedule)
    assert again == schedule


@given(st.text("cosine warmup()[]>*=,%0123.5-_plateau", max_size=40) | st.text(max_size=20))
def test_any_other_text_is_refused_and_never_breaks(text):
    try:
        parse(text)
    except BadValue as refusal:
        assert str(refusal)  # noqa: PT017 (whether it raises is up to the text)


KNOWN = ", ".join([*CATALOGUE, "plateau", "join", "repeat", "scale"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cosin", f"'cosin', at 1: unknown schedule 'cosin'. Did you mean 'cosine'? Known: {KNOWN}."),
        ("warmup(5%) > cosin", f"at 14: unknown schedule 'cosin'. Did you mean 'cosine'? Known: {KNOWN}."),
        ("warmup(5%", "at 10: expected , or ), got the end."),
        ("warmup(5%) >", "at 13: expected the name of a schedule, got the end."),
        ("warmup(5%) cosine", "at 12: expected > or * or the end, got 'cosine'."),
        ("cosine $", "at 8: '$' means nothing here."),
        ("cosine(flor=1)", "at 8: cosine: no such argument 'flor'. Did you mean 'floor'? Known: total, floor."),
        ("cosine(floor=-1)", "at 1: cosine: floor must be at least 0; got -1."),
        ("cosine(floor=3 epochs)", "at 1: cosine: floor is no length of time; got 3 epochs."),
        ("cosine(1, 2, 3)", "at 1: cosine: takes 2 arguments (total, floor), got 3."),
        ("cosine(3, total=3)", "at 11: cosine: total is given twice."),
        ("cosine(total=3, total=3)", "at 17: total is given twice."),
        ("cosine(total=5, 3)", "at 17: an argument without a name cannot follow one with a name."),
        ("cosine(120%)", "at 8: length: a length must read like"),
        ("cosine(5 days)", "at 10: expected , or ), got 'days'."),
        ("multi-step", "at 1: multi-step: at is not given; an example: multi-step(at=[50%, 75%])."),
        ("plateau(patience=0)", "at 1: plateau: patience must be at least 1; got 0."),
        ("plateau > cosine", "plateau can only stand last: it goes on as long as the run."),
        ("plateau * 2", "plateau cannot be multiplied; let it follow: warmup(5%) > plateau."),
        ("cosine > cosine", "cosine and cosine have no length of their own, and only one may take what the others"),
        ("2 * 3", "at 1: expected a schedule beside the numbers."),
        ("3", "at 1: expected the name of a schedule, got 3."),
        ("scale(cosine)", "scale: by is not given; an example: scale(cosine, 0.5)."),
        ("repeat()", "repeat: expected a schedule first, such as repeat(cosine, times=4)."),
        ("(" * 5000, "too many brackets inside each other."),
        ("", "schedule: must be a text such as 'cosine' or 'warmup(5%) > cosine'; got ''."),
        (3, "schedule: must be a text such as"),
        ("__import__('os')", "means nothing here"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text, words):
    with pytest.raises(BadValue) as refusal:
        parse(text)
    assert words in str(refusal.value)
