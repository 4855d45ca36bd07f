"""What `--repair` makes of trainings that go wrong: troubles planted one by one, three seeds each.

    python benchmarks/repair.py                                  the table (about five minutes on two quiet cores)
    python benchmarks/repair.py --rows rows.jsonl                resumable
    python benchmarks/repair.py --write docs/guide/repair.md     and put it into the page

Each trouble is trained three times from each seed: without it, with it, and with it and `--repair`. What is compared is
the best value of the validation metric, on the same rows from the same seed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

import ravine

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "shared"))
from made import troubled

SEEDS = (0, 1, 2)
BEGIN, END = "<!-- what was measured -->", "<!-- end of what was measured -->"


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A training, and what is planted in it."""

    about: str
    model: Callable[[], Any] = lambda: "mlp"
    data: Callable[[int], Any] = lambda seed: troubled.rows(seed=seed)
    clean_data: Callable[[int], Any] | None = None
    clean: dict[str, Any] = field(default_factory=dict)
    planted: dict[str, Any] = field(default_factory=dict)


def whole_rows(seed: int) -> Any:
    """The data sets without what is broken in them."""
    parts = troubled.broken_rows(seed)
    x, y = parts["train"].tensors
    whole = torch.isfinite(x).all(1)
    return {**parts, "train": torch.utils.data.TensorDataset(x[whole], y[whole])}


SGD = troubled.PLAIN_SGD
TROUBLES = (
    Trouble(about="rate 100 times too high, digits", data=lambda _: "digits", clean={"lr": 3e-3}, planted={"lr": 0.3}),
    Trouble(about="rate 1,000 times too high, digits", data=lambda _: "digits", clean={"lr": 3e-3}, planted={"lr": 3}),
    Trouble(
        about="logarithm of a weight that goes below 0",
        model=troubled.LogOfWeight,
        clean={"lr": 3e-3, "clip_norm": "none"},
        planted={"lr": 0.1, "clip_norm": "none"},
    ),
    Trouble(
        about="recurrence whose gradient explodes",
        model=troubled.Recurrence,
        clean={**SGD, "lr": 1e-3},
        planted=SGD,
    ),
    Trouble(
        about="softmax by hand that overflows",
        model=troubled.SoftmaxByHand,
        clean={**SGD, "lr": 0.02},
        planted=SGD,
    ),
    Trouble(
        about="NaN in 3 of 600 rows",
        data=troubled.broken_rows,
        clean_data=whole_rows,
        clean={"lr": 3e-3},
        planted={"lr": 3e-3},
    ),
    Trouble(
        about="a network that computes log(−1) at step 60",
        model=lambda: troubled.BreaksAt(60),
        clean={"lr": 3e-3},
        planted={"lr": 3e-3},
    ),
)


def trained(trouble: Trouble, seed: int, *, planted: bool, repair: bool) -> ravine.Run:
    """One training."""
    torch.manual_seed(seed)
    data = trouble.data if planted or trouble.clean_data is None else trouble.clean_data
    model = trouble.model()
    if not planted and isinstance(model, troubled.BreaksAt):
        model.at = -1
    choices = {**troubled.COMMON, **(trouble.planted if planted else trouble.clean), "seed": seed, "repair": repair}
    with tempfile.TemporaryDirectory() as folder:
        return ravine.fit(data(seed), model=model, run_dir=Path(folder) / "run", show="quiet", **choices)


def measured(trouble: Trouble) -> dict[str, Any]:
    """The numbers of one row of the table."""
    clean, without, with_repair, adopted, attempts, fates = [], [], [], [], 0, []
    for seed in SEEDS:
        clean.append(trained(trouble, seed, planted=False, repair=False).outcome.best)
        bare = trained(trouble, seed, planted=True, repair=False)
        without.append(bare.outcome.best)
        fates.append("broke" if bare.outcome.broke_at is not None else "went on")
        mended = trained(trouble, seed, planted=True, repair=True)
        with_repair.append(mended.outcome.best)
        section = mended.results.repair
        rounds = section.rounds if section is not None else []
        attempts += sum(len(one.attempts) for one in rounds)
        adopted.append(", then ".join(one.attempts[one.adopted].change for one in rounds if one.adopted is not None))
    return {
        "about": trouble.about,
        "clean": clean,
        "without": without,
        "fates": fates,
        "with": with_repair,
        "attempts": attempts / len(SEEDS),
        "adopted": [one or "nothing" for one in adopted],
    }


def share(values: list[float | None]) -> str:
    """Mean and range of shares, in percent."""
    known = [100 * value for value in values if value is not None]
    if not known:
        return "none"
    return f"{statistics.fmean(known):.1f} ({min(known):.1f}–{max(known):.1f})"


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| planted | clean | without repair | ends | with repair | forks a run | adopted, by seed |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ends = ", ".join(f"{row['fates'].count(fate)} {fate}" for fate in dict.fromkeys(row["fates"]))
        adopted = "; ".join(dict.fromkeys(row["adopted"]))
        lines.append(
            f"| {row['about']} | {share(row['clean'])} | {share(row['without'])} | {ends} | {share(row['with'])} | "
            f"{row['attempts']:.1f} | {adopted} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, help="file of measured rows: those that are there are kept")
    parser.add_argument("--write", type=Path, help="page whose measured part is replaced")
    asked = parser.parse_args()
    lines = asked.rows.read_text(encoding="utf-8").splitlines() if asked.rows and asked.rows.exists() else []
    rows = {row["about"]: row for row in map(json.loads, lines)}
    for trouble in TROUBLES:
        if trouble.about in rows:
            continue
        rows[trouble.about] = row = measured(trouble)
        print(json.dumps(row), flush=True)
        if asked.rows is not None:
            with asked.rows.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
    told = table([rows[trouble.about] for trouble in TROUBLES])
    print(told)
    if asked.write is not None:
        before, _, rest = asked.write.read_text(encoding="utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        asked.write.write_text(f"{before}{BEGIN}\n{told}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
