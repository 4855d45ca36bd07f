"""The faults: one or more for each symptom that can be planted, each at strengths from weak to gross.

Whether a strength is a fault is not decided here: it must pass the validity gate (`gate.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from benchmarks.faults import plants
from benchmarks.faults.nets import Attention
from benchmarks.faults.tasks import TASKS, Job, nll_loss
from torch import Tensor, nn

EVERY = tuple(TASKS)
CLASSES = tuple(name for name, task in TASKS.items() if task.kind == "classification")
NORMED = ("cancer-mlp", "digits-conv", "fashion-conv")  # with batch norm and dropout
RELU = ("digits-mlp", "digits-conv", "fashion-conv")
PICTURES = ("digits-mlp", "digits-gru", "digits-conv", "fashion-conv", "digits-patches")
WITHOUT_TEXT = tuple(name for name, task in TASKS.items() if task.kind != "text")
STRAIGHT = ("digits-mlp", "diabetes-mlp", "fashion-conv", "digits-conv")  # nn.Sequential without much else


@dataclass(frozen=True)
class Injection:
    """One fault.

    Attributes:
        name: Short, in words.
        symptom: What the doctor is to name.
        plant: Changes a job; given the strength.
        levels: Strengths, weakest first; a single one where the fault is there or is not.
        tasks: Where it can be planted.
    """

    name: str
    symptom: str
    plant: Callable[[Job, float], None]
    levels: tuple[float, ...] = (1.0,)
    tasks: tuple[str, ...] = EVERY


def _set(**fields: Callable[[Job, float], object]) -> Callable[[Job, float], None]:
    """Changes fields of a job to what a function of the job and the strength gives."""

    def plant(job: Job, level: float) -> None:
        for name, make in fields.items():
            setattr(job, name, make(job, level))

    return plant


def _first_weights(change: Callable[[Tensor, float], object]) -> Callable[[Job, float], None]:
    """Changes every matrix of the network before training."""

    def plant(job: Job, level: float) -> None:
        def apply(model: nn.Module) -> None:
            with torch.no_grad():
                for weight in model.parameters():
                    if weight.dim() > 1:
                        change(weight, level)

        job.prepare.append(apply)

    return plant


def _inputs(change: Callable[[Tensor, float], Tensor], *names: str) -> Callable[[Job, float], None]:
    """Changes the inputs of the named parts, all three where none is named."""

    def plant(job: Job, level: float) -> None:
        for name in names or ("train", "val", "test"):
            part = getattr(job.parts, name)
            part.x = change(part.x, level)

    return plant


def _rate(job: Job, level: float) -> float:
    return job.lr * level


def _unmasked(job: Job, _level: float) -> None:
    def mask(on: bool, model: nn.Module) -> None:
        for module in model.modules():
            if isinstance(module, Attention):
                module.causal = on

    job.prepare.append(partial(mask, False))
    job.repair = partial(mask, True)


INJECTIONS = {
    one.name: one
    for one in (
        # learning rate
        Injection("rate too high", "diverges", _set(lr=_rate), (20.0, 100.0, 1000.0)),
        Injection("rate high to the end", "bounces", _set(lr=_rate), (4.0, 8.0, 12.0)),
        Injection("rate too low", "crawls", _set(lr=_rate), (0.05, 0.01, 0.001)),
        Injection(
            "rate cut at once",
            "decays-too-early",
            _set(schedule=lambda _, level: lambda t: 1.0 if t < level else 0.002),
            (0.2, 0.1, 0.04),
        ),
        Injection(
            "scheduler stepped per batch",
            "decays-too-early",
            _set(schedule=lambda job, level: lambda t: level ** (t * job.epochs * 4)),
            (0.8, 0.5, 0.2),
        ),
        Injection(
            "rate cut at the very end",
            "decays-too-late",
            _set(lr=lambda job, level: job.lr * level, schedule=lambda *_: lambda t: 1.0 if t < 0.97 else 0.05),
            (4.0, 8.0),
        ),
        Injection(
            "no warmup",
            "starts-too-hot",
            _set(schedule=lambda _, level: lambda t: level if t < 0.05 else 1.0),
            (20.0, 100.0),
        ),
        # direction
        Injection("wrong sign", "ascends", _set(update=lambda *_: plants.ascending)),
        Injection("no zero_grad", "accumulates-gradients", _set(update=lambda *_: plants.uncleared)),
        Injection("step before backward", "steps-before-backward", _set(update=lambda *_: plants.step_first)),
        Injection("clip before backward", "clips-before-backward", plants.clips_early, tasks=("digits-gru", *PICTURES)),
        Injection("clip far too tight", "clips-too-tight", _set(clip=lambda _, level: level), (0.03, 3e-3, 1e-4)),
        Injection("spikes unclipped", "needs-clipping", plants.spiking, (30.0, 300.0)),
        Injection("layers not in the optimizer", "skips-parameters", plants.left_out, (0.34, 0.67)),
        Injection("a detached branch", "skips-parameters", plants.detached, tasks=STRAIGHT),
        # numbers
        Injection(
            "NaN in one row", "has-nan-in-data", plants.nan_rows, (1.0, 5.0), WITHOUT_TEXT
        ),
        Injection("logarithm of zero", "overflows", _set(loss=lambda _, level: partial(plants.log_of_softmax, level)),
                  (30.0, 300.0), CLASSES),
        # initialization
        Injection("weights too large", "starts-too-large", _first_weights(lambda w, k: w.mul_(k)), (4.0, 10.0, 40.0)),
        Injection("weights too small", "starts-too-small", _first_weights(lambda w, k: w.mul_(k)), (0.05, 0.01, 1e-3)),
        Injection("weights all equal", "starts-symmetric", _first_weights(lambda w, k: w.fill_(k)), (0.05,)),
        Injection("last layer too large", "starts-off", plants.last_layer_times, (20.0, 100.0), CLASSES),
        Injection("long flat start", "wakes-late", _first_weights(lambda w, k: w.mul_(k)), (0.1, 0.2)),
        # signal flow
        Injection("ReLU killed by biases", "has-dead-units", plants.biased_off, (-1.0, -3.0, -10.0), RELU),
        Injection("tanh saturated", "saturates", plants.saturated, (20.0, 60.0), ("digits-mlp", "diabetes-mlp")),
        Injection("deep stack of sigmoids", "vanishes", plants.deep, (4.0, 8.0, 16.0), ("digits-mlp", "fashion-conv")),
        Injection("growing layers", "explodes", plants.growing, (2.5, 4.0), ("digits-mlp", "fashion-conv")),
        Injection("view in place of permute", "mixes-examples", plants.mixing, tasks=("digits-gru", "digits-patches")),
        # data
        Injection("inputs times 255", "is-unscaled", _inputs(torch.mul), (20.0, 255.0), (*PICTURES, "cancer-mlp")),
        Injection("targets unscaled", "has-unscaled-targets", plants.raw_targets, (20.0, 150.0), ("diabetes-mlp",)),
        Injection("sorted and unshuffled", "is-unshuffled", plants.sorted_rows, tasks=CLASSES),
        Injection("the same order each epoch", "repeats-order", plants.fixed_order),
        Injection("validation not scaled as training", "differs-in-preprocessing",
                  _inputs(lambda x, k: x * k + (k - 1) / 2, "val", "test"), (2.0, 4.0, 16.0),
                  (*PICTURES, "cancer-mlp")),
        Injection("validation rows in training", "leaks", plants.shared_rows, (1.0,)),
        Injection("target among the inputs", "leaks", plants.target_column, tasks=("cancer-mlp", "diabetes-mlp")),
        Injection("causal mask missing", "leaks", _unmasked, tasks=("text-transformer",)),
        Injection("wrong labels", "has-noisy-labels", plants.noisy_labels, (0.1, 0.25, 0.5), CLASSES),
        Injection("labels permuted", "has-misaligned-labels", plants.permuted_labels, (0.6, 0.9, 1.0)),
        Injection("rare classes", "is-imbalanced", plants.imbalanced, (0.2, 0.05, 0.02), CLASSES),
        Injection("few validation rows", "validates-on-too-little", plants.few_val_rows, (30.0, 12.0)),
        Injection("augmentation too hard", "augments-too-hard",
                  _set(augment=lambda _, level: lambda x: x + level * x.std() * torch.randn_like(x)),
                  (1.0, 2.0, 4.0), (*PICTURES, "cancer-mlp", "diabetes-mlp")),
        # loss and output
        Injection("softmax before cross_entropy", "applies-softmax-twice", plants.ends_with_softmax,
                  tasks=(*CLASSES, "text-transformer")),
        Injection("nll_loss of logits", "uses-wrong-loss", _set(loss=lambda *_: nll_loss), tasks=CLASSES),
        Injection("(n, 1) against (n)", "broadcasts-loss", plants.flat_targets, tasks=("diabetes-mlp",)),
        Injection("loss summed", "sums-instead-of-means", plants.summed),
        Injection("ReLU on the outputs", "has-wrong-output-activation", plants.ends_with_relu),
        # modes
        Injection("evaluation mode never left", "trains-in-eval-mode", plants.always_eval, tasks=NORMED),
        Injection("evaluates in training mode", "evaluates-in-train-mode", plants.never_eval, tasks=NORMED),
        Injection("stale batch norm", "has-stale-batch-norm", plants.momentum_of_norms, (1e-3, 0.0), NORMED),
        Injection("two rows under batch norm", "batch-too-small-for-batch-norm", plants.batches_of, (2.0,), NORMED),
        # capacity
        Injection("few rows, long training", "overfits", plants.few_rows, (0.25, 0.1, 0.05)),
        Injection("one unit wide", "underfits", plants.narrow, (3.0, 1.0),
                  ("digits-mlp", "fashion-conv", "digits-gru")),
        Injection("weight decay too strong", "over-regularizes", plants.decayed, (0.02, 0.1, 1.0)),
        Injection("wrong labels learned by heart", "memorizes", plants.memorized, (0.25, 0.5), CLASSES),
        # procedure
        Injection("stopped early", "stops-too-early", _set(epochs=lambda job, level: max(2, int(job.epochs * level))),
                  (0.5, 0.3, 0.15)),
        Injection("much longer than it gains", "runs-too-long", _set(epochs=lambda job, level: int(job.epochs * level)),
                  (4.0,), ("cancer-mlp", "diabetes-mlp", "digits-conv")),
        Injection("one row a batch", "batch-too-small", plants.batches_of, (2.0, 1.0), ("digits-mlp", "diabetes-mlp",
                                                                                       "digits-gru", "digits-patches")),
        Injection("the whole set a batch", "batch-too-large",
                  _set(batch_size=lambda job, level: math.ceil(len(job.parts.train.x) * level)), (0.25, 0.5, 1.0)),
    )
}  # fmt: skip

CANNOT_BE_PLANTED = {
    "stalls": "a plateau has a cause, and that is what is planted: rate, saturation, dead units",
    "turns-nan": "NaN has a cause, and that is what is planted: rate, data, logarithm",
    "selects-on-test": "one run's record does not tell what was chosen by it",
}
