"""A training loss that has settled well above where it could be: what three symptoms have in common."""

from __future__ import annotations

from dataclasses import dataclass

from ravine.diagnose.curve import Curve, outline
from ravine.diagnose.known import accuracy, ended, guess_accuracy, guess_loss
from ravine.diagnose.noise import Estimate
from ravine.diagnose.trend import fifths, last
from ravine.records.history import History

FEWEST_POINTS = 8
SHARE = 0.5  # of the loss of a guess that is left
SKILL = 0.6  # 0 for a guess, 1 for no mistake
FLAT = 0.08  # change over the last two fifths, as a share of the level


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
    ours, theirs = _skill(history, "train"), _skill(history, "val")
    skill = ours if ours is not None else theirs
    if skill is not None and skill > SKILL:
        return None
    val = outline(history, "val_loss")
    return Poor(end, last(val).level if len(val) > 3 else None, guess, skill, theirs, _third_fifth(train))


def _skill(history: History, part: str) -> float | None:
    found, chance = accuracy(history, part), guess_accuracy(history)
    if found is None or chance is None or len(found) < 3 or chance >= 1:
        return None
    return (last(found).level.value - chance) / (1 - chance)


def _third_fifth(train: Curve) -> int:
    return train.steps[round(2 * len(train) / 5)]
