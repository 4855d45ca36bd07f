"""Whatever a log says, the answer is a diagnosis and never a traceback."""

import json
import math
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from made.curves import HEALTHY
from ravine.diagnose.doctor import diagnose
from ravine.records.facts import NEEDS
from ravine.records.history import History

NAMES = [
    "train_loss", "val_loss", "train_accuracy", "val_accuracy", "lr", "grad_norm", "test_loss", "val_f1", "batch_size",
]  # fmt: skip
numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(0, 3),
    st.sampled_from([0.0, 1.0, -1.0, math.nan, math.inf, 1e308, -1e308, 5e-324, 1e-12]),
    st.integers(-(10**12), 10**12),
    st.sampled_from(["nan", None, True, "0.3"]),
)
steps = st.one_of(st.integers(0, 60), st.integers(0, 10**15))
rows = st.fixed_dictionaries(
    {"kind": st.sampled_from(["epoch", "step"]), "step": steps}, optional=dict.fromkeys(NAMES, numbers)
)
KNOWN = ("classes", "val_rows", "train_rows", "batch_size", "total_steps", "weight_decay", "resumed")
about = st.fixed_dictionaries(
    {"kind": st.just("about"), "step": st.just(0)},
    optional=dict.fromkeys(KNOWN, numbers)
    | {"task": st.sampled_from(["classification", "regression", "", None]), "loss": st.sampled_from(["mse_loss", ""])},
)
labels = st.fixed_dictionaries(
    {"kind": st.just("input"), "step": st.just(1)},
    optional={"label_counts": st.lists(numbers, max_size=4), "target_std": numbers, "target_mean": numbers},
)
layers = st.fixed_dictionaries(
    {"kind": st.just("layer"), "step": st.integers(0, 99), "layer": st.sampled_from("ab")},
    optional={"weight_norm": numbers, "update_norm": numbers},
)

examples = st.fixed_dictionaries(
    {"kind": st.just("examples"), "step": numbers, "part": st.sampled_from(["train", "val", "test", None])},
    optional=dict.fromkeys(("rows", "right", "sure", "contradicted", "far", "loss"), numbers)
    | dict.fromkeys(("class_rows", "class_right"), st.lists(numbers, max_size=3)),
)


def said(history):
    return json.dumps(diagnose(history).to_json())


@settings(max_examples=150)
@given(st.lists(st.one_of(rows, rows, rows, about, labels, layers, examples), max_size=60))
def test_any_rows_are_answered(log):
    assert said(History(log))


@st.composite
def damaged_facts(draw):
    """A fact with its details, some of them lost or something else."""
    fact = draw(st.sampled_from([*NEEDS, "not-finite", "loss-goes-up", "targets-are-inputs"]))
    names = {*NEEDS.get(fact, ()), "place", "layer", "least", "most", "life", "tensor", "operation", "why"}
    words = st.lists(st.one_of(st.integers(0, 9), st.just("one"), st.none()), max_size=3)
    details = draw(st.fixed_dictionaries({}, optional=dict.fromkeys(sorted(names), st.one_of(numbers, words))))
    where = draw(st.sampled_from([{}, {"where": "parameter"}, {"where": "operation"}, {"where": 3}]))
    return {"kind": "fact", "step": draw(st.integers(0, 99)), "fact": fact, **where, **details}


@settings(max_examples=200)
@given(st.lists(damaged_facts(), min_size=1, max_size=8))
def test_damaged_facts_are_left_out_and_counted(facts):
    history = History(facts)
    assert said(history)
    assert history.damaged + len(list(history.of_kind("fact"))) == len(facts)


@settings(max_examples=100)
@given(st.data(), st.integers(1, 80), st.booleans())
def test_any_curves_are_answered(data, length, known):
    """Whole curves of one character: constant, huge, NaN in places, alternating, steps in any order."""
    values = st.sampled_from([0.0, 1.0, 0.5, 2.3025851, -3.0, 1e300, -1e300, 1e-300, math.nan, math.inf])
    columns = {
        name: data.draw(st.one_of(st.lists(values, min_size=length, max_size=length), st.just([0.7] * length)))
        for name in data.draw(st.sets(st.sampled_from(NAMES), min_size=1))
    }
    order = data.draw(st.one_of(st.just(list(range(length))), st.permutations(range(length)), st.just([3] * length)))
    log = [
        {"kind": "epoch", "step": 10 * step, **{name: column[place] for name, column in columns.items()}}
        for place, step in enumerate(order)
    ]
    if known:
        log.append({"kind": "about", "step": 0, "task": "classification", "classes": 10, "val_rows": 100})
    assert said(History(log))


@given(st.sampled_from(sorted(HEALTHY)), st.integers(0, 40), st.randoms())
@settings(max_examples=40)
def test_rows_in_any_order_are_answered(pattern, seed, random):
    log = HEALTHY[pattern](seed)
    random.shuffle(log)
    assert said(History(log))


def test_an_ordinary_log_is_answered_at_once():
    history = History(HEALTHY["plain"](6))
    begin = time.process_time()
    diagnose(history)
    assert time.process_time() - begin < 0.5


def test_a_long_log_is_read_once():
    log = [{"kind": "step", "step": s, "train_loss": 1 / (1 + s / 1e3), "lr": 0.1} for s in range(100_000)]
    begin = time.process_time()
    diagnose(History(log))
    assert time.process_time() - begin < 5
