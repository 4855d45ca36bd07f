"""This run's batch is too small: a gradient of so few rows points anywhere."""

from __future__ import annotations

from ravine.diagnose.curve import curve
from ravine.diagnose.known import number
from ravine.diagnose.noise import median
from ravine.diagnose.symptom import Abstained, Symptom, Tier
from ravine.diagnose.symptoms.bounces import bounces
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEW = 4  # rows
SOMEWHAT_FEW = 16


def batch_too_small(history: History) -> Finding | Abstained | None:
    """A loss that bounces on its floor, under gradients of four rows or fewer.

    What it sees: rows of a batch, as said or written, and the jumps of the training loss between epochs
        as in `bounces`.
    Why it matters: the noise of the gradient grows as 1/√rows; with it grows the floor under which the loss cannot
        come at a given rate.
    Not to be mistaken for: small batches at a rate that suits them, which do not bounce; gradient accumulation,
        where a step has more rows than a batch.
    What to do: eight times the rows in a batch, or gradients accumulated over eight; or an eighth of the rate.
    Source: McCandlish et al. 2018; Smith et al. 2018.
    """
    written = curve(history, "batch_size")
    batch = number(history, "batch_size") or (median(written.values) if len(written) else None)
    if batch is None or batch > SOMEWHAT_FEW:
        return None
    jumps = bounces(history)
    if not isinstance(jumps, Finding):
        return None
    if batch > FEW:
        return Abstained(
            symptom=BATCH_TOO_SMALL.name,
            why=f"the loss bounces, and a batch has {batch:.0f} rows: either may be the reason",
            measure="run a tenth of the epochs with four times the rows in a batch",
        )
    return Finding(
        symptom=BATCH_TOO_SMALL.name,
        severity=BATCH_TOO_SMALL.severity,
        evidence=f"A batch has {batch:.0f} rows. {jumps.evidence}",
        advice=BATCH_TOO_SMALL.advice,
        confidence=0.8 * jumps.confidence,
        first_step=jumps.first_step,
        details={**jumps.details, "batch": batch},
    )


BATCH_TOO_SMALL = Symptom(
    name="batch-too-small",
    look=batch_too_small,
    needs=("train_loss",),
    measure="write the rows of a batch",
    causes=("diverges",),
    tier=Tier.CURVES,
    severity=Severity.WARNING,
    advice="Take eight times the rows in a batch, or accumulate the gradients of eight.",
)
