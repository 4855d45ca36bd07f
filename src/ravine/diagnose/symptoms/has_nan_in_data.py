"""This run has NaN in its data: a row holds what is no number."""

from __future__ import annotations

from ravine.diagnose.exact import WATCH, finding, told, where
from ravine.diagnose.symptom import Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History


def has_nan_in_data(history: History) -> Finding | None:
    """NaN or infinities in inputs or targets.

    What it sees: at the first loss that is not finite, the rows of its batch; in sampled batches, how many
        numbers are none.
    Why it matters: one such number makes the gradient NaN, and every weight with it, at the step at which its row
        comes.
    Not to be mistaken for: NaN that the network computed from finite rows.
    What to do: find the rows and drop or fill them, before statistics are taken of them.
    Source: CS231n, "Babysitting the learning process"; Breck et al. 2019, "Data validation for machine learning".
    """
    fact = next(iter(history.facts("data-not-finite")), None)
    if fact is not None:
        rows, inside = fact.get("rows", []), fact.get("dataset_rows", [])
        which = f"row {rows[0]} of the batch" if rows else "the batch"
        held = f" (row {inside[0]} of the dataset)" if inside else ""
        more = f" and {fact['count'] - 1} more" if fact.get("count", 0) > 1 else ""
        return told(
            HAS_NAN_IN_DATA,
            fact,
            f"At step {fact['step']} {which}{held}{more} holds a number that is NaN or infinite; the "
            f"loss{where(fact)} is "
            "no number from there on.",
        )
    for row in history.of_kind("input"):
        count = max(row.get("nonfinite") or 0, row.get("target_nonfinite") or 0)
        if count:
            part = "training" if row.get("part", "train") == "train" else "validation"
            return finding(
                HAS_NAN_IN_DATA,
                f"A {part} batch at step {row['step']} holds {count:.0f} numbers that are NaN or infinite.",
                step=int(row["step"]),
                details={"part": row.get("part", "train"), "count": count},
            )
    return None


HAS_NAN_IN_DATA = Symptom(
    name="has-nan-in-data",
    look=has_nan_in_data,
    needs=("fact",),
    measure=WATCH,
    tier=Tier.LAYERS,
    severity=Severity.ERROR,
    advice="Find the rows, `(~torch.isfinite(x)).flatten(1).any(1).nonzero()`, and drop or fill them.",
)
