"""`ravine watch` as a command: its own words, and the verdict in files."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "watch: name a program: ravine watch train.py, or ravine watch -m module."),
        (("no.py",), "watch: no file 'no.py'. To watch a module: ravine watch -m no.py"),
        (("--overhead", "200%", "x.py"), "--overhead must be a share of the time, such as 2% or 0.02; got '200%'"),
        (("--json", "no/where.json", "x.py"), "no such folder, for --json."),
        (("--quite", "x.py"), "unknown option '--quite'. Did you mean '--quiet'?"),
    ],
)
def test_what_cannot_be_used_is_told(ravine, words, said):
    answer = ravine("watch", *words)
    assert answer.returncode == 2
    assert said in answer.stderr
    assert answer.stdout == ""


def test_a_record_is_not_written_over(ravine, at):
    (at / "old").mkdir()
    (at / "old" / "metrics.jsonl").write_text("")
    (at / "train.py").write_text("print('ran')")
    answer = ravine("watch", "--run-dir", "old", "train.py")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "old: already holds a record. Choose another --run-dir." in answer.stderr


DIVERGES = """
import os, torch
torch.manual_seed(0)
os.chdir("..")
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=10.0)
inputs = torch.randn(32, 4)
for step in range(200):
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(model(inputs)[:, 0], inputs[:, 0]).backward()
    optimizer.step()
"""


def test_the_verdict_is_written_where_it_was_asked_for(ravine, at):
    (at / "train.py").write_text(DIVERGES)
    answer = ravine("watch", "--json", "verdict.json", "--html", "verdict.html", "--run-dir", "run", "train.py")
    assert (answer.returncode, answer.stdout) == (0, ""), answer.stderr
    verdict = json.loads((at / "verdict.json").read_text())
    assert verdict["verdict"] == "findings"
    found = [finding["symptom"] for finding in verdict["findings"]]
    assert f"this run {found[0]}" in answer.stderr
    assert {"diverges", "turns-nan"} & set(found)
    assert "</html>" in (at / "verdict.html").read_text()
    assert json.loads((at / "run" / "watch.json").read_text())["status"] == "ended"
    assert len(json.loads((at / "run" / "findings.json").read_text())["findings"]) == len(found)
    again = ravine("diagnose", "run", "--json", "again.json", "--quiet")
    assert again.returncode == 1, again.stderr
    assert [one["symptom"] for one in json.loads((at / "again.json").read_text())["findings"]] == found
