"""Long histories in fewer points: means that keep where a run broke."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ravine.diagnose.doctor import diagnose
from ravine.records.condense import condensed
from ravine.records.history import History


def history(values):
    steps = 3 * np.arange(len(values), dtype=np.int64)
    return History.of_columns(
        {"step": {"train_loss": (steps, np.array(values, dtype=np.float64))}}, [{"kind": "about", "classes": 3}], "log"
    )


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.integers(1, 50))
def test_every_value_counts_once(values, most):
    short = condensed(history(values), most)
    series = short.series("train_loss", "step")
    size = -(-len(values) // most)
    assert len(series) <= most
    expected = [np.mean(values[start : start + size]) for start in range(0, len(values), size)]
    np.testing.assert_allclose(series.values, expected, rtol=1e-9, atol=1e-6)
    assert series.steps[-1] == 3 * (len(values) - 1)
    assert short.about == {"classes": 3}


def test_what_is_short_comes_back_as_it_is():
    one = history([1.0, 2.0])
    assert condensed(one) is one
    rows = History([{"step": n, "train_loss": 1.0} for n in range(30)])
    assert condensed(rows, 10) is rows


def test_a_run_breaks_at_the_same_step():
    values = [1.0] * 77_777 + [np.nan] * 22_223
    series = condensed(history(values)).series("train_loss", "step")
    assert next(step for step, value in series if value != value) == 3 * 77_777
    assert list(series.steps) == sorted(set(series.steps))
    found = diagnose(history(values))
    assert [(one.symptom, one.first_step) for one in found.findings if one.symptom == "turns-nan"] == [
        ("turns-nan", 3 * 77_777)
    ]


def test_columns_and_rows_say_the_same():
    columns = history([0.5, np.nan, 0.25])
    rows = History(columns.rows, "log")
    assert len(columns) == len(rows) == 4
    assert str(columns.series("train_loss", "step")) == str(rows.series("train_loss", "step"))
    assert columns.names("step") == rows.names("step")
    assert columns.names() == rows.names() == []
    assert columns.about == rows.about
    columns.add({"kind": "fact", "step": 1, "fact": "seen"})
    assert columns.facts("seen") == [{"kind": "fact", "step": 1, "fact": "seen"}]
    assert len(columns) == 5
