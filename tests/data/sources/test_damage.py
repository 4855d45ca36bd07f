"""Whatever bytes a file holds: rows or one clear refusal, never anything else."""

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from ravine.core.errors import RavineError
from ravine.data.raw import Raw
from ravine.data.sources.opening import open_source

FRAME = pl.DataFrame({"a": [1, 2, 3], "s": ["x", "y", "x"], "y": [0.5, 1.5, 2.5]})


def whole(ending: str) -> bytes:
    file = io.BytesIO()
    if ending == ".csv":
        FRAME.write_csv(file)
    elif ending == ".jsonl":
        FRAME.write_ndjson(file)
    elif ending == ".parquet":
        FRAME.write_parquet(file)
    elif ending == ".npz":
        np.savez_compressed(file, x=np.ones((3, 2)), y=np.arange(3))
    elif ending == ".npy":
        np.save(file, np.ones((3, 2)))
    elif ending == ".png":
        Image.new("RGB", (9, 9), "red").save(file, "png")
    return file.getvalue()


def opened(path: Path) -> None:
    refused = ""
    try:
        raw = open_source(path, need_target=path.suffix != ".png")
    except RavineError as error:
        refused = str(error)
    if refused:
        assert refused.startswith((str(path), str(path.parent)))
        assert "\n" not in refused
    else:
        assert isinstance(raw, Raw)
        assert len(raw) == len(raw.ids)


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet", ".npz", ".npy", ".png"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(data=st.data())
def test_a_file_with_bytes_changed(tmp_path: Path, ending: str, data: st.DataObject) -> None:
    content = bytearray(whole(ending))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    path = tmp_path / f"f{ending}"
    path.write_bytes(bytes(content))
    opened(path)


TABLE = st.text(st.sampled_from("ab01.5-+\"'\n\r,;\t| é?/:#NATe"), max_size=60)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(text=TABLE)
@example("a\n")
@example('"\n')
@example('"a\nb",c\n1,2\n')
def test_any_text_as_a_table(tmp_path: Path, text: str) -> None:
    path = tmp_path / "f.csv"
    path.write_text(text, newline="")
    opened(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(content=st.binary(max_size=80), ending=st.sampled_from([".csv", ".jsonl", ".parquet", ".npz", ".npy", ".png"]))
def test_any_bytes(tmp_path: Path, content: bytes, ending: str) -> None:
    path = tmp_path / f"f{ending}"
    path.write_bytes(content)
    opened(path)
