"""What people give by mistake: each a single message with file, value and remedy, exit code 2, no traceback."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ravine.cli import main

ROWS = [f"{i},{i % 7},{'yes' if i % 3 else 'no'}" for i in range(60)]


def table(*rows: str, head: str = "a,b,answer") -> str:
    return "\n".join([head, *rows]) + "\n"


def write(name: str, text: str | bytes) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)

    return make


def both(*makers: Callable[[Path], None]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for maker in makers:
            maker(folder)

    return make


def arrays(**named: np.ndarray) -> Callable[[Path], None]:
    return lambda folder: np.savez(folder / "d.npz", **named)


GOOD = write("d.csv", table(*ROWS))
NUMBERS = [f"{i},{i % 7}" for i in range(60)]

CASES: dict[str, tuple[Callable[[Path], None], str, list[str]]] = {
    # name: (what to make, the words after `ravine fit`, what the message must hold)
    "an empty file": (write("d.csv", ""), "d.csv", ["d.csv", "empty"]),
    "a header and no rows": (write("d.csv", table()), "d.csv", ["d.csv", "no"]),
    "no such file": (GOOD, "e.csv", ["e.csv"]),
    "a mistyped built-in": (GOOD, "digit", ["digit", "Did you mean", "digits"]),
    "one class": (write("d.csv", table(*[f"{i},1,yes" for i in range(60)])), "d.csv", ["answer", "yes"]),
    "a missing target column": (GOOD, "d.csv --target answr", ["d.csv", "answr", "Did you mean 'answer'"]),
    "a target with one value": (
        write("d.csv", table(*[f"{i},{i % 7},2.5" for i in range(60)])), "d.csv --task regress", ["answer", "2.5"],
    ),
    "all columns missing": (write("d.csv", table(*[",,yes", ",,no"] * 30)), "d.csv", ["d.csv"]),
    "ragged rows": (write("d.csv", table(*ROWS[:20], "1,2", *ROWS[20:])), "d.csv", ["d.csv", "22"]),
    "a wrong encoding": (write("d.csv", table(*ROWS, "1,2,ön").encode("latin-1")), "d.csv", ["d.csv", "UTF-8"]),
    "a binary file": (write("d.csv", bytes(range(256)) * 40), "d.csv", ["d.csv"]),
    "NaN targets": (
        write("d.csv", table(*NUMBERS, "3,", "4,nan", head="a,answer")), "d.csv --task regress", ["answer", "2"],
    ),
    "more classes than rows": (
        write("d.csv", table(*[f"{i},{i % 7},name{i}" for i in range(40)])), "d.csv", ["answer", "40"],
    ),
    "an empty folder": (lambda folder: (folder / "pics").mkdir(), "pics", ["pics"]),
    "unreadable pictures": (
        both(write("pics/a/1.png", b"no picture"), write("pics/b/2.png", b"nor this")), "pics", ["pics", "2"],
    ),
    "a function that raises": (
        write("mine.py", "def load():\n    raise KeyError('lost')\n"), "mine.py:load", ["mine.py", "KeyError", "lost"],
    ),
    "a file with a syntax error": (write("mine.py", "def load(:\n"), "mine.py:load", ["mine.py", "SyntaxError"]),
    "no such function": (write("mine.py", "def load(): ...\n"), "mine.py:lode", ["mine.py", "lode", "load"]),
    "a function that returns nothing": (write("mine.py", "def load(): ...\n"), "mine.py:load", ["mine.py", "None"]),
    "an unknown optimizer": (GOOD, "d.csv --optimizer adem", ["adem", "Did you mean 'adam"]),
    "a negative rate": (GOOD, "d.csv --lr -1", ["train.lr", "greater than 0", "-1"]),
    "a word for a number": (GOOD, "d.csv --epochs many", ["train.epochs", "many"]),
    "an unknown model": (GOOD, "d.csv --model convnett", ["convnett", "Did you mean 'convnet'"]),
    "pictures' model on a table": (GOOD, "d.csv --model convnet", ["convnet", "table"]),
    "an unknown task": (GOOD, "d.csv --task rank", ["data.task", "rank"]),
    "regression on text": (GOOD, "d.csv --task regress", ["answer"]),
    "a missing recipe": (GOOD, "d.csv --recipe r.toml", ["r.toml"]),
    "a broken recipe": (both(GOOD, write("r.toml", "[train\n")), "d.csv --recipe r.toml", ["r.toml", "line 1"]),
    "all faults of a recipe": (
        both(GOOD, write("r.toml", "[train]\nlr = -1\nepoch = 3\n[modle]\n")), "d.csv --recipe r.toml",
        ["r.toml: 3 faults", "train.lr", "'train.epoch'", "Did you mean 'epochs'", "'modle'", "Did you mean 'model'"],
    ),
    "an unknown group column": (GOOD, "d.csv --group who", ["d.csv", "who"]),
    "a folder in the way": (both(GOOD, write("run", "a file")), "d.csv --run-dir run", ["run"]),
    "a run folder in use": (
        both(GOOD, write("run/recipe.toml", "")), "d.csv --run-dir run", ["run", "ravine resume run"],
    ),
    "mismatched arrays": (arrays(x=np.zeros((9, 2)), y=np.zeros(8)), "d.npz", ["d.npz", "9", "8"]),
    "a pickled array": (arrays(x=np.array([{}, {}]), y=np.arange(2)), "d.npz", ["d.npz", "object"]),
    "an unknown choice": (GOOD, "d.csv --set train.lrr=1", ["train.lrr", "Did you mean 'lr'"]),
    "too few rows": (write("d.csv", table("1,2,yes", "2,3,no")), "d.csv", ["d.csv"]),
    "two devices too many": (GOOD, "d.csv --accelerator cuda", ["cuda"]),
    "an unknown schedule": (GOOD, "d.csv --schedule cosin", ["train.schedule", "cosin"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_message_and_nothing_lost(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make, words, held = CASES[case]
    monkeypatch.chdir(tmp_path)
    make(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code = main(["fit", *words.split(), "--quiet"])
    said = capsys.readouterr().err
    assert code == 2, said
    assert said.startswith("error: ")
    assert "Traceback" not in said
    for part in held:
        assert part in said, said
    assert len(said) < 1500
    assert before == {path: path.read_bytes() for path in before}
    assert not list(tmp_path.rglob("*.part"))
    assert not list(tmp_path.glob("runs/*")), "what was refused leaves no run behind"


def test_what_lay_in_the_folder_before_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mine = {"report.html": "my page", "metrics.jsonl": "my numbers", "findings.json": "my findings"}
    (tmp_path / "kept").mkdir()
    for name, text in mine.items():
        (tmp_path / "kept" / name).write_text(text)
    (tmp_path / "d.csv").write_text("a,b\n1,2\n")
    assert main(["fit", "d.csv", "--target", "c", "--run-dir", "kept", "--quiet"]) == 2
    assert (tmp_path / "kept" / "metrics.jsonl").read_text() == mine["metrics.jsonl"]
    assert (tmp_path / "kept" / "findings.json").read_text() == mine["findings.json"]


def test_debug_shows_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "none.csv", "--quiet", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.skipif(os.environ.get("CUDA_VISIBLE_DEVICES") == "", reason="devices are hidden")
def test_all_faults_are_one_text_for_python_too() -> None:
    import ravine
    from ravine.core.errors import Faults

    with pytest.raises(Faults) as caught:
        ravine.fit("digits", lr=-1, epochs=0, modell="x")
    assert len(caught.value.faults) == 3
