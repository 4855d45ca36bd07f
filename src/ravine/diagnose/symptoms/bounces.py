"""This run bounces: its training loss jumps about on a floor that a lower learning rate would leave."""

from __future__ import annotations

import math
from itertools import pairwise

from ravine.diagnose.agreement import agreement, pairs
from ravine.diagnose.curve import Curve, outline
from ravine.diagnose.known import number, supervised
from ravine.diagnose.noise import Estimate, level, line, median, surety
from ravine.diagnose.rates import Rates, rates
from ravine.diagnose.symptom import Abstained, Symptom, Tier
from ravine.diagnose.trend import pace, start
from ravine.records.finding import Finding, Severity
from ravine.records.history import History

FEWEST_POINTS = 8
FEWEST_ROWS = 20  # of single steps in a point, so that the noise of batches has gone
RELATIVE = 0.2  # standard deviation between epochs, as a share of the loss itself
JUMPS = 0.5  # of the deviation, between neighbours; noise without memory has 1
FALLS = 3.0  # standard errors of its pace, beyond which the loss is on its way down
MIDDLE = (0.35, 0.78)  # of the run, where the rate is not known
OF_THE_FALL = 0.06  # and of all that was learned: a loss near zero may jump by much of itself

FROM_THE_START = 0.4  # of the part with a high rate, in which a loss is on its way down
OVER = 0.6  # of the steps, that lead beyond the lowest point along them, on the whole
OVER_IN_PART = 0.55  # and in the first part as in the rest
LEFT = -0.1  # of the slope of a step, that is there after it, at most: at rest on a floor it is nearly nothing
SURELY = 3.0  # standard errors, of their share and of what is left of the slope together
FALLEN = 0.25  # of the first loss, by the middle of the run: a run that is taken up again begins on its floor
LONG = 0.85  # of the run, that the rate is high
FEWEST_PAIRS = 10


def bounces(history: History) -> Finding | Abstained | None:
    """Steps that lead beyond the lowest point from the first on; or a loss that jumps by a large part of itself.

    What it sees: where gradients are watched, the slope of the loss along a step, after it: above zero after most
        steps, and on the whole, also in the first part of a run whose loss falls, where it is on its way down. Else
        the deviation of the loss from a straight line over the second half of the part with a high rate, as a share of
        the median loss there, above what the number of training rows explains; and, where the rate was cut, by how
        much the loss fell after it.
    Why it matters: the steps are longer than the valley is wide, so that the floor of the noise hides what is
        still to be learned.
    Not to be mistaken for: the noise of single batches (read as means over many); a floor that the loss reaches at any
        constant rate, where slopes after steps nearly cancel; the edge of stability, to which a warmup leads; losses of
        adversaries and policies; jumps of a small validation set.
    What to do: cut the learning rate five to ten times, or let a schedule end low.
    Source: Smith et al. 2018, "Don't decay the learning rate, increase the batch size"; CS231n, "Learning rates".
    """
    train, known = outline(history, "train_loss"), rates(history)
    beyond = _beyond(history, train, known)
    if beyond is not None:
        return beyond
    if train.kind == "step" and train.rows < FEWEST_ROWS:
        return None
    part = _late_and_high(train, known)
    if len(part) < FEWEST_POINTS or part.steps[-1] == part.steps[0]:
        return None
    tilt, middle = line(part.steps, part.values)
    centre = sum(part.steps) / len(part)
    rest = [value - middle - tilt * (step - centre) for step, value in part.points()]
    deviation = math.sqrt(sum(r * r for r in rest) / (len(part) - 2))
    usual = median(part.values)
    rows = number(history, "train_rows")
    least = max(RELATIVE, 6 / math.sqrt(rows) if rows else 0.0)
    falls = pace(part)
    if (
        usual <= 0
        or deviation < least * usual
        or deviation < OF_THE_FALL * (start(train) - min(part.values))
        or (-falls.value > deviation and -falls.z > FALLS)
        or _one_jump(rest)
        or _smooth(part.values, deviation)
    ):
        return None
    if not supervised(history):
        return Abstained(
            symptom=BOUNCES.name,
            why="the training loss jumps about, and nothing says whether it is one that should fall",
            measure="write the loss of a validation set",
        )
    after = _after_a_cut(train, part, known)
    fell = f"; after the rate was cut it fell to {after.value:.4g}" if after and after.value < 0.7 * usual else ""
    rate = f" at a learning rate of {known.at(part.steps[0]):.3g}" if known else ""
    return Finding(
        symptom=BOUNCES.name,
        severity=BOUNCES.severity,
        evidence=(
            f"From step {part.steps[0]} to {part.steps[-1]}{rate} the training loss moves by ±{deviation:.2g} around "
            f"{usual:.4g} ({deviation / usual:.0%}) from one reading to the next and does not fall{fell}."
        ),
        advice=BOUNCES.advice,
        confidence=surety(deviation / (least * usual) * (2 if fell else 1)),
        first_step=part.steps[0],
        details={"deviation": deviation, "level": usual},
    )


def _beyond(history: History, train: Curve, known: Rates | None) -> Finding | None:
    """Steps that lead beyond the lowest point along them, in the first part of the run as in the rest."""
    if known is None or not known.starts_full or not supervised(history) or history.about.get("resumed"):
        return None
    first, end = known.curve.steps[0], known.curve.steps[-1]
    low = known.low_from(0.5)
    last = low - 1 if low is not None else end
    found = pairs(history, first, last)
    if last - first < LONG * (end - first) or len(found) < FEWEST_PAIRS or not _falls(train):
        return None
    middle = first + FROM_THE_START * (last - first)
    said, early, later = (
        agreement([pair for pair in found if after < pair.step <= until])
        for after, until in ((-1, last), (-1, middle), (middle, last))
    )
    parts = [part.overshooting.value for part in (early, later) if part is not None and part.overshooting is not None]
    if said is None or said.overshooting is None or said.left is None or said.too_far < SURELY:
        return None
    over = said.overshooting.value
    if over < OVER or said.left.value > LEFT or early is None or early.too_far < 1 or min(parts) < OVER_IN_PART:
        return None
    return Finding(
        symptom=BOUNCES.name,
        severity=BOUNCES.severity,
        evidence=(
            f"From step {first} to {last}, at a learning rate of {known.at(first):.3g}, {over:.0%} of {said.count} "
            f"steps looked at led beyond the lowest point along them, from the first on: after a step the loss rises "
            f"along it by {-said.left.value:.0%} ± {2 * said.left.error:.0%} of the slope that it fell by before."
        ),
        advice=BOUNCES.advice,
        confidence=surety(said.too_far / SURELY),
        first_step=first,
        details={"beyond": over, "left": said.left.value, "pairs": said.count},
    )


def _falls(train: Curve) -> bool:
    return len(train) > 3 and median(train.values[len(train) // 3 : -len(train) // 3]) < (1 - FALLEN) * start(train)


def _late_and_high(train: Curve, known: Rates | None) -> Curve:
    """The second half of the part before the rate falls under a half of its peak."""
    if len(train) == 0:
        return train
    first, end = train.steps[0], train.steps[-1]
    if known is None:  # a schedule would end low, so that the middle is the last part that can be judged
        return train.between(first + MIDDLE[0] * (end - first), first + MIDDLE[1] * (end - first))
    low = known.low_from(0.5)
    end = low - 1 if low is not None else end
    first = max(first, known.warm_from)
    return train.between(first + (end - first) / 2, end)


def _one_jump(rest: list[float]) -> bool:
    """Whether all of the deviation is one or two readings: a spike, not a floor."""
    squares = sorted((r * r for r in rest), reverse=True)
    return sum(squares[:2]) > 0.8 * sum(squares)


def _smooth(values: tuple[float, ...], deviation: float) -> bool:
    """Whether neighbours lie much closer than the rest: a bend or a late fall, not jumps."""
    between = sum((b - a) ** 2 for a, b in pairwise(values)) / (2 * (len(values) - 1))
    return math.sqrt(between) < JUMPS * deviation


def _after_a_cut(train: Curve, part: Curve, known: Rates | None) -> Estimate | None:
    later = train.between(part.steps[-1] + 1, train.steps[-1])
    return level(later.values[len(later) // 2 :]) if known is not None and len(later) >= 2 else None


BOUNCES = Symptom(
    name="bounces",
    look=bounces,
    needs=("train_loss",),
    measure="write the training loss of every epoch",
    causes=(
        "diverges", "decays-too-late", "wakes-late", "batch-too-small", "needs-clipping", "has-nan-in-data",
        "has-noisy-labels", "memorizes",
    ),
    tier=Tier.LAYERS,
    severity=Severity.WARNING,
    advice="Cut the learning rate five to ten times, or let it decay: the loss falls when it is cut.",
)  # fmt: skip
