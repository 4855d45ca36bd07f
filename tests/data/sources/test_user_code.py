"""file.py:function: what it returns is taken, what it raises is told in one line."""

import sys
from pathlib import Path

import pytest

from ravine.core.errors import BadData, BadValue, UserCodeError
from ravine.data.provided import Provided
from ravine.data.raw import Raw
from ravine.data.sources.opening import open_source

CODE = """
import numpy as np
import torch
from dataclasses import dataclass
from helper_beside import ROWS

@dataclass
class Box:
    x: int

def pair():
    return np.ones((ROWS, 2)), np.arange(ROWS)

def parts(rows=4):
    return (np.ones((rows, 2)), np.zeros(rows)), (np.ones((2, 2)), np.zeros(2))

def frame():
    import polars as pl
    return pl.DataFrame({"a": [1, 2], "y": [3, 4]})

def sets():
    data = torch.utils.data.TensorDataset(torch.ones(3, 2), torch.ones(3))
    return {"model": torch.nn.Linear(2, 1), "train": data, "val": data}

def raises():
    value = {}
    return inner(value)

def inner(value):
    return value["absent"]

def leaves():
    raise SystemExit("no data today\\nand more")

def needs(rows):
    return rows

def nothing():
    pass

CONSTANT = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "helper_beside.py").write_text("ROWS = 5\n")
    path = tmp_path / "mine.py"
    path.write_text(CODE)
    return path


def test_what_the_function_returns_is_opened(file: Path) -> None:
    before = list(sys.path)
    raw = open_source(f"{file}:pair")
    assert isinstance(raw, Raw)
    assert raw.targets.tolist() == [0, 1, 2, 3, 4]
    assert (raw.name, raw.origin) == ("mine.py:pair", f"{file}:pair")
    assert open_source(f"{file}:parts").parts.tolist() == ["train"] * 4 + ["val"] * 2
    assert open_source(f"{file}:frame", target="a").targets.tolist() == [1, 2]
    provided = open_source(f"{file}:sets")
    assert isinstance(provided, Provided)
    assert provided.origin == f"{file}:sets"
    assert provided.train is provided.val
    assert sys.path == before


def test_a_changed_file_is_read_anew(file: Path) -> None:
    open_source(f"{file}:pair")
    file.write_text("def pair():\n    return [[1.0], [2.0]], [0, 1]\n")
    assert len(open_source(f"{file}:pair")) == 2


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("raises", ["mine.py:30: raises() raised KeyError: 'absent'"]),
        ("leaves", ["mine.py:33: leaves() raised SystemExit: no data today"]),
    ],
)
def test_what_it_raises_is_told_with_its_line(file: Path, function: str, words: list[str]) -> None:
    with pytest.raises(UserCodeError) as caught:
        open_source(f"{file}:{function}")
    assert str(caught.value) == str(file.parent / words[0])
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import absent_package_xyz\n", "mine.py:1: importing mine.py raised ModuleNotFoundError: No module named"),
        ("x = 1\ndef f(:\n", "mine.py:2: importing mine.py raised SyntaxError: "),
        ("\n\n1 / 0\n", "mine.py:3: importing mine.py raised ZeroDivisionError: division by zero"),
    ],
)
def test_a_file_that_cannot_be_imported(file: Path, code: str, words: str) -> None:
    modules = set(sys.modules)
    file.write_text(code)
    with pytest.raises(UserCodeError) as caught:
        open_source(f"{file}:f")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert set(sys.modules) == modules


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("mine.py:par", "no function 'par'. Did you mean 'pair'? It has: pair, parts, frame, sets, raises"),
        ("mine.py", "name the function: "),
        ("mine.py:", "name the function: "),
        ("mien.py:pair", "no file '"),
        ("mien.py:pair", "Did you mean 'mine.py'?"),
        ("mine.py:CONSTANT", "'CONSTANT' must be a function; got int"),
        ("mine.py:needs", "needs() must take no arguments (missing a required argument: 'rows')"),
        ("mine.py:nothing", "mine.py:nothing: None is no form of data that Ravine knows"),
    ],
)
def test_what_cannot_be_called_is_told(file: Path, spec: str, words: str) -> None:
    with pytest.raises((BadData, BadValue)) as caught:
        open_source(str(file.parent / spec))
    assert words in str(caught.value)
