"""One argument opens any source."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadData
from ravine.core.user_code import call_user, is_spec
from ravine.data.provided import Provided
from ravine.data.raw import Raw
from ravine.data.sources import BUILTINS
from ravine.data.sources.fashion_mnist import CLASSES
from ravine.data.sources.idx_folder import has_idx_files, open_idx_folder
from ravine.data.sources.image_folder import open_image_folder, open_picture
from ravine.data.sources.npz import open_npy, open_npz
from ravine.data.sources.objects import open_object
from ravine.data.sources.options import Options
from ravine.data.sources.pictures import ENDINGS as PICTURES
from ravine.data.sources.table import ENDINGS as TABLES
from ravine.data.sources.table import open_table

_REMEDIES = {
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "Save the sheet as CSV."),
    **dict.fromkeys(
        (".pkl", ".pickle", ".joblib", ".pt", ".pth"), "Files are never unpickled here; save .npz or .parquet."
    ),
    **dict.fromkeys((".h5", ".hdf5", ".mat", ".arff", ".feather", ".arrow"), "Convert it to .parquet, .csv or .npz."),
    **dict.fromkeys((".zip", ".tar", ".gz", ".tgz", ".7z", ".xz", ".zst"), "Unpack it first."),
    ".json": "Write one object a line and name the file .jsonl.",
}


def open_source(
    source: str | os.PathLike[str] | Any,
    *,
    target: str | Sequence[str] | None = None,
    drop: str | Sequence[str] = (),
    id: str | None = None,  # noqa: A002
    group: str | None = None,
    time: str | None = None,
    delimiter: str | None = None,
    image_size: int | tuple[int, int] | None = None,
    need_target: bool = True,
) -> Raw | Provided:
    """Rows to learn from, whatever holds them.

    Args:
        source: A built-in name; a table (CSV, TSV, Parquet, JSONL); a folder of pictures or of
            IDX files; an `.npz` or `.npy` file; "file.py:function"; or an object: (x, y) of
            arrays or tensors, a DataFrame, torch Datasets or DataLoaders. A built-in name wins
            over a file of that name; write "./digits" for the file.
        target: Column to learn, or several; None: the last one.
        drop: Columns to leave out.
        id: Column that names a row; no feature.
        group: Column whose equal values stay on one side of the split; no feature.
        time: Column of dates or numbers that orders the rows; no feature.
        delimiter: Of a text table; None: inferred from `,` `;` `|` and tab.
        image_size: Side of the pictures in pixels, or (height, width); None: chosen.
        need_target: False for rows to predict: the target may be absent, and is kept if there.

    Returns:
        `Raw` rows; or `Provided` torch objects, untouched.

    Raises:
        BadData: The source cannot be read or learned from; the text names file, value and remedy.
        BadValue: An option that cannot be meant.
        UserCodeError: The user's function raised.
    """
    options = Options.of(
        target=target,
        drop=drop,
        id=id,
        group=group,
        time=time,
        delimiter=delimiter,
        image_size=image_size,
        need_target=need_target,
    )
    if not isinstance(source, str | os.PathLike):
        return open_object(source, options)
    text = os.fspath(source)
    if isinstance(source, str) and text in BUILTINS:
        return BUILTINS[text].open(options)
    if is_spec(text):
        return open_object(call_user(text), options, name=_spec_name(text), origin=text)
    path = Path(text).expanduser()
    if not text.strip():
        raise BadData(_unknown(text, path))
    if path.is_dir():
        return _open_folder(path, options, origin=text)
    if path.exists():
        return _open_file(path, options, origin=text)
    raise BadData(_unknown(text, path))


def _open_folder(folder: Path, options: Options, *, origin: str) -> Raw:
    try:
        idx = has_idx_files(folder)
    except OSError as error:
        raise BadData(f"{folder}: cannot be listed ({error.strerror}). Check the permissions of the folder.") from None
    if idx:
        classes = CLASSES if "fashion" in folder.resolve().name.lower() else ()
        return open_idx_folder(folder, options, name=folder.resolve().name, origin=origin, classes=classes)
    return open_image_folder(folder, options, origin=origin)


def _open_file(path: Path, options: Options, *, origin: str) -> Raw:
    ending = path.suffix.lower()
    if path.name.lower().endswith(TABLES):
        return open_table(path, options, origin=origin)
    if ending == ".npz":
        return open_npz(path, options, origin=origin)
    if ending == ".npy":
        return open_npy(path, options, origin=origin)
    if ending in PICTURES:
        return open_picture(path, options, origin=origin)
    remedy = _REMEDIES.get(ending, "For a text table of another ending, rename it to .csv.")
    raise BadData(
        f"{path}: files ending in {ending or 'nothing'!r} are not read; read are .csv, .tsv, .txt, .data, .parquet, "
        f".jsonl, .npz, .npy and file.py:function. {remedy}"
    )


def _spec_name(text: str) -> str:
    return Path(text.rpartition(":")[0]).name + ":" + text.rpartition(":")[2]


def _unknown(text: str, path: Path) -> str:
    try:
        beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    except OSError:
        beside = []
    hint = did_you_mean(text, BUILTINS) or did_you_mean(path.name, beside)
    return (
        f"no built-in data set, file or folder {text!r}.{hint} Built in: {', '.join(BUILTINS)}. "
        "Or give a table (.csv, .tsv, .parquet, .jsonl), a folder of pictures, .npz, .npy or file.py:function."
    )
