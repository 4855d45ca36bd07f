"""Single examples of a classification: what was said of each, and of each class and each batch in numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ravine.watch.instrument import LossSeen

MOST_EXAMPLES = 4096  # of one batch, or one evaluation
MOST_NUMBERS = 4_000_000  # of the outputs looked at in one batch: fewer examples where there are very many classes
MOST_CLASSES = 1000  # that are counted one by one
FEWEST_CLASSES = 4  # with fewer, there is no worse half of the classes beside the right one and the runner-up
SURE = 0.8  # probability of a class
AGAINST = 0.1  # probability of the target where another class is sure
QUANTILES = {"loss_median": 0.5, "loss_90": 0.9, "loss_99": 0.99}


@dataclass(frozen=True, slots=True)
class Answers:
    """What a network said of some examples; tensors are (examples,).

    Attributes:
        classes: How many there are.
        target: The class each is said to be of; any class where it is not counted.
        counted: Whether its target counts: `ignore_index` and soft targets do not.
        best: Probability of the most probable class.
        loss: Minus the logarithm of the target's probability.
        right: Whether the most probable class is the target.
        above: How many classes are more probable than the target.
    """

    classes: int
    target: Tensor
    counted: Tensor
    best: Tensor
    loss: Tensor
    right: Tensor
    above: Tensor

    def __len__(self) -> int:
        return self.target.shape[0]


def answers_of(seen: LossSeen) -> Answers | None:
    """Those that one call of a loss function judged, evenly chosen where they are too many; None where there are none.

    Known are cross_entropy and nll_loss with targets that are classes, and binary_cross_entropy, with logits or
    without, each number of whose targets is an example of two classes. What is said is what the softmax or the sigmoid
    of the outputs says, whatever weights and smoothing the loss has.
    """
    outputs, targets = seen.outputs, seen.targets
    if outputs is None or targets is None or not outputs.is_floating_point() or outputs.numel() == 0:
        return None
    if seen.name in ("cross_entropy", "nll_loss"):
        return _of_classes(outputs.detach(), targets, seen.options.get("ignore_index", -100))
    if seen.name in ("binary_cross_entropy", "binary_cross_entropy_with_logits") and outputs.shape == targets.shape:
        return _of_two(outputs.detach(), targets, logits=seen.name.endswith("logits"))
    return None


def numbers_of(batches: Sequence[Answers]) -> dict[str, Tensor]:
    """What is written of examples: shares and losses, all without dimensions and on their device.

    `contradicted` is the share of which the network is sure that they are of another class: its most probable class has
    more than 0.8, the target less than 0.1. `certain` is the share that is right with more than 0.8, `certain_loss`
    their mean loss. `far` is the share whose target is in the less probable half of the classes, where a label that
    is wrong at random falls half of the time and one confused with something similar does not.
    """
    counted, best, loss, right = (
        torch.cat([getattr(batch, name) for batch in batches]) for name in ("counted", "best", "loss", "right")
    )
    classes = batches[0].classes
    rows = counted.sum()
    sure = best > SURE
    shares = {
        "right": right,
        "sure": sure,
        "certain": right & sure,
        "contradicted": sure & (loss > -math.log(AGAINST)),
    }
    if classes >= FEWEST_CLASSES:
        shares["far"] = torch.cat([batch.above for batch in batches]) >= classes / 2
    masks = torch.stack([*shares.values()]) & counted
    some, zero = rows.clamp(min=1), torch.zeros_like(loss)
    found = dict(zip(shares, (masks.sum(1) / some).unbind(), strict=True))
    masked = torch.where(counted, loss, zero)
    certain = masks[2]
    ordered = torch.where(counted, loss, zero + math.inf).sort().values
    places = [((rows - 1).clamp(min=0) * share).round().long() for share in QUANTILES.values()]
    return {
        "rows": rows,
        **found,
        "best": torch.where(counted, best, zero).sum() / some,
        "loss": masked.sum() / some,
        "certain_loss": torch.where(certain, masked, zero).sum() / certain.sum().clamp(min=1),
        **dict(zip(QUANTILES, ordered.gather(0, torch.stack(places)).unbind(), strict=True)),
    }


def by_class(batches: Sequence[Answers]) -> dict[str, Tensor]:
    """Counted examples of each class, and right ones, each (classes,); nothing where there are too many classes."""
    classes = batches[0].classes
    if classes > MOST_CLASSES:
        return {}
    target, counted, right = (
        torch.cat([getattr(batch, name) for batch in batches]) for name in ("target", "counted", "right")
    )
    none = torch.zeros(classes, dtype=torch.long, device=target.device)
    return {
        "class_rows": none.scatter_add(0, target, counted.long()),
        "class_right": none.scatter_add(0, target, (right & counted).long()),
    }


def _of_classes(outputs: Tensor, targets: Tensor, ignored: int) -> Answers | None:
    """Of outputs (classes), (rows, classes) or (rows, classes, …) and targets of the same shape without classes."""
    if targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool:
        return None
    if outputs.dim() == 1:
        outputs, targets = outputs[None], targets[None]
    classes = outputs.shape[1]
    if classes < 2 or targets.shape != (outputs.shape[0], *outputs.shape[2:]):
        return None
    over_rows, over_places = _every(targets.shape[0], targets[0].numel(), classes)
    outputs = outputs.reshape(*outputs.shape[:2], -1)[::over_rows, :, ::over_places]
    targets = targets.reshape(targets.shape[0], -1)[::over_rows, ::over_places].reshape(-1).long()
    said = outputs.float().movedim(1, 2).reshape(-1, classes).log_softmax(1)
    counted = (targets != ignored) & (targets >= 0) & (targets < classes)
    targets = targets.clamp(0, classes - 1)
    most, answer = said.max(1)
    of_target = said.gather(1, targets[:, None])
    return Answers(
        classes,
        targets,
        counted,
        best=most.exp(),
        loss=-of_target[:, 0],
        right=answer == targets,
        above=(said > of_target).sum(1),
    )


def _of_two(outputs: Tensor, targets: Tensor, *, logits: bool) -> Answers:
    """Of outputs and targets of one shape."""
    every = math.ceil(outputs.numel() / MOST_EXAMPLES)
    outputs, targets = outputs.reshape(-1)[::every].float(), targets.reshape(-1)[::every]
    said = outputs if logits else outputs.clamp(0, 1).logit(1e-7)
    counted = (targets == 0) | (targets == 1)
    yes = targets > 0.5
    for_target = torch.where(yes, said, -said)
    right = (said > 0) == yes
    return Answers(
        2,
        yes.long(),
        counted,
        best=said.abs().sigmoid(),
        loss=torch.nn.functional.softplus(-for_target),
        right=right,
        above=(~right).long(),
    )


def _every(rows: int, places: int, classes: int) -> tuple[int, int]:
    """Which rows and which places are looked at: one of so many."""
    most = max(1, min(MOST_EXAMPLES, MOST_NUMBERS // classes))
    every = math.ceil(rows * places / most)
    over_places = min(every, places)
    return math.ceil(every / over_places) if over_places else 1, max(1, over_places)
