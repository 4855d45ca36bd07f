"""What happens to a run when the world does not cooperate: killed, interrupted, no room, no right to write."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

FIT = ["fit", "digits", "--model", "mlp", "--epochs", "60", "--batch-size", "16", "--plan", "safe", "--plain"]
FIT += ["--set", "train.patience=none", "--set", "model.dropout=0.2"]


# A run takes seconds; the limit is for a machine that is busy with something else.
pytestmark = pytest.mark.timeout(300)


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "ravine", *words]


def start(folder: Path, *more: str, **popen: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command(*FIT, "--run-dir", str(folder), *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment, **popen,
    )  # fmt: skip


def finish(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command(*words), capture_output=True, text=True, env=environment, timeout=280, check=False)


def kept_weights(folder: Path) -> dict[str, torch.Tensor]:
    (path,) = (folder / "model").glob("*.safetensors")
    return load_file(path)


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def wait_for(folder: Path, *, rows: int) -> None:
    """Until the run has written so many rows of metrics."""
    path, end = folder / "metrics.jsonl", time.monotonic() + 200
    while time.monotonic() < end:
        if path.exists() and path.read_bytes().count(b"\n") >= rows:
            return
        time.sleep(0.01)
    raise AssertionError("the run never got there")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    process = start(folder)
    _, errors = process.communicate(timeout=280)
    assert process.returncode == 0, errors
    return folder


@pytest.mark.parametrize("rows", [1, 12, 40])
def test_killed_and_resumed_is_bit_identical(tmp_path: Path, undisturbed: Path, rows: int) -> None:
    folder = tmp_path / "run"
    process = start(folder)
    wait_for(folder, rows=rows)
    process.kill()
    process.communicate()
    resumed = finish("resume", str(folder))
    assert resumed.returncode == 0, resumed.stderr
    assert same(kept_weights(folder), kept_weights(undisturbed))
    assert json.loads((folder / "results.json").read_text())["status"] == "done"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_at_thirty_random_instants(tmp_path: Path, undisturbed: Path) -> None:
    """Any instant from the start of the process to its end; a resumed run may be killed again."""
    rng = random.Random(1)
    began = time.monotonic()
    process = start(tmp_path / "timed")
    process.communicate()
    length = time.monotonic() - began
    for attempt in range(30):
        folder = tmp_path / f"run{attempt}"
        process = start(folder)
        time.sleep(rng.uniform(0, length))
        process.kill()
        process.communicate()
        if not (folder / "recipe.toml").exists():
            continue  # killed before there was anything to resume
        resumed = finish("resume", str(folder))
        assert resumed.returncode == 0, resumed.stderr
        assert same(kept_weights(folder), kept_weights(undisturbed)), f"attempt {attempt}"
        assert not [path for path in folder.rglob("*.part") if path.parent.name == "model"]


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path, undisturbed: Path) -> None:
    folder = tmp_path / "run"
    process = start(folder)
    wait_for(folder, rows=10)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=200)
    assert process.returncode == 130, errors
    assert f"ravine resume {folder}" in out + errors
    assert "Traceback" not in errors
    assert json.loads((folder / "results.json").read_text())["status"] == "interrupted"
    assert finish("resume", str(folder)).returncode == 0
    assert same(kept_weights(folder), kept_weights(undisturbed))


def test_a_full_disk_is_one_line_and_leaves_no_half_file(tmp_path: Path) -> None:
    """Files larger than 60 kB cannot be written, as on a disk that is full."""

    def no_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    folder = tmp_path / "run"
    process = start(folder, preexec_fn=no_room)
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 2
    assert errors.count("\n") == 1
    assert "cannot be written (File too large)" in errors
    assert not list(folder.rglob("*.part"))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A path below a file: refused to everyone, root too."""
    (tmp_path / "file").write_text("in the way")
    process = start(tmp_path / "file" / "run")
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 2
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1


def test_changed_data_are_not_resumed(tmp_path: Path) -> None:
    table = tmp_path / "d.csv"
    rows = [f"{i * 37 % 101},{i % 7},{'yes' if i % 3 else 'no'}" for i in range(200)]
    table.write_text("\n".join(["a,b,answer", *rows]))
    folder = tmp_path / "run"
    done = finish("fit", str(table), "--run-dir", str(folder), "--epochs", "2", "--plan", "safe", "--quiet")
    assert done.returncode == 0, done.stderr
    results = json.loads((folder / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps({**results, "status": "interrupted"}))
    table.write_text("\n".join(["a,b,answer", *rows[::-1]]))
    refused = finish("resume", str(folder))
    assert refused.returncode == 2
    assert "have changed since it began" in refused.stderr


def test_two_processes_give_the_curve_of_one(tmp_path: Path) -> None:
    """The same global batch on two processes: gradients are averaged, so the losses agree to rounding."""
    curves = []
    for devices in ("1", "2"):
        folder = tmp_path / devices
        done = finish(
            "fit", "digits", "--model", "mlp", "--epochs", "4", "--plan", "safe", "--plain", "--devices", devices,
            "--batch-size", "50", "--set", "model.dropout=0.0", "--set", "train.augment=none", "--set", "train.mixup=0",
            "--run-dir", str(folder),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        curves.append([(row["train_loss"], row["val_loss"]) for row in lines if row["kind"] == "epoch"])
    assert len(curves[0]) == 4
    for one, two in zip(*curves, strict=True):
        assert two == pytest.approx(one, rel=1e-4)


def test_two_processes_lay_out_gradients_as_weights(tmp_path: Path) -> None:
    """Pictures are trained channels-last where that is faster; torch warns where buckets lie otherwise."""
    done = finish(
        "fit", "digits", "--epochs", "1", "--plain", "--devices", "2", "--set", "split.test=0.7",
        "--run-dir", str(tmp_path / "run"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
