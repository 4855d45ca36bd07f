"""The faults: one or more for each symptom that can be planted, each at strengths from weak to gross.

Whether a strength is a fault is not decided here: it must pass the validity gate (`gate.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from benchmarks.faults import fresh_plants, plants
from benchmarks.faults.nets import Attention
from benchmarks.faults.tasks import OPTIMIZERS, TASKS, Job, nll_loss
from torch import Tensor, nn

EVERY = tuple(TASKS)
CLASSES = tuple(name for name, task in TASKS.items() if task.kind == "classification")
REGRESSION = tuple(name for name, task in TASKS.items() if task.kind == "regression")
TEXT = ("text-transformer", "text-lstm")
TABLES = ("cancer-mlp", "diabetes-mlp", "diamonds-silu", "computers-residual")
NORMED = ("cancer-mlp", "digits-conv", "fashion-conv", "fashion-resnet")  # with batch norm and dropout
RELU = ("digits-mlp", "digits-conv", "fashion-conv", "mnist1d-conv1d", "fashion-resnet")
PICTURES = ("digits-mlp", "digits-gru", "digits-conv", "fashion-conv", "digits-patches",
            "mnist1d-conv1d", "fashion-resnet", "fashion-mixer")  # fmt: skip
WITHOUT_TEXT = tuple(name for name, task in TASKS.items() if task.kind != "text")
# nn.Sequential without much else
STRAIGHT = ("digits-mlp", "diabetes-mlp", "fashion-conv", "digits-conv", "mnist1d-conv1d", "diamonds-silu",
            "fashion-resnet")  # fmt: skip
FRESH = ("mnist1d-conv1d", "diamonds-silu", "computers-residual", "fashion-resnet", "fashion-mixer", "text-lstm")
FRESH_CLASSES = tuple(name for name in FRESH if name in CLASSES)


@dataclass(frozen=True)
class Injection:
    """One fault.

    Attributes:
        name: Short, in words.
        symptom: What the doctor is to name.
        plant: Changes a job; given the strength.
        levels: Strengths, weakest first; a single one where the fault is there or is not.
        tasks: Where it can be planted.
        optimizers: With which.
        fresh: Whether it took no part in choosing thresholds: planted in fresh tasks alone.
    """

    name: str
    symptom: str
    plant: Callable[[Job, float], None]
    levels: tuple[float, ...] = (1.0,)
    tasks: tuple[str, ...] = EVERY
    optimizers: tuple[str, ...] = OPTIMIZERS
    fresh: bool = False


def _fresh(
    name: str,
    symptom: str,
    plant: Callable[[Job, float], None],
    levels: tuple[float, ...] = (1.0,),
    tasks: tuple[str, ...] = FRESH,
    optimizers: tuple[str, ...] = OPTIMIZERS,
) -> Injection:
    return Injection(name, symptom, plant, levels, tasks, optimizers, fresh=True)


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
        Injection("clip before backward", "clips-before-backward", plants.clips_early,
                  tasks=("digits-gru", *PICTURES, "text-lstm")),
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
        Injection("tanh saturated", "saturates", plants.saturated, (20.0, 60.0),
                  ("digits-mlp", "diabetes-mlp", "mnist1d-conv1d")),
        Injection("deep stack of sigmoids", "vanishes", plants.deep, (4.0, 8.0, 16.0),
                  ("digits-mlp", "fashion-conv", "mnist1d-conv1d", "fashion-resnet")),
        Injection("growing layers", "explodes", plants.growing, (4.0, 8.0),
                  ("digits-mlp", "fashion-conv", "mnist1d-conv1d", "fashion-resnet")),
        Injection("view in place of permute", "mixes-examples", plants.mixing,
                  tasks=("digits-gru", "digits-patches", "fashion-mixer")),
        # data
        Injection("inputs times 255", "is-unscaled", _inputs(torch.mul), (20.0, 255.0),
                  (*PICTURES, "cancer-mlp", "diamonds-silu", "computers-residual")),
        Injection("targets unscaled", "has-unscaled-targets", plants.raw_targets, (20.0, 150.0), REGRESSION),
        Injection("sorted and unshuffled", "is-unshuffled", plants.sorted_rows, tasks=CLASSES),
        Injection("the same order each epoch", "repeats-order", plants.fixed_order),
        Injection("validation not scaled as training", "differs-in-preprocessing",
                  _inputs(lambda x, k: x * k + (k - 1) / 2, "val", "test"), (2.0, 4.0, 16.0),
                  (*PICTURES, "cancer-mlp", "diamonds-silu", "computers-residual")),
        Injection("validation rows in training", "leaks", plants.shared_rows, (1.0,)),
        Injection("target among the inputs", "leaks", plants.target_column, tasks=TABLES),
        Injection("causal mask missing", "leaks", _unmasked, tasks=("text-transformer",)),
        Injection("wrong labels", "has-noisy-labels", plants.noisy_labels, (0.1, 0.25, 0.5), CLASSES),
        Injection("labels permuted", "has-misaligned-labels", plants.permuted_labels, (0.6, 0.9, 1.0)),
        Injection("rare classes", "is-imbalanced", plants.imbalanced, (0.2, 0.05, 0.02), CLASSES),
        Injection("few validation rows", "validates-on-too-little", plants.few_val_rows, (30.0, 12.0)),
        Injection("augmentation too hard", "augments-too-hard",
                  _set(augment=lambda _, level: lambda x: x + level * x.std() * torch.randn_like(x)),
                  (1.0, 2.0, 4.0), (*PICTURES, *TABLES)),
        # loss and output
        Injection("softmax before cross_entropy", "applies-softmax-twice", plants.ends_with_softmax,
                  tasks=(*CLASSES, *TEXT)),
        Injection("nll_loss of logits", "uses-wrong-loss", _set(loss=lambda *_: nll_loss), tasks=CLASSES),
        Injection("(n, 1) against (n)", "broadcasts-loss", plants.flat_targets, tasks=REGRESSION),
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
                  ("digits-mlp", "fashion-conv", "digits-gru", "mnist1d-conv1d", "diamonds-silu")),
        Injection("weight decay too strong", "over-regularizes", plants.decayed, (0.02, 0.1, 1.0)),
        Injection("wrong labels learned by heart", "memorizes", plants.memorized, (0.25, 0.5), CLASSES),
        # procedure
        Injection("stopped early", "stops-too-early", _set(epochs=lambda job, level: max(2, int(job.epochs * level))),
                  (0.5, 0.3, 0.15)),
        Injection("much longer than it gains", "runs-too-long", _set(epochs=lambda job, level: int(job.epochs * level)),
                  (4.0,), ("cancer-mlp", "diabetes-mlp", "digits-conv", "computers-residual", "fashion-resnet")),
        Injection("one row a batch", "batch-too-small", plants.batches_of, (2.0, 1.0),
                  ("digits-mlp", "diabetes-mlp", "digits-gru", "digits-patches", "mnist1d-conv1d", "diamonds-silu",
                   "fashion-mixer")),
        Injection("the whole set a batch", "batch-too-large",
                  _set(batch_size=lambda job, level: math.ceil(len(job.parts.train.x) * level)), (0.25, 0.5, 1.0)),
        # in fresh tasks alone
        _fresh("momentum far too high", "bounces", fresh_plants.momentum, (0.99, 0.997), optimizers=("sgd",)),
        _fresh("epsilon far too large", "crawls", fresh_plants.damped, (1.0, 10.0), optimizers=("adam",)),
        _fresh("optimizer set to maximize", "ascends", fresh_plants.maximizing),
        _fresh("cleared once an epoch", "accumulates-gradients", fresh_plants.cleared_seldom),
        _fresh("each number of the gradient clipped", "clips-too-tight", fresh_plants.clips_values, (1e-3, 1e-5),
               optimizers=("sgd",)),
        _fresh("bursts of the gradient", "needs-clipping", fresh_plants.bursts, (100.0, 1000.0)),
        _fresh("rate fades by the epoch", "decays-too-early", fresh_plants.fading, (0.4, 0.15)),
        _fresh("head replaced too late", "skips-parameters", fresh_plants.old_head),
        _fresh("dropout far too strong", "over-regularizes", fresh_plants.dropped, (0.8, 0.9),
               tuple(name for name in FRESH if name != "computers-residual")),  # there it diverges
        _fresh("dropout in evaluation", "evaluates-in-train-mode", fresh_plants.dropped_in_evaluation, (0.3, 0.5),
               tuple(name for name in FRESH if name not in NORMED)),
        _fresh("weights from 0 to 1", "starts-too-large", fresh_plants.positive_weights, (0.3, 1.0)),
        _fresh("last bias far off", "starts-off", fresh_plants.far_bias, (10.0, 100.0)),
        _fresh("sigmoid on the outputs", "has-wrong-output-activation", fresh_plants.ends_with_sigmoid),
        _fresh("most of each input erased", "augments-too-hard", fresh_plants.erased, (0.75, 0.9),
               (*FRESH_CLASSES, "computers-residual")),
        _fresh("labels of the next class", "has-noisy-labels", fresh_plants.neighbour_labels, (0.25, 0.45),
               FRESH_CLASSES),
        _fresh("targets one row off", "has-misaligned-labels", fresh_plants.one_row_off, (0.6, 1.0)),
        _fresh("shuffle buffer too small", "is-unshuffled", fresh_plants.small_buffer, (0.1, 0.02),
               (*FRESH_CLASSES, "computers-residual")),
        _fresh("one column in other units", "is-unscaled", fresh_plants.other_units, (100.0, 10_000.0),
               ("diamonds-silu", "computers-residual")),
        _fresh("evaluated in reverse order", "differs-in-preprocessing", fresh_plants.turned_round,
               tasks=(*FRESH_CLASSES, "computers-residual")),
    )
}  # fmt: skip

CANNOT_BE_PLANTED = {
    "stalls": "a plateau has a cause, and that is what is planted: rate, saturation, dead units",
    "turns-nan": "NaN has a cause, and that is what is planted: rate, data, logarithm",
    "selects-on-test": "one run's record does not tell what was chosen by it",
}
