"""Mixing: does the answer to one example depend on the others in its batch?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ravine.check.answers import answer_of
from ravine.check.layers import differ, first_changed, run
from ravine.check.needs import APART, ROWWISE
from ravine.check.probe import Probe, Seen, found, not_asked, passed
from ravine.check.rows import Rows
from ravine.check.subject import Copy, Subject
from ravine.core.sources import Source
from ravine.optim.gradcheck.draws import undisturbed

EXAMPLES = 6
_NOTHING = 1e-6  # of the gradient of the example itself


def mixing(subject: Subject) -> Seen:
    """The gradient of one example's output with respect to the others' inputs, in both modes.

    What it does: outside of its own row that gradient must be zero. Inputs without a gradient (tokens) are replaced
        instead: the other rows by copies of one of them, with the same random numbers. The first layer whose own
        row changes, or that has no row for each example, is named.
    Why it matters: a `view` where a `permute` was meant, a softmax or a mean over the wrong axis read rows of several
        examples as one; what is learned then holds for no single example.
    Not to be mistaken for: batch norm in training mode, which is said and is no fault; models of pairs or graphs.
    """
    rows = subject.first.rows.first(EXAMPLES)
    if rows.count < 2:
        return not_asked("there is only one example")
    if _pairs(subject, rows):
        return not_asked("the outputs are one for each pair of examples")
    share: dict[str, Any] = {
        mode: _share(subject, rows, training=mode == "training") for mode in ("evaluation", "training")
    }
    if share["evaluation"] == 0:
        if share["training"] == 0:
            return passed("in training and in evaluation each answer depends on its own example alone")
        return passed(
            "in evaluation each answer depends on its own example alone; in training on the batch (batch norm)"
        )
    layer = _layer(subject, rows)
    where = f" The first layer in which that shows is {layer}." if layer else ""
    return found(
        "mixes-examples",
        f"In evaluation mode the {subject.name}'s answer to one example depends on the others in its batch: "
        f"{_words(share['evaluation'])}.{where}",
        layer=layer,
        **share,
    )


def _words(share: float) -> str:
    if share < 0:
        return "it changes when only they are changed"
    return f"the gradient with respect to them is {share:.2g} of that with respect to its own inputs"


def _share(subject: Subject, rows: Rows, *, training: bool) -> float:
    """The largest gradient with respect to others' inputs over that to its own; −1 for a change; 0 for neither."""
    copy = subject.copy()
    copy.model.train(training)
    leaves = [leaf for leaf in rows.inputs if leaf.is_floating_point()]
    if leaves:
        gradient = _gradients(copy, rows)
        if gradient is not None:
            return gradient
    one, other = (_answer(copy, given, subject.seed) for given in (rows, _others(rows)))
    return -1.0 if differ(one[:2], other[:2]) else 0.0


def _gradients(copy: Copy, rows: Rows) -> float | None:
    leaves = [leaf for leaf in rows.inputs if leaf.is_floating_point()]
    before = [leaf.requires_grad for leaf in leaves]
    try:
        for leaf in leaves:
            leaf.requires_grad_()
        with torch.enable_grad():
            output = answer_of(copy.outputs(rows))
            assert output is not None
            weights = torch.linspace(0.5, 1.5, output[0].numel(), device=output.device).reshape(output[0].shape)
            if not output.requires_grad:
                return None
            found = torch.autograd.grad((output[0] * weights).sum(), leaves, allow_unused=True)
    finally:
        for leaf, needed in zip(leaves, before, strict=True):
            leaf.requires_grad_(needed)
    worst = 0.0
    for gradient in found:
        if gradient is not None:
            own, others = float(gradient[0].abs().max()), float(gradient[1:].abs().max())
            if others > _NOTHING * own:
                worst = max(worst, others / own if own else 1.0)
    return worst


def _others(rows: Rows) -> Rows:
    """The first two examples, and for the rest the second again."""
    which = torch.ones(rows.count, dtype=torch.long)
    which[0] = 0
    return rows.take(which)


def _answer(copy: Copy, rows: Rows, seed: int) -> Tensor:
    with undisturbed(seed), torch.no_grad():
        output = answer_of(copy.outputs(rows))
    assert output is not None
    return output


def _layer(subject: Subject, rows: Rows) -> str:
    copy = subject.copy()
    copy.model.eval()
    with undisturbed(subject.seed):
        _, one = run(copy, rows)
    with undisturbed(subject.seed):
        _, other = run(copy, _others(rows))
    return first_changed(one, other, 1)


def _pairs(subject: Subject, rows: Rows) -> bool:
    """Whether outputs are (batch, batch), whatever the batch."""
    copy = subject.copy()
    copy.model.eval()
    shapes = [_answer(copy, rows.first(count), subject.seed).shape for count in (rows.count, 2)]
    return all(len(shape) > 1 and shape[0] == shape[1] for shape in shapes) and shapes[0] != shapes[1]


MIXING = Probe(
    name="mixing",
    look=mixing,
    symptoms=("mixes-examples",),
    needs=(APART, ROWWISE),
    share=0.5,
    source=Source("Karpathy", 2019, "A recipe for training neural networks", "use backprop to chart dependencies"),
)
