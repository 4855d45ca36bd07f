"""Other detectors in the same harness: our re-implementations of published default rules, and what costs nothing.

Each reads the same records as the doctor, all of them, and says messages of its own; `map.json`, written before any
result was looked at, turns these into our classes. What a tool sees that our records do not hold is left out, and said
in its file.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.faults.baselines import autotrainer, deepchecker, deepdiagnosis, sagemaker, umlaut

from ravine.records.history import History

MAP: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "map.json").read_text())["messages"]

LOOKS: dict[str, Callable[[History], list[str]]] = {
    "AutoTrainer": autotrainer.look,
    "DeepDiagnosis": deepdiagnosis.look,
    "UMLAUT": umlaut.look,
    "SageMaker Debugger": sagemaker.look,
    "TheDeepChecker": deepchecker.look,
    "always an alarm": lambda _: ["alarm"],
    "never an alarm": lambda _: [],
    "always the learning rate": lambda _: ["learning rate"],
}


def classes(name: str, history: History) -> list[str]:
    """What a baseline finds, in our classes, each once, in its own order."""
    return list(dict.fromkeys(MAP[name][message] for message in LOOKS[name](history)))
