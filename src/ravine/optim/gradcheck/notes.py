"""What a person should know beside the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ravine.optim.gradcheck.report import Culprit, Row

_NAMED = 4  # names in one note; of more, the number


def notes_on(
    model: nn.Module,
    checked: nn.Module,
    rows: Sequence[Row],
    found: Sequence[Culprit],
    gradients: Mapping[str, Tensor | None],
    *,
    drawn: bool,
) -> Iterator[str]:
    """One sentence or two for each thing that changes how the table is to be read.

    Args:
        model: As it was given.
        checked: The copy that was checked.
        rows: What was found.
        found: Modules at fault.
        gradients: What the backward pass gave.
        drawn: Whether random numbers were drawn.
    """
    kinks = {row.name: row.kinks for row in rows if row.kinks}
    if kinks:
        yield (
            f"{sum(kinks.values()):,} coordinates of {_listed(kinks)} were set aside: the loss is bent or jumps within "
            "the smallest step there (ReLU, max, rounding), so no difference is a derivative."
        )
    blind = [row.name for row in rows if row.verdict == "not judged"]
    if blind:
        yield f"Nothing could be judged in {_listed(blind)}: every coordinate lies at a kink. Try another batch."
    if any(row.faulty for row in rows) and not found:
        yield (
            "Every module alone is right: the fault lies between the modules, or shows only in coordinates that were "
            "not sampled there."
        )
    missing = [
        row.name for row in rows if row.verdict == "wrong" and row.name in gradients and gradients[row.name] is None
    ]
    if missing:
        yield f"No gradient reaches {_listed(missing)}, though the loss depends on it: a detach() on the way?"
    unused = [row.name for row in rows if row.verdict == "unused"]
    if unused:
        yield f"The loss does not depend on {_listed(unused)}: no gradient, and none expected."
    faint = [row.name for row in rows if row.verdict == "about 0"]
    if faint:
        yield f"Gradients of {_listed(faint)} are about 0: too small for differences to tell more than that."
    yield from _on_modules(checked, drawn=drawn)
    yield from _on_ties(checked)
    dtypes = {p.dtype for p in model.parameters() if p.is_floating_point()} & {torch.float16, torch.bfloat16}
    if dtypes:
        yield (
            f"The model is in {_listed(map(str, dtypes))}; the copy checked is in float64, so what rounding in "
            "those does is not judged."
        )


def _on_modules(checked: nn.Module, *, drawn: bool) -> Iterator[str]:
    norms = {name: m for name, m in checked.named_modules() if isinstance(m, _BatchNorm)}
    coupled = [name for name, m in norms.items() if m.training or m.running_mean is None]
    if coupled:
        yield (
            f"Batch norm in training mode ({_listed(coupled)}): statistics couple the rows of the batch, and the "
            "gradient through them is checked; running statistics were put back after each evaluation."
        )
    if len(coupled) < len(norms):
        still = [name for name in norms if name not in coupled]
        yield f"Batch norm in evaluation mode ({_listed(still)}): running statistics are constants."
    if drawn:
        yield "The model draws random numbers (dropout, noise): the same ones at every evaluation, from the seed."


def _on_ties(checked: nn.Module) -> Iterator[str]:
    first: dict[int, str] = {}
    for name, p in checked.named_parameters(remove_duplicate=False):
        if id(p) in first:
            yield f"{name} is tied to {first[id(p)]}: one tensor, checked once, with the gradients of both uses."
        else:
            first[id(p)] = name


def _listed(names: Iterable[object]) -> str:
    known = [str(name) or "the model itself" for name in names]
    shown = ", ".join(known[:_NAMED])
    return f"{shown} and {len(known) - _NAMED} more" if len(known) > _NAMED else shown
