"""Files written whole or not at all, proved with real processes, real limits and a real full disk."""

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.core.errors import BadRun
from ravine.core.files import explained, plain, read_json, whole_file, write_json, write_whole


def test_bytes_and_text_arrive(tmp_path):
    write_whole(tmp_path / "a", b"\x00\xff")
    write_whole(tmp_path / "b", "größe")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"
    assert (tmp_path / "b").read_text(encoding="utf-8") == "größe"


def test_an_error_inside_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "model"
    write_whole(path, "old")

    def fail_half_way() -> None:
        with whole_file(path) as file:
            file.write(b"half of the new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["model"]


def test_the_file_has_the_mode_of_an_ordinary_one(tmp_path):
    write_whole(tmp_path / "whole", "")
    (tmp_path / "ordinary").write_text("")
    assert stat.S_IMODE((tmp_path / "whole").stat().st_mode) == stat.S_IMODE((tmp_path / "ordinary").stat().st_mode)


def test_killed_in_the_middle_of_a_write_the_old_file_stays(tmp_path):
    path = tmp_path / "checkpoint"
    write_whole(path, "old")
    program = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from ravine.core.files import whole_file
        with whole_file(Path(sys.argv[1])) as file:
            file.write(b"x" * 1_000_000)
            file.flush()
            print("half way", flush=True)
            time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "half way\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    assert path.read_text() == "old"
    write_whole(path, "new")
    assert path.read_text() == "new"


def test_a_full_disk_is_one_clear_line_and_leaves_no_half_file(tmp_path):
    """RLIMIT_FSIZE stands in for the full disk: write(2) fails in the middle of the data."""
    path = tmp_path / "checkpoint"
    write_whole(path, "old")
    program = textwrap.dedent(
        """
        import resource, signal, sys
        from pathlib import Path
        from ravine.core.errors import BadRun
        from ravine.core.files import write_whole
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            write_whole(Path(sys.argv[1]), b"x" * 1_000_000)
        except BadRun as error:
            print(error)
        """
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{path}: cannot be written (File too large). Free some space, or choose another place.\n"
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["checkpoint"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_the_words_for_a_device_without_space(tmp_path):
    with (
        open("/dev/full", "wb", buffering=0) as full,
        pytest.raises(BadRun, match=r"No space left on device.*another place"),
        explained(tmp_path),
    ):
        full.write(b"x")


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path):
    """A path under a file: refused to root as well, who may write anywhere else."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BadRun, match=r"cannot be written \(Not a directory\)"):
        write_whole(tmp_path / "file" / "results.json", "{}")


def test_a_folder_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(BadRun, match="No such file or directory"):
        write_whole(tmp_path / "gone" / "results.json", "{}")


def test_too_many_open_files_is_explained_too(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(BadRun, match="Too many open files"):
            write_whole(tmp_path / "x", "")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(value=json_values)
def test_json_comes_back_as_it_went(value, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value)
    assert read_json(path) == value


def test_what_json_cannot_hold_becomes_plain(tmp_path):
    write_json(tmp_path / "x", {"nan": float("nan"), 1: np.float32(0.5), "a": np.arange(3), "p": Path("x"), "t": (1,)})
    assert read_json(tmp_path / "x") == {"nan": None, "1": 0.5, "a": [0, 1, 2], "p": "x", "t": [1]}
    assert plain(np.array([np.nan, np.inf, 1.0])) == [None, None, 1.0]


def test_what_has_no_json_form_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(TypeError, match="no JSON form for object"):
        write_json(tmp_path / "x", {"a": object()})
    assert os.listdir(tmp_path) == []


def test_a_file_name_that_is_no_utf8_survives(tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    write_json(tmp_path / "x", {"skipped": name})
    assert os.fsencode(read_json(tmp_path / "x")["skipped"]) == b"caf\xe9.png"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged JSON at line 1"),
        (b'{\n"a": 1,\n"b": ', "damaged JSON at line 3"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_damaged_file_is_named_with_the_place(tmp_path, content, words):
    path = tmp_path / "results.json"
    path.write_bytes(content)
    with pytest.raises(BadRun, match=words) as caught:
        read_json(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_asks_whether_this_is_a_run(tmp_path):
    with pytest.raises(BadRun, match="Is the folder a Ravine run"):
        read_json(tmp_path / "results.json")


def test_json_is_valid_for_other_readers(tmp_path):
    write_json(tmp_path / "x", {"a": [float("inf"), 1.5]})
    text = (tmp_path / "x").read_text()
    assert json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON")) == {"a": [None, 1.5]}
