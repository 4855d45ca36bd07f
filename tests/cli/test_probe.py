"""`ravine probe`: the table, the picture, and what is refused."""

import pytest
from PIL import Image

from ravine.cli import main

OWN = """
import torch
from torch import nn


def network():
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh()), torch.ones(5, 3)


def with_loss():
    return *network(), nn.MSELoss(), torch.zeros(5, 4)


def alone():
    return network()[0]


def data():
    x = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    return x, (x[:, 0] > 0).long()
"""


@pytest.fixture
def own(at):
    (at / "mine.py").write_text(OWN)
    return at


def test_the_real_program_probes_digits_and_draws(ravine, at):
    done = ravine("probe", "digits", "--rows", "64", "-o", "probe.png")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "convnet, 64 rows, before training"
    assert lines[2].split() == ["layer", "kind", "gives", "mean", "std", "predicted", "saturated", "dead", "gradient"]
    assert any(line.startswith("stem.0") and "Conv2d" in line for line in lines)
    assert lines[-1] == "drawn into probe.png"
    with Image.open(at / "probe.png") as image:
        assert image.width == 1080


@pytest.mark.parametrize("function", ["network", "with_loss"])
def test_a_network_of_ones_own(own, capsys, function):
    assert main(["probe", f"mine.py:{function}"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Sequential, 5 rows, before training")
    assert "Tanh" in out


def test_data_of_ones_own(own, capsys):
    assert main(["probe", "mine.py:data", "--rows", "16", "--activation", "tanh"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("mlp, 16 rows")
    assert "Tanh" in out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("digits", "-o", "probe.jpg"), "probe: the picture's file must end in .png; got 'probe.jpg'."),
        (("digits", "--rows", "0"), "probe: rows must be at least 1; got 0."),
        (("digits", "--activation", "tahn"), "unknown activation 'tahn'. Did you mean 'tanh'?"),
        (("mine.py:alone",), "must return (model, batch), (model, batch, loss) or"),
        (("mine.py:netwrk",), "no function 'netwrk'. Did you mean 'network'?"),
    ],
)
def test_what_cannot_be_probed_is_refused(own, capsys, words, text):
    assert main(["probe", *words]) == 2
    assert text in capsys.readouterr().err
