"""`ravine check`: the real program, exit codes, files, and what is refused."""

import json
import os
import signal
import subprocess
import sys

import pytest

from ravine.cli import main

OWN = """
import time

import torch
import torch.nn.functional as F
from torch import nn


def _data(rows=200):
    x = torch.randn(rows, 6, generator=torch.Generator().manual_seed(0))
    return x, (x[:, 0] + x[:, 1] > 0).long()


def _model():
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))


def healthy():
    return _model(), nn.CrossEntropyLoss(), _data()


def twice():
    model = nn.Sequential(_model(), nn.Softmax(1))
    return model, torch.optim.Adam(model.parameters()), F.cross_entropy, _data()


def slow():
    class Slow(nn.Linear):
        calls = 0

        def forward(self, x):
            Slow.calls += 1
            time.sleep(0.01 if Slow.calls < 100 else 30)  # eight examples are not learned before somebody interrupts
            return super().forward(x)

    return Slow(6, 2), nn.CrossEntropyLoss(), _data()


def wrong():
    return nn.Linear(5, 2), nn.CrossEntropyLoss(), _data()


def nothing():
    return 3


def table():
    x, y = _data()
    return x.numpy(), y.numpy()
"""


@pytest.fixture
def own(at):
    (at / "mine.py").write_text(OWN)
    return at


def test_the_real_program_finds_a_fault_and_says_what_to_change(ravine, own):
    done = ravine("check", "mine.py:twice", "--only", "first-loss,watched-steps", "--json", "found.json")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "mine.py:twice: this run applies-softmax-twice."
    assert lines[1].startswith("Change first: Give the loss the logits")
    assert done.stderr.splitlines() == ["1/2 first-loss", "2/2 watched-steps"]
    told = json.loads((own / "found.json").read_text())
    assert told["verdict"] == "findings"
    assert told["findings"][0]["symptom"] == "applies-softmax-twice"
    assert "place" not in told["findings"][0]["details"]


def test_the_page_shows_the_curves_that_were_measured(own, capsys):
    assert main(["check", "mine.py:healthy", "--only", "overfit-one-batch,mixing", "--html", "found.html"]) == 0
    assert capsys.readouterr().out.endswith("The page: found.html\n")
    page = (own / "found.html").read_text()
    assert "check of a live model" in page
    assert "Healthy: nothing was found." in page
    assert 'data-figure="trace-0"' in page


def test_a_healthy_model_exits_with_0(own, capsys):
    assert main(["check", "mine.py:healthy", "--only", "first-loss,mixing,overfit-one-batch"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("mine.py:healthy: healthy: nothing was found.\n")
    assert "overfit-one-batch   passed" in shown.out


def test_data_are_checked_with_the_network_chosen_for_them(own, capsys):
    assert main(["check", "mine.py:table", "--only", "first-loss", "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["probes"][0]["said"].endswith("(ln 2)")


def test_quiet_says_nothing(own, capsys):
    assert main(["check", "mine.py:twice", "--only", "watched-steps", "--quiet"]) == 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("mine.py:nothing", "--only", "first-los"), "Did you mean 'first-loss'?"),
        (("mine.py:wrong",), "check: the Linear on shape (200, 6) raised RuntimeError"),
        (("nowhere.py:setup",), "no file 'nowhere.py'"),
        (("mine.py:helthy",), "Did you mean 'healthy'?"),
        (("mine.py:healthy", "--seconds", "0"), "check: --seconds must be above 0; got 0.0."),
        (("mine.py:healthy", "--only", "mixing", "--skip", "mixing"), "no probe is left to ask"),
    ],
)
def test_what_cannot_be_checked_is_refused_in_one_line(own, capsys, words, error):
    assert main(["check", *words]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert error in shown.err
    assert "Traceback" not in shown.err


def test_ctrl_c_keeps_what_was_found(own):
    cheap = "first-loss,evaluated-twice,overfit-one-batch"
    program = [sys.executable, "-m", "ravine", "check", "mine.py:slow", "--only", cheap, "--json", "part.json"]
    running = subprocess.Popen(program, cwd=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    while "overfit-one-batch" not in running.stderr.readline():
        assert running.poll() is None
    os.kill(running.pid, signal.SIGINT)
    out, _ = running.communicate(timeout=30)
    assert running.returncode == 130
    told = json.loads((own / "part.json").read_text())
    assert told["stopped"]
    assert "first-loss" in {one["probe"] for one in told["probes"]}
    assert "evaluated-twice" in out


@pytest.mark.parametrize("name", ["overfit-one-batch", "mixing", "causal_mask"])
def test_every_probe_is_explained(capsys, name):
    assert main(["explain", name]) == 0
    shown = capsys.readouterr().out
    assert "(probe)" in shown
    for heading in ("What it does", "Why it matters", "Not to be mistaken for", "Source"):
        assert heading in shown
    assert f"ravine check mine.py:setup --only {name.replace('_', '-')}" in shown
