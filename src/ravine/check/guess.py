"""What somebody scores who has not learned anything: found by giving the loss answers that are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ravine.check.answers import answer_of, with_answer

Kind = Literal["cross entropy", "binary cross entropy", "squares", "other"]

_SAME = 2e-3  # relative: beyond rounding in float32 and half precision losses


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """The score of a guess, and what kind of loss it is.

    Attributes:
        kind: Told from what the loss says of known answers, not from its name.
        first: The loss that a fresh network should begin with.
        words: What that is: "ln 10".
        constant: The loss of the best answer that is the same for every example.
        classes: How many; None where there are none.
        logits: Whether the loss takes logits: any numbers. False where it wants (log-)probabilities.
        scale: What a loss is multiplied by: 1; the number of examples where it is summed.
        turned: Whether the sign is turned, so that a small loss is bad.
        answer: The best constant answer, in the outputs' shape without the examples.
    """

    kind: Kind
    first: float
    words: str
    constant: float
    classes: int | None = None
    logits: bool = True
    scale: float = 1.0
    turned: bool = False
    answer: Tensor | None = None


def guess_of(loss: Callable[..., Any], outputs: Any, target: tuple[Any, ...]) -> Guess | None:
    """The score of a guess under `loss`; None where there is not one target, or the loss refuses.

    Args:
        loss: (outputs, target) → one number.
        outputs: What the model gives, (batch, *).
        target: What the loss is given beside it.
    """
    aim = target[0] if len(target) == 1 else None
    own = answer_of(outputs)
    if own is None or not isinstance(aim, Tensor):
        return None
    form, shape, said = own.dtype, own.shape, with_answer(outputs)

    def ask(answer: Tensor) -> float:
        with torch.no_grad():
            return float(loss(said(answer.to(form).expand(shape).clone()), aim))

    try:
        if not aim.is_floating_point():
            return _of_classes(ask, own, aim)
        return _of_numbers(ask, own, aim)
    except Exception:  # a loss of the user's may refuse such answers in any way
        return None


def _of_classes(ask: Callable[[Tensor], float], outputs: Tensor, target: Tensor) -> Guess | None:
    axis = class_axis(outputs, target)
    if axis is None:
        return None
    classes = outputs.shape[axis]
    even = math.log(classes)
    flat, uniform = ask(outputs.new_zeros(())), ask(outputs.new_tensor(-even))
    logits = not _same(flat, 0.0, even)
    for scale in (1.0, float(target.numel()), float(len(target))):
        for sign in (1.0, -1.0):
            if classes > 1 and _same(uniform, sign * scale * even, scale * even):
                shares = _shares(target, classes).to(outputs.dtype)
                shape = [1] * outputs.dim()
                shape[axis] = classes
                answer = shares.log().reshape(shape).to(outputs.device)
                return Guess(
                    kind="cross entropy",
                    first=sign * scale * even,
                    words=f"ln {classes}" if scale == 1 else f"{scale:.0f} · ln {classes}",
                    constant=ask(answer),
                    classes=classes,
                    logits=logits,
                    scale=scale,
                    turned=sign < 0,
                    answer=answer,
                )
    return Guess(kind="other", first=flat, words="outputs of zero", constant=flat, classes=classes)


def class_axis(outputs: Tensor, target: Tensor) -> int | None:
    """The axis of the outputs that classes lie along; None where the shapes tell of none."""
    if outputs.dim() == target.dim() + 1:
        if outputs.shape[:1] + outputs.shape[2:] == target.shape:
            return 1
        if outputs.shape[:-1] == target.shape:
            return outputs.dim() - 1
    return None


def _of_numbers(ask: Callable[[Tensor], float], outputs: Tensor, target: Tensor) -> Guess | None:
    zero = ask(outputs.new_zeros(()))
    values = target.detach().double()
    if bool(((values == 0) | (values == 1)).all()):
        half = ask(outputs.new_tensor(0.5))
        for scale in (1.0, float(target.numel())):
            for sign in (1.0, -1.0):
                bound = sign * scale * math.log(2)
                logits = _same(zero, bound, scale)
                if logits or _same(half, bound, scale):
                    share = float(values.mean().clamp(1e-6, 1 - 1e-6))
                    answer = outputs.new_tensor(math.log(share / (1 - share)) if logits else share)
                    words = "ln 2" if scale == 1 else f"{scale:.0f} · ln 2"
                    return Guess(
                        kind="binary cross entropy", first=bound, words=words, constant=ask(answer), logits=logits,
                        scale=scale, turned=sign < 0, answer=answer,
                    )  # fmt: skip
    squares = float(values.square().mean())
    for scale in (1.0, 0.5, float(target.numel()), float(len(target)), 0.5 * target.numel()):
        for sign in (1.0, -1.0):
            if squares > 0 and _same(zero, sign * scale * squares, scale * squares):
                answer = _mean_of(target, outputs)
                constant = ask(answer)
                return Guess(
                    kind="squares",
                    first=constant,
                    words="the variance of the targets" if scale == 1 else "the best constant answer",
                    constant=constant,
                    scale=scale if scale > 1 and scale in (float(target.numel()), float(len(target))) else 1.0,
                    turned=sign < 0,
                    answer=answer,
                )
    constant = min(ask(_mean_of(target, outputs)), ask(values.median().to(outputs.dtype)))
    return Guess(kind="other", first=constant, words="the best constant answer", constant=constant)


def _mean_of(target: Tensor, outputs: Tensor) -> Tensor:
    """The mean target: of each output where the shapes agree, of all together else."""
    mean = target.mean(0) if target.shape == outputs.shape else target.mean()
    return mean.to(outputs.dtype).detach()


def _shares(target: Tensor, classes: int) -> Tensor:
    """How often each class is right, none of them never: half an example is added to each."""
    labels = target.flatten()
    counts = torch.bincount(labels[(labels >= 0) & (labels < classes)].cpu(), minlength=classes).double() + 0.5
    return counts / counts.sum()


def _same(value: float, expected: float, size: float) -> bool:
    return abs(value - expected) <= _SAME * abs(size)
