"""Evaluated twice: does the same batch give the same answer again?"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from ravine.check.layers import first_changed, run
from ravine.check.probe import Probe, Seen, found, passed
from ravine.check.subject import Copy, Subject
from ravine.core.sources import Source
from ravine.optim.gradcheck.draws import undisturbed
from ravine.records.finding import Severity


def evaluated_twice(subject: Subject) -> Seen:
    """The same batch in evaluation mode, two times, random numbers going on in between.

    What it does: both outputs must be the same to the last bit but rounding; where they are not, the first layer that
        gave something else is named, and the two are compared once more with the same random numbers.
    Why it matters: dropout that is left on (`F.dropout` without `training=self.training`, a module that `eval()` does
        not reach) blurs every validation and every prediction.
    Not to be mistaken for: models that draw on purpose while they evaluate, such as variational autoencoders.
    """
    copy = subject.copy()
    copy.model.eval()
    awake = [name or subject.name for name, part in copy.model.named_modules() if part.training]
    with torch.no_grad():
        copy.outputs(subject.first.rows)  # what is made at the first call, or kept from one to the next, is there now
    one, layers = run(copy, subject.first.rows)
    two, others = run(copy, subject.first.rows)
    apart = _apart(one, two)
    if apart == 0:
        return passed(f"the same answers for {subject.first.rows.count} examples, to rounding")
    layer = first_changed(layers, others)
    where = f", first in {layer}" if layer else ""
    said = f"The same batch evaluated twice gives answers that differ by {apart:.2g} of their size{where}."
    if not _drawn(copy, subject):
        return found(
            "evaluates-in-train-mode",
            f"{said} They do so with the same random numbers too: the model keeps something from call to call.",
            advice="Make what is kept anew at each call: a hidden state, a cache, a running average.",
            severity=Severity.WARNING,
            confidence=0.8,
            layer=layer,
            apart=apart,
        )
    reach = f" `eval()` does not reach {', '.join(awake[:3])}." if awake else ""
    return found(
        "evaluates-in-train-mode",
        f"{said} With the same random numbers they agree: something is drawn.{reach}",
        advice="Make evaluation exact: `F.dropout(x, p, training=self.training)`, and every part a registered module.",
        confidence=0.95,
        layer=layer,
        apart=apart,
    )


def _apart(one: object, two: object) -> float:
    """The largest difference, over the size of the answers; 0 where it is rounding."""
    worst = 0.0
    for before, after in zip(pytree.tree_leaves(one), pytree.tree_leaves(two), strict=False):
        if not (isinstance(before, Tensor) and isinstance(after, Tensor) and before.is_floating_point()):
            continue
        if before.shape != after.shape:
            return 1.0
        size = float(before.abs().max()) or 1.0
        off = float((before.double() - after.double()).abs().max()) / size if before.numel() else 0.0
        worst = max(worst, off)
    return worst if worst > _ROUNDING else 0.0


def _drawn(copy: Copy, subject: Subject) -> bool:
    """Whether the same random numbers make the answers the same."""
    answers = []
    for _ in range(2):
        with undisturbed(subject.seed), torch.no_grad():
            answers.append(copy.outputs(subject.first.rows))
    return _apart(*answers) == 0


_ROUNDING = 1e-5

EVALUATED_TWICE = Probe(
    name="evaluated-twice",
    look=evaluated_twice,
    symptoms=("evaluates-in-train-mode",),
    share=0.5,
    source=Source("Srivastava et al.", 2014, "Dropout: a simple way to prevent overfitting", "JMLR 15, section 10"),
)
