"""`ravine schedules`: the catalogue, and drawings in a terminal and as a picture."""

import json

import numpy as np
import pytest
from PIL import Image

from ravine.cli import main
from ravine.core import ink
from ravine.core.time import Clockwork
from ravine.schedules import CATALOGUE, parse


def size_of(path):
    with Image.open(path) as picture:
        return picture.size


def test_every_schedule_has_its_line(capsys):
    assert main(["schedules"]) == 0
    out = capsys.readouterr().out
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    for name in [*CATALOGUE, "plateau"]:
        assert name in lines
    assert "warmup(10%)" in lines["warmup"]
    assert "Goyal et al. 2017" in lines["warmup"]
    assert "--plot" in out


def test_as_json(capsys):
    assert main(["schedules", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == [*CATALOGUE, "plateau"]
    assert rows["step"]["formula"] == "factor(t) = factor^⌊t/every⌋"


def test_numbers_of_what_is_drawn(capsys):
    words = ["schedules", "--plot", "warmup(2 epochs) > cosine", "--steps", "200", "--epochs", "20", "--json"]
    assert main(words) == 0
    (row,) = json.loads(capsys.readouterr().out)
    schedule = parse("warmup(20) > cosine").fitted(200)
    assert row["factors"] == [schedule(t) for t in range(200)]
    assert row["fitted"] == "warmup(steps=20) > cosine(total=180)"


def heights(text, columns=72):
    """The middle of the dots in each column of the first plot, from 0 to 1."""
    lines = [line.split("┤")[-1].split("│")[-1] for line in text.splitlines() if "┤" in line or "│" in line][:10]
    found = []
    for column in range(columns):
        ys = []
        for row, line in enumerate(lines):
            dots = ord(line[column]) - 0x2800
            for bit, y in ((0, 0), (1, 1), (2, 2), (6, 3), (3, 0), (4, 1), (5, 2), (7, 3)):
                if dots >> bit & 1:
                    ys.append(39 - (4 * row + y))
        found.append(sum(ys) / len(ys) / 39)
    return found


@pytest.mark.parametrize("text", ["cosine", "linear", "warmup(20%) > polynomial", "one-cycle"])
def test_the_dots_lie_on_the_curve(text, capsys):
    assert main(["schedules", "--plot", text]) == 0
    schedule = parse(text).fitted(1000)
    expected = [schedule((column + 0.5) / 72 * 1000) for column in range(72)]
    assert heights(capsys.readouterr().out) == pytest.approx(expected, abs=0.06)


def test_the_picture_holds_the_curve(at, capsys):
    assert main(["schedules", "--plot", "linear", "--plot", "constant", "-o", "rates.png"]) == 0
    assert "drawn into rates.png" in capsys.readouterr().out
    with Image.open(at / "rates.png") as image:
        picture = np.asarray(image.convert("RGB")).astype(int)
    assert picture.shape[1] == 1080
    found = np.abs(picture - np.array(ink.stroke(0).color)).sum(2) < 60
    rows, columns = np.nonzero(found[260:])  # below the names
    slope, offset = np.polyfit(columns, rows, 1)
    assert np.abs(rows - slope * columns - offset).max() < 6  # one straight line
    assert slope > 0.3


def test_a_momentum_has_axes_of_its_own(at, capsys):
    assert main(["schedules", "--plot", "one-cycle(momentum=[0.85, 0.95])", "-o", "one.png"]) == 0
    out = capsys.readouterr().out
    assert "Momentum" in out
    assert out.count("┤") == 4
    assert main(["schedules", "--plot", "one-cycle", "-o", "two.png"]) == 0
    assert size_of(at / "one.png")[1] > size_of(at / "two.png")[1] + 300


def test_every_schedule_is_explained_with_a_picture(at, capsys):
    for name in [*CATALOGUE, "plateau"]:
        assert main(["explain", name]) == 0
        out = capsys.readouterr().out
        assert "Formula" in out
        assert "ravine.schedules." in out
        assert ">>>" not in out
        assert ("An example" in out) == (name != "plateau")
    assert main(["explain", "cosine", "-o", "cosine.png"]) == 0
    assert size_of(at / "cosine.png")[0] == 1080


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--plot cosin", "unknown schedule 'cosin'. Did you mean 'cosine'?"),
        ("--plot plateau", "a plateau follows the losses, so it cannot be drawn before there are any."),
        ("--plot cosine(2000)", "cosine: total must not be longer than the run of 1,000 steps"),
        ("--plot cosine --steps 0", "schedules: --steps must be at least 1; got 0."),
        ("--plot cosine --steps 10", "schedules: --epochs must be at most 10, the number of steps; got 100."),
        ("--plot cosine -o a.jpg", "schedules: --output must end in .png; got 'a.jpg'."),
        ("-o a.png", "-o draws what --plot names. Try: --plot cosine -o cosine.png"),
    ],
)
def test_what_cannot_be_drawn_is_refused(words, told, at, capsys):
    assert main(["schedules", *words.split()]) == 2
    assert told in capsys.readouterr().err
    assert list(at.iterdir()) == []


def test_the_chart_says_what_run_it_is_of():
    from ravine.schedules.chart import Chart

    chart = Chart(("cosine",), Clockwork(total_steps=36_000, steps_per_epoch=400))
    assert chart.told == "36,000 steps, 90 epochs of 400"
    assert len(chart.moments) == 4001
