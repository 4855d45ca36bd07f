"""IDX files: what is written comes back; what is damaged is refused."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ravine.core.errors import BadData
from ravine.data.sources.idx import is_idx_name, read_idx

TYPES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array: np.ndarray) -> bytes:
    code = TYPES[array.dtype.str[1:]]
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


arrays = st.sampled_from(sorted(TYPES)).flatmap(
    lambda kind: hnp.arrays(np.dtype(kind), hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(array=arrays, zipped=st.booleans())
def test_round_trip(tmp_path: Path, array: np.ndarray, zipped: bool) -> None:
    path = tmp_path / "some-idx"
    data = idx_bytes(array)
    path.write_bytes(gzip.compress(data, 1) if zipped else data)
    back = read_idx(path)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.integers(0, 35), zipped=st.booleans())
def test_any_cut_is_seen(tmp_path: Path, cut: int, zipped: bool) -> None:
    whole = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    whole = gzip.compress(whole) if zipped else whole
    path = tmp_path / "cut-idx"
    path.write_bytes(whole[:cut])
    with pytest.raises(BadData, match="cut-idx") as caught:
        read_idx(path)
    assert "Fetch it again" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "got nothing"),
        (b"\x89PNG....", "not an IDX file"),
        (b"\0\0\x07\x01\0\0\0\x01x", "not an IDX file"),
        (b"\0\0\x08\x00", "not an IDX file"),
        (b"\0\0\x08\x01\0\0\0\x02xyz", "goes on after the 2 bytes"),
        (b"\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x10abc", "promises"),
    ],
)
def test_damage_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "bad-idx"
    path.write_bytes(data)
    with pytest.raises(BadData, match=r"bad-idx") as caught:
        read_idx(path)
    assert words in str(caught.value)


def test_names_of_idx_files() -> None:
    assert is_idx_name("t10k-labels-idx1-ubyte")
    assert is_idx_name("emnist-letters-train-images-idx3-ubyte.gz")
    assert is_idx_name("train-images.idx3-ubyte")
    assert not is_idx_name("train.csv")
