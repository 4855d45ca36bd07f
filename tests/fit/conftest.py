"""Small finished models, trained for a moment without the loop, so that the end of a run is tested by itself."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
import torch

from ravine.data.infer import infer_task
from ravine.data.prepare import prepare
from ravine.data.raw import Arrays, Images, Raw, Table
from ravine.data.split import Split, split_rows
from ravine.data.task import encode_targets, fit_target
from ravine.fit.model import Model, calibrate
from ravine.fit.network import Network
from ravine.models import build
from ravine.train.losses import loss_of


@dataclass(frozen=True)
class Finished:
    """A model with the data it comes from."""

    model: Model
    raw: Raw
    split: Split
    encoded: np.ndarray
    fields: tuple[torch.Tensor, ...]


def finish(raw: Raw, *, name: str = "auto", steps: int = 60, log_target="auto") -> Finished:
    """Split, prepare, train a few full-batch steps, calibrate."""
    task = infer_task(raw, log_target=log_target)
    split = split_rows(raw, task, val=0.2, test=0.3, seed=0)
    task = fit_target(task, raw.targets, split.train)
    preparation = prepare(raw.inputs, split.train)
    encoded, fields = encode_targets(task, raw.targets), preparation.fields(raw.inputs)
    shape, rows = preparation.shape, len(split.train)
    built = build(name, shape, task.outputs, rows=rows, width=16, depth=1, seed=0, task_kind=task.kind.value)
    network = Network(preparation.normalizer(), built.module)
    optimizer, loss = torch.optim.Adam(network.parameters(), 0.02), loss_of(task.kind)
    taken = torch.from_numpy(split.train)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(network(*(field[taken] for field in fields)), torch.from_numpy(encoded)[taken]).backward()
        optimizer.step()
    model = Model(
        network=network.eval(),
        task=task,
        preparation=preparation,
        built={
            "name": built.name,
            "rows": rows,
            "width": 16,
            "depth": 1,
            "task_kind": task.kind.value,
        },
    )
    model.extra.update(calibrate(task, model.outputs(raw, split.val), encoded[split.val]))
    return Finished(model, raw, split, encoded, fields)


def flowers(rows: int = 300) -> Raw:
    """Three classes told apart by one number and one category, with gaps, a date, and a column of noise."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, rows)
    petal = kind + 0.3 * rng.normal(size=rows)
    colour = np.where(rng.random(rows) < 0.9, np.array(["red", "blue", "white"])[kind], "red")
    days = np.datetime64("2020-01-01") + rng.integers(0, 700, rows)
    frame = pl.DataFrame({"petal": petal, "colour": colour, "noise": rng.normal(size=rows), "day": days})
    frame = frame.with_columns(pl.when(pl.Series(rng.random(rows) < 0.1)).then(None).otherwise("petal").alias("petal"))
    return Raw(
        name="flowers.csv",
        origin="flowers.csv",
        inputs=Table(frame),
        targets=np.array(["iris", "rose", "tulip"])[kind],
        target_names=("kind",),
        ids=np.array([f"f{number}" for number in range(rows)]),
    )


def houses(rows: int = 400, *, spread: float = 0.3) -> Raw:
    """Positive prices, skewed, from three numbers of falling importance."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, 4))
    price = np.exp(11 + 1.2 * x[:, 0] + 0.6 * x[:, 1] + 0.2 * x[:, 2] + spread * rng.normal(size=rows))
    frame = pl.DataFrame({"size": x[:, 0], "rooms": x[:, 1], "garden": x[:, 2], "noise": x[:, 3]})
    ids = np.arange(1, rows + 1)
    return Raw(name="houses", origin="houses", inputs=Table(frame), targets=price, target_names=("price",), ids=ids)


def pairs(rows: int = 300) -> Raw:
    """Two quantities at once, from an array without names."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(rows, 5)).astype(np.float32)
    y = np.stack([x[:, 0] - x[:, 1], 100 + 20 * x[:, 2]], 1) + 0.1 * rng.normal(size=(rows, 2))
    ids = np.arange(rows)
    return Raw(name="pairs", origin="", inputs=Arrays(x), targets=y, target_names=("u", "v"), ids=ids)


def songs(rows: int = 300) -> Raw:
    """Three labels at once."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(rows, 4)).astype(np.float32)
    y = (x[:, :3] + 0.5 * rng.normal(size=(rows, 3)) > 0).astype(np.int64)
    ids = np.arange(rows)
    return Raw(name="songs", origin="", inputs=Arrays(x), targets=y, target_names=("slow", "loud", "sad"), ids=ids)


def pictures(rows: int = 200) -> Raw:
    """Bright left half or bright right half, 8 × 8."""
    rng = np.random.default_rng(4)
    side = rng.integers(0, 2, rows)
    pixels = rng.integers(0, 150, (rows, 8, 8, 1))
    pixels[side == 0, :, :4] += 60
    pixels[side == 1, :, 4:] += 60
    targets, ids = np.array(["left", "right"])[side], np.array([f"p/{number}.png" for number in range(rows)])
    return Raw(name="pictures", origin="", inputs=Images(pixels.astype(np.uint8)), targets=targets, ids=ids)


def waves(rows: int = 200) -> Raw:
    """Slow or fast sequences of two features."""
    rng = np.random.default_rng(5)
    fast = rng.integers(0, 2, rows)
    time = np.arange(12)[None, :, None] * (0.3 + fast[:, None, None]) + rng.random((rows, 1, 2)) * 6
    values = (np.sin(time) + 0.1 * rng.normal(size=(rows, 12, 2))).astype(np.float32)
    targets = np.array(["slow", "fast"])[fast]
    return Raw(name="waves", origin="", inputs=Arrays(values), targets=targets, ids=np.arange(rows))


@pytest.fixture(scope="session")
def finish_model():
    """The function that trains for a moment."""
    return finish


@pytest.fixture(scope="session")
def sources():
    """The small data sets by name."""
    return {
        "flowers": flowers,
        "houses": houses,
        "pairs": pairs,
        "songs": songs,
        "pictures": pictures,
        "waves": waves,
    }


@pytest.fixture(scope="session")
def finished(sources):
    """Finished models by the name of their data, each trained once."""
    made: dict[str, Finished] = {}

    def of(name: str) -> Finished:
        if name not in made:
            made[name] = finish(sources[name]())
        return made[name]

    return of
