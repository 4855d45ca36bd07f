"""How much longer ten members take than one, trained as one stacked model, on one thread.

    python benchmarks/ensemble.py            several batch sizes, seven rounds
    python benchmarks/ensemble.py --rounds 3 --batch 32

The network is 64-100-32-10 (10,062 parameters) on the 1,797 digits of scikit-learn, Adam with decoupled decay,
gradients clipped, no validation. Every round runs each contender once, in turn, so a machine whose speed drifts
favours nobody. Times are those of the processor, which other programs on it disturb least; ratios are taken within the
round, and their median is what counts. "Trainer" is `ravine.Trainer` on one network; "population" the stacked model.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ravine import Trainer
from ravine.population import Population
from ravine.train.losses import loss_of


def digits() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    data = load_digits()
    return torch.tensor(data.data / 16, dtype=torch.float32), torch.tensor(data.target)


def mlp(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 32), nn.ReLU(), nn.Linear(32, 10))


def trainer(batch: int, epochs: int) -> Callable[[], None]:
    made = Trainer(mlp(0), loss_of("classify"), epochs=epochs, batch_size=batch, plan="safe", threads=1, average=0.0)
    return lambda: made.fit(digits())


def population(members: int, batch: int, epochs: int) -> Callable[[], None]:
    made = Population(
        [mlp(seed) for seed in range(members)],
        loss_of("classify"),
        weight_decay=0.01,
        epochs=epochs,
        batch_size=batch,
        clip_norm=1.0,
        together=True,
    )
    return lambda: made.fit(digits())


def seconds(job: Callable[[], None]) -> float:
    began = time.process_time()
    job()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--steps", type=int, default=2000)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {platform.processor() or platform.machine()}, 1 thread, {asked.rounds} rounds")
    print(
        f"| rows a step | Trainer, ms a step | population of 1 | of {asked.members} | ÷ Trainer | ÷ population of 1 |"
    )
    print("|---|---|---|---|---|---|")
    rows = len(digits()[1])
    seconds(population(2, 32, 1))  # what is loaded and set up once
    seconds(trainer(32, 1))
    for batch in asked.batch:
        per_epoch = -(-rows // batch)
        epochs = max(asked.steps // per_epoch, 1)
        times = [
            (
                seconds(trainer(batch, epochs)),
                seconds(population(1, batch, epochs)),
                seconds(population(asked.members, batch, epochs)),
            )
            for _ in range(asked.rounds)
        ]
        one, alone, many = (
            1000 * statistics.median(column) / (epochs * per_epoch) for column in zip(*times, strict=True)
        )
        to_trainer = statistics.median(m / o for o, _, m in times)
        to_one = statistics.median(m / a for _, a, m in times)
        print(
            f"| {batch} | {one:.2f} | {alone:.2f} | {many:.2f} | {to_trainer:.2f} | {to_one:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
