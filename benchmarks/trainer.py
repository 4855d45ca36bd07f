"""What training costs: Ravine's Trainer beside a bare loop, Lightning and skorch, on the same work.

    python benchmarks/trainer.py            both workloads, several rounds, then peak memory
    python benchmarks/trainer.py mlp --rounds 3

Every round runs each contender once, in turn, so a machine whose speed drifts favours nobody; the ratio
to the bare loop is taken within the round, and its median over rounds is what counts. Import time is not
counted; building the trainer, its plan and its optimizer is. Lightning and skorch run without
checkpoints, loggers and progress bars.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import platform
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

FASHION = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True)
class Work:
    """One training job: the same model, data, batch size and epochs for all."""

    name: str
    data: Callable[[], tuple[Tensor, Tensor]]
    model: Callable[[], nn.Module]
    batch_size: int
    epochs: int
    lr: float = 1e-3


def digits() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    data = load_digits()
    return torch.tensor(data.data / 16, dtype=torch.float32), torch.tensor(data.target)


def fashion() -> tuple[Tensor, Tensor]:
    def read(name: str, offset: int) -> np.ndarray:
        return np.frombuffer(gzip.decompress((FASHION / name).read_bytes()), dtype=np.uint8, offset=offset)

    pixels = read("train-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)[:6000]
    labels = read("train-labels-idx1-ubyte.gz", 8)[:6000]
    return torch.tensor(pixels / 255, dtype=torch.float32), torch.tensor(labels, dtype=torch.int64)


def mlp() -> nn.Module:
    """64-100-32-10: 10,062 parameters."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 32), nn.ReLU(), nn.Linear(32, 10))


def convnet() -> nn.Module:
    """The two-layer convolutional net of the tutorials."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


WORKS = {
    "mlp": Work("MLP of 10,062 parameters on digits, batch 64", digits, mlp, 64, 30),
    "convnet": Work("two-layer convolutional net on 6,000 Fashion-MNIST images, batch 128", fashion, convnet, 128, 2),
}


def bare(work: Work, x: Tensor, y: Tensor) -> nn.Module:
    """What one writes by hand over tensors."""
    model, loss_of = work.model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=work.lr)
    model.train()
    for _ in range(work.epochs):
        for rows in torch.randperm(len(x)).split(work.batch_size):
            loss = loss_of(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def ravine(work: Work, x: Tensor, y: Tensor) -> nn.Module:
    """Ours, measuring what runs fastest; rate and updates as in the bare loop."""
    from ravine.train.trainer import Trainer

    model = work.model()
    Trainer(
        model, nn.CrossEntropyLoss(), lr=work.lr, epochs=work.epochs, batch_size=work.batch_size, clip_norm=None,
        schedule="constant", warmup="0 steps",
    ).fit((x, y))  # fmt: skip
    return model


def ravine_safe(work: Work, x: Tensor, y: Tensor) -> nn.Module:
    """Ours without measuring: float32, deterministic."""
    from ravine.train.trainer import Trainer

    model = work.model()
    Trainer(
        model, nn.CrossEntropyLoss(), lr=work.lr, epochs=work.epochs, batch_size=work.batch_size, clip_norm=None,
        schedule="constant", warmup="0 steps", plan="safe",
    ).fit((x, y))  # fmt: skip
    return model


def lightning(work: Work, x: Tensor, y: Tensor) -> nn.Module:
    import lightning as pl

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.loss_of = work.model(), nn.CrossEntropyLoss()

        def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
            return self.loss_of(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=work.lr)

    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), work.batch_size, shuffle=True)
    module = Module()
    pl.Trainer(
        max_epochs=work.epochs, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    ).fit(module, data)  # fmt: skip
    return module.net


def skorch(work: Work, x: Tensor, y: Tensor) -> nn.Module:
    from skorch import NeuralNetClassifier

    net = NeuralNetClassifier(
        work.model(), criterion=nn.CrossEntropyLoss, optimizer=torch.optim.AdamW, lr=work.lr, max_epochs=work.epochs,
        batch_size=work.batch_size, train_split=None, iterator_train__shuffle=True, verbose=0,
    )  # fmt: skip
    net.fit(x, y)
    return net.module_


CONTENDERS = {"bare": bare, "ravine": ravine, "ravine, safe": ravine_safe, "lightning": lightning, "skorch": skorch}


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return float((model.eval()(x).argmax(1) == y).float().mean())


def compare(work: Work, rounds: int) -> dict[str, dict[str, float]]:
    x, y = work.data()
    print(f"\n{work.name}: {len(x):,} rows, {work.epochs} epochs, {rounds} rounds")
    small = Work(work.name, work.data, work.model, work.batch_size, 1, work.lr)
    for run in CONTENDERS.values():
        run(small, x[:512], y[:512])  # imports and first allocations are nobody's training time
    seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    reached: dict[str, float] = {}
    for _ in range(rounds):
        for name, run in CONTENDERS.items():
            began = time.perf_counter()
            model = run(work, x, y)
            seconds[name].append(time.perf_counter() - began)
            reached[name] = accuracy(model, x, y)
    table = {}
    print(f"  {'':14} {'seconds':>8} {'× bare':>7}  {'(min–max)':>13}  training accuracy")
    for name, times in seconds.items():
        ratios = [mine / theirs for mine, theirs in zip(times, seconds["bare"], strict=True)]
        table[name] = {"seconds": statistics.median(times), "ratio": statistics.median(ratios)}
        print(
            f"  {name:14} {table[name]['seconds']:8.2f} {table[name]['ratio']:7.2f}  "
            f"({min(ratios):.2f}–{max(ratios):.2f})    {reached[name]:.4f}"
        )
    return table


def peak(work_name: str, contender: str) -> float:
    """Megabytes that a process of its own held at most, beyond what it held with data and packages loaded."""
    out = subprocess.run(
        [sys.executable, __file__, work_name, "--peak", contender], capture_output=True, text=True, check=True
    )
    return float(out.stdout.strip().splitlines()[-1])


def print_peak(work: Work, contender: str) -> None:
    x, y = work.data()
    if contender != "bare":
        import ravine.train.trainer  # noqa: F401 (its packages are not what is measured)
    # One step first, so that the libraries' own buffers are there.
    bare(Work(work.name, work.data, work.model, work.batch_size, 1), x[: work.batch_size], y[: work.batch_size])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    CONTENDERS[contender](work, x, y)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, before / 1024)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"{' or '.join(WORKS)}; both when none is named")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asked.works = asked.works or list(WORKS)
    if unknown := set(asked.works) - set(WORKS):
        parser.error(f"no such work: {', '.join(sorted(unknown))}; there are {', '.join(WORKS)}")
    warnings.simplefilter("ignore")
    if asked.peak:
        print_peak(WORKS[asked.works[0]], asked.peak)
        return
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.machine()}, {platform.processor()}")
    found = {}
    for name in asked.works:
        found[name] = compare(WORKS[name], asked.rounds)
        ours, theirs = peak(name, "ravine"), peak(name, "bare")
        found[name]["peak"] = {"ravine": ours, "bare": theirs, "ratio": ours / theirs}
        print(f"  peak memory: ravine {ours:.0f} MB, bare loop {theirs:.0f} MB, {ours / theirs:.2f}×")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
