"""`ravine watch`: a program, watched from its first import of torch to its end."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

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
    from ravine.records.history import History
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
    html_file: Path | None = None,
    write_html: Callable[[Path, History, Diagnosis], None] | None = None,
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
        html_file: Where to write a page of it.
        write_html: Writes that page.

    Raises:
        SystemExit: With the code that the program ends with.
        BadRun: `run_dir` already holds a record, or the verdict's folder is not there.
        BadValue: There is no such program.
    """
    if not first_rank():
        run_program(target, args, module=module)
        return
    writers: list[_Writer] = []
    if json_file is not None:
        to_json = _writable(json_file, "--json")
        writers.append(lambda _, diagnosis: write_json(to_json, diagnosis.to_json()))
    if html_file is not None and write_html is not None:
        to_html, write = _writable(html_file, "--html"), write_html
        writers.append(lambda history, diagnosis: write(to_html, history, diagnosis))
    session = _Session(Record.at(run_dir, program=target), overhead, quiet, writers)
    when_torch_is_there(session.begin)
    atexit.register(session.end)  # before whatever the program registers, so that it runs after that
    with before_hard_exit(session.save):
        run_program(target, args, module=module)


_Writer: TypeAlias = "Callable[[History, Diagnosis], None]"


def _writable(path: Path, option: str) -> Path:
    """`path` from wherever the program may go, or a refusal now rather than after hours."""
    path = path.absolute()
    if not path.parent.is_dir():
        raise BadRun(f"{path.parent}: no such folder, for {option}.")
    return path


class _Session:
    """One watched program: its watcher, once it has imported torch, and what is said at its end."""

    def __init__(self, record: Record, overhead: float, quiet: bool, writers: Sequence[_Writer]) -> None:
        self._record = record
        self._overhead = overhead
        self._quiet = quiet
        self._writers = writers
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
        history = watcher.history if watcher is not None else History([])
        diagnosis = diagnose(history)
        if not self._quiet:
            if watcher is None or not (watcher.steps or watcher.past):
                say("no training step was seen in this program.")
            else:
                which = f"training {len(watcher.past) + 1}: " if watcher.past else ""
                for line in verdict_lines(diagnosis, watcher.steps):
                    say(which + line)
                say(f"record: {os.path.relpath(self._record.folder.path)}")
        for write in self._writers:
            write(history, diagnosis)
        if self._record.made:
            write_findings(self._record.folder.findings, list(diagnosis.findings))
            self._record.note(status="ended", verdict=diagnosis.verdict)
