"""Causal mask: does an answer about what comes next depend on what comes later?"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ravine.check.answers import answer_of
from ravine.check.layers import differ
from ravine.check.needs import APART
from ravine.check.probe import Probe, Seen, found, not_asked, passed
from ravine.check.rows import Rows
from ravine.check.subject import Subject
from ravine.core.sources import Source
from ravine.optim.gradcheck.draws import undisturbed

FEWEST = 4
EXAMPLES = 8
MASK = (
    "Mask what comes later: `is_causal=True` in `F.scaled_dot_product_attention`, or `src_mask` in a "
    "`TransformerEncoder`."
)


def causal_mask(subject: Subject) -> Seen:
    """Outputs at earlier places, before and after later tokens alone were changed.

    What it does: where the targets are the input one place on, every token of the second half is replaced, in
        evaluation mode and with the same random numbers: outputs of the first half must not move. Where the targets are
        the very tokens at their own places, nothing is left to predict, and that is told.
    Why it matters: a model that sees the answer has a loss near zero after some hundred steps, and no use.
    Not to be mistaken for: models that fill gaps, whose targets are no next tokens: they may look both ways.
    """
    rows = subject.rows.first(EXAMPLES)
    x, shape, asks = _sequences(subject, rows)
    if x is None:
        return not_asked("the model gives no answer for each place of a sequence")
    if asks == "itself":
        return found(
            "leaks",
            "The targets are the input tokens at the same places: the model has only to copy.",
            advice="Shift by one: `loss(model(tokens[:, :-1]), tokens[:, 1:])`.",
        )
    if asks != "next":
        return not_asked("the targets are not the next tokens")
    half = x.shape[1] // 2
    copy = subject.copy()
    copy.model.eval()
    later = x[:, half:]
    changed = torch.cat([x[:, :half], _others(later, x)], 1)
    answers = []
    for given in (rows, rows, _with(rows, x, changed)):
        with undisturbed(subject.seed), torch.no_grad():
            output = answer_of(copy.outputs(given))
        assert output is not None
        answers.append(output[:, :half])
    one, again, other = answers
    if differ(one, again):
        return not_asked("the same batch gives other answers each time: see evaluated-twice")
    moved = (one - other).abs().flatten(2).amax(dim=(0, 2)) > 1e-4 * one.abs().max()
    count = int(moved.sum())
    if not count or not differ(one, other):
        return passed(f"outputs at {half} places stay when the {shape - half} tokens behind them change")
    return found(
        "leaks",
        f"{subject.name} is to say what comes next, and its outputs at {count} of {half} places change with the tokens "
        "behind them alone: there is no causal mask that holds.",
        advice=MASK,
        places=count,
        of=half,
    )


def _sequences(subject: Subject, rows: Rows) -> tuple[Tensor | None, int, str]:
    """Sequences of the input, their length, and what the targets ask: "next", "itself" or ""."""
    outputs = answer_of(subject.first.outputs)
    inputs = rows.inputs
    if outputs is None or outputs.dim() < 2 or not inputs:
        return None, 0, ""
    x = next((one for one in inputs if one.dim() >= 2), inputs[0])
    if x.dim() < 2 or x.shape[1] < FEWEST or x.dim() > 3 or (x.dim() == 3 and x.shape[2] > 512):
        return None, 0, ""
    length = x.shape[1]
    if not (outputs.dim() == 3 and outputs.shape[1] == length):
        return None, 0, ""
    if subject.loss is None:
        labels = rows.labels
        if labels is None or labels.shape != x.shape or x.is_floating_point():
            return x, length, ""
        same = bool((labels == x)[labels >= 0].all())  # Hugging Face's models shift them inside
        return x, length, "next" if same or torch.equal(labels[:, :-1], x[:, 1:]) else ""
    target = rows.targets[0] if len(rows.targets) == 1 else None
    if target is None or target.numel() != x.numel() or target.dtype != x.dtype:
        return x, length, ""
    aims = target.reshape(x.shape)
    if not x.is_floating_point() and bool((x != x[:, :1]).any()):
        counted = aims >= 0
        if bool(counted.any()) and bool((aims == x)[counted].all()):
            return x, length, "itself"
    shifted = torch.equal(aims[:, :-1], x[:, 1:])
    return x, length, "next" if shifted else ""


def _others(later: Tensor, x: Tensor) -> Tensor:
    """Other tokens for the places behind: those before them, in turn, moved on until they differ."""
    turned = later.flip(1) if bool((later.flip(1) != later).any()) else later
    if torch.equal(turned, later):
        turned = x[:, :1].expand_as(later) if bool((x[:, :1] != later).any()) else later + 1
    return turned


def _with(rows: Rows, x: Tensor, changed: Tensor) -> Rows:
    """The same rows with `changed` in the place of `x`."""
    args = tuple(changed if one is x else one for one in rows.args)
    kwargs = {name: changed if one is x else one for name, one in rows.kwargs.items()}
    return replace(rows, args=args, kwargs=kwargs)


CAUSAL_MASK = Probe(
    name="causal-mask",
    look=causal_mask,
    symptoms=("leaks",),
    needs=(APART,),
    share=0.5,
    source=Source("Vaswani et al.", 2017, "Attention is all you need", "section 3.2.3", "1706.03762"),
)
