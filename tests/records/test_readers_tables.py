"""Tables of any spelling: the same curves whatever the names, the delimiter, the encoding and the order."""

import csv
import gzip
import io
import math
import random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.core.errors import BadData
from ravine.records.readers import read_histories, read_history
from ravine.records.readers.names import meaning

LIGHTNING = """epoch,step,train_loss_epoch,train_loss_step,val_acc,val_loss
0,9,,2.1,,
0,19,,1.9,,
0,29,,1.8,,
0,29,,,0.3,1.7
0,29,1.95,,,
1,39,,1.5,,
1,49,,1.2,,
1,59,,1.1,,
1,59,,,0.5,1.3
1,59,1.4,,,
"""


@pytest.fixture
def read(tmp_path):
    def read(content, name="log.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_history(path)

    return read


def points(history, name, kind="epoch"):
    return list(history.series(name, kind))


def ours(history):
    return {one.theirs: one.ours for one in history.mapping}


@pytest.mark.parametrize(
    ("theirs", "name"),
    [
        ("loss", "train_loss"),
        ("Train Loss", "train_loss"),
        ("trainLoss", "train_loss"),
        ("training/loss", "train_loss"),
        ("loss_val", "val_loss"),
        ("eval_loss", "val_loss"),
        ("valid_loss", "val_loss"),
        ("Validation Loss", "val_loss"),
        ("val/acc", "val_accuracy"),
        ("val_sparse_categorical_accuracy", "val_accuracy"),
        ("Acc@1", "train_accuracy"),
        ("learning_rate", "lr"),
        ("lr-AdamW", "lr"),
        ("train/learning_rate", "lr"),
        ("grad norm", "grad_norm"),
        ("grad_2.0_norm_total", "grad_norm"),
        ("epoch_loss", "train_loss"),
        ("val_f1", "val_f1"),
        ("aux_loss", "aux_loss"),
        ("train/box_loss", "train_box_loss"),
    ],
)
def test_names_are_understood_as_people_spell_them(theirs, name):
    assert meaning(theirs).name == name


@pytest.mark.parametrize(
    "theirs",
    ["Epoch", "epochs", "Step", "_step", "trainer/global_step", "iter", "_runtime", "eval_runtime", "Wall time"],
)
def test_what_counts_or_tells_the_time_is_no_curve(theirs):
    assert meaning(theirs).role.value != "curve"


def test_lightning_puts_training_and_validation_on_different_rows(read):
    history = read(LIGHTNING, "metrics.csv")
    assert points(history, "train_loss") == [(29, 1.95), (59, 1.4)]
    assert points(history, "val_loss") == [(29, 1.7), (59, 1.3)]
    assert points(history, "val_accuracy") == [(29, 0.3), (59, 0.5)]
    assert points(history, "train_loss", "step") == [(9, 2.1), (19, 1.9), (29, 1.8), (39, 1.5), (49, 1.2), (59, 1.1)]
    assert history.about["steps_per_epoch"] == 30


def test_keras_leaves_out_what_was_not_measured(read):
    history = read("epoch,accuracy,loss,val_loss\n0,0.1,2.3,2.2\n1,0.3,2.0,NA\n2,0.4,1.7,1.8\n", "training.log")
    assert points(history, "train_loss") == [(0, 2.3), (1, 2.0), (2, 1.7)]
    assert points(history, "val_loss") == [(0, 2.2), (2, 1.8)]
    assert history.about["step_unit"] == "epoch"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "   "])
def test_any_delimiter(read, delimiter):
    rows = [("Epoch", "Loss", "Val_Loss"), (1, 0.5, 0.6), (2, 0.25, 0.5)]
    history = read("\n".join(delimiter.join(map(str, row)) for row in rows))
    assert points(history, "train_loss") == [(1, 0.5), (2, 0.25)]
    assert points(history, "val_loss") == [(1, 0.6), (2, 0.5)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_any_encoding_with_and_without_mark(read, encoding):
    text = "epoch,loss,größe\r\n" + "".join(f"{e},{1 / e},3\r\n" for e in range(1, 30))
    assert len(read(text.encode(encoding)).series("train_loss")) == 29


def test_latin_1_and_zeros_of_a_crash(read):
    assert len(read("epoch,loss,größe\n1,0.5,2\n2,0.4,2\n".encode("latin-1")).series("train_loss")) == 2
    assert points(read(b"epoch,loss\n1,0.5\n2,0.4\n" + bytes(4096)), "train_loss") == [(1, 0.5), (2, 0.4)]


def test_gzip_whole_joined_and_truncated(read):
    rows = "".join(f"{step},{step / 7:.6f}\n" for step in range(1, 4000))
    packed = gzip.compress(f"step,loss\n{rows}".encode())
    assert len(read(packed, "log.csv.gz").series("train_loss", "step")) == 3999
    assert (
        len(
            read(gzip.compress(b"step,loss\n1,2\n") + gzip.compress(b"2,1\n"), "two.csv.gz").series(
                "train_loss", "step"
            )
        )
        == 2
    )
    torn = read(packed[:-2000], "torn.csv.gz")
    assert 100 < len(torn.series("train_loss", "step")) < 3999
    assert "truncated" in torn.notes[0]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (("88.2%", "90%"), (0.882, 0.9)),
        (("88.2", "90"), (0.882, 0.9)),
        (("0.882", "0.9"), (0.882, 0.9)),
        (("tensor(0.5)", "tensor(0.25, device='cuda:0')"), (0.5, 0.25)),
        (("nan", "0.5"), (math.nan, 0.5)),
    ],
)
def test_cells_as_frameworks_write_them(read, cells, values):
    written = io.StringIO()
    csv.writer(written, delimiter="\t").writerows(
        [("epoch", "loss", "acc"), *((n, 1 / n, c) for n, c in enumerate(cells, 1))]
    )
    assert read(written.getvalue()).series("train_accuracy").values == pytest.approx(values, nan_ok=True)


def test_decimal_commas(read):
    assert points(read("epoch;loss\n1;0,5\n2;0,25\n"), "train_loss") == [(1, 0.5), (2, 0.25)]


def test_percent_is_decided_for_both_parts_alike(read):
    history = read("epoch,train_acc,val_acc\n1,0.9,55\n2,1.0,60\n")
    assert history.series("train_accuracy").values == pytest.approx((0.009, 0.01))
    assert history.series("val_accuracy").values == pytest.approx((0.55, 0.6))
    assert {one.how for one in history.mapping if one.ours.endswith("accuracy")} == {"percent as shares"}


LONG = """name,value,step
loss,0.5,1
val_loss,0.6,1
loss,0.25,2
val_loss,0.5,2
"""
BY_PART = "epoch,phase,loss,acc\n1,train,0.5,50%\n1,val,0.6,45%\n2,train,0.25,60%\n2,val,0.5,50%\n"


@pytest.mark.parametrize(
    "text",
    [LONG, BY_PART, "metric,split,step,value\nloss,train,1,0.5\nloss,val,1,0.6\nloss,train,2,0.25\nloss,val,2,0.5\n"],
)
def test_long_tables(read, text):
    history = read(text)
    assert points(history, "train_loss") == [(1, 0.5), (2, 0.25)]
    assert points(history, "val_loss") == [(1, 0.6), (2, 0.5)]


def test_a_chart_of_weights_and_biases_holds_a_curve_for_each_run(tmp_path):
    path = tmp_path / "chart.csv"
    path.write_text(
        '"Step","a-1 - loss","a-1 - loss__MIN","b-2 - loss","b-2 - loss__MAX"\n'
        "1,0.5,0.5,0.6,0.6\n2,0.4,0.4,,\n3,,,0.2,0.2\n"
    )
    first, second = read_histories(path)
    assert points(first, "train_loss", "step") == [(1, 0.5), (2, 0.4)]
    assert points(second, "train_loss", "step") == [(1, 0.6), (3, 0.2)]
    assert second.source.endswith("chart.csv: b-2")
    with pytest.raises(BadData, match=r"holds 2 runs: a-1, b-2"):
        read_history(path)


def test_rows_out_of_order_are_sorted_and_it_is_said(read):
    order = list(range(1, 40))
    random.Random(0).shuffle(order)
    history = read("step,loss\n" + "".join(f"{step},{1 / step}\n" for step in order))
    assert points(history, "train_loss", "step") == [(step, 1 / step) for step in range(1, 40)]
    assert any("out of order" in note for note in history.notes)


def test_a_resumed_log_keeps_what_was_written_last(read):
    history = read("step,loss\n1,0.9\n2,0.8\n3,0.7\n2,0.6\n3,0.5\n4,0.4\n")
    assert points(history, "train_loss", "step") == [(1, 0.9), (2, 0.6), (3, 0.5), (4, 0.4)]
    assert history.about["resumed"] is True


def test_a_log_begun_anew_is_the_last_run(read):
    history = read("step,loss\n1,9\n2,8\n3,7\n1,0.9\n2,0.8\n")
    assert points(history, "train_loss", "step") == [(1, 0.9), (2, 0.8)]
    assert any("begins anew once" in note for note in history.notes)


def test_steps_counted_anew_in_each_epoch_are_counted_through(read):
    rows = [(epoch, batch, 1 / (1 + 5 * epoch + batch)) for epoch in range(3) for batch in range(5)]
    history = read("epoch,batch,loss\n" + "".join(f"{e},{b},{v}\n" for e, b, v in rows))
    assert history.series("train_loss", "step").steps == tuple(range(15))
    assert history.about["steps_per_epoch"] == 5


@pytest.mark.parametrize("blank", ["0", "0.0", "nan"])
def test_placeholders_are_not_values(read, blank):
    rows = "".join(f"{s},{1 / (s + 1)},{0.5 / (s + 1) if s % 5 == 4 else blank}\n" for s in range(30))
    history = read(f"step,loss,val_loss\n{rows}")
    assert points(history, "val_loss") == [(s, pytest.approx(0.5 / (s + 1))) for s in range(4, 30, 5)]
    means = [sum(1 / (s + 1) for s in range(end - 4, end + 1)) / 5 for end in range(4, 30, 5)]
    assert history.series("train_loss").values == pytest.approx(means)


@pytest.mark.parametrize(
    "values",
    [
        [1, 0.5, 0, 0, 0, 0],
        [0] * 6,
        [1, 0, 1, 1, 0, 0],
        [math.nan] * 6,
        [1, 0.5, math.nan, math.nan, math.nan, math.nan],
    ],
)
def test_zeros_and_nan_that_were_measured_stay(read, values):
    history = read("step,loss\n" + "".join(f"{s},{v}\n" for s, v in enumerate(values)))
    assert history.series("train_loss", "step").values == pytest.approx(tuple(map(float, values)), nan_ok=True)


def test_a_test_part_stands_for_validation_where_there_is_none(read):
    history = read("epoch,loss,test_loss\n1,1,2\n2,0.5,1\n")
    assert points(history, "val_loss") == [(1, 2.0), (2, 1.0)]
    assert ("test_loss", "val_loss", "taken for validation") in {(m.theirs, m.ours, m.how) for m in history.mapping}
    assert "test_loss" in read("epoch,loss,val_loss,test_loss\n1,1,2,3\n2,0.5,1,2\n").names()


def test_two_columns_of_one_name_are_both_kept(read):
    history = read("epoch,loss,train_loss,loss\n1,1,2,3\n2,0.5,1,2\n")
    assert len({m.ours for m in history.mapping if m.ours}) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("epoch,temperature\n1,2\n2,3\n", "no loss or metric was found; its columns are 'temperature', 'epoch'"),
        ("1,2,3\n4,5,6\n", "no loss or metric"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(read, text, words):
    with pytest.raises(BadData, match=words):
        read(text)


def test_not_there_and_binary(tmp_path, read):
    with pytest.raises(BadData, match="no such file"):
        read_history(tmp_path / "nothing.csv")
    with pytest.raises(BadData, match="is no text"):
        read(bytes(range(256)) * 20, "model.bin")


@given(
    st.lists(
        st.tuples(st.floats(1e-6, 1e6), st.none() | st.floats(-1e6, 1e6).filter(lambda v: v != 0)),
        min_size=2,
        max_size=60,
    )
)
def test_what_was_written_is_what_is_read(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("t") / "log.csv"
    steps = range(10, 10 * len(rows) + 10, 10)
    pl.DataFrame(
        {"step": list(steps), "train_loss": [a for a, _ in rows], "val_r2": [b for _, b in rows]},
        schema_overrides={"val_r2": pl.Float64},
    ).write_csv(path)
    history = read_history(path)
    kind = "epoch" if history.series("val_r2") else "step"
    held = {*points(history, "train_loss", "step"), *points(history, "train_loss", "epoch")}
    assert {(step, a) for step, (a, _) in zip(steps, rows, strict=True)} <= held
    assert points(history, "val_r2", kind) == [(s, b) for s, (_, b) in zip(steps, rows, strict=True) if b is not None]


def test_a_large_table_is_read_as_a_small_one(tmp_path, monkeypatch):
    rows = "".join(f"{n // 100},{n},{1 / (n + 1)},{f'{n / 40:.2f}%' if n % 100 == 99 else ''}\n" for n in range(4000))
    path = tmp_path / "log.csv"
    path.write_text(f"Epoch,Step,loss,val/acc\n{rows}")
    small = read_history(path)
    monkeypatch.setattr("ravine.records.readers.table._LARGE", 10)
    large = read_history(path)
    assert large.rows == small.rows
    assert large.mapping == small.mapping
    assert len(large) == len(large.rows)
