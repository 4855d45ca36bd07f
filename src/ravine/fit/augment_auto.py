"""Which augmentations leave the label: measured on a briefly trained network, not guessed.

A copy of the network is trained for a few seconds on pictures most of which went through one of the candidates.
Then the validation pictures are shown to it plain and through each candidate. What leaves the label is learned
along with the plain pictures almost for free: a flipped shoe has the parts of a shoe. What moves pictures of one
class to where another class lies, as a flip does to digits, has to be learned against them, and after a short
training much of it is not.

Shifts are kept unmeasured, as in the light augmentation that auto builds on: a short training finds them as hard as
flips on tiny pictures, of which they cut a whole row, and a long one still gains from them.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor, nn

from ravine.core.shapes import InputShape
from ravine.data.task import Kind, Task
from ravine.regularize.augment.named import NAMED
from ravine.regularize.augment.pipeline import Pipeline
from ravine.train.losses import Loss
from ravine.train.recipe import Recipe, merged

if TYPE_CHECKING:
    from ravine.data.split import Split
    from ravine.fit.job import Job

SECONDS = 60.0
"""Of training at most; looking at the validation pictures takes at most about half as long again."""

MOST_STEPS = 200
"""More of them, and a network learns flipped digits as well as any: it tells little then how far they lie apart."""

AT_ONCE = 3
"""Candidates that share a batch."""

MOST_ROWS = 1_000
"""Validation pictures to look at, counting each draw of few pictures anew."""

FEWEST_ROWS = 100
"""Validation pictures to look at however slow the network is."""

MOST_LOST = 0.08
"""Share of what the network knows that a candidate may cost, its standard error added.

Set between flips of clothes (4 to 7%, two seeds) and flips of digits (11 to 14%, four seeds), errors added.
"""

FEWEST_KNOWN = 0.2
"""Share of the loss of knowing nothing that the network must have learned for the rest to tell anything."""


@dataclass(frozen=True, slots=True)
class Invariance:
    """What one augmentation does to what the network knows.

    Attributes:
        name: Of the augmentation, in `NAMED`.
        lost: Rise of the loss over what plain pictures take off the loss of knowing nothing: 0 costs nothing,
            1 everything.
        error: Standard error of `lost`, over pictures.
    """

    name: str
    lost: float
    error: float

    @property
    def kept(self) -> bool:
        """Whether the label stays readable, as sure as one standard error makes it."""
        return self.lost + self.error <= MOST_LOST

    def __str__(self) -> str:
        return f"{self.name} {100 * self.lost:.1f} ± {100 * self.error:.1f}%"


@dataclass(frozen=True, slots=True)
class Measured:
    """All candidates, and what the measurement took.

    Attributes:
        invariances: One each; none when the network learned too little to tell.
        seconds: Altogether.
        steps: Of training.
        rows: Validation pictures.
    """

    invariances: tuple[Invariance, ...]
    seconds: float
    steps: int
    rows: int

    @property
    def choice(self) -> list[str] | str:
        """What a recipe says of it: shifts and what else is kept, or "light" where that is nothing."""
        kept = [one.name for one in self.invariances if one.kept]
        return ["shift", *kept] if kept else "light"

    @property
    def words(self) -> str:
        """What was found, with its numbers, in a sentence."""
        took = f"{self.steps} steps and {self.rows:,} validation pictures, {self.seconds:.0f} s"
        if not self.invariances:
            return f"light: the network learned too little in {took}, to tell what leaves the label"
        kept = ", ".join(str(one) for one in self.invariances if one.kept) or "nothing"
        left = ", ".join(str(one) for one in self.invariances if not one.kept) or "nothing"
        return f"shifts, and kept {kept}; left out {left} (lost of what the network knows; measured in {took})"


def measure(
    network: nn.Module,
    images: Tensor,
    target: Tensor,
    *,
    train: Tensor,
    val: Tensor,
    shape: InputShape,
    kind: Kind,
    lr: float,
    batch_size: int,
    seed: int = 0,
    seconds: float = SECONDS,
) -> Measured:
    """Measure every candidate.

    Args:
        network: Raw pictures → outputs, untrained; copied, not changed.
        images: uint8, (rows, channels, height, width).
        target: (rows, …).
        train: Row numbers to train on, int64.
        val: Row numbers to look at, int64.
        shape: Of the prepared pictures.
        kind: Of the task.
        lr: Peak rate of the brief training.
        batch_size: Rows a step.
        seed: Of every draw.
        seconds: At most so long for the training.
    """
    began = time.perf_counter()
    device = next(network.parameters()).device
    loss = Loss(kind)
    names = [name for name, one in NAMED.items() if name != "shift" and (shape.channels == 3 or not one.colored)]
    candidates = [Pipeline([NAMED[name].make(shape.height, shape.width, 1.0)]) for name in names]
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        learned = copy.deepcopy(network)
        steps = _train(learned, loss, images, target, train, candidates, lr, batch_size, seed, seconds)
        draws = max(1, min(4, MOST_ROWS // max(len(val), 1)))
        some = val[:MOST_ROWS]
        looked = time.perf_counter()
        plain = _losses(learned, loss, images, target, some, None, draws=1)
        each = (time.perf_counter() - looked) * 1.5 * draws * len(candidates)
        some = some[: max(FEWEST_ROWS, int(len(some) * 0.5 * seconds / each))]
        plain = plain[: len(some)]
        nothing = _knowing_nothing(loss, target, train, some)
        known = float((nothing - plain).mean())
        found = []
        if known > FEWEST_KNOWN * float(nothing.mean()):
            for name, candidate in zip(names, candidates, strict=True):
                rise = (_losses(learned, loss, images, target, some, candidate, draws=draws) - plain) / known
                error = float(rise.std()) / math.sqrt(len(rise)) if len(rise) > 1 else math.inf
                found.append(Invariance(name, float(rise.mean()), error))
    return Measured(tuple(found), time.perf_counter() - began, steps, len(some))


def _train(
    network: nn.Module,
    loss: Loss,
    images: Tensor,
    target: Tensor,
    rows: Tensor,
    candidates: Sequence[Pipeline],
    lr: float,
    batch_size: int,
    seed: int,
    seconds: float,
) -> int:
    """Train on plain pictures and on those of each candidate alike; returns the steps."""
    device = next(network.parameters()).device
    chance = Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=0.05)
    network.train()
    began, step = time.perf_counter(), 0
    while step < MOST_STEPS and (spent := (time.perf_counter() - began) / seconds) < 1:
        # By steps, so that a seed repeats it; by time only where time runs out first.
        progress = max((step + 1) / (MOST_STEPS + 1), spent)
        optimizer.param_groups[0]["lr"] = lr * (progress / 0.2 if progress < 0.2 else (1 - progress) / 0.8)
        picked = rows[torch.randint(len(rows), (batch_size,), generator=chance)].to(images.device)
        batch = images[picked].to(device)
        # A quarter of the pictures stays plain, the others go through a few candidates: small pieces cost time.
        few = torch.randperm(len(candidates), generator=chance)[:AT_ONCE].tolist()
        for place, mine in zip(few, batch[batch_size // 4 :].chunk(AT_ONCE), strict=False):
            mine.copy_(candidates[place](mine))
        optimizer.zero_grad()
        loss(network(batch), target[picked].to(device)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        step += 1
    return step


@torch.no_grad()
def _losses(
    network: nn.Module,
    loss: Loss,
    images: Tensor,
    target: Tensor,
    rows: Tensor,
    candidate: Pipeline | None,
    *,
    draws: int,
) -> Tensor:
    """The loss of each row, (rows,), the mean over so many draws of the candidate."""
    device = next(network.parameters()).device
    network.eval()
    parts = []
    for some in torch.split(rows.to(target.device), 250):
        batch, wanted = images[some].to(device), target[some].to(device)
        seen = [batch if candidate is None else candidate(batch) for _ in range(draws)]
        parts.append(torch.stack([loss.per_row(network(one), wanted) for one in seen]).mean(0).cpu())
    return torch.cat(parts)


def _knowing_nothing(loss: Loss, target: Tensor, train: Tensor, rows: Tensor) -> Tensor:
    """The loss of each row when every row gets the same answer, the best that training rows tell."""
    known, wanted = target[train.to(target.device)].cpu(), target[rows.to(target.device)].cpu()
    if loss.kind is Kind.CLASSIFY:
        answer = (known.bincount(minlength=int(target.max()) + 1).float() + 1).log()
    elif loss.kind is Kind.MULTI_LABEL:
        answer = known.float().mean(0).clamp(1e-3, 1 - 1e-3).logit()
    else:
        answer = known.mean(0)
    return loss.per_row(answer.expand(len(wanted), -1), wanted)


def settle_augment(
    job: Job,
    network: nn.Module,
    images: Tensor,
    target: Tensor,
    split: Split,
    task: Task,
    shape: InputShape,
) -> list[str]:
    """Put what is measured in place of "auto" in the recipe of `job`, and keep the numbers; words for the record.

    The first process measures for all of them. Rows that are no pictures, and data without validation rows to
    look at, need no measurement.
    """
    recipe = job.recipe
    if recipe.train.augment != "auto":
        return []
    choice: list[str] | str = "light"
    words: list[str] = []
    if shape.form == "image" and len(split.val):
        measured: Measured | None = None
        if job.machine.speaks:
            minutes = recipe.train.minutes
            budget = SECONDS if minutes is None else min(SECONDS, 0.1 * 60 * minutes)
            lr, size = recipe.train.lr, recipe.train.batch_size
            assert lr != "auto"
            assert size != "auto"
            job.show.step("augment", f"measuring what leaves the label, in at most {1.5 * budget:.0f} s")
            measured = measure(
                network.to(job.machine.device),
                images,
                target,
                train=torch.from_numpy(split.train),
                val=torch.from_numpy(split.val),
                shape=shape,
                kind=task.kind,
                lr=lr,
                batch_size=size,
                seed=recipe.seed,
                seconds=budget,
            )
            words = [f"augmentation measured: {measured.words}"]
            job.keep("augment", measured.words)
        choice = job.machine.from_first(measured.choice if measured is not None else None)
    job.settle(Recipe.of(merged(recipe.model_dump(), {"train": {"augment": choice}})))
    return words
