"""python -m made.side_by_side FRAMEWORK: what becomes of its script watched and not, and what is said of its faults.

Prints one line of JSON: under "same" whether the weights are, "healthy" what is said of the script as it is, and
"faults" what is said first of each of its faults.
"""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from made.framework_scripts import FRAMEWORKS
from ravine.records.finding import Severity
from ravine.watch.watcher import Watcher


def run(source: str, name: str) -> list[bytes]:
    """The weights that a script ends with, to the bit."""
    scope = {"__name__": "__main__"}
    with contextlib.redirect_stdout(sys.stderr):
        exec(compile(source, name, "exec"), scope)
    return [np.asarray(getattr(one, "data", one)).tobytes() for one in scope["trained"]]


def watched(source: str, name: str) -> tuple[Watcher, list[bytes]]:
    """The same while it is watched."""
    with Watcher(quiet=True, overhead=0.5).start() as watcher:
        weights = run(source, name)
    return watcher, weights


def main(name: str) -> None:
    """Print it."""
    framework = FRAMEWORKS[name]
    alone = run(framework.script, "train.py")
    watcher, weights = watched(framework.script, "train.py")
    told = {"same": weights == alone, "steps": watcher.steps, "facts": [], "healthy": [], "faults": {}}
    told["facts"] = [row for row in watcher.history.of_kind("fact") if row["fact"] != "looked-for"]
    told["healthy"] = [one.evidence for one in watcher.findings if one.severity != Severity.NOTE]
    told["val_loss"] = len(watcher.history.series("val_loss"))
    for symptom in framework.faults:
        findings = watched(framework.broken(symptom), "faulty.py")[0].findings
        told["faults"][symptom] = [(one.symptom, one.evidence) for one in findings]
    print(json.dumps(told))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with TemporaryDirectory() as folder, contextlib.chdir(Path(folder)):
        main(sys.argv[1])
