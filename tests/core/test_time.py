"""Lengths: what people write is read, and turned into steps by arithmetic a person can check."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.core.errors import BadValue
from ravine.core.time import Clockwork, Length, Unit

CLOCKWORK = Clockwork(steps_per_epoch=50, batch_size=32, total_steps=1000)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (100, 100),
        (7.0, 7),
        ("100", 100),
        ("100 steps", 100),
        (" 1 step ", 1),
        ("3 epochs", 150),
        ("0.5 epoch", 25),
        ("3ep", 150),
        ("3EP", 150),
        ("320 samples", 10),
        ("5%", 50),
        ("0.05 share", 50),
        ("100%", 1000),
        ("0", 0),
        ("1e3 steps", 1000),
        (Length(2, Unit.EPOCHS), 100),
    ],
)
def test_what_people_write(text, steps):
    assert Length.parse(text).steps(CLOCKWORK) == steps


@pytest.mark.parametrize(
    "text", ["", "steps", "-1", "1 day", "101%", "1.5 share", "ten epochs", "1 2", "nan", -1, math.nan, math.inf]
)
def test_what_is_no_length_is_refused_with_examples(text):
    with pytest.raises(BadValue, match="length: a length must read like 100, '100 steps', '3 epochs'") as caught:
        Length.parse(text)
    assert repr(text) in str(caught.value)


@given(
    st.floats(min_value=0, max_value=1, allow_nan=False).map(lambda x: round(x, 4)) | st.integers(0, 10**5),
    st.sampled_from(list(Unit)),
)
def test_a_length_survives_being_written(amount, unit):
    length = Length(min(amount, 1) if unit is Unit.SHARE else amount, unit)
    again = Length.parse(str(length))
    assert again.unit is unit
    assert again.amount == pytest.approx(length.amount, rel=1e-4)


@given(st.integers(0, 10**6), st.integers(1, 1000))
def test_epochs_are_steps_per_epoch_each(epochs, steps_per_epoch):
    clockwork = Clockwork(steps_per_epoch=steps_per_epoch, batch_size=1, total_steps=1)
    assert Length(epochs, Unit.EPOCHS).steps(clockwork) == epochs * steps_per_epoch
