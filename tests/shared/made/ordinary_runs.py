"""Records as a fit leaves them, written without one."""

from __future__ import annotations

import base64
import io
import itertools
import math
import random
from typing import Any

from PIL import Image

from ravine.records.finding import Finding, Severity
from ravine.records.results import (
    Baseline,
    BaselineSection,
    Bin,
    Calibration,
    Candidate,
    Column,
    DataSection,
    Importance,
    Layer,
    Mistake,
    ModelSection,
    Picture,
    PlanSection,
    PrepareSection,
    Residuals,
    Results,
    Score,
    SplitSection,
    TestSection,
    TrainSection,
)

RECIPE = """seed = 0

[data]
source = "digits"
task = "auto"

[train]
optimizer = "adamw"
schedule = "cosine"
warmup = "5%"
"""

ENVIRONMENT = {
    "python": "3.11.2",
    "torch": "2.13.0",
    "versions": {"numpy": "2.3.0", "polars": "1.35.0", "lightning-fabric": "2.5.6"},
    "machine": "Linux 6.1 x86_64, Intel Xeon",
    "cores": 2,
    "memory": 8_231_010_304,
    "gpu": None,
    "command": "ravine fit digits --seed 0",
    "started": "2026-11-21T10:02:11+00:00",
    "git": "b4d4e6f",
}


def digit(number: int, seed: int = 0) -> str:
    """A small grey picture as a data URI."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = digits.images[digits.target == number][seed]
    buffer = io.BytesIO()
    Image.fromarray((pixels * 15).astype("uint8")).save(buffer, "png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def history(metric: str, epochs: int, *, top: float, seed: int = 0, steps_per_epoch: int = 9) -> list[dict[str, Any]]:
    """Rows of `metrics.jsonl` that look like a training."""
    noise = random.Random(seed)
    rows: list[dict[str, Any]] = []
    total = epochs * steps_per_epoch
    for epoch in range(1, epochs + 1):
        for inside in range(0, steps_per_epoch, 3):
            step = (epoch - 1) * steps_per_epoch + inside + 1
            loss = 2.3 * math.exp(-step / 45) + 0.03 + abs(noise.gauss(0, 0.03))
            rate = 2e-3 * min(1, step / (0.05 * total)) * 0.5 * (1 + math.cos(math.pi * step / total))
            rows.append({"kind": "step", "step": step, "epoch": step / steps_per_epoch, "train_loss": loss, "lr": rate})
        gone = math.exp(-epoch * steps_per_epoch / 45)
        val = 2.3 * gone + 0.07 + 0.001 * epoch + noise.gauss(0, 0.006)
        rows.append(
            {
                "kind": "epoch",
                "step": epoch * steps_per_epoch,
                "epoch": epoch,
                "train_loss": 2.3 * gone + 0.02,
                f"train_{metric}": top * (1 - gone) + 0.006,
                "val_loss": val,
                f"val_{metric}": top * (1 - gone) + noise.gauss(-0.004, 0.002),
                "lr": 2e-3 * 0.5 * (1 + math.cos(math.pi * epoch / epochs)),
                "seconds": 0.4,
                "samples_per_second": 41_000 + noise.gauss(0, 2500),
            }
        )
    return rows


FINDINGS = [
    Finding(
        symptom="is-imbalanced",
        severity=Severity.WARNING,
        evidence="Class '8' has 36 rows, class '0' 178: a ratio of 4.9.",
        advice="Read the F1 score beside the accuracy, or give `--sampler balanced`.",
        details={"smallest": "8", "rows": 36, "ratio": 4.944444, "counts": [178, 36, 150]},
    ),
    Finding(
        symptom="overfits",
        severity=Severity.NOTE,
        evidence="From epoch 19 the validation loss rises by 0.011 while the training loss falls.",
        advice="Nothing: the best weights are restored.",
        confidence=0.8,
        first_step=171,
    ),
    Finding(
        symptom="shares-rows",
        severity=Severity.ERROR,
        evidence="3 rows of the training part are in the test part as well.",
        advice="Drop duplicates, or name the column that groups them with `--group`.",
    ),
]

LAYERS = [
    Layer(name="body.0", type="Conv2d", output="(batch, 32, 8, 8)", parameters=320),
    Layer(name="body.1", type="BatchNorm2d", output="(batch, 32, 8, 8)", parameters=64),
    Layer(name="body.2", type="ReLU", output="(batch, 32, 8, 8)", parameters=0),
    Layer(name="body.3", type="Conv2d", output="(batch, 64, 4, 4)", parameters=18_496),
    Layer(name="head", type="Linear", output="(batch, 10)", parameters=10_250),
]

PLAN = PlanSection(
    mode="auto",
    choice="bfloat16 autocast, 2 threads",
    reason="It was the fastest whose loss agrees with float32 within 1%.",
    candidates=[
        Candidate(name="float32, 2 threads", milliseconds=14.2, loss_difference=0.0),
        Candidate(name="float32, 1 thread", milliseconds=21.7, loss_difference=0.0),
        Candidate(name="bfloat16 autocast, 2 threads", milliseconds=6.31, loss_difference=0.0021, chosen=True),
        Candidate(name="bfloat16 channels-last", milliseconds=7.9, loss_difference=0.0021),
        Candidate(name="compiled", milliseconds=None, note="no C++ compiler was found"),
    ],
)


def pictures_run() -> tuple[Results, list[dict[str, Any]], list[Finding]]:
    """Ten classes of pictures, all sections."""
    names = [str(number) for number in range(10)]
    noise = random.Random(1)
    confusion = [[35 if row == column else 0 for column in range(10)] for row in range(10)]
    for _ in range(7):
        confusion[noise.randrange(10)][noise.choice([1, 8, 9])] += 1
    results = Results(
        status="done",
        data=DataSection(
            name="digits",
            origin="digits",
            form="image",
            rows=1797,
            task="classify",
            task_reason="the target has 10 distinct values",
            target="digit",
            classes=names,
            class_counts=[178, 182, 177, 183, 181, 182, 181, 179, 74, 180],
            shape="8 × 8, 1 channel",
            pictures=[Picture(image=digit(place % 10, place // 10), label=str(place % 10)) for place in range(20)],
        ),
        split=SplitSection(how="stratified by class, seed 0", train=1149, val=288, test=360),
        prepare=PrepareSection(
            steps=["pixels to [0, 1]", "each channel standardized: mean 0.305, std 0.376, from the training rows"]
        ),
        model=ModelSection(
            name="convnet",
            reason="pictures of 8 × 8 with 1,149 rows: a small convolutional network.",
            parameters=29_130,
            layers=LAYERS,
            initialization="Kaiming normal (fan out); final bias from the class frequencies",
        ),
        baselines=BaselineSection(
            metric="accuracy",
            baselines=[
                Baseline(
                    name="majority class",
                    scores=[Score(name="accuracy", value=0.1028, low=0.0755, high=0.1384)],
                    seconds=0.001,
                ),
                Baseline(
                    name="logistic regression",
                    scores=[
                        Score(name="accuracy", value=0.9583, low=0.9323, high=0.9746),
                        Score(name="log_loss", value=0.1432, low=0.1, high=0.19, higher_is_better=False),
                    ],
                    seconds=0.42,
                ),
            ],
        ),
        plan=PLAN,
        train=TrainSection(
            optimizer="AdamW, peak rate 0.002, weight decay 0.05 (not on biases and norms)",
            schedule="warmup over 5%, then cosine",
            epochs=30,
            best_epoch=24,
            steps=270,
            stopped_by="the end of the schedule",
            seconds=12.4,
            samples_per_second=41_322.0,
            regularization=["dropout 0.1", "label smoothing 0.05", "shifts of 1 pixel"],
            device="cpu, 2 threads",
            metric="accuracy",
            best_value=0.9931,
        ),
        test=TestSection(
            rows=360,
            metric="accuracy",
            scores=[
                Score(name="accuracy", value=0.9861, low=0.9679, high=0.994),
                Score(name="macro_f1", value=0.98567, low=0.971, high=0.996),
                Score(name="log_loss", value=0.0612, low=0.041, high=0.088, higher_is_better=False),
            ],
            confusion=confusion,
            mistakes=[
                Mistake(
                    id=f"row {17 * place}",
                    truth=str(place),
                    predicted=str((place * 3 + 1) % 10),
                    confidence=0.99 - 0.04 * place,
                    loss=5.6 - 0.4 * place,
                    image=digit(place, 40),
                )
                for place in range(8)
            ],
            calibration=Calibration(
                bins=[
                    Bin(confidence=0.35, accuracy=0.5, count=2),
                    Bin(confidence=0.55, accuracy=0.44, count=9),
                    Bin(confidence=0.75, accuracy=0.82, count=11),
                    Bin(confidence=0.93, accuracy=0.96, count=48),
                    Bin(confidence=0.99, accuracy=1.0, count=290),
                ],
                expected_error=0.0123,
            ),
            verdict="The network beats logistic regression by 2.8 points, beyond the noise of 360 test rows.",
        ),
    )
    return results, history("accuracy", 30, top=0.985), FINDINGS


def table_columns() -> list[Column]:
    """Columns of all types."""
    return [
        Column(name="carat", type="number", missing=0, distinct=273, mean=0.7979, std=0.474, low=0.2, high=5.01),
        Column(name="depth", type="number", missing=1203, distinct=184, mean=61.75, std=1.43, low=43.0, high=79.0),
        Column(
            name="cut",
            type="category",
            missing=12,
            distinct=5,
            top=[("Ideal", 13_791), ("Premium", 8_812), ("Very Good", 7_702)],
        ),
        Column(name="sold", type="date", missing=0, distinct=730, low=17_000.0, high=17_730.0),
        Column(name="certified", type="flag", missing=0, distinct=2, top=[("yes", 30_100), ("no", 4_421)]),
    ]


def regression_run() -> tuple[Results, list[dict[str, Any]], list[Finding]]:
    """A table with a logarithmic target."""
    noise = random.Random(3)
    truth = [math.exp(noise.gauss(7.8, 1.0)) for _ in range(900)]
    predicted = [value * math.exp(noise.gauss(0, 0.12)) for value in truth]
    edges = [300 + 900 * place for place in range(21)]
    results = Results(
        status="done",
        data=DataSection(
            name="diamonds.csv",
            origin="data/diamonds.csv",
            form="table",
            rows=53_940,
            task="regress",
            task_reason="the target is a number with 11,602 values",
            target="price",
            target_histogram=[
                (left, right, round(12_000 * math.exp(-left / 3800))) for left, right in itertools.pairwise(edges)
            ],
            columns=table_columns(),
        ),
        split=SplitSection(how="at random, seed 0", train=34_521, val=8_631, test=10_788),
        prepare=PrepareSection(
            steps=[
                "numbers standardized, missing ones set to the median with a flag",
                "categories as embeddings, 0 for unseen",
                "the target as `log(price)`, standardized",
            ]
        ),
        model=ModelSection(
            name="mlp", reason="a table with 9 columns.", parameters=71_233, layers=LAYERS[2:], initialization="Kaiming"
        ),
        baselines=BaselineSection(
            metric="r2",
            baselines=[
                Baseline(name="mean", scores=[Score(name="r2", value=-0.0003, low=-0.001, high=0.0)], seconds=0.0004),
                Baseline(
                    name="ridge regression", scores=[Score(name="r2", value=0.961, low=0.958, high=0.964)], seconds=0.2
                ),
            ],
        ),
        plan=PlanSection(mode="safe", choice="float32, deterministic", reason="`--plan safe` was given."),
        train=TrainSection(
            optimizer="AdamW",
            schedule="cosine",
            epochs=40,
            best_epoch=38,
            steps=10_800,
            stopped_by="patience: no gain in 8 epochs",
            seconds=131.4,
            samples_per_second=241_322.0,
            metric="val_r2",
            best_value=0.9871,
        ),
        test=TestSection(
            rows=10_788,
            metric="r2",
            scores=[
                Score(name="r2", value=0.98612, low=0.9852, high=0.9871),
                Score(name="rmse", value=543.21, low=520.0, high=571.0, higher_is_better=False),
                Score(name="mae", value=271.9, low=264.0, high=281.0, higher_is_better=False),
            ],
            residuals=Residuals(truth=truth, predicted=predicted, interval=0.2, scale=1.0, coverage=0.903, log=True),
            mistakes=[
                Mistake(
                    id=str(1000 + place),
                    truth="18,823",
                    predicted="6,201",
                    loss=1.2,
                    row={"carat": 1.51, "cut": "Ideal", "color": None, "depth": 61.123456},
                )
                for place in range(6)
            ],
            importance=[
                Importance(feature=name, drop=drop, low=drop - 0.01, high=drop + 0.012)
                for name, drop in [
                    ("carat", 0.81),
                    ("clarity", 0.12),
                    ("color", 0.08),
                    ("cut", 0.011),
                    ("table", 0.002),
                ]
            ],
        ),
    )
    return results, history("r2", 40, top=0.987), []


def labels_run() -> tuple[Results, list[dict[str, Any]], list[Finding]]:
    """Several labels at once."""
    results = Results(
        status="done",
        data=DataSection(
            name="tags.csv",
            origin="tags.csv",
            form="table",
            rows=2_400,
            task="multi-label",
            target="red, round, small",
            classes=["red", "round", "small"],
            class_counts=[811, 1204, 77],
            columns=table_columns()[:2],
        ),
        split=SplitSection(how="at random, seed 0", train=1600, val=400, test=400),
        train=TrainSection(
            optimizer="SGD",
            schedule="constant",
            epochs=12,
            best_epoch=12,
            steps=156,
            stopped_by="the end of the schedule",
            seconds=3.2,
            samples_per_second=8000.0,
            metric="f1",
            best_value=0.71,
        ),
        test=TestSection(rows=400, metric="f1", scores=[Score(name="f1", value=0.702, low=0.66, high=0.74)]),
    )
    return results, history("f1", 12, top=0.72), []


def partial_run() -> tuple[Results, list[dict[str, Any]], list[Finding]]:
    """Interrupted in the middle of the training, after a NaN."""
    results, rows, findings = pictures_run()
    rows = rows[: len(rows) // 3]
    rows[-1] = {**rows[-1], "train_loss": "nan"}
    return results.model_copy(update={"status": "interrupted", "train": None, "test": None}), rows, findings[:1]


def empty_run() -> tuple[Results, list[dict[str, Any]], list[Finding]]:
    """Nothing yet but a recipe."""
    return Results(), [], []
