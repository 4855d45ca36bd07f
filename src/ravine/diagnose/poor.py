"""A training loss that has settled well above where it could be: what three symptoms have in common."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ravine.diagnose.curve import Curve, outline
from ravine.diagnose.known import accuracy, ended, guess_accuracy, guess_loss, val_rows
from ravine.diagnose.noise import Estimate
from ravine.diagnose.trend import fifths, last
from ravine.records.history import History

FEWEST_POINTS = 8
SHARE = 0.5  # of the loss of a guess that is left
SKILL = 0.6  # 0 for a guess, 1 for no mistake
FLAT = 0.08  # change over the last two fifths, as a share of the level
LATE = 0.6  # of the run: an accuracy that was not measured since says nothing of its end


@dataclass(frozen=True, slots=True)
class Poor:
    """Where training and validation came to rest."""

    train: Estimate
    val: Estimate | None
    guess: float
    skill: float | None  # of training, as far as accuracies tell; of validation where only that was written
    val_skill: float | None
    first_step: int  # from here on it is flat

    @property
    def share(self) -> float:
        """What is left of the loss of a guess."""
        return self.train.value / self.guess

    @property
    def words(self) -> str:
        """What was seen, as the beginning of a sentence."""
        right = f", with a skill of {self.skill:.0%} (0% is a guess)" if self.skill is not None else ""
        return (
            f"The training loss has settled at {self.train.value:.4g} ± {2 * self.train.error:.1g} from step "
            f"{self.first_step} on, {self.share:.0%} of that of a guess{right}"
        )


def settled_poor(history: History, share: float = SHARE) -> Poor | None:
    """A classification whose training loss is flat at a large part of the loss of a guess, to the end of the run."""
    train, guess = outline(history, "train_loss"), guess_loss(history)
    if guess is None or guess_accuracy(history) is None or len(train) < FEWEST_POINTS or not ended(history):
        return None
    levels = fifths(train)
    end = levels[4]
    if abs(levels[2].value - end.value) > FLAT * abs(end.value) + 2 * (levels[2] - end).error:
        return None
    if end.value - 2 * end.error < share * guess or end.error > 0.1 * guess:
        return None
    ours, theirs = _skill(history, "train", train), _skill(history, "val", train)
    skill = ours if ours is not None else theirs
    if skill is not None and skill > SKILL:
        return None
    val = outline(history, "val_loss")
    return Poor(end, last(val).level if len(val) > 3 else None, guess, skill, theirs, _third_fifth(train))


def end_skill(history: History, part: str) -> Estimate | None:
    """What the network knows at the end: 0 for a guess, 1 for no mistake.

    Of classes from the accuracy, of values the share of their variance that is explained; None where neither is known.
    """
    train, loss = outline(history, "train_loss"), outline(history, f"{part}_loss")
    right = _skill(history, part, train)
    if right is not None:
        rows = val_rows(history) or 200
        return Estimate(right, math.sqrt(max(right * (1 - right), 1 / rows) / rows))
    guess = guess_loss(history)
    if guess is None or len(loss) < 3:
        return None
    end = last(loss).level
    return Estimate(1 - end.value / guess, end.error / guess)


def _skill(history: History, part: str, train: Curve) -> float | None:
    found, chance = accuracy(history, part), guess_accuracy(history)
    if found is None or chance is None or len(found) < 3 or chance >= 1:
        return None
    if len(train) and found.steps[-1] < LATE * train.steps[-1]:
        return None
    return (last(found).level.value - chance) / (1 - chance)


def _third_fifth(train: Curve) -> int:
    return train.steps[round(2 * len(train) / 5)]
