"""What a tier may know, and nothing else, reaches the doctor."""

from __future__ import annotations

import pytest
from benchmarks.faults.mask import masked, until

ROWS = [
    {"kind": "about", "step": 0, "classes": 10},
    {"kind": "fact", "step": 0, "fact": "looked-for", "check": "mixing"},
    {"kind": "fact", "step": 0, "fact": "looked-for", "check": "clearing"},
    {"kind": "step", "step": 1, "train_loss": 2.3, "lr": 0.1, "lr_2": 0.2, "grad_norm": 1.0, "clipped": 0.0},
    {"kind": "input", "step": 1, "part": "train", "mean": 0.0},
    {"kind": "layer", "step": 1, "layer": "0", "weight_norm": 1.0},
    {"kind": "fact", "step": 2, "fact": "examples-mix", "model": "Net"},
    {"kind": "fact", "step": 3, "fact": "order-repeats", "batches": 4},
    {"kind": "epoch", "step": 9, "train_loss": 1.0, "val_loss": 1.1, "val_accuracy": 0.5, "lr": 0.1},
    {"kind": "count", "step": 0, "fact": "order-repeats", "times": 2},
]


def names(tier: str) -> set[str]:
    return {name for row in masked(ROWS, tier) for name in row} - {"kind", "step"}


def test_curves_alone():
    assert names("A") == {"train_loss", "val_loss", "val_accuracy"}


def test_rates_and_what_the_program_was_told():
    assert names("B") == names("A") | {"lr", "lr_2", "grad_norm", "clipped", "classes"}


def test_layers_and_facts_without_probes():
    facts = {row["fact"] for row in masked(ROWS, "C") if row["kind"] == "fact"}
    assert facts == {"looked-for", "order-repeats"}
    assert {row["check"] for row in masked(ROWS, "C") if "check" in row} == {"clearing"}
    assert {"weight_norm", "mean"} <= names("C")


def test_everything():
    assert masked(ROWS, "D") == ROWS


def test_each_tier_knows_what_the_one_before_knows():
    for less, more in (("A", "B"), ("B", "C"), ("C", "D")):
        assert names(less) <= names(more)


def test_the_record_is_left_as_it_is():
    before = [dict(row) for row in ROWS]
    masked(ROWS, "A")
    assert before == ROWS


def test_a_tier_that_is_none():
    with pytest.raises(ValueError, match="tier must be one of A, B, C, D; got 'E'"):
        masked(ROWS, "E")


def test_the_future_is_not_known():
    assert [row["step"] for row in until(ROWS, 2)] == [0, 0, 0, 1, 1, 1, 2]
