"""Train against eval: is the network that is evaluated the one that was trained?"""

from __future__ import annotations

import copy as copying
from collections.abc import Iterator

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ravine.check.needs import APART, ENOUGH, FINITE, TRAINABLE
from ravine.check.probe import Probe, Seen, found, passed, unsure
from ravine.check.rows import Rows
from ravine.check.subject import Copy, Subject
from ravine.core.sources import Source
from ravine.diagnose.symptoms.has_stale_batch_norm import SETTLED
from ravine.regularize.recompute_batch_norm import recompute_batch_norm

EXAMPLES = 512
WORSE = 0.2  # of the loss of a guess
MEMORIES = 5.0  # times the memory of the running statistics, in steps


def train_against_eval(subject: Subject) -> Seen:
    """The loss on the same rows in both modes, of a model that has trained for a while.

    What it does: on the model as it is, where its batch norms have seen a hundred batches, else on a copy after a short
        training. Where evaluation is much the worse, the running statistics are computed anew on a copy: if that heals
        it, they were stale.
    Why it matters: training uses the statistics of the batch, evaluation the running ones. With a momentum of 0,
        or batches unlike each other, another network is evaluated than was trained.
    Not to be mistaken for: dropout, which makes the training loss the larger of the two; statistics on their way.
    """
    norms = list(_norms(subject.copy().model))
    settled = bool(norms) and all(_seen(norm) >= SETTLED for _, norm in norms)
    if settled:
        copy, rows, size, after = subject.copy(), subject.rows.first(EXAMPLES), 64, "as it is"
    else:
        short = subject.trained
        copy, rows, size = short.copy, short.train.first(EXAMPLES), short.batch
        after = f"after {short.steps} steps"
    slow = [name for name, norm in norms if norm.momentum and not settled and short.steps * norm.momentum < MEMORIES]
    if slow:
        return unsure(f"the running statistics of {slow[0]} are still on their way {after}", "give it more time")
    evaluated = copy.mean(rows, size)
    training = _again(copy).mean(rows, size, training=True)
    said = f"{training:.4g} in training mode, {evaluated:.4g} in evaluation, {after}"
    if evaluated - training <= WORSE * subject.base:
        return passed(said)
    still = [name for name, norm in norms if norm.momentum == 0]
    healed = _recomputed(_again(copy), rows, size) if norms and not _many(rows) else evaluated
    if evaluated - healed > 0.5 * (evaluated - training):
        which = f" The momentum of {', '.join(still[:3])} is 0." if still else ""
        return found(
            "has-stale-batch-norm",
            f"On the same rows the loss is {said}; with running statistics computed anew it is {healed:.4g}.{which}",
            layers=still or [name for name, _ in norms],
            training=training,
            evaluated=evaluated,
            recomputed=healed,
        )
    return unsure(
        f"the loss is {said}, and batch norm does not explain it",
        "look for code that asks `self.training`: what it does in evaluation is not what was trained",
    )


def _norms(model: nn.Module) -> Iterator[tuple[str, _BatchNorm]]:
    for name, part in model.named_modules():
        if isinstance(part, _BatchNorm) and part.track_running_stats:
            yield name or type(part).__name__, part


def _seen(norm: _BatchNorm) -> int:
    return int(norm.num_batches_tracked) if norm.num_batches_tracked is not None else 0


def _again(copy: Copy) -> Copy:
    """Another one, since training mode moves running statistics."""
    return Copy(copying.deepcopy(copy.model), copy.loss, None)


def _many(rows: Rows) -> bool:
    """Whether the model takes several inputs by place, with which statistics are not computed anew."""
    return len(rows.args) > 1


def _recomputed(copy: Copy, rows: Rows, size: int) -> float:
    inputs = [piece.kwargs or piece.args[0] for piece in rows.chunks(size)]
    recompute_batch_norm(copy.model, inputs)
    return copy.mean(rows, size)


TRAIN_AGAINST_EVAL = Probe(
    name="train-against-eval",
    look=train_against_eval,
    symptoms=("has-stale-batch-norm",),
    needs=(FINITE, TRAINABLE, APART, ENOUGH),
    share=3.0,
    source=Source("Wu & Johnson", 2021, 'Rethinking "Batch" in BatchNorm', arxiv="2105.07576"),
)
