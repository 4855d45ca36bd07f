"""Where programs run otherwise: several processes that train together, and the cells of a notebook."""

import json

import pytest

TOGETHER = """
    import os, torch, torch.distributed as dist
    from torch import nn
    from torch.nn.functional import cross_entropy

    dist.init_process_group("gloo")
    torch.manual_seed(0)
    model = nn.parallel.DistributedDataParallel(nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2)))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    dice = torch.Generator().manual_seed(dist.get_rank())
    for step in range(40):
        x = torch.randn(32, 8, generator=dice)
        if not os.environ.get("FAULT"):
            optimizer.zero_grad()
        cross_entropy(model(x), (x[:, 0] > 0).long()).backward()
        optimizer.step()
    if dist.get_rank() == 0:
        print(sum(float(p.double().abs().sum()) for p in model.parameters()))
    dist.destroy_process_group()
"""
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


@pytest.mark.slow
def test_of_two_processes_under_torchrun_the_first_reports_and_neither_is_changed(program, python, tmp_path):
    train = str(program(TOGETHER))
    told = ("-m", "ravine", "watch", "--json", "verdict.json")
    alone = python(*TORCHRUN, train)
    assert alone.returncode == 0, alone.stderr
    watched = python(*TORCHRUN, *told, "--run-dir", "healthy", train)
    assert watched.returncode == 0, watched.stderr
    assert watched.stdout == alone.stdout
    assert watched.stderr.count("in 40 steps") == 1, watched.stderr
    faulty = python(*TORCHRUN, *told, "--run-dir", "faulty", train, env={"FAULT": "1"})
    assert faulty.stderr.count("1. error") == 1, faulty.stderr
    findings = json.loads((tmp_path / "verdict.json").read_text())["findings"]
    assert findings[0]["symptom"] == "accumulates-gradients"


CELLS = [
    "import torch, ravine\nfrom torch import nn\nw = ravine.watch(quiet=True)",
    """
def train(clear):
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for step in range(40):
        x = torch.randn(32, 8)
        if clear:
            optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), (x[:, 0] > 0).long()).backward()
        optimizer.step()
train(True)""",
    "w",
    "w = ravine.watch(quiet=True)\ntrain(False)",
    "w",
]


@pytest.mark.slow
def test_in_a_notebook_the_watcher_shows_the_verdict_so_far(tmp_path):
    """A real kernel; a cell that is run again is another training."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=tmp_path)
    first, second = (notebook.cells[at].outputs[0]["data"]["text/html"] for at in (2, 4))
    assert "in 40 steps" in first
    assert "accumulates-gradients" not in first
    assert "error: this run accumulates-gradients" in second
