"""This run starts too hot: at full rate from the first step the loss leaps up, and must come back before it learns."""

from __future__ import annotations

from ravine.diagnose.curve import curve
from ravine.diagnose.known import guess_loss, supervised
from ravine.diagnose.noise import median, surety
from ravine.diagnose.rates import rates
from ravine.diagnose.symptom import Abstained, Symptom, Tier
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

EARLY = 0.15  # of the run
HEIGHT = 2.0  # of the peak over the first loss
BACK = 0.015  # of the run until the loss is again as low as it began
FEWEST_STEPS = 5
FEWEST_ROWS = 20


def starts_too_hot(history: History) -> Finding | Abstained | None:
    """A loss that leaps to a multiple of its first value in the first steps, while the rate is already at its peak.

    What it sees: the highest loss of the first part of the run against the first one, how many steps it takes until
        the loss is again as low, and the rate from the first step on.
    Why it matters: the leap throws weights into places from which units and adaptive step sizes do not return, and
        its steps are lost.
    Not to be mistaken for: the bump of a warmup that reaches its peak; outputs that are wrong by a lot before the
        first step; a single hard batch; losses of adversaries and policies.
    What to do: warmup over the first two to ten percent of the steps, then a lower rate.
    Source: Goyal et al. 2017, "Accurate, large minibatch SGD"; Gilmer et al. 2022, "A loss curvature perspective on
        training instability".
    """
    losses, known, guess = curve(history, "train_loss", "step"), rates(history), guess_loss(history)
    if not supervised(history):
        return None
    if len(losses) < FEWEST_ROWS:
        return _by_epoch(history, guess)
    span = losses.steps[-1] - losses.steps[0]
    early = losses.between(losses.steps[0], losses.steps[0] + EARLY * span)
    first = max(losses.values[0], guess or 0.0)
    if len(early) < 4 or first <= 0:
        return None
    high = max(median(early.values[at : at + 3]) for at in range(len(early) - 2))
    above = [step for step, value in early.points() if value > first]
    if high < HEIGHT * first or not above or median(losses.values[-max(3, len(losses) // 10) :]) > first:
        return None
    length = above[-1] - above[0]
    if length < max(BACK * span, FEWEST_STEPS):
        return None
    if known is None:
        return Abstained(
            symptom=STARTS_TOO_HOT.name,
            why="the loss leaps up early, and whether that was a warmup is not written",
            measure="write the learning rate beside the loss",
        )
    if not known.starts_full:
        return None
    return Finding(
        symptom=STARTS_TOO_HOT.name,
        severity=STARTS_TOO_HOT.severity,
        evidence=(
            f"The training loss began at {losses.values[0]:.4g}, leapt to {max(early.values):.4g} and was above "
            f"its beginning until step {above[-1]}, with the rate at {known.at(losses.steps[0]):.3g} from the start."
        ),
        advice=STARTS_TOO_HOT.advice,
        confidence=surety(high / (HEIGHT * first)),
        first_step=above[0],
        details={"first": losses.values[0], "highest": max(early.values), "until": above[-1]},
    )


def _by_epoch(history: History, guess: float | None) -> Abstained | None:
    losses = curve(history, "train_loss", "epoch")
    if guess is None or len(losses) < 3 or losses.values[0] < 1.5 * guess or losses.values[1] > losses.values[0]:
        return None
    return Abstained(
        symptom=STARTS_TOO_HOT.name,
        why=f"the first epoch has a loss of {losses.values[0]:.3g}, a guess {guess:.3g}, and its steps are not written",
        measure="write the loss of the first hundred steps",
    )


STARTS_TOO_HOT = Symptom(
    name="starts-too-hot",
    look=starts_too_hot,
    needs=("train_loss",),
    measure="write the loss of single steps, and the learning rate",
    causes=(
        "starts-off",
        "starts-too-large",
        "is-unscaled",
        "diverges",
        "bounces",
        "batch-too-small",
        "decays-too-late",
    ),
    tier=Tier.RATES,
    severity=Severity.WARNING,
    advice="Warm the rate up over the first twentieth of the steps.",
)
