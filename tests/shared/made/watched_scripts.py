"""Running the text of a script in this process while it is watched."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch

from ravine.diagnose.doctor import Diagnosis
from ravine.watch.catalogue import INSTRUMENTS
from ravine.watch.instrument import Instrument, Scene
from ravine.watch.watcher import Watcher

STEPS = 300


class Enough(BaseException):
    """Ends a script; no instrument's failure, and so not caught."""


class UntilStep(Instrument):
    """Ends the script after so many optimizer steps."""

    name = "until_step"

    def step_end(self, scene: Scene, optimizer: Any) -> None:
        if scene.step >= STEPS:
            raise Enough


def watch_script(source: str, path: Path) -> tuple[Diagnosis, Watcher]:
    """What the watcher says of `source`, written to `path` and run for 300 steps at most."""
    path.write_text(source)
    watcher = Watcher(quiet=True, overhead=0.5, instruments=[*(kind() for kind in INSTRUMENTS.values()), UntilStep()])
    threads, kind = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_num_threads(1)
    watcher.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of some of the faults, too
            exec(compile(source, str(path), "exec"), {"__name__": "__main__"})
    except Enough:
        pass
    finally:
        watcher.stop()
        torch.set_num_threads(threads)
        torch.set_default_dtype(kind)
    return watcher.diagnose(), watcher
