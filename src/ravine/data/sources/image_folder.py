"""A folder of pictures: a sub-folder for each class, or parts that hold such sub-folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ravine.core.errors import BadData
from ravine.data.raw import Images, Raw
from ravine.data.sources.notes import note, some, warning
from ravine.data.sources.options import Options
from ravine.data.sources.pictures import ENDINGS, read_pictures
from ravine.records.finding import Finding

FORMS = (
    "Give a folder with one sub-folder of pictures for each class, or with train/ (and val/, test/) folders of those, "
    "or with IDX files."
)
_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture file: where it lies and what its folders say about it."""

    path: Path
    label: str | None = None
    part: str | None = None


def open_image_folder(folder: Path, options: Options, *, origin: str) -> Raw:
    """All pictures in `folder`, with the names of their sub-folders as classes.

    Hidden files are ignored; unreadable ones are skipped and listed in a finding. Rows to be
    predicted may also lie in the folder itself, without classes.

    Raises:
        BadData: No pictures, no classes, or no picture that can be read.
    """
    options.refuse_columns(folder, "a folder of pictures")
    findings: list[Finding] = []
    entries = _entries(folder, findings)
    if not entries:
        raise BadData(f"{folder}: no pictures. {_told(folder)}{FORMS}")
    labelled = [entry for entry in entries if entry.label is not None]
    if options.need_target:
        if not labelled:
            raise BadData(f"{folder}: its {len(entries)} pictures lie in no class sub-folders. {FORMS}")
        if len(labelled) < len(entries):
            _note_unlabelled(folder, entries, findings)
        entries = labelled
    if options.need_target and any(entry.part for entry in entries) and not any(e.part == "train" for e in entries):
        raise BadData(f"{folder}: has parts but no pictures in class sub-folders under train/. {FORMS}")
    return _raw(folder, entries, options, origin, findings)


def open_picture(path: Path, options: Options, *, origin: str) -> Raw:
    """One picture file, to be predicted.

    Raises:
        BadData: Answers are needed, or the file cannot be read.
    """
    if options.need_target:
        raise BadData(f"{path}: one picture is nothing to learn from. {FORMS}")
    return _raw(path.parent, [Entry(path)], options, origin, [])


def _raw(folder: Path, entries: list[Entry], options: Options, origin: str, findings: list[Finding]) -> Raw:
    names = [entry.path.relative_to(folder).as_posix() for entry in entries]
    paths = [entry.path for entry in entries]
    pixels, readable, found = read_pictures(paths, names, str(folder), options.image_size)
    kept = [entry for entry, good in zip(entries, readable, strict=True) if good]
    labels = [entry.label for entry in kept if entry.label is not None]
    parts = [entry.part for entry in kept if entry.part is not None]
    return Raw(
        name=folder.resolve().name,
        origin=origin,
        inputs=Images(pixels),
        targets=np.array(labels, dtype=np.str_) if len(labels) == len(kept) else None,
        target_names=("class",),
        ids=np.array(names, dtype=np.str_)[readable],
        parts=np.array(parts, dtype=np.str_) if len(parts) == len(kept) else None,
        findings=(*findings, *found),
    )


def _entries(folder: Path, findings: list[Finding]) -> list[Entry]:
    """Every picture file below `folder`, in natural order, with its class and part."""
    strangers: list[str] = []
    subfolders = [path for path in _visible(folder) if path.is_dir()]
    parts = {path: _PARTS[path.name.lower()] for path in subfolders if path.name.lower() in _PARTS}
    by_part = any(any(sub.is_dir() for sub in _visible(path)) for path, part in parts.items() if part == "train")
    if by_part:
        entries = [entry for path, part in parts.items() for entry in _classes(path, part, strangers)]
        if ignored := [path.name for path in subfolders if path not in parts]:
            evidence = f"beside the parts lie other folders, which are not read: {some(ignored)}"
            findings.append(warning("has-other-folders", evidence, "move them away, or into train/, val/ or test/"))
    else:
        entries = _classes(folder, None, strangers)
    if strangers:
        evidence = f"{len(strangers):,} files are no pictures by their names and were not read: {some(strangers)}"
        findings.append(note("has-other-files", evidence, "nothing has to be done if they are not meant to be learned"))
    return entries


def _classes(folder: Path, part: str | None, strangers: list[str]) -> list[Entry]:
    entries = []
    for path in _visible(folder):
        if path.is_dir():
            entries += [Entry(file, path.name, part) for file in _files(path) if _is_picture(file, strangers)]
        elif _is_picture(path, strangers):
            entries.append(Entry(path, None, part))
    return entries


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=_natural)
        yield from (Path(root, name) for name in sorted(files, key=_natural) if not name.startswith("."))


def _visible(folder: Path) -> list[Path]:
    try:
        names = [name for name in os.listdir(folder) if not name.startswith(".")]
    except OSError as error:
        raise BadData(f"{folder}: cannot be listed ({error.strerror}). Check the permissions of the folder.") from None
    return [folder / name for name in sorted(names, key=_natural)]


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts 2.png before 10.png."""
    return [(int(word), "") if word.isdecimal() else (-1, word) for word in re.split(r"(\d+)", name)]


def _is_picture(path: Path, strangers: list[str]) -> bool:
    if path.suffix.lower() in ENDINGS:
        return True
    strangers.append(path.name)
    return False


def _note_unlabelled(folder: Path, entries: list[Entry], findings: list[Finding]) -> None:
    loose = [entry.path.relative_to(folder).as_posix() for entry in entries if entry.label is None]
    evidence = f"{len(loose):,} pictures lie in no class sub-folder and were left out: {some(loose)}"
    findings.append(warning("has-unlabelled-pictures", evidence, "move each into the sub-folder of its class"))


def _told(folder: Path) -> str:
    names = [path.name for path in _visible(folder)]
    return f"It holds: {some(names)}. " if names else "It is empty. "
