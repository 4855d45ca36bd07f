"""`trainer_state.json` of the Hugging Face Trainer, alone or in the folder of its checkpoints."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ravine.records.history import History
from ravine.records.readers.columns import logs_of_records
from ravine.records.readers.reader import Reader, histories
from ravine.records.readers.source import Source

_NAME = "trainer_state.json"
_STEP = re.compile(r"checkpoint-(\d+)")


def recognizes(source: Source) -> bool:
    """Whether a file is a trainer's state, or a folder holds one or a checkpoint that does."""
    if source.is_folder:
        return _newest(source.path) is not None
    return '"log_history"' in source.head and isinstance(_state(source.json).get("log_history"), list)


def read(source: Source) -> list[History]:
    """Its log; the summary at its end is no point of a curve."""
    if source.is_folder:
        newest = _newest(source.path)
        assert newest is not None
        source = Source(newest)
    state = _state(source.json)
    rows = [row for row in state.get("log_history", []) if isinstance(row, dict) and "train_runtime" not in row]
    logs = logs_of_records(rows)
    about = {"total_steps": state.get("max_steps"), "batch_size": state.get("train_batch_size")}
    for log in logs:
        log.about |= {name: value for name, value in about.items() if isinstance(value, int) and value > 0}
    return histories(source, logs)


def _state(content: Any) -> dict[str, Any]:
    return content if isinstance(content, dict) else {}


def _newest(folder: Path) -> Path | None:
    """The state in a folder, else that of its last checkpoint."""
    if (folder / _NAME).is_file():
        return folder / _NAME
    found = {
        int(match[1]): path
        for path in folder.glob(f"checkpoint-*/{_NAME}")
        if (match := _STEP.fullmatch(path.parent.name))
    }
    return found[max(found)] if found else None


READER = Reader("trainer_state", "a Hugging Face trainer's state", recognizes, read)
