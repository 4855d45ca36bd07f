"""`ravine optimizers`: the catalogue as a table and as JSON."""

import json

from rich.text import Text

from ravine.cli import main
from ravine.optim.methods import METHODS
from ravine.rules import RULES, WRAPPERS


def test_every_optimizer_has_its_line(capsys):
    assert main(["optimizers"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert next(line for line in lines if line.strip()).split() == [
        "name",
        "formula",
        "state",
        "per",
        "parameter",
        "source",
    ]
    for name, member in {**RULES, **WRAPPERS}.items():
        (line,) = [line for line in lines if line.split()[:1] == [name]]
        assert member.formula in line
        assert f"{member.source.authors} {member.source.year}" in line
    assert set(METHODS) <= {line.split()[0] for line in lines if line.strip()}
    assert out.rstrip().endswith("ravine race --optimizers NAME,NAME")


def test_state_is_what_is_kept_by_default(capsys):
    assert main(["optimizers"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert " 2: m, v " in lines["adam"]
    assert " 1: s (up to 3) " in lines["rmsprop"]
    assert " 0 " in lines["sgd"]


def test_as_json(capsys):
    assert main(["optimizers", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == [*RULES, *WRAPPERS, *METHODS]
    assert rows["adam"] == {
        "name": "adam",
        "kind": "optimizer",
        "summary": "Adam: each coordinate's step in units of its own gradient's recent size.",
        "formula": RULES["adam"].formula,
        "state": ["m", "v"],
        "source": str(RULES["adam"].source),
    }
    assert rows["lookahead"]["state"] == ["slow"]
    assert rows["bfgs"]["state"] == "n² numbers"


def test_a_narrow_terminal_keeps_names_whole(ravine):
    done = ravine("optimizers", env={"COLUMNS": "60", "FORCE_COLOR": "1", "TERM": "xterm", "PATH": ""})
    assert done.returncode == 0
    for name in RULES:
        assert name in done.stdout
    assert max(Text.from_ansi(line).cell_len for line in done.stdout.splitlines()[:-3]) <= 60
