"""The watcher: from the first hook to the verdict."""

from __future__ import annotations

import atexit
import contextlib
import html
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from torch import nn
from torch.optim import Optimizer

from ravine.core.errors import BadValue, refusal
from ravine.diagnose.doctor import Diagnosis, diagnose
from ravine.records.finding import Finding
from ravine.records.history import History
from ravine.records.metrics import MetricsWriter
from ravine.watch import hooks
from ravine.watch.bell import Bell
from ravine.watch.catalogue import INSTRUMENTS
from ravine.watch.census import Census
from ravine.watch.clock import Clock
from ravine.watch.hooks.patches import Patches
from ravine.watch.instrument import Instrument
from ravine.watch.live import Live
from ravine.watch.pace import Pace
from ravine.watch.ranks import first_rank
from ravine.watch.record import Record
from ravine.watch.saying import say
from ravine.watch.scene import LiveScene
from ravine.watch.sink import Sink
from ravine.watch.steps import Steps
from ravine.watch.stride import Stride
from ravine.watch.verdict import verdict_lines

_running: Watcher | None = None


class Watcher:
    """Observes the training of this process until it is stopped; one at a time.

    A program may train several models one after another, as in cross-validation: when every optimizer of one training
    is gone, it is judged, and the next is a training of its own.

    Args:
        record: Where rows are written as they come; None keeps them in memory alone.
        overhead: Share of the program's time that costly measurements may take.
        quiet: Say nothing on standard error.
        instruments: What to observe; all there are when None.

    Attributes:
        past: Steps and diagnosis of the trainings that are over.
    """

    def __init__(
        self,
        *,
        record: Record | None = None,
        overhead: float = 0.02,
        quiet: bool = False,
        instruments: list[Instrument] | None = None,
    ) -> None:
        if not 0 < overhead < 1:
            raise BadValue(refusal("watch", "overhead", "be a share in (0, 1)", overhead))
        self.record = record
        self._quiet = quiet
        self._sink = Sink(None if record is None else self._open, self._say)
        self.scene = LiveScene(Census(), self._sink)
        played = [kind() for kind in INSTRUMENTS.values()] if instruments is None else instruments
        self._bell = Bell(self.scene, played, say)
        self._overhead = overhead
        self._clock = Clock()
        self._steps = Steps(self._bell, *self._sampling())
        self._live = self._looking()
        self.past: list[tuple[int, Diagnosis]] = []
        self._patches: Patches | None = None
        self._running = False
        self._entered = 0
        self._process = os.getpid()

    def start(self) -> Watcher:
        """Begin to watch."""
        global _running
        _running = self
        os.register_at_fork(after_in_child=self._sleep)
        self._running = True
        self._bell.ring("begin")
        self._steps.after.append(self._after_step)
        self._steps.over.append(self._begin_anew)
        self.go_on()
        return self

    def pause(self) -> None:
        """Take every hook back; what the program does until `go_on` is not seen."""
        if self._patches is not None:
            self._patches.undo()
            self._patches = None
            self._clock.pause()

    def go_on(self) -> None:
        """Watch again after a pause."""
        if self._running and self._patches is None:
            self._patches = hooks.install(self._steps)
            self._clock.go_on()

    def stop(self) -> None:
        """Take every hook back and write what is not written; harmless when called twice."""
        global _running
        if not self._mine():
            return
        with self._harmless():
            self._steps.look_by_hand()
        self._bell.ring("end")
        self.pause()
        self._running = False
        self._sleep()
        self._sink.close(write=self.steps > 0)
        if _running is self:
            _running = None

    def save(self) -> None:
        """Write what was seen so far, for a process that is about to be ended."""
        if self._mine() and self.steps:
            self._sink.flush(whole=True)

    @property
    def steps(self) -> int:
        """Optimizer steps seen."""
        return self.scene.step

    @property
    def history(self) -> History:
        """Everything seen so far."""
        self._sink.flush()
        return History(self._sink.rows, source="" if self.record is None else str(self.record.folder.path))

    @property
    def findings(self) -> list[Finding]:
        """What the doctor finds in it, most likely cause first."""
        return list(self.diagnose().findings)

    def diagnose(self) -> Diagnosis:
        """What the doctor makes of everything seen so far."""
        return diagnose(self.history)

    def __str__(self) -> str:
        """The verdict on everything seen so far, in lines."""
        return "\n".join(verdict_lines(self.diagnose(), self.steps))

    def _repr_html_(self) -> str:
        """The same where it is the last line of a notebook's cell."""
        return f"<pre>{html.escape(str(self))}</pre>"

    def hold(self) -> None:
        """The end of one more `with` block does not end the watching."""
        self._entered += 1

    def introduce(self, model: nn.Module | None, optimizer: Optimizer | None) -> None:
        """Get to know a model and an optimizer before they are used."""
        if model is not None:
            self.scene.census.meet(model)
        if optimizer is not None:
            self.scene.census.number_of(optimizer)

    def __enter__(self) -> Watcher:
        self._entered += 1
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._entered -= 1
        if self._entered == 0:
            self.finish()

    def finish(self) -> None:
        """Stop, and say the verdict."""
        if not self._mine():
            return
        self.stop()
        if not self._quiet and self.steps:
            for line in verdict_lines(self.diagnose(), self.steps):
                say(line)

    def _mine(self) -> bool:
        """Whether there is anything to end here, in this process and not in a fork of it."""
        return self._running and os.getpid() == self._process

    def _sampling(self) -> tuple[Pace, Stride]:
        return Pace(self._clock, self._overhead / 4), Stride(self._bell, self._clock, self._overhead / 2)

    def _looking(self) -> Live:
        return Live(lambda: self.history, self._say, self._clock, self._overhead / 4)

    def _begin_anew(self) -> None:
        """One training is over, since its optimizers are gone, and another begins: judge, and forget."""
        with self._harmless():
            self._bell.ring("end")
            self._sink.flush(whole=True)
            self.past.append((self.steps, self.diagnose()))
            for line in verdict_lines(self.past[-1][1], self.steps):
                self._say(f"training {len(self.past)}: {line}")
            self._sink.begin_anew()
            self._bell.begin_anew()
            self.scene.census.forget()
            self._clock = Clock()
            self._live = self._looking()
            self._steps.begin_anew(*self._sampling())
            self._bell.ring("begin")

    def _after_step(self) -> None:
        with self._harmless():
            self._sink.tick()
            if not self._quiet:
                self._live.after_step(self.scene.step)

    @contextlib.contextmanager
    def _harmless(self) -> Iterator[None]:
        """Whatever is wrong with us, the program goes on, unwatched."""
        try:
            yield
        except Exception as error:
            self._sleep()
            say(f"no longer watched, by a fault of Ravine: {type(error).__name__}: {error}")

    def _open(self) -> MetricsWriter:
        assert self.record is not None
        return self.record.open()

    def _say(self, line: str) -> None:
        if not self._quiet:
            say(line)

    def _sleep(self) -> None:
        self._bell.sleep()


def running() -> Watcher | None:
    """The watcher of this process, if there is one."""
    return _running


def watch(
    model: nn.Module | None = None,
    optimizer: Optimizer | None = None,
    *,
    run_dir: str | os.PathLike[str] | None = None,
    overhead: float = 0.02,
    quiet: bool = False,
) -> Watcher:
    """Watch the training that follows: until the `with` block ends, or the program.

        with ravine.watch(model, optimizer) as w:
            ...  # any training
        print(w.findings)

    Where the program is watched already, by `ravine watch` or an earlier call, that watcher is returned.

    Args:
        model: Its names are used from the first step on; else it is known from its use.
        optimizer: The one whose loss is the training's, where there are several; else the first that steps.
        run_dir: Folder for the record, for `ravine diagnose`; without one, rows are kept in memory alone.
        overhead: Share of the program's time that costly measurements may take, in (0, 1).
        quiet: Say nothing on standard error.

    Raises:
        BadValue: `overhead` is no share, or what is given is no model or optimizer.
        BadRun: `run_dir` already holds a record.
    """
    if model is not None and not isinstance(model, nn.Module):
        raise BadValue(refusal("watch", "model", "be a torch.nn.Module", type(model).__name__))
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise BadValue(refusal("watch", "optimizer", "be a torch.optim.Optimizer", type(optimizer).__name__))
    watcher = _running
    if watcher is None:
        record = None if run_dir is None else Record.at(Path(run_dir), program=sys.argv[0])
        watcher = Watcher(record=record, overhead=overhead, quiet=quiet)
        if first_rank():
            watcher.start()
            atexit.register(watcher.finish)
    watcher.introduce(model, optimizer)
    return watcher
