"""How long `ravine diagnose` takes: reading a million-row table and a 10 MB event file, and a whole command.

Run it with `python benchmarks/diagnose.py`; files are made in a temporary folder and removed.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

ROWS = 1_000_000
EVENT_BYTES = 10_000_000
REPEATS = 3


def main() -> None:
    from ravine.diagnose.doctor import diagnose
    from ravine.records.readers import read_history

    with tempfile.TemporaryDirectory() as folder:
        table, events, ordinary = (Path(folder) / name for name in ("large.csv", "events.out.tfevents.1", "run.csv"))
        write_table(table, ROWS)
        write_table(ordinary, 200)
        write_events(events, EVENT_BYTES)
        print(f"{ROWS:,} rows, {table.stat().st_size / 1e6:.0f} MB, read: {seconds(lambda: read_history(table)):.2f} s")
        history = read_history(table)
        print(f"  and diagnosed: {seconds(lambda: diagnose(read_history(table))):.2f} s, {len(history):,} rows")
        print(f"events, {events.stat().st_size / 1e6:.0f} MB, read: {seconds(lambda: read_history(events)):.2f} s")
        print(f"ravine diagnose of 200 rows, the whole command: {seconds(lambda: command(ordinary)):.2f} s")
        print(f"  of which Python and ravine --help: {seconds(lambda: command()):.2f} s")


def seconds(work: Callable[[], Any]) -> float:
    """The fastest of a few times, by the clock on the wall."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def command(log: Path | None = None) -> None:
    words = ["--help"] if log is None else ["diagnose", str(log)]
    subprocess.run([sys.executable, "-m", "ravine", *words], stdout=subprocess.DEVNULL, check=False)


def write_table(path: Path, rows: int) -> None:
    draw = np.random.default_rng(0)
    step = np.arange(rows)
    fall = np.exp(-4 * step / rows)
    frame = {
        "Epoch": step // max(1, rows // 50),
        "Step": step,
        "loss": fall + 0.1 + 0.02 * draw.standard_normal(rows),
        "val/acc": np.where(step % 1000 == 999, 1 - 0.8 * fall, np.nan),
        "lr": np.full(rows, 1e-3),
        "grad_norm": 1 + draw.random(rows),
    }
    pl.DataFrame(frame).with_columns(pl.col("val/acc").fill_nan(None)).write_csv(path)


def write_events(path: Path, size: int) -> None:
    """Scalars of three tags, as torch.utils.tensorboard writes them, but for checksums, which nobody reads."""
    with path.open("wb") as file:
        file.write(record(b"\x09" + struct.pack("<d", 0.0) + b"\x1a\x0dbrain.Event:2"))
        step = 0
        while file.tell() < size:
            for tag in (b"train/loss", b"val/loss", b"lr"):
                value = b"\x0a" + bytes((len(tag),)) + tag + b"\x15" + struct.pack("<f", 1 / (1 + step))
                summary = b"\x0a" + varint(len(value)) + value
                event = b"\x09" + struct.pack("<d", float(step)) + b"\x10" + varint(step)
                file.write(record(event + b"\x2a" + varint(len(summary)) + summary))
            step += 1


def record(data: bytes) -> bytes:
    return struct.pack("<Q", len(data)) + bytes(4) + data + bytes(4)


def varint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))


if __name__ == "__main__":
    main()
