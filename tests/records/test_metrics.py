"""`metrics.jsonl`: append-only, and readable whatever a killed process left behind."""

import json
import math
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.core.errors import BadRun
from ravine.records.metrics import MetricsWriter, read_rows


def rows_of(path: Path) -> list[dict]:
    return list(read_rows(path))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


def write(path: Path, *rows: dict) -> None:
    writer = MetricsWriter(path)
    for row in rows:
        writer.write(row)
    writer.close()


def test_a_file_that_is_not_there_has_no_rows(path):
    assert rows_of(path) == []


values = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text() | st.booleans() | st.none()


@given(rows=st.lists(st.dictionaries(st.text(min_size=1), values, max_size=4)))
def test_rows_come_back_as_they_went(rows, tmp_path_factory):
    spelled = {"nan", "inf", "-inf"}
    rows = [
        {k: v for k, v in row.items() if v not in spelled} | {"kind": "step", "step": number}
        for number, row in enumerate(rows)
    ]
    path = tmp_path_factory.mktemp("metrics") / "metrics.jsonl"
    write(path, *rows)
    assert rows_of(path) == rows


def test_nan_and_infinities_are_kept_in_valid_json(path):
    write(path, {"kind": "step", "step": 1, "a": math.nan, "b": math.inf, "c": -math.inf})
    json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    (row,) = rows_of(path)
    assert math.isnan(row["a"])
    assert (row["b"], row["c"]) == (math.inf, -math.inf)


def test_a_writer_goes_on_behind_what_is_there(path):
    write(path, {"kind": "step", "step": 1})
    write(path, {"kind": "step", "step": 2})
    assert [row["step"] for row in rows_of(path)] == [1, 2]


@pytest.mark.parametrize("torn_off", range(1, 12))
def test_a_torn_last_line_costs_that_row_alone(path, torn_off):
    write(path, {"kind": "step", "step": 1}, {"kind": "step", "step": 2})
    path.write_bytes(path.read_bytes()[:-torn_off])
    write(path, {"kind": "step", "step": 3})
    # cut by one byte, only the line end is missing: the row is whole and stays
    assert [row["step"] for row in rows_of(path)] == ([1, 2, 3] if torn_off == 1 else [1, 3])


def test_foreign_lines_are_skipped(path):
    path.write_bytes(b'\xff\xfe\n[1, 2]\n"text"\n\n{"kind": "step", "step": 1}\n')
    assert rows_of(path) == [{"kind": "step", "step": 1}]


def test_work_done_twice_is_dropped_at_a_resume(path):
    write(
        path,
        *({"kind": "step", "step": step, "train_loss": 1.0} for step in (10, 20, 30, 40)),
        {"kind": "resume", "step": 20},
        *({"kind": "step", "step": step, "train_loss": 2.0} for step in (30, 40)),
        {"kind": "resume", "step": 30},
        {"kind": "step", "step": 40, "train_loss": 3.0},
    )
    assert [(row["step"], row["train_loss"]) for row in rows_of(path)] == [(10, 1.0), (20, 1.0), (30, 2.0), (40, 3.0)]


def test_a_row_without_a_step_is_a_foreign_line(path):
    write(path, {"kind": "step", "step": 1}, {"kind": "resume"}, {"kind": "step"}, {"kind": "step", "step": "two"})
    assert [row["step"] for row in rows_of(path)] == [1]


def test_a_killed_process_loses_no_finished_row(path):
    program = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from ravine.records.metrics import MetricsWriter
        writer = MetricsWriter(Path(sys.argv[1]))
        for step in range(100):
            writer.write({"kind": "step", "step": step})
        print("written", flush=True)
        time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert [row["step"] for row in rows_of(path)] == list(range(100))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_clear_line():
    writer = MetricsWriter(Path("/dev/full"))
    with pytest.raises(BadRun, match="No space left on device"):
        writer.write({"kind": "step", "step": 1})
    writer.close()


def test_when_the_disk_has_room_again_only_the_torn_row_is_lost(path):
    """RLIMIT_FSIZE stands in for the full disk: it lets half of the second row through."""
    program = textwrap.dedent(
        """
        import resource, signal, sys
        from pathlib import Path
        from ravine.core.errors import BadRun
        from ravine.records.metrics import MetricsWriter
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        writer = MetricsWriter(Path(sys.argv[1]))
        writer.write({"kind": "step", "step": 1})
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (40, hard))
        try:
            writer.write({"kind": "step", "step": 2})
        except BadRun:
            print("refused")
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        writer.write({"kind": "step", "step": 3})
        """
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"
    assert [row["step"] for row in rows_of(path)] == [1, 3]


def test_a_folder_that_is_none_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadRun, match="Not a directory"):
        MetricsWriter(tmp_path / "file" / "metrics.jsonl")


def test_closing_twice_and_syncing_do_no_harm(path):
    writer = MetricsWriter(path)
    writer.write({"kind": "step", "step": 1})
    writer.sync()
    writer.close()
    writer.close()
    assert len(rows_of(path)) == 1
