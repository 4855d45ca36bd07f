"""`ravine diagnose`: what it prints, what it writes and how it ends, as a program."""

import json
import math
import random
import time

import pytest

from ravine.cli import main


def log(path, *, rise=0.0, epochs=40, seed=0, columns=("Epoch", "loss", "val/loss", "val/acc")):
    draw = random.Random(seed)
    rows = [",".join(columns)]
    for epoch in range(1, epochs + 1):
        train = 0.05 + math.exp(-epoch / 8)
        val = 0.5 + max(0, epoch - 12) * rise + 0.5 * math.exp(-epoch / 4) + draw.gauss(0, 0.01)
        accuracy = 90 - 40 * math.exp(-epoch / 4) - 100 * rise * max(0, epoch - 12) / 2
        rows.append(f"{epoch},{train:.4f},{val:.4f},{accuracy:.1f}%")
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def ill(tmp_path):
    return log(tmp_path / "ill.csv", rise=0.04)


@pytest.fixture
def well(tmp_path):
    return log(tmp_path / "well.csv", seed=1)


def test_the_verdict_comes_first_then_the_one_thing_to_change(ravine, ill):
    done = ravine("diagnose", str(ill))
    assert (done.returncode, done.stderr) == (1, "")
    first, second, *rest = done.stdout.splitlines()
    assert first.endswith("ill.csv: this run overfits.")
    assert second.startswith("Change first: ")
    assert rest[1].startswith("1. warning: this run overfits (from epoch ") or rest[2].startswith("1. warning")
    told = " ".join(done.stdout.split())
    assert "Read as: loss → train_loss, val/loss → val_loss, val/acc → val_accuracy (percent as shares)." in told


def test_a_healthy_log_ends_with_0(ravine, well):
    done = ravine("diagnose", str(well))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].endswith("well.csv: healthy: nothing was found.")


def test_json_is_the_doctors_and_the_mapping(ravine, ill, at):
    assert ravine("diagnose", str(ill), "--json", "verdict.json", "-q").returncode == 1
    written = json.loads((at / "verdict.json").read_text())
    assert written["verdict"] == "findings"
    assert set(written["findings"][0]) >= {"symptom", "severity", "confidence", "first_step", "evidence", "advice"}
    assert {"theirs": "val/acc", "ours": "val_accuracy", "how": "percent as shares"} in written["columns"]
    printed = ravine("diagnose", str(ill), "--json", "-")
    assert json.loads(printed.stdout) == written


def test_several_logs_are_compared(ravine, ill, well):
    done = ravine("diagnose", str(ill), str(well), "--json", "both.json", "--html", "both.html")
    assert done.returncode == 1
    assert "validation loss (lower is better)" in done.stdout
    value = json.loads((ill.parent / "both.json").read_text())
    assert value["verdict"] == "findings"
    assert [run["verdict"] for run in value["runs"]] == ["findings", "healthy"]
    loss = next(one for one in value["comparison"] if one["name"] == "val_loss")
    first, second = loss["entries"]
    assert second["difference"] == pytest.approx(second["best"] - first["best"])
    assert "ill.csv" in (ill.parent / "both.html").read_text()


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "Dear all,\n", "\x00\x01\x02" * 50, '{"loss": 1}'])
def test_what_cannot_be_read_ends_with_2_and_one_line(ravine, well, content):
    bad = well.parent / "bad.log"
    bad.write_text(content)
    done = ravine("diagnose", str(bad))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    both = ravine("diagnose", str(well), str(bad))  # the other one is still read
    assert both.returncode == 2
    assert "healthy" in both.stdout


def test_a_log_too_short_cannot_be_told_and_ends_with_0(ravine, at):
    (at / "short.csv").write_text("epoch,loss\n1,0.5\n")
    done = ravine("diagnose", "short.csv")
    assert done.returncode == 0
    assert "cannot tell: there are too few values to judge by." in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--task", "guessing"), "diagnose: --task must be classification or regression; got 'guessing'."),
        (("--classes", "1"), "diagnose: --classes must be at least 2; got 1."),
        (("--val-rows", "0"), "diagnose: --val-rows must be at least 1; got 0."),
    ],
)
def test_options_are_checked(capsys, well, words, told):
    assert main(["diagnose", str(well), *words]) == 2
    assert told in capsys.readouterr().err


def test_a_metric_may_be_one_to_make_small(capsys, tmp_path):
    paths = []
    for run, values in (("a", (5, 4, 3)), ("b", (6, 5, 4))):
        paths.append(tmp_path / f"{run}.csv")
        paths[-1].write_text("epoch,val_loss,val_distance\n" + "".join(f"{n},1,{v}\n" for n, v in enumerate(values)))
    assert main(["diagnose", *map(str, paths), "--lower-is-better", "val_distance"]) in (0, 1)
    out = capsys.readouterr().out
    assert "validation distance (lower is better)" in out
    assert [line.split()[1] for line in out[out.index("validation distance") :].splitlines()[2:4]] == ["3", "4"]


def test_all_that_could_not_be_told_is_told_when_asked(capsys, well):
    main(["diagnose", str(well)])
    short = capsys.readouterr().out
    main(["diagnose", str(well), "--all"])
    long = capsys.readouterr().out
    assert len(long) >= len(short)
    if "could not be told. What" in short:
        assert "Could not be told:" in long


def test_names_in_a_log_cannot_command_the_terminal(capsys, tmp_path):
    path = tmp_path / "evil.csv"
    path.write_text("epoch,loss,\x1b[31mred\u202e\n1,0.5,1\n2,0.4,2\n")
    main(["diagnose", str(path)])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_symptoms_are_explained(capsys):
    assert main(["explain", "overfits"]) == 0
    out = capsys.readouterr().out
    for heading in (
        "What it sees",
        "Why it matters",
        "Not to be mistaken for",
        "What to do",
        "Source",
        "On the command line",
    ):
        assert heading in out
    assert main(["explain", "overfit"]) == 2
    assert "Did you mean 'overfits'?" in capsys.readouterr().err


def test_neither_torch_nor_polars_is_loaded_for_an_ordinary_log(at, well):
    import subprocess
    import sys

    code = (
        "import sys\nfrom ravine.cli import main\n"
        f"main(['diagnose', {str(well)!r}, '-q'])\n"
        "print([name for name in ('torch', 'polars', 'plotly', 'sklearn', 'scipy', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=at)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_million_rows_are_read_in_two_seconds(tmp_path):
    from ravine.records.readers import read_history

    path = tmp_path / "large.csv"
    path.write_text("Step,loss,lr\n" + "".join(f"{n},{1 / (n + 1):.6f},0.001\n" for n in range(1_000_000)))
    read_history(path)
    start = time.process_time()
    assert len(read_history(path).series("train_loss", "step")) == 1_000_000
    assert time.process_time() - start < 2
