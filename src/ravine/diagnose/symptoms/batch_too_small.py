"""This run's batch is too small: a gradient of so few rows points anywhere."""

from __future__ import annotations

from ravine.diagnose.agreement import Agreement, agreement, pairs
from ravine.diagnose.curve import curve
from ravine.diagnose.known import number, supervised
from ravine.diagnose.noise import median, surety
from ravine.diagnose.symptom import Abstained, Symptom, Tier
from ravine.diagnose.symptoms.bounces import bounces
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEW = 4  # rows
SOMEWHAT_FEW = 16
BEGINNING = 0.6  # of the steps: later the noise outweighs what is left to learn at any batch
SIGNAL = 0.2  # of the square of a gradient, that is not noise of its rows; at most
SIGNAL_SURELY = 0.35  # and so at most with two standard errors
FEWEST_PAIRS = 16


def batch_too_small(history: History) -> Finding | Abstained | None:
    """Steps of four rows or fewer whose gradients have little in common; or whose loss bounces on its floor.

    What it sees: rows of a step, as its gradients had them, or as said; where successive gradients are watched, how
        much of their square two of them share in the first part of the run, where there is most to learn; the jumps of
        the training loss as in `bounces`.
    Why it matters: the noise of the gradient grows as 1/√rows; with it grows the floor under which the loss cannot
        come at a given rate. Rows below the noise scale buy nothing but steps: eight times as many a step, at a
        higher rate, come as far in fewer.
    Not to be mistaken for: small batches whose rows agree, as pictures with a million labels do; gradient accumulation,
        where a step has more rows than a batch; the end of any training, where gradients are nothing but noise.
    What to do: eight times the rows in a batch, or gradients accumulated over eight; or an eighth of the rate.
    Source: McCandlish et al. 2018; Smith et al. 2018.
    """
    written = curve(history, "batch_size")
    seen = pairs(history)
    batch = number(history, "batch_size") or (median(written.values) if len(written) else None)
    counted = [pair.rows for pair in seen if pair.rows]
    if counted:
        batch = max(batch or 0.0, median(counted))
    if batch is None or batch > SOMEWHAT_FEW:
        return None
    noise = agreement([pair for pair in seen if pair.step <= BEGINNING * _last_step(history)])
    if batch <= FEW and noise is not None and _is_noise(noise) and supervised(history):
        return _noisy(batch, noise)
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


def _is_noise(seen: Agreement) -> bool:
    return seen.count >= FEWEST_PAIRS and seen.signal.value <= SIGNAL and seen.signal.high() <= SIGNAL_SURELY


def _noisy(batch: float, noise: Agreement) -> Finding:
    share, most = max(noise.signal.value, 0.0), min(noise.signal.high(), 1.0)
    least = batch * (1 - most) / most
    return Finding(
        symptom=BATCH_TOO_SMALL.name,
        severity=BATCH_TOO_SMALL.severity,
        evidence=(
            f"A step is taken on {batch:.3g} rows. In {noise.count} pairs of successive gradients from the first part "
            f"of the run {share:.0%} of their square is common to both, {most:.0%} at most; the rest is noise of the "
            f"rows. Signal and noise would be as large as each other with {least:.0f} rows at least."
        ),
        advice=BATCH_TOO_SMALL.advice,
        confidence=surety(SIGNAL_SURELY / max(noise.signal.high(), 0.05)),
        first_step=0,
        details={"batch": batch, "signal": noise.signal.value, "error": noise.signal.error, "noise_scale": least},
    )


def _last_step(history: History) -> int:
    return max((row["step"] for row in history.of_kind("gradients")), default=0)


BATCH_TOO_SMALL = Symptom(
    name="batch-too-small",
    look=batch_too_small,
    needs=("train_loss",),
    measure="write the rows of a batch, or watch the gradients",
    tier=Tier.LAYERS,
    severity=Severity.WARNING,
    advice="Take eight times the rows in a batch, or accumulate the gradients of eight.",
)
