"""What ensembles gain over their members: five seeds, five snapshots, five checkpoints, by `ravine fit`.

    python benchmarks/ensemble_quality.py            all data sets; prints the table of docs/guide/ensembles.md
    python benchmarks/ensemble_quality.py mnist1d --kinds seeds

Data: Fashion-MNIST, the first 6,000 pictures of its training part and all 10,000 of its test part, split again at
random, 10,000 to test on; MNIST-1D as its authors generate it (seed 42), 4,000 rows and 6,000 to test on; the digits of
scikit-learn, a third of the 1,797 to test on. A gain is the accuracy of the ensemble less that of the mean member (for
`best`: of the member that the validation rows hold best) on the same test rows, with a 95% BCa bootstrap interval over
those rows.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import ravine

FASHION = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True)
class Data:
    """One data set with its test share, and the epochs of one training."""

    x: np.ndarray
    y: np.ndarray
    test: float
    epochs: int
    model: str = "mlp"
    width: int | str = "auto"


def fashion(model: str = "mlp", width: int | str = "auto", epochs: int = 25) -> Data:
    def read(name: str, offset: int, shape: tuple[int, ...]) -> np.ndarray:
        data = gzip.decompress((FASHION / name).read_bytes())
        return np.frombuffer(data, dtype=np.uint8, offset=offset).reshape(shape)

    x = np.concatenate(
        [
            read("train-images-idx3-ubyte.gz", 16, (-1, 28, 28))[:6000],
            read("t10k-images-idx3-ubyte.gz", 16, (-1, 28, 28)),
        ]
    )
    y = np.concatenate(
        [read("train-labels-idx1-ubyte.gz", 8, (-1,))[:6000], read("t10k-labels-idx1-ubyte.gz", 8, (-1,))]
    )
    return Data(x, y.astype(np.int64), 0.625, epochs, model, width)


def mnist1d() -> Data:
    from mnist1d.data import get_dataset_args, make_dataset

    arguments = get_dataset_args()
    arguments.num_samples = 10_000
    made = make_dataset(arguments)
    x = np.concatenate([made["x"], made["x_test"]]).astype(np.float32)
    return Data(x, np.concatenate([made["y"], made["y_test"]]), 0.6, 25, "mlp", 256)


def digits() -> Data:
    from sklearn.datasets import load_digits

    found = load_digits()
    return Data(found.data.astype(np.float32), found.target, 1 / 3, 40)


SETS = {
    "fashion-mnist": fashion,
    "fashion-mnist convnet": lambda: fashion("convnet", 12, 12),
    "mnist1d": mnist1d,
    "digits": digits,
}


def measure(name: str, data: Data, kind: str, seed: int) -> dict[str, Any]:
    began = time.perf_counter()
    # Snapshots need long cycles: five of 40% of a training, which is twice its time and not five times.
    epochs = 2 * data.epochs if kind == "snapshots" else data.epochs
    with tempfile.TemporaryDirectory() as folder:
        run = ravine.fit(
            (data.x, data.y),
            model=data.model,
            overrides={
                "ensemble": {"members": f"{kind}:5"},
                "split": {"test": data.test},
                "model": {"width": data.width},
            },
            epochs=epochs,
            threads=1,
            seed=seed,
            run_dir=Path(folder) / "run",
            show="quiet",
        )
        found = run.results.ensemble
    assert found is not None

    def accuracy(scores: list[Any]) -> Any:
        return next(score for score in scores if score.name == "accuracy")

    gain, best = accuracy(found.gains), accuracy(found.gains_over_best)
    loss = next(gain for gain in found.gains if gain.name == "log_loss")
    return {
        "data": name,
        "model": data.model,
        "kind": kind,
        "epochs": epochs,
        "how": found.how,
        "mean": accuracy(found.mean).value,
        "ensemble": accuracy(found.scores).value,
        "gain": [gain.value, gain.low, gain.high],
        "gain over best": [best.value, best.low, best.high],
        "gain in log loss": [loss.value, loss.low, loss.high],
        "disagreement": found.disagreement,
        "seconds": time.perf_counter() - began,
    }


def points(gain: list[float | None]) -> str:
    value, low, high = (None if end is None else 100 * end for end in gain)
    if value is None or low is None or high is None:
        return "–"
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=list(SETS), choices=[*SETS, []])
    parser.add_argument("--kinds", nargs="+", default=["seeds", "snapshots", "checkpoints"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also append each result to this file, one a line")
    asked = parser.parse_args()
    print("| data | network | members | mean member | ensemble | gain, points | over its best member | disagree |")
    print("|---|---|---|---|---|---|---|---|")
    for name in asked.sets:
        data = SETS[name]()
        for kind in asked.kinds:
            found = measure(name, data, kind, asked.seed)
            if asked.json:
                with asked.json.open("a") as file:
                    file.write(json.dumps(found) + "\n")
            print(
                f"| {name.split()[0]} | {data.model} | {kind}:5 | {100 * found['mean']:.2f}% "
                f"| {100 * found['ensemble']:.2f}% | {points(found['gain'])} | {points(found['gain over best'])} "
                f"| {100 * found['disagreement']:.1f}% |",
                flush=True,
            )


if __name__ == "__main__":
    main()
