"""Two real processes: DistributedDataParallel over a network with techniques on its weights."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

WORKER = """
import sys, torch
from torch import nn, distributed
from torch.nn.parallel import DistributedDataParallel
from ravine.regularize import DropConnect, GradientNoise, WeightNoise, apply, remove

rank, store = int(sys.argv[1]), sys.argv[2]
distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
torch.manual_seed(0)
model = nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 1))
keys = list(model.state_dict())
apply(model, DropConnect(0.5), where="0, 2")
apply(model, WeightNoise(0.1), where=nn.Linear)
apply(model, GradientNoise(0.01))
parallel = DistributedDataParallel(model)
optimizer = torch.optim.SGD(parallel.parameters(), lr=0.1)
torch.manual_seed(rank)
for _ in range(3):
    optimizer.zero_grad()
    parallel(torch.randn(4, 1, 6)).square().mean().backward()
    optimizer.step()
flat = torch.cat([p.detach().flatten() for p in model.parameters()])
both = [torch.empty_like(flat) for _ in range(2)]
distributed.all_gather(both, flat)
assert torch.equal(*both), "the processes drifted apart"
assert list(model.state_dict()) == keys
assert remove(parallel) == ["module.0", "module.2", "module.4"]
parallel(torch.randn(4, 1, 6)).sum().backward()
distributed.barrier()
distributed.destroy_process_group()
print("done")
"""


def test_processes_draw_their_own_masks_and_stay_together(tmp_path: Path) -> None:
    store = tmp_path / "store"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(rank), str(store)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for worker in workers:
        out, errors = worker.communicate(timeout=100)
        assert worker.returncode == 0, errors
        assert out.strip() == "done"
