"""Run the fault benchmark, as far as it is not done yet, and write its page.

    python -m benchmarks.faults                         all of it: some hours on two quiet cores
    python -m benchmarks.faults --subset ten-minutes
    python -m benchmarks.faults --only-page             from the runs that are there
    python -m benchmarks.faults --freeze                note in split.json what decides now, before scoring
    python -m benchmarks.faults --fixes                 try out in fixes.json which other names' advice repairs a fault
    python -m benchmarks.faults --fixes --pairs bounces:crawls,bounces:overfits

Runs are kept one a file; what is there is not run again, so that it can be broken off at any time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from benchmarks.faults.plan import SUBSETS, Run, do

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "faults"
PAGE = ROOT / "docs" / "guide" / "faults.md"
PICTURE = ROOT / "docs" / "images" / "fault-confusion.png"
SPLIT = Path(__file__).parent / "split.json"
AT_ONCE = 200


def train_and_look(run: Run, folder: Path) -> tuple[Run, dict[str, Any] | None, float]:
    """One run in a process of its own kind, and the seconds it took."""
    from benchmarks.faults.seen import look

    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about what is planted
        do(run, folder)
    return run, look(run, folder), time.perf_counter() - started


def collect(runs: Sequence[Run], folder: Path, jobs: int, *, seconds: float | None = None) -> dict[Run, dict[str, Any]]:
    """What is said of every run, those not done yet being done.

    Args:
        runs: Which.
        folder: Where they are kept.
        jobs: Processes.
        seconds: After which no more are begun; None for no limit.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    folder.mkdir(parents=True, exist_ok=True)
    said: dict[Run, dict[str, Any]] = {}
    started = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    number = 0
    # a pool for each share of the runs, since processes grow; one pool that renews its processes can come to a stand
    for begin in range(0, len(runs), AT_ONCE):
        with ProcessPoolExecutor(jobs, mp_context=context) as pool:
            waiting = [pool.submit(train_and_look, run, folder) for run in runs[begin : begin + AT_ONCE]]
            for future in as_completed(waiting):
                if seconds is not None and time.perf_counter() - started > seconds:
                    pool.shutdown(wait=True, cancel_futures=True)
                    return said
                number += 1
                try:
                    run, found, took = future.result()
                except BrokenProcessPool:
                    raise
                except Exception as error:  # one run that cannot be made is said, and the others go on
                    print(f"{number}/{len(runs)} failed: {type(error).__name__}: {error}", file=sys.stderr)
                    continue
                if found is not None:
                    said[run] = found
                    names = ", ".join(found["tiers"]["D"]["found"]) or "–"
                    print(
                        f"{number}/{len(runs)} {run.key} {took:.1f} s: score {found['score']:.3f}; {names}", flush=True
                    )
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subset", choices=sorted(SUBSETS), default="full")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, help="begin no more runs after so long")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--only-page", action="store_true")
    parser.add_argument("--freeze", action="store_true")
    parser.add_argument("--fixes", action="store_true")
    parser.add_argument("--pairs", help="planted:named, with commas between; all of accepted.json where left out")
    given = parser.parse_args()
    if given.freeze:
        from benchmarks.faults.seen import digest

        SPLIT.write_text(json.dumps({**json.loads(SPLIT.read_text()), "frozen": digest()}, indent=2) + "\n")
        return
    if given.fixes:
        from benchmarks.faults.evaluate import ACCEPTED
        from benchmarks.faults.fixes import verify

        reasoned = [(truth, name) for truth, names in ACCEPTED.items() if truth != "why" for name in names]
        pairs = [pair.split(":") for pair in given.pairs.split(",")] if given.pairs else reasoned
        verify([(truth, named) for truth, named in pairs], given.folder, given.jobs)
        return
    runs = list(SUBSETS[given.subset]())
    asked = [run for run in runs if not given.only_page or run.file(given.folder).exists()]
    said = collect(asked, given.folder, given.jobs, seconds=given.seconds)
    from benchmarks.faults.evaluate import gated
    from benchmarks.faults.page import write

    judged, judgements = gated(said)
    print(write(judged, judgements, len(runs), given.subset, given.page, given.picture))
    print(f"written: {given.page}, {given.picture}")


if __name__ == "__main__":
    main()
