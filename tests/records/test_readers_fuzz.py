"""Whatever a file holds: findings or one clear error, never another exception."""

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ravine.core.errors import RavineError
from ravine.diagnose.doctor import diagnose
from ravine.records.readers import read_histories
from ravine.records.readers.events import Damaged, is_event_file, scalars
from ravine.report.diagnosis_text import diagnoses_text

NAMES = [
    "step",
    "epoch",
    "loss",
    "val_loss",
    "acc",
    "val/acc",
    "lr",
    "grad_norm",
    "name",
    "value",
    "split",
    "run",
    "",
    " ",
    "ä",
    "kind",
]
CELLS = [
    "",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "0",
    "1",
    "1e400",
    "-5",
    "88%",
    "%",
    "x",
    "None",
    "1,5",
    '"',
    "9" * 400,
    "tensor(1)",
    "\x00",
    "1e308",
]
quiet = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def look(path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        found = read_histories(path)
    except RavineError as error:
        told = str(error)
        found = []
    else:
        told = ""
    assert found or told.strip()
    assert "\n" not in told
    for history in found:
        for kind in ("epoch", "step"):
            for name in history.names(kind):
                series = history.series(name, kind)
                assert history.columns is None or list(series.steps) == sorted(set(series.steps))
                assert len(series.values) == len(series.steps)
    if found:
        assert diagnoses_text(found, [diagnose(history) for history in found])


@quiet
@given(st.binary(max_size=400))
@pytest.mark.parametrize(
    "head", [b"", b"\x1f\x8b", b"epoch,loss\n", b'{"loss": ', b"[{", b"\xff\xfe", b"epoch 1 loss 0."]
)
def test_any_bytes(tmp_path, head, data):
    look(tmp_path / "log", head + data)


@quiet
@given(st.data())
@pytest.mark.parametrize("large", [False, True])
def test_tables_of_anything(tmp_path, monkeypatch, large, data):
    monkeypatch.setattr("ravine.records.readers.table._LARGE", 0 if large else 10**9)
    header = data.draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6))
    cell = st.sampled_from(CELLS) | st.floats(allow_nan=True).map(str) | st.integers(-5, 50).map(str)
    rows = data.draw(st.lists(st.lists(cell, max_size=8), max_size=25))
    delimiter = data.draw(st.sampled_from([",", ";", "\t", " "]))
    look(tmp_path / "log.csv", "\n".join(delimiter.join(row) for row in [header, *rows]).encode())


@quiet
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers(-(10**30), 10**30) | st.sampled_from(CELLS),
        lambda inside: st.lists(inside, max_size=6) | st.dictionaries(st.sampled_from(NAMES), inside, max_size=6),
        max_leaves=30,
    ),
    st.integers(0, 60),
)
def test_json_of_anything(tmp_path, value, cut):
    text = json.dumps(value)
    look(tmp_path / "log.json", text[: len(text) - cut if cut > 30 else None].encode())
    if isinstance(value, list):
        look(tmp_path / "log.jsonl", "\n".join(map(json.dumps, value)).encode())


@quiet
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                [
                    "kind",
                    "step",
                    "epoch",
                    "layer",
                    "depth",
                    "train_loss",
                    "val_loss",
                    "lr",
                    "grad_norm",
                    "task",
                    "classes",
                ]
            ),
            st.none()
            | st.floats()
            | st.integers()
            | st.sampled_from(["nan", "inf", "layer", "step", "about", "input", "x"])
            | st.lists(st.integers(), max_size=2),
            max_size=8,
        ).map(lambda row: {"kind": "step", "step": 1, **row}),
        max_size=20,
    )
)
def test_our_own_rows_of_anything(tmp_path, rows):
    look(tmp_path / "metrics.jsonl", "\n".join(map(json.dumps, rows)).encode())


@quiet
@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.floats(allow_nan=True) | st.just(0.0), st.none() | st.floats() | st.just(0.0)),
        max_size=50,
    )
)
def test_steps_in_any_order_and_values_of_any_size(tmp_path, rows):
    lines = [f"{step},{loss},{'' if val is None else val}" for step, loss, val in rows]
    look(tmp_path / "log.csv", "\n".join(["step,loss,val_loss", *lines]).encode())


@quiet
@given(st.text(alphabet="epochlsvacitn 0123456789.:=%/[]|,-\r\n", max_size=300))
def test_text_of_anything(tmp_path, text):
    look(tmp_path / "log.txt", text.encode())


@quiet
@given(st.data())
def test_event_files_with_any_bytes_changed(tmp_path, data):
    good = (tmp_path / "good").read_bytes() if (tmp_path / "good").exists() else _events(tmp_path / "good")
    broken = bytearray(good)
    for place in data.draw(st.lists(st.integers(40, len(good) - 1), max_size=6)):
        broken[place] = data.draw(st.integers(0, 255))
    look(tmp_path / "events", bytes(broken[: data.draw(st.integers(41, len(good)))]))


@quiet
@given(st.binary(max_size=200))
def test_protocol_buffers_of_any_bytes(data):
    head = (24).to_bytes(8, "little") + bytes(4) + b"\x09" + bytes(8) + b"\x1a\x0dbrain.Event:2" + bytes(4)
    assert is_event_file(head)
    found, _ = scalars(head + len(data).to_bytes(8, "little") + bytes(4) + data + bytes(4))
    assert all(len(steps) == len(values) for steps, values in found.values())
    assert issubclass(Damaged, ValueError)


def _events(path):
    def record(data):
        return len(data).to_bytes(8, "little") + bytes(4) + data + bytes(4)

    import struct

    found = record(b"\x09" + bytes(8) + b"\x1a\x0dbrain.Event:2")
    for step in range(12):
        value = b"\x0a\x04loss\x15" + struct.pack("<f", math.exp(-step))
        found += record(
            b"\x09"
            + bytes(8)
            + b"\x10"
            + bytes((step,))
            + b"\x2a"
            + bytes((len(value) + 2,))
            + b"\x0a"
            + bytes((len(value),))
            + value
        )
    path.write_bytes(found)
    return found
