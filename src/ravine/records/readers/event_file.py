"""TensorBoard's event files: scalars out of records and protocol buffers, without TensorBoard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ravine.core.errors import BadData
from ravine.records.history import History
from ravine.records.readers.events import is_event_file, scalars
from ravine.records.readers.log import Curve, Log
from ravine.records.readers.names import Role, is_part, meaning
from ravine.records.readers.reader import Reader, histories
from ravine.records.readers.source import Source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Points = tuple[NDArray[np.int64], NDArray[np.float64]]

_PATTERN = "*tfevents*"
_MOST_FILES = 500
_KERAS = "epoch_"  # Keras counts epochs in these tags and batches in the others


def recognizes(source: Source) -> bool:
    """Whether a file begins as events do, or a folder holds such files."""
    if source.is_folder:
        return next(_files(source.path), None) is not None
    return is_event_file(source.data)


def read(source: Source) -> list[History]:
    """The run of a file or of a folder; a folder of folders holds a run in each, unless they hold parts of one."""
    if not source.is_folder:
        return histories(source, [_log(_tags([source], source))])
    by_folder: dict[Path, list[Source]] = {}
    for path in _files(source.path):
        by_folder.setdefault(path.parent, []).append(Source(path))
        if sum(map(len, by_folder.values())) > _MOST_FILES:
            raise BadData(f"{source.path}: more than {_MOST_FILES} event files. Give the folder of one run.")
    tags = {folder: _tags(files, source) for folder, files in by_folder.items()}
    logs = [_log(run, name) for name, run in _runs(source.path, tags).items()]
    told = [log for log in logs if log.curves]
    if not told:
        raise BadData(f"{source.path}: its event files hold no scalars.")
    if len(told) == 1:
        told[0].run = ""
    return histories(source, told)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob(_PATTERN)) if path.is_file())


def _tags(files: list[Source], source: Source) -> dict[str, Points]:
    """Every scalar of a run's files, one after the other."""
    import numpy as np

    found: dict[str, list[Points]] = {}
    for file in files:
        try:
            data = file.data
        except BadData:
            if len(files) == 1 and file is source:
                raise
            continue  # a writer that was opened and never used leaves an empty file
        read, fault = scalars(data)
        if fault:
            source.notes.append(f"{file.path.name}: {fault}")
        for tag, points in read.items():
            found.setdefault(tag, []).append(points)
    return {tag: tuple(map(np.concatenate, zip(*points, strict=True))) for tag, points in found.items()}  # type: ignore[misc]


def _runs(root: Path, tags: dict[Path, dict[str, Points]]) -> dict[str, dict[str, Points]]:
    """Folders that hold parts of one run put together: those named train and validation, and those of add_scalars."""
    runs: dict[str, dict[str, Points]] = {}
    for folder, found in tags.items():
        beside = folder != root and folder.parent in tags
        if folder != root and is_part(folder.name):
            run = runs.setdefault(_relative(folder.parent, root), {})
            run.update({f"{folder.name}/{tag}": points for tag, points in found.items()})
        elif beside and len(found) == 1 and folder.name.startswith(next(iter(found)).replace("/", "_")):
            runs.setdefault(_relative(folder.parent, root), {})[folder.name] = next(iter(found.values()))
        else:
            runs.setdefault(_relative(folder, root), {}).update(found)
    return runs


def _relative(folder: Path, root: Path) -> str:
    return "" if folder == root else folder.relative_to(root).as_posix()


def _log(tags: dict[str, Points], run: str = "") -> Log:
    import numpy as np

    log = Log([], run=run)
    keras = any(tag.rpartition("/")[2].startswith(_KERAS) for tag in tags)
    counted = next((points for tag, points in tags.items() if meaning(tag).role is Role.EPOCH), None)
    for tag, (steps, values) in tags.items():
        rows = np.arange(len(values))
        if meaning(tag).role is not Role.CURVE:
            log.left[tag] = meaning(tag).role.value
        elif keras and tag.rpartition("/")[2].startswith(_KERAS):
            log.curves.append(Curve(tag, values, rows, epochs=steps.astype(np.float64)))
        elif keras:
            log.left[tag] = "counted in batches, the others in epochs"
        else:
            log.curves.append(Curve(tag, values, rows, steps.astype(np.float64), _epochs(steps, counted)))
    return log


def _epochs(steps: NDArray[np.int64], counted: Points | None) -> NDArray[np.float64] | None:
    """The epoch at each step, from the scalar that says it."""
    import numpy as np

    if counted is None or not len(counted[0]) or (np.diff(counted[0]) < 0).any():
        return None
    place = np.clip(np.searchsorted(counted[0], steps, side="left"), 0, len(counted[0]) - 1)
    return counted[1][place]


READER = Reader("event_file", "TensorBoard events", recognizes, read)
