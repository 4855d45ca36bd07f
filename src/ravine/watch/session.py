"""`ravine watch`: a program, watched from its first import of torch to its end."""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ravine.core.errors import BadRun
from ravine.core.files import write_json
from ravine.records.finding import write_findings
from ravine.watch.importing import when_torch_is_there
from ravine.watch.program import before_hard_exit, run_program
from ravine.watch.ranks import first_rank
from ravine.watch.record import Record
from ravine.watch.saying import say

if TYPE_CHECKING:
    from ravine.diagnose.doctor import Diagnosis
    from ravine.watch.watcher import Watcher


def watch_program(
    target: str,
    args: Sequence[str],
    *,
    module: bool = False,
    run_dir: Path | None = None,
    overhead: float = 0.02,
    quiet: bool = False,
    json_file: Path | None = None,
) -> None:
    """Run a program as python would, and watch it.

    Args:
        target: Its file, or the name of a module.
        args: Its own words.
        module: Whether `target` is a module's name.
        run_dir: Where the record goes; runs/watch-PROGRAM-TIME when None.
        overhead: Share of its time that costly measurements may take.
        quiet: Say nothing.
        json_file: Where to write the verdict as JSON.

    Raises:
        SystemExit: With the code that the program ends with.
        BadRun: `run_dir` already holds a record, or the verdict's folder is not there.
        BadValue: There is no such program.
    """
    if not first_rank():
        run_program(target, args, module=module)
        return
    if json_file is not None:
        json_file = json_file.absolute()
        if not json_file.parent.is_dir():
            raise BadRun(f"{json_file.parent}: no such folder, for --json.")
    session = _Session(Record.at(run_dir, program=target), overhead, quiet, json_file)
    when_torch_is_there(session.begin)
    atexit.register(session.end)  # before whatever the program registers, so that it runs after that
    with before_hard_exit(session.save):
        run_program(target, args, module=module)


class _Session:
    """One watched program: its watcher, once it has imported torch, and what is said at its end."""

    def __init__(self, record: Record, overhead: float, quiet: bool, json_file: Path | None) -> None:
        self._record = record
        self._overhead = overhead
        self._quiet = quiet
        self._json_file = json_file
        self._watcher: Watcher | None = None
        self._process = os.getpid()

    def begin(self) -> None:
        """Torch is there. Whatever is wrong with us, the program goes on."""
        try:
            from ravine.watch.watcher import Watcher

            watcher = Watcher(record=self._record, overhead=self._overhead, quiet=self._quiet).start()
        except Exception as error:
            say(f"not watched, by a fault of Ravine: {type(error).__name__}: {error}")
            return
        watcher.hold()  # a `with ravine.watch()` inside the program does not end it
        self._watcher = watcher

    def save(self) -> None:
        """The program ends without a goodbye."""
        if self._watcher is not None:
            self._watcher.save()

    def end(self) -> None:
        """The program has ended, in this process and not in a fork of it."""
        if os.getpid() != self._process:
            return
        try:
            self._judge()
        except Exception as error:
            say(f"no verdict: {type(error).__name__}: {error}")

    def _judge(self) -> None:
        from ravine.diagnose.doctor import diagnose
        from ravine.records.history import History
        from ravine.watch.verdict import verdict_lines

        watcher = self._watcher
        if watcher is not None:
            watcher.stop()
        diagnosis = diagnose(watcher.history if watcher is not None else History([]))
        if not self._quiet:
            if watcher is None or not (watcher.steps or watcher.past):
                say("no training step was seen in this program.")
            else:
                which = f"training {len(watcher.past) + 1}: " if watcher.past else ""
                for line in verdict_lines(diagnosis, watcher.steps):
                    say(which + line)
                say(f"record: {os.path.relpath(self._record.folder.path)}")
        self._write(diagnosis)

    def _write(self, diagnosis: Diagnosis) -> None:
        if self._json_file is not None:
            write_json(self._json_file, diagnosis.to_json())
        if self._record.made:
            write_findings(self._record.folder.findings, list(diagnosis.findings))
            self._record.note(status="ended", verdict=diagnosis.verdict)
