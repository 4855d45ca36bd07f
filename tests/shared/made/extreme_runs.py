"""Records at their worst: every word an attack, or far too much of everything."""

from __future__ import annotations

import random
from typing import Any

from made.ordinary_runs import digit, history, pictures_run
from ravine.records.finding import Finding, Severity
from ravine.records.results import (
    Baseline,
    Candidate,
    Column,
    Importance,
    Layer,
    Mistake,
    Picture,
    PlanSection,
    PrepareSection,
    Results,
    Score,
    SplitSection,
)

EVIL = "<script>window.hacked=1</script>"
QUOTES = "a\"b'c & </script><img src=x onerror='window.hacked=1'> `x` {{y}} %{z}"
ARABIC = "\u202eاختبار العمود"
EMOJI = "👩🏽‍🔬🧪 \u0000\x1b[31m"
TOKEN = "var(--ink)"


def hostile_run() -> tuple[Results, list[dict[str, Any]], list[Finding]]:
    """Every word of the data is an attack on the page."""
    results, rows, _ = pictures_run()
    assert results.data
    assert results.model
    assert results.baselines
    assert results.train
    assert results.test
    names = [
        EVIL,
        QUOTES,
        ARABIC,
        EMOJI,
        TOKEN,
        "<b>bold</b>",
        "javascript:alert(1)",
        "$\\alpha$",
        "x" * 400,
        "\\u003c",
    ]
    mistakes = [
        Mistake(id=EVIL, truth=QUOTES, predicted=ARABIC, image=f"data:image/svg+xml,{EVIL}", row={EVIL: QUOTES}),
        Mistake(id=EMOJI, truth=EMOJI, predicted=TOKEN, image="https://example.com/x.png", row={QUOTES: [EVIL]}),
    ]
    hostile = results.model_copy(
        update={
            "data": results.data.model_copy(
                update={
                    "name": QUOTES,
                    "origin": EVIL,
                    "target": ARABIC,
                    "classes": names,
                    "columns": [
                        Column(name=name, type="category", missing=1, distinct=2, top=[(name, 3)]) for name in names
                    ],
                    "pictures": [Picture(image=f'x" onerror="window.hacked=1" y="{EVIL}', label=EVIL)],
                }
            ),
            "model": results.model.model_copy(
                update={
                    "name": EVIL,
                    "reason": QUOTES,
                    "layers": [Layer(name=EVIL, type=QUOTES, output=ARABIC, parameters=1)],
                }
            ),
            "prepare": PrepareSection(steps=[EVIL, QUOTES, ARABIC]),
            "split": SplitSection(how=EVIL, train=1, val=0, test=0),
            "baselines": results.baselines.model_copy(
                update={
                    "baselines": [Baseline(name=name, scores=[Score(name="accuracy", value=0.5)]) for name in names[:4]]
                }
            ),
            "plan": PlanSection(
                mode=EVIL, choice=EVIL, reason=QUOTES, candidates=[Candidate(name=EVIL, milliseconds=1)]
            ),
            "train": results.train.model_copy(
                update={"optimizer": EVIL, "stopped_by": QUOTES, "regularization": [EVIL]}
            ),
            "test": results.test.model_copy(
                update={
                    "mistakes": mistakes,
                    "verdict": EVIL,
                    "importance": [Importance(feature=name, drop=0.1, low=0.0, high=0.2) for name in names],
                    "scores": [*results.test.scores, Score(name=EVIL, value=1.0)],
                }
            ),
        }
    )
    for row in rows:
        row[EVIL] = 1.0
        row[QUOTES] = 2.0
    bad = [
        Finding(
            symptom=EVIL, severity=Severity.ERROR, evidence=QUOTES, advice=EVIL, details={EVIL: QUOTES, "n": [EVIL]}
        )
    ]
    return hostile, rows, bad


def crowded_run() -> tuple[Results, list[dict[str, Any]], list[Finding]]:
    """A thousand classes, five hundred columns, a long training, many findings."""
    results, _, findings = pictures_run()
    assert results.data
    assert results.train
    assert results.test
    noise = random.Random(5)
    names = [f"class number {place}" for place in range(1000)]
    confusion = [[0] * 1000 for _ in names]
    for row in range(1000):
        confusion[row][row] = 8
        confusion[row][noise.randrange(1000)] += 2
    crowded = results.model_copy(
        update={
            "data": results.data.model_copy(
                update={
                    "classes": names,
                    "class_counts": [int(2000 / (1 + place)) + 5 for place in range(1000)],
                    "columns": [
                        Column(
                            name=f"feature_{place}", type="number", missing=0, distinct=9, mean=1e-9 * place, std=1e12
                        )
                        for place in range(500)
                    ],
                    "pictures": [Picture(image=digit(1), label="one")] * 500,
                }
            ),
            "test": results.test.model_copy(
                update={
                    "confusion": confusion,
                    "mistakes": results.test.mistakes * 40,
                    "importance": [
                        Importance(feature=f"feature_{place}", drop=1 / (place + 1), low=-0.1, high=1.0)
                        for place in range(500)
                    ],
                }
            ),
            "train": results.train.model_copy(update={"epochs": 3000, "best_epoch": 1234}),
        }
    )
    return crowded, history("accuracy", 3000, top=0.9), findings * 40
