"""From finished members to one network, and what it gains over them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ravine.data.raw import Raw
from ravine.ensemble import Ensemble, averaged, greedy_selection
from ravine.fit.ensemble.kept import Kept
from ravine.fit.evaluate.answers import Answers
from ravine.fit.evaluate.ensemble import Scored, ensemble_section
from ravine.fit.evaluate.measures import deciding
from ravine.fit.intervals import Bootstrap
from ravine.fit.model import Model, calibrate
from ravine.fit.network import Network
from ravine.records.results import EnsembleSection
from ravine.train.recipe import EnsembleChoices

ModelOf = Callable[[Network, dict[str, Any]], Model]
"""A network, and what is to be said of how it is built → the model around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """An ensemble and the members it came from.

    Attributes:
        network: The ensemble behind the common normalizer.
        built: What to say of it beside how a member is built.
        alone: Each member as a model of its own, calibrated.
        weights: One a member, summing to 1; 0 for those left out.
        best: Number of the member that validation holds best; the first where there is no validation.
    """

    network: Network
    built: dict[str, Any]
    kept: Sequence[Kept]
    alone: Sequence[Model]
    weights: NDArray[np.float64]
    best: int
    choices: EnsembleChoices

    def section(
        self, model: Model, raw: Raw, rows: NDArray[np.int64], target: NDArray[Any], how: str, seed: int
    ) -> EnsembleSection:
        """What the ensemble, as `model`, gains on `rows`."""
        asked = self.choices.asked
        assert asked is not None
        return ensemble_section(
            model.answers(model.outputs(raw, rows), target),
            [
                Scored(
                    name=member.name,
                    weight=float(weight),
                    epoch=member.epoch,
                    answers=alone.answers(alone.outputs(raw, rows), target),
                )
                for member, weight, alone in zip(self.kept, self.weights, self.alone, strict=True)
            ],
            kind=asked.kind,
            how=how,
            combine=self.choices.combine,
            weights=self.choices.weights,
            best=self.best,
            seed=seed,
        )


def assembled(
    kept: Sequence[Kept],
    like: Network,
    model_of: ModelOf,
    choices: EnsembleChoices,
    raw: Raw,
    val: NDArray[np.int64],
    target: NDArray[Any],
) -> Whole:
    """The ensemble of finished members.

    Args:
        kept: The members.
        like: A network of their kind, whose normalizer they share.
        model_of: Puts preparation and task around a network.
        choices: How to combine and weigh them.
        raw: Rows with targets.
        val: Its validation rows; with none, members are weighed alike.
        target: Encoded targets of the validation rows.
    """
    bodies = [_filled(like.body, member) for member in kept]
    alone = [model_of(Network(like.normalizer, body, spare_empty=like.spare_empty).eval(), {}) for body in bodies]
    weights, best = np.full(len(kept), 1 / len(kept)), 0
    task = alone[0].task
    if len(val):
        said = np.stack([model.outputs(raw, val) for model in alone])
        for model, outputs in zip(alone, said, strict=True):
            model.extra.update(calibrate(task, outputs, target))
        best = _best(alone, said, target)
        if choices.weights == "greedy":

            def loss(counts: NDArray[np.int64]) -> float:
                outputs = averaged(said, task.kind, combine=choices.combine, weights=counts)
                return float(Answers(task, outputs, target).losses.mean())

            counts = greedy_selection(loss, len(kept))
            weights = counts / counts.sum()
    taken = [place for place, weight in enumerate(weights) if weight > 0]
    shares = [float(weights[place]) for place in taken]
    body = Ensemble([bodies[place] for place in taken], task.kind, combine=choices.combine, weights=shares)
    built = {"ensemble": {"members": len(taken), "combine": choices.combine, "kind": task.kind.value}}
    return Whole(
        network=Network(like.normalizer, body, spare_empty=like.spare_empty).eval(),
        built=built,
        kept=kept,
        alone=alone,
        weights=weights,
        best=best,
        choices=choices,
    )


def gain_words(section: EnsembleSection) -> str:
    """The section in a line."""
    gain = next(gain for gain in section.gains if gain.name == section.metric)
    mean = next(score for score in section.mean if score.name == section.metric)
    whole = next(score for score in section.scores if score.name == section.metric)
    if gain.value is None or mean.value is None or whole.value is None:
        return f"{len(section.members)} members"
    interval = f" (95% interval {gain.low:+.4g} to {gain.high:+.4g})" if gain.low is not None else ""
    return (
        f"{section.metric} {whole.value:.4g}; its {len(section.members)} members by themselves {mean.value:.4g} on "
        f"average: gain {gain.value:+.4g}{interval}"
    )


def _filled(body: nn.Module, member: Kept) -> nn.Module:
    made = copy.deepcopy(body)
    made.load_state_dict(member.weights)
    return made.eval()


def _best(alone: Sequence[Model], said: NDArray[np.float32], target: NDArray[Any]) -> int:
    """The number of the member with the best deciding metric on these rows, the lowest loss among equals."""
    task = alone[0].task
    measure, boot = deciding(task), Bootstrap(len(target))
    ranks = []
    for outputs in said:
        answers = Answers(task, outputs, target)
        value = measure.value(boot, answers)
        ranks.append((value if measure.higher_is_better else -value, -float(answers.losses.mean())))
    return max(range(len(ranks)), key=lambda place: ranks[place])
