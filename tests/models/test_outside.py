"""Networks from the user's own files: what works, and each way it can go wrong in one message."""

from __future__ import annotations

import importlib.util
import pickle
import sys

import pytest
import torch

from ravine.core.errors import BadValue, Missing, UserCodeError
from ravine.core.shapes import InputShape
from ravine.models import build

TABLE = InputShape(form="table", numeric=4)
IMAGE = InputShape(form="image", channels=1, height=8, width=8)

SOUND = """
import torch
from torch import nn
from neighbour import WIDTH

class Net(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.line = nn.Linear(4, outputs)
    def forward(self, numeric, codes):
        return self.line(numeric)

def both(shape, outputs):
    assert shape.numeric == WIDTH
    return Net(outputs)

def shape_only(shape):
    return Net(3)

def nothing():
    return Net(3)

def defaults(shape=None, outputs=5, *, bias=True):
    return Net(outputs)

def anything(*given):
    return Net(given[1])

def wrong():
    return 3

def raises(shape, outputs):
    x = 1
    return nn.Linear(shape.numeric, "two" + outputs)

value = 3
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "neighbour.py").write_text("WIDTH = 4\n")
    path = tmp_path / "net.py"
    path.write_text(SOUND)
    yield path
    sys.modules.pop("neighbour", None)


@pytest.mark.parametrize("function", ["both", "shape_only", "nothing", "defaults", "anything"])
def test_a_function_is_called_with_as_much_as_it_takes(file, function):
    path = list(sys.path)
    built = build(f"{file}:{function}", TABLE, 3, rows=10)
    assert built.module(torch.zeros(2, 4), torch.zeros(2, 0, dtype=torch.int64)).shape == (2, 3)
    assert built.name == f"{file}:{function}"
    assert sys.path == path


def test_weights_are_seeded_and_the_module_pickles_as_ddp_asks(file):
    first, same, other = (build(f"{file}:both", TABLE, 3, rows=10, seed=seed).module for seed in (1, 1, 2))
    assert torch.equal(first.line.weight, same.line.weight)
    assert not torch.equal(first.line.weight, other.line.weight)
    assert torch.equal(pickle.loads(pickle.dumps(other)).line.weight, other.line.weight)


@pytest.mark.parametrize(
    ("function", "kind", "words"),
    [
        ("bith", BadValue, r"net\.py: no function 'bith'\. Did you mean 'both'\?"),
        ("value", BadValue, r"'value' must be a function; got int"),
        ("wrong", BadValue, r"what it returns must be a torch\.nn\.Module; got 'int'"),
        ("raises", UserCodeError, r"net\.py:34: raises\(\) raised TypeError: can only concatenate str"),
    ],
)
def test_what_goes_wrong_in_the_function_is_said_with_its_place(file, function, kind, words):
    with pytest.raises(kind, match=words):
        build(f"{file}:{function}", TABLE, 3, rows=10)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def make(:\n  pass\n", r"net\.py:1: importing net\.py raised SyntaxError"),
        ("import torch\n\n1 / 0\n", r"net\.py:3: importing net\.py raised ZeroDivisionError"),
        ("import nowhere_at_all\n", r"net\.py:1: importing net\.py raised ModuleNotFoundError"),
    ],
)
def test_a_file_that_does_not_run_is_said_with_its_place(file, text, words):
    file.write_text(text)
    with pytest.raises(UserCodeError, match=words):
        build(f"{file}:make", TABLE, 3, rows=10)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.py:make", r"no file 'nowhere\.py'"),
        ("net.py", r"no file 'net\.py'"),
        ("net.py:", r"no file 'net\.py'"),
    ],
)
def test_names_that_lead_nowhere(name, words):
    with pytest.raises(BadValue, match=words):
        build(name, TABLE, 3, rows=10)


def test_timm_takes_pictures_only():
    with pytest.raises(BadValue, match="timm:resnet18: the data must be made of images; got 'a table'"):
        build("timm:resnet18", TABLE, 3, rows=10)


@pytest.mark.skipif(importlib.util.find_spec("timm") is not None, reason="timm is installed")
def test_timm_missing_is_said_with_the_command_that_mends_it():
    with pytest.raises(Missing, match=r"pip install 'ravine\[timm\]'"):
        build("timm:resnet18", IMAGE, 3, rows=10)


def test_timm_is_asked_for_the_right_network(monkeypatch):
    """A stand-in with timm's two functions: the names we call, and a network that takes no img_size."""
    import types

    asked = {}

    def create_model(name, **arguments):
        if "img_size" in arguments:
            raise TypeError("no such argument")
        asked.update(arguments, name=name)
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, arguments["num_classes"]))

    stand_in = types.ModuleType("timm")
    stand_in.__version__ = "1.0"
    stand_in.list_models = lambda: ["resnet18", "vit_small"]
    stand_in.create_model = create_model
    monkeypatch.setitem(sys.modules, "timm", stand_in)
    assert build("timm:resnet18", IMAGE, 3, rows=10).module(torch.zeros(2, 1, 8, 8)).shape == (2, 3)
    assert asked == {"name": "resnet18", "num_classes": 3, "in_chans": 1}
    with pytest.raises(BadValue, match=r"timm 1\.0 has no such model\. Did you mean 'resnet18'\?"):
        build("timm:resnet81", IMAGE, 3, rows=10)
