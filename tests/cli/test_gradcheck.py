"""`ravine gradcheck`: exit codes, the table, the file, and what is refused."""

import json

import pytest

from ravine.cli import main

CODE = """
import torch
from torch import nn


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return 2 * g


class Layer(nn.Module):
    def forward(self, x):
        return Doubled.apply(x)


def batch():
    return torch.randn(5, 4), torch.randn(5, 3)


def right():
    return nn.Sequential(nn.Linear(4, 30), nn.ReLU(), nn.Linear(30, 3)), nn.MSELoss(), batch()


def wrong():
    return nn.Sequential(nn.Linear(4, 3), Layer(), nn.Linear(3, 3)), nn.MSELoss(), batch()


class Whole(nn.Linear):
    def forward(self, x):
        return super().forward(x).square().mean()


def own_loss():
    return Whole(4, 3), batch()[0]


def function():
    return Doubled, torch.randn(4)


def nothing():
    return 3


def three():
    return 1, 2, 3


def raises():
    raise OSError("no such disk")
"""


@pytest.fixture
def code(at):
    (at / "mine.py").write_text(CODE)
    return at


def test_the_real_program_finds_the_module(code, ravine):
    done = ravine("gradcheck", "mine.py:wrong")
    assert (done.returncode, done.stderr) == (1, "")
    summary, fault, *_ = done.stdout.splitlines()
    assert summary.startswith("gradients WRONG in 2 of 5 tensors: ")
    assert fault == "fault in 1 (Layer) at mine.py:16, through Doubled (mine.py:6): wrong by its input"


@pytest.mark.parametrize(("name", "exit_code"), [("right", 0), ("wrong", 1), ("own_loss", 0), ("function", 1)])
def test_the_exit_code_says_it(code, capsys, name, exit_code):
    assert main(["gradcheck", f"mine.py:{name}"]) == exit_code
    out, err = capsys.readouterr()
    assert out.startswith("gradients right" if exit_code == 0 else "gradients WRONG")
    assert err == ""


def test_samples_all_and_json(code, capsys):
    assert main(["gradcheck", "mine.py:right", "--samples", "10", "--quiet", "--json", "few.json"]) == 0
    assert main(["gradcheck", "mine.py:right", "--all", "--inputs", "--quiet", "--json", "all.json"]) == 0
    assert capsys.readouterr().out == ""
    few, every = (json.loads((code / name).read_text()) for name in ("few.json", "all.json"))
    assert (few["passed"], every["passed"]) == (True, True)
    assert [row["checked"] for row in few["rows"]] == [10, 10, 10, 3, 10]
    assert [row["checked"] for row in every["rows"]] == [120, 30, 90, 3, 20, 15]


def test_the_seed_makes_the_weights(code, capsys):
    for seed in ("0", "0", "1"):
        main(["gradcheck", "mine.py:right", "--quiet", "--seed", seed, "--json", f"{seed}.json"])
    assert json.loads((code / "0.json").read_text())["loss"] != json.loads((code / "1.json").read_text())["loss"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("mine.py:nothing",), "gradcheck: mine.py:nothing must return (model, loss, batch), (model, batch) or "),
        (("mine.py:three",), "gradcheck: mine.py:three must return (model, loss, batch), (model, batch) or "),
        (("mine.py:rihgt",), "has: "),
        (("mine.py",), "mine.py: name the function: mine.py:FUNCTION."),
        (("other.py:right",), "other.py:right: no file 'other.py'."),
        (("mine.py:raises",), "raises() raised OSError: no such disk"),
        (("mine.py:right", "--tolerance", "0"), "gradcheck: tolerance must be in [1e-10, 0.1]; got 0.0."),
        (("mine.py:right", "--samples", "1"), "gradcheck: samples must be a whole number of at least 4"),
        (("mine.py:right", "--json", "no/such.json"), "no/such.json: cannot be written"),
    ],
)
def test_bad_input_is_one_message_and_exit_2(code, capsys, words, text):
    assert main(["gradcheck", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert text in err or (text == "has: " and "no function 'rihgt'" in err)
