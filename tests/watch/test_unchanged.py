"""A watched program does what it does unwatched: its numbers, its output, its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

TRAINING = """
    import os
    import sys
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    inputs = torch.randn(320, 12)
    targets = (inputs[:, 0] > 0).long()
    train = DataLoader(TensorDataset(inputs[:256], targets[:256]), batch_size=32, shuffle=True, num_workers=WORKERS)
    val = DataLoader(TensorDataset(inputs[256:], targets[256:]), batch_size=32)
    model = nn.Sequential(nn.Linear(12, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))
    calls = []
    model[0].register_forward_hook(lambda *_: calls.append(1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.1)
    for epoch in range(5):
        model.train()
        for x, y in train:
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            for x, y in val:
                loss_of(model(x), y)
    os.mkdir(sys.argv[1])
    torch.save(model.state_dict(), sys.argv[1] + "/w.pt")
    print(len(calls), torch.rand(1).item(), loss.item())
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_weights_are_the_same_to_the_bit(program, python, watched, history, tmp_path, workers):
    program(TRAINING.replace("WORKERS", str(workers)))
    alone = python("train.py", "alone")
    seen = watched("train.py", "seen")
    assert alone.returncode == seen.returncode == 0, seen.stderr
    assert seen.stdout == alone.stdout
    assert (tmp_path / "seen" / "w.pt").read_bytes() == (tmp_path / "alone" / "w.pt").read_bytes()
    record = history()
    assert len(record.series("train_loss", "step")) == 40
    assert record.series("val_loss").steps == (8, 16, 24, 32, 40)
    assert record.about["train_rows"] == 256
    assert record.about["val_rows"] == 64
    assert record.about["optimizer"] == "AdamW"


SELF_PORTRAIT = """
    import sys
    import __main__
    print(sys.argv, __name__, __file__, __spec__ and __spec__.name, __package__, __doc__, sys.path[0])
    print(__main__.__dict__ is globals())
    print(sorted(name for name in globals() if name != "__builtins__"), sys.excepthook is sys.__excepthook__)
    print(sys.stdin.read())
    print("torch" in sys.modules)
"""


def test_it_is_main_with_its_own_words(program, python, watched):
    program(SELF_PORTRAIT)
    words = ("train.py", "--help", "-q", "--json", "x")
    assert watched(*words, input="said").stdout == python(*words, input="said").stdout


def test_a_module_too(program, python, watched, tmp_path):
    (tmp_path / "project").mkdir()
    program('"""Of this."""\n' + SELF_PORTRAIT.replace("\n    ", "\n"), name="project/train.py")
    program("print('folder')", name="project/__main__.py")
    words = ("-m", "project.train", "--help")
    assert watched(*words, input="").stdout == python(*words, input="").stdout
    assert watched("project").stdout == python("project").stdout == "folder\n"


CRASH_INSIDE_TORCH = """
import torch
import torch.nn.functional as F
p = torch.ones(2, 3, requires_grad=True)
def closure():
    try:
        torch.ones(1).backward()
    except RuntimeError:
        F.cross_entropy(p, torch.tensor([0, 1])).backward()
        F.cross_entropy(p, torch.tensor([0, 9]))
torch.optim.SGD([p], lr=1).step(closure)
"""


@pytest.mark.parametrize(
    "ending",
    [
        "sys.exit(7)",
        "sys.exit('so it ends')",
        "raise SystemExit",
        "os._exit(5)",
        "raise KeyError('x') from ValueError('y')",
        CRASH_INSIDE_TORCH,
        "def f(): raise ExceptionGroup('g', [ValueError(1)])\nf()",
        "import threading; threading.Thread(target=lambda: print('thread')).start()",
        "import atexit; atexit.register(print, 'bye'); 1 / 0",
        "sys.excepthook = lambda *a: print(a[0], a[1]); 1 / 0",
        "eval('1 +')",
        "os.kill(os.getpid(), 9)",
        "os.kill(os.getpid(), 15)",
        "os.kill(os.getpid(), 2)",
    ],
)
def test_it_ends_as_it_ends(program, python, watched, ending):
    program(f"import os, sys\nprint('here', flush=True)\n{ending}\n")
    alone, seen = python("train.py"), watched("--quiet", "train.py")
    assert (seen.returncode, seen.stdout, seen.stderr) == (alone.returncode, alone.stdout, alone.stderr)


def test_a_program_that_is_no_python(program, python, watched):
    program("def f(:\n")
    alone, seen = python("train.py"), watched("--quiet", "train.py")
    assert (seen.returncode, seen.stderr) == (alone.returncode, alone.stderr)


def test_a_module_that_is_not_there(python, watched):
    alone, seen = python("-m", "no.such"), watched("--quiet", "-m", "no.such")
    assert (seen.returncode, seen.stderr) == (alone.returncode, alone.stderr)


def test_many_lines_through_a_pipe_that_closes(program, watched, tmp_path):
    program("for n in range(200_000): print(n)")
    lines = watched("--quiet", "train.py").stdout.splitlines()
    assert len(lines) == 200_000
    assert lines[-1] == "199999"


STEPS = """
    import os, signal, sys, time
    import torch
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for n in range(int(sys.argv[1])):
        optimizer.zero_grad()
        model(torch.ones(2, 4)).pow(2).mean().backward()
        optimizer.step()
"""


def test_a_killed_program_leaves_a_record(program, tmp_path, history):
    program(STEPS + "        time.sleep(0.01)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "ravine", "watch", "--run-dir", "record", "train.py", "100000"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )
    metrics = tmp_path / "record" / "metrics.jsonl"
    until = time.monotonic() + 60
    while time.monotonic() < until and not (metrics.exists() and metrics.stat().st_size > 2000):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(history().series("train_loss", "step")) > 5


def test_a_hard_exit_loses_nothing(program, watched, history):
    program(STEPS + "    os._exit(3)\n")
    assert watched("train.py", "30").returncode == 3
    assert history().series("train_loss", "step").steps == tuple(range(30))


@pytest.mark.slow
def test_a_long_training_takes_no_more_memory(program, watched, tmp_path):
    """What is kept grows with the logarithm of the training: 80,000 more steps add little to 20,000."""
    program(
        STEPS
        + """
        if n == 20_000 or n == 99_999:
            print(int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
"""
    )
    early, late = map(int, watched("train.py", "100000").stdout.split())
    assert late - early < 4 * 2**20
    assert (tmp_path / "record" / "metrics.jsonl").stat().st_size < 20 * 2**20


def test_a_fork_is_not_watched(program, watched, history):
    program(
        STEPS
        + """
    if os.fork() == 0:
        optimizer.step()
        sys.exit(0)
    os.wait()
"""
    )
    seen = watched("train.py", "10")
    assert seen.stderr.count("in 10 steps") == 1, seen.stderr
    assert len(history().series("train_loss", "step")) == 10


def test_other_ranks_are_left_alone(program, watched, tmp_path):
    program(STEPS)
    seen = watched("train.py", "5", env={"RANK": "1"})
    assert (seen.returncode, seen.stderr) == (0, "")
    assert not (tmp_path / "record").exists()


def test_a_program_without_training(program, watched, tmp_path):
    program("import torch")
    seen = watched("train.py")
    assert seen.stderr == "ravine: no training step was seen in this program.\n"
    assert not (tmp_path / "record").exists()


def test_an_instrument_that_fails_is_dropped_and_the_program_goes_on(program, python):
    program(
        """
        import torch, ravine
        from ravine.watch.instrument import Instrument
        from ravine.watch.watcher import Watcher

        class Broken(Instrument):
            name = "broken"
            def step_end(self, scene, optimizer):
                raise ValueError("so it is")

        watcher = Watcher(instruments=[Broken()]).start()
        model = torch.nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for n in range(3):
            model(torch.ones(2, 4)).mean().backward()
            optimizer.step()
        print(watcher.steps)
        """
    )
    seen = python("train.py")
    assert seen.stdout == "3\n"
    assert seen.stderr.count("'broken' failed and is dropped: ValueError: so it is") == 1
