"""Names of columns, as many tools and people spell them, and what they mean here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

TRAIN, VAL, TEST = "train", "val", "test"
_PARTS = {
    **dict.fromkeys(("train", "training", "trn", "tr", "fit"), TRAIN),
    **dict.fromkeys(
        ("val", "valid", "validation", "validate", "eval", "evaluation", "evaluate", "dev", "heldout"), VAL
    ),
    **dict.fromkeys(("test", "testing"), TEST),
}


def _any_of(*words: str) -> frozenset[str]:
    return frozenset(word for line in words for word in line.split())


_STEP = _any_of(
    "step steps global_step iteration iterations iter iters itr it update updates num_updates n_iter batch batches",
    "batch_idx batch_index global_iter trainer_global_step step_num num_steps minibatch",
)
_EPOCH = _any_of("epoch epochs ep current_epoch epoch_num epoch_idx epoch_index num_epoch trainer_epoch")
_CLOCK = _any_of(
    "time timestamp wall_time walltime runtime relative_time date datetime elapsed eta created created_at total_time",
    "run_time time_elapsed elapsed_time duration index unnamed_0 relative_time_process relative_time_wall v_num",
    "samples_per_second steps_per_second tokens_per_second it_s its s_it ms_step s_step flos flops total_flos mfu",
    "version memory mem gpu_mem num_input_tokens_seen",
)
_SECONDS = _any_of("seconds sec secs epoch_time time_s epoch_seconds time_per_epoch epoch_duration")
_SPELLINGS = {
    "loss": _any_of(
        "loss losses cost nll nll_loss ce ce_loss cross_entropy cross_entropy_loss crossentropy crossentropy_loss xent",
        "total_loss loss_total lm_loss bce bce_loss log_loss logloss objective criterion mse_loss l1_loss main_loss",
        "categorical_crossentropy sparse_categorical_crossentropy binary_crossentropy",
    ),
    "accuracy": _any_of(
        "acc accuracy acc1 acc_1 acc@1 prec@1 prec1 top1 top_1 top1_acc acc_top1 top_1_accuracy top1_accuracy",
        "accuracy_top1 accuracy_top_1 categorical_accuracy sparse_categorical_accuracy binary_accuracy",
        "multiclass_accuracy accuracy_score",
    ),
    "error": _any_of("err error error_rate top1_error top1_err"),
    "f1": _any_of("f1 f1_score f1score binary_f1score multiclass_f1score"),
    "macro_f1": _any_of("macro_f1 f1_macro"),
    "auc": _any_of("auc auroc roc_auc"),
    "r2": _any_of("r2 r2_score r_2 rsquared r_squared"),
    "mse": _any_of("mse mean_squared_error"),
    "mae": _any_of("mae mean_absolute_error"),
    "rmse": _any_of("rmse root_mean_squared_error"),
    "perplexity": _any_of("perplexity ppl"),
    "precision": _any_of("precision"),
    "recall": _any_of("recall"),
}
_METRIC_OF = {spelling: metric for metric, spellings in _SPELLINGS.items() for spelling in spellings}
SHARES = frozenset({"accuracy", "f1", "macro_f1", "auc", "precision", "recall"})
"""Metrics that lie in [0, 1]: larger values are percentages."""
INSTEAD_OF_A_LOSS = ("mse", "rmse", "mae", "perplexity", "error")
"""What is taken for the loss, in this order, where a log has none by name."""

_NOISE = _any_of("average avg mean the set running smoothed metrics metric scalar scalars score value log logs raw")
_DENSITY = {"step": "step", "batch": "step", "iteration": "step", "iterations": "step", "epoch": "epoch"}
_RATE_NOISE = _any_of(
    "train training trainer params param group groups optimizer opt adam adamw w sgd rmsprop lion step epoch pg pg0",
    "pg1 group0 group1 scheduler schedule current base main last 0",
)
_NORM_NOISE = _any_of("train training total global l2 2 0 2_0 all overall before clip clipping pre unclipped step")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])")
_SEPARATORS = re.compile(r"[^0-9a-z@]+")


class Role(StrEnum):
    """What a column is there for."""

    CURVE = "curve"
    STEP = "step"
    EPOCH = "epoch"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a column's name says.

    Attributes:
        role: What it is there for.
        metric: Of a curve: "loss", "accuracy", "lr", "grad_norm", or a name of its own.
        part: "train", "val", "test", or "" where the name does not say.
        density: "step" or "epoch" where the name says how often it was written, else "".
        known: Whether the metric is one that is known by this name, and not just a word.
    """

    role: Role
    metric: str = ""
    part: str = ""
    density: str = ""
    known: bool = True

    @property
    def name(self) -> str:
        """The curve's name in a history: a metric that says no part is of the training, as in Keras."""
        if self.metric in _WITHOUT_PART:
            return self.metric
        part = self.part or (TRAIN if self.known else "")
        return f"{part}_{self.metric}" if part else self.metric


_WITHOUT_PART = frozenset({"lr", "grad_norm", "seconds", "batch_size", "weight_decay", "momentum"})


@lru_cache(maxsize=4096)
def meaning(name: str) -> Meaning:
    """What the column `name` holds, as far as its name tells.

    >>> meaning("val/acc").name, meaning("eval_loss").name, meaning("train_loss_step").density
    ('val_accuracy', 'val_loss', 'step')
    >>> meaning("loss").name, meaning("lr-Adam").name, meaning("Global Step").role.value
    ('train_loss', 'lr', 'step')
    """
    words = _words(name)
    whole = "_".join(words)
    if whole in _EPOCH:
        return Meaning(Role.EPOCH)
    if whole in _STEP or whole in {f"{part}_{word}" for part in _PARTS for word in ("step", "iter", "iteration")}:
        return Meaning(Role.STEP)
    if whole in _CLOCK or "_".join(word for word in words if word not in _PARTS) in _CLOCK:
        return Meaning(Role.CLOCK)
    return Meaning(Role.CURVE, "seconds") if whole in _SECONDS else _curve(words, whole)


def _words(name: str) -> list[str]:
    return [word for word in _SEPARATORS.split(_CAMEL.sub(" ", name.strip()).lower()) if word]


def _curve(words: list[str], whole: str) -> Meaning:
    if _is_rate(words):
        return Meaning(Role.CURVE, "lr", density=_density(words)[0])
    if _is_gradient_norm(words):
        return Meaning(Role.CURVE, "grad_norm", density=_density(words)[0])
    if whole in ("batch_size", "weight_decay", "momentum"):
        return Meaning(Role.CURVE, whole)
    density, rest = _density(words)
    part = next((_PARTS[word] for word in rest if word in _PARTS), "")
    rest = [word for word in rest if word not in _PARTS]
    for kept in (rest, [word for word in rest if word not in _NOISE]):
        if "_".join(kept) in _METRIC_OF:
            return Meaning(Role.CURVE, _METRIC_OF["_".join(kept)], part, density)
    if not [word for word in rest if word not in _NOISE]:
        # a column called only "validation" holds what was trained for
        return (
            Meaning(Role.CURVE, "loss", part, density) if part else Meaning(Role.CURVE, whole or "value", known=False)
        )
    return Meaning(Role.CURVE, "_".join(rest), part, density, known=False)


def _density(words: list[str]) -> tuple[str, list[str]]:
    """How often, from words such as "train_loss_step", and the other words; "vs" joins a name to its unit."""
    said = next((_DENSITY[word] for word in reversed(words) if word in _DENSITY), "")
    return said, [word for word in words if word not in _DENSITY and word != "vs"]


def _is_rate(words: list[str]) -> bool:
    rest = [word for word in words if word != "lr"]
    if len(rest) == len(words):
        spelled = " ".join(words)
        if "learning rate" not in spelled:
            return spelled == "learningrate"
        rest = spelled.replace("learning rate", "").split()
    return all(word in _RATE_NOISE for word in rest)


def _is_gradient_norm(words: list[str]) -> bool:
    if words and words[0] in ("gnorm", "gradnorm"):
        return True
    gradient = next((word for word in words if word in ("grad", "grads", "gradient", "gradients")), None)
    if gradient is None or "norm" not in words:
        return False
    return all(word in _NORM_NOISE for word in words if word not in (gradient, "norm"))


def is_part(word: str) -> bool:
    """Whether a word names a part of the data: "train", "valid", "eval"."""
    return word.strip().lower() in _PARTS
