"""Bad input: each case one line that names the file, the value and the remedy."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from ravine.core.errors import BadData, BadValue, RavineError
from ravine.data.sources.opening import open_source


@dataclass(frozen=True)
class Case:
    """What lies at `name`, how it is opened, and what the one line must contain."""

    name: str
    content: bytes | str | Callable[[Path], None]
    words: tuple[str, ...]
    options: dict = field(default_factory=dict)
    error: type[RavineError] = BadData


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def parquet(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


def bad_pictures(path: Path) -> None:
    (path / "cat").mkdir(parents=True)
    (path / "cat" / "1.png").write_bytes(b"no")


def flat_pictures(path: Path) -> None:
    path.mkdir()
    Image.new("L", (8, 8)).save(path / "1.png")


def only_val(path: Path) -> None:
    for part in ("train", "val"):
        (path / part / "a").mkdir(parents=True)
    Image.new("L", (8, 8)).save(path / "val" / "a" / "1.png")


def table_inside(path: Path) -> None:
    path.mkdir()
    (path / "data.csv").write_text("a,b\n1,2\n")


GOOD = "a,b,price\n1,x,3\n2,y,4\n"
PROSE = "a,review,y\n" + "".join(f"{k},this is review number {k} and it was good,{k % 2}\n" for k in range(30))
QUOTED = 'a,b,c\n1,"x, y",3\n2,z\n'

CASES = {
    # tables
    "empty file": Case("t.csv", "", ("t.csv: the file is empty", "a line of column names")),
    "only blank lines": Case("t.csv", "\n\n", ("t.csv: the file is empty",)),
    "only names": Case("t.csv", "a,b,c\n", ("t.csv: has a line of column names but no rows of data",)),
    "only names, no line end": Case("t.csv", "a,b,c", ("no rows of data",)),
    "long row": Case(
        "t.csv", "a,b\n1,2\n3,4,5\n", ("t.csv: line 3 has 3 fields where 2 were expected", "Mend", "--delimiter")
    ),
    "short row": Case("t.csv", "a,b,c\n1,2,3\n4,5\n6,7,8\n", ("t.csv: line 3 has 2 fields where 3 were expected",)),
    "short row with quotes": Case("t.csv", QUOTED, ("t.csv: line 3 has 2 fields where 3 were expected",)),
    "short row after a broken line": Case(
        "t.csv", 'a,b,c\n1,"x\ny",3\n2,z\n', ("t.csv: line 4 has 2 fields where 3 were expected",)
    ),
    "row too long after blank lines": Case("t.csv", "a,b\n\n\n1,2,3\n", ("line 4 has 3 fields where 2",)),
    "open quote": Case("t.csv", 'a,b\n1,"x\n2,y\n3,z\n', ("t.csv: line 2", "never closed", "Mend that line")),
    "Latin-1": Case(
        "t.csv",
        "name,y\nx,1\ncafé,2\n".encode("latin-1"),
        ("t.csv: not UTF-8: byte E9 at position 14 (line 3", "café", "iconv -f LATIN1 -t UTF-8 t.csv"),
    ),
    "Latin-1 names": Case("t.csv", "größe,y\n1,2\n".encode("latin-1"), ("t.csv: not UTF-8: byte F6 at position 2",)),
    "UTF-16": Case("t.csv", "a,b\n1,2\n".encode("utf-16"), ("t.csv: is UTF-16", "iconv -f UTF-16 -t UTF-8 t.csv")),
    "UTF-16 without mark": Case("t.csv", "a,b\n1,2\n".encode("utf-16-le"), ("t.csv: is UTF-16",)),
    "binary": Case("t.csv", b"\x7fELF\x02\x01\x01\0\0\0", ("t.csv: is a binary file", "position 7")),
    "cut gzip": Case("t.csv.gz", gzip.compress(GOOD.encode())[:-9], ("t.csv.gz: damaged gzip file", "Fetch it again")),
    "name twice": Case(
        "t.csv", "a,b,a\n1,2,3\n", ("t.csv: column name 'a' is given twice, in columns 1 and 3", "Rename")
    ),
    "one column": Case("t.csv", "a\n1\n2\n", ("t.csv: no column is left to learn from", "--delimiter")),
    "missing target": Case(
        "t.csv",
        GOOD,
        ("t.csv: no column 'prize' for --target. Did you mean 'price'? Columns: a, b, price",),
        {"target": "prize"},
    ),
    "missing group": Case(
        "t.csv", GOOD, ("t.csv: no column 'who' for --group.", "Columns: a, b, price"), {"group": "who"}
    ),
    "missing drop": Case("t.csv", GOOD, ("t.csv: no column 'A' for --drop.",), {"drop": ["A"]}),
    "empty target": Case(
        "t.csv", "a,y\n1,\n2,\n", ("t.csv: y: every row has no finite value in the target", "Choose another --target")
    ),
    "NaN targets": Case(
        "t.csv",
        "a,y\n1,0.5\n2,NaN\n3,\n4,inf\n",
        ("t.csv: y: 3 of 4 rows have no finite value in the target", "data row 2, 3, 4", "Remove these rows"),
    ),
    "missing class": Case("t.csv", "a,y\n1,p\n2,?\n3,q\n", ("t.csv: y: 1 of 3 rows has no finite value", "data row 2")),
    "date target": Case("t.csv", "a,y\n1,2020-01-01\n2,2020-01-02\n", ("target 'y' holds dates", "--target")),
    "text among several targets": Case(
        "t.csv",
        GOOD,
        ("t.csv: several targets must all be numbers or flags; 'b' holds text such as 'x'",),
        {"target": ["b", "price"]},
    ),
    "free text": Case(
        "t.csv",
        PROSE,
        ("t.csv: column 'review' holds free text, such as 'this is review number 0", "--drop review"),
    ),
    "time of words": Case(
        "t.csv", GOOD, ("t.csv: --time 'b' must hold dates or numbers; got text such as 'x'",), {"time": "b"}
    ),
    "time with gaps": Case(
        "t.csv",
        "a,t,y\n1,2020-01-01,1\n2,,2\n",
        ("--time 't' is missing in 1 of 2 rows (first: data row 2)",),
        {"time": "t"},
    ),
    "group with gaps": Case(
        "t.csv", "a,g,y\n1,u,1\n2,,2\n", ("--group 'g' is missing in 1 of 2 rows",), {"group": "g"}
    ),
    "all dropped": Case("t.csv", GOOD, ("no column is left to learn from",), {"drop": ["a", "b"]}),
    "target dropped": Case(
        "t.csv",
        GOOD,
        ("column 'a' is given as --target and as --drop; choose one",),
        {"target": "a", "drop": ["a"]},
        BadValue,
    ),
    "target twice": Case("t.csv", GOOD, ("--target: column 'a' is given twice",), {"target": ["a", "a"]}, BadValue),
    "long delimiter": Case(
        "t.csv", GOOD, ("--delimiter must be one ASCII character", "got '::'"), {"delimiter": "::"}, BadValue
    ),
    "wrong delimiter": Case("t.csv", GOOD, ("no column is left", "--delimiter"), {"delimiter": ";"}),
    "tiny pictures": Case(
        "t.csv", GOOD, ("--image-size must be from 4 to 4096 pixels; got 2",), {"image_size": 2}, BadValue
    ),
    "no Parquet": Case("t.parquet", "PAR1 nonsense", ("t.parquet: damaged or not a Parquet file", "Write it again")),
    "cut Parquet": Case("t.parquet", parquet(pl.DataFrame({"a": [1], "y": [2]}))[:-20], ("t.parquet: damaged",)),
    "no rows in Parquet": Case("t.parquet", parquet(pl.DataFrame({"a": []})), ("t.parquet: no rows of data",)),
    "nested Parquet": Case(
        "t.parquet", parquet(pl.DataFrame({"a": [[1]], "y": [1]})), ("got 'a' (List)", "Leave them out: --drop a")
    ),
    "broken JSON": Case("t.jsonl", '{"a": 1, "y": 2}\n{"a": 1,\n', ("t.jsonl: line 2 is no JSON", "column")),
    "JSON array": Case("t.jsonl", '[{"a": 1}]\n', ("t.jsonl: line 1 must hold an object", "got list")),
    "JSON numbers": Case("t.jsonl", "1\n2\n", ("t.jsonl: line 1 must hold an object", "got int")),
    "nested JSON": Case("t.jsonl", '{"a": {"b": 1}, "y": 2}\n', ("got 'a' (Struct)", "--drop a")),
    "Latin-1 JSON": Case(
        "t.jsonl", '{"a": "é", "y": 2}\n'.encode("latin-1"), ("t.jsonl: line 1 is not UTF-8 (byte E9)",)
    ),
    # NumPy
    "no zip": Case("a.npz", b"nonsense", ("a.npz: holds Python objects or is no NumPy file", "never unpickled")),
    "cut npz": Case("a.npz", npz(x=np.ones((50, 9)), y=np.ones(50))[:-200], ("a.npz: damaged or not a NumPy file",)),
    "objects": Case("a.npz", npz(x=np.array([{}, {}]), y=np.ones(2)), ("a.npz: holds Python objects", "numpy.savez")),
    "npz without y": Case(
        "a.npz", npz(x=np.ones((3, 2))), ("a.npz: 'x' has no answers", "y, labels or targets", "It holds: x")
    ),
    "npz without x": Case(
        "a.npz", npz(foo=np.ones(3), bar=np.ones(3), y=np.ones(3)), ("a.npz: no array of inputs", "foo, bar, y")
    ),
    "empty npz": Case("a.npz", npz(), ("a.npz: no array of inputs", "It holds: nothing")),
    "lengths": Case("a.npz", npz(x=np.ones((3, 2)), y=np.ones(4)), ("a.npz: y has 4 rows but x has 3",)),
    "npz with two x": Case(
        "a.npz", npz(x=np.ones(2), data=np.ones(2), y=np.ones(2)), ("both 'x' and 'data' could be", "--drop data")
    ),
    "npz without training part": Case(
        "a.npz", npz(x_val=np.ones((2, 2)), y_val=np.ones(2)), ("there is no training part", "'val'")
    ),
    "npz target": Case(
        "a.npz", npz(x=np.ones(2), age=np.ones(2)), ("a.npz: no array 'ages'. Did you mean 'age'?",), {"target": "ages"}
    ),
    "no rows": Case("a.npz", npz(x=np.ones((0, 2)), y=np.ones(0)), ("a.npz: x has no rows: shape (0, 2)",)),
    "NaN in y": Case(
        "a.npz", npz(x=np.ones((2, 2)), y=np.array([1, np.nan])), ("a.npz: y: 1 of 2 rows has no finite",)
    ),
    "bytes in x": Case(
        "a.npz", npz(x=np.array([b"a", b"b"]), y=np.ones(2)), ("a.npz: x must hold numbers or text", "bytes")
    ),
    "npy of pictures": Case(
        "a.npy", npy(np.ones((3, 8, 8), np.uint8)), ("a.npy: shape (3, 8, 8) leaves no room for answers", "numpy.savez")
    ),
    "npy of objects": Case("a.npy", npy(np.array([{}])), ("a.npy: holds Python objects",)),
    "empty npy": Case("a.npy", b"", ("a.npy: damaged or not a NumPy file",)),
    "cut npy": Case("a.npy", npy(np.ones((9, 9)))[:-20], ("a.npy: damaged or not a NumPy file",)),
    "npz called npy": Case("a.npy", npz(x=np.ones(3)), ("a.npy: holds several arrays", "Rename it to .npz")),
    "npy called npz": Case("a.npz", npy(np.ones(3)), ("a.npz: holds one array", "Rename it to .npy")),
    "npy with target": Case("a.npy", npy(np.ones((3, 3))), ("--target does not apply",), {"target": "y"}, BadValue),
    # folders
    "empty folder": Case("d", Path.mkdir, ("d: no pictures. It is empty. Give a folder with one sub-folder",)),
    "folder of a table": Case(
        "d", table_inside, ("d: no pictures. It holds: data.csv.", "sub-folder of pictures for each class")
    ),
    "unreadable pictures": Case(
        "d", bad_pictures, ("d: none of its 1 pictures can be read: cat/1.png (not a picture)",)
    ),
    "pictures without classes": Case(
        "d", flat_pictures, ("d: its 1 pictures lie in no class sub-folders", "Give a folder with")
    ),
    "no training part": Case("d", only_val, ("d: has parts but no pictures in class sub-folders under train/",)),
    "one picture": Case("p.png", b"x", ("p.png: one picture is nothing to learn from",)),
    # what is no source
    "spreadsheet": Case("t.xlsx", b"PK", ("t.xlsx: files ending in '.xlsx' are not read", "Save the sheet as CSV")),
    "pickle": Case("t.pkl", b"x", ("t.pkl: files ending in '.pkl'", "never unpickled")),
    "JSON": Case("t.json", "[]", ("t.json", "one object a line")),
    "no ending": Case("data", "a,b", ("data: files ending in 'nothing'", "rename it to .csv")),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_one_line_names_file_value_and_remedy(tmp_path: Path, case: Case) -> None:
    path = tmp_path / case.name
    if callable(case.content):
        case.content(path)
    else:
        path.write_bytes(case.content.encode() if isinstance(case.content, str) else case.content)
    with pytest.raises(case.error) as caught:
        open_source(path, **case.options)
    text = str(caught.value)
    for words in case.words:
        assert words in text
    assert "\n" not in text
    assert len(text.replace(str(tmp_path), "")) < 420


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("digts", "no built-in data set, file or folder 'digts'. Did you mean 'digits'?"),
        ("fashion-mnits", "Did you mean 'fashion-mnist'?"),
        ("hauses.csv", "Did you mean 'houses.csv'?"),
        ("nothing/like/this.csv", "Or give a table (.csv, .tsv, .parquet, .jsonl)"),
        ("", "no built-in data set, file or folder ''"),
    ],
)
def test_what_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, words: str) -> None:
    (tmp_path / "houses.csv").write_text("a\n1\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadData) as caught:
        open_source(source)
    assert words in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.jsonl", "a.npz", "a.npy"])
def test_a_file_without_permission(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"a,b\n1,2\n")
    path.chmod(0)
    with pytest.raises(BadData, match=r"cannot be read|damaged|not JSON"):
        open_source(path)
