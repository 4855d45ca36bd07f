"""Networks, data sets and loaders that come ready-made: trained as they are, tested and recorded all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, random_split

from ravine.core.errors import BadData, BadValue
from ravine.core.files import write_whole
from ravine.core.shapes import InputShape
from ravine.data.provided import Provided
from ravine.data.split import validation_share
from ravine.data.task import Kind, Task
from ravine.fit.evaluate.answers import Answers
from ravine.fit.evaluate.calibration import calibration
from ravine.fit.evaluate.confusion import confusion
from ravine.fit.evaluate.measures import deciding
from ravine.fit.evaluate.scores import scores
from ravine.fit.intervals import Bootstrap
from ravine.fit.network import Network
from ravine.fit.regularized import chosen_for
from ravine.fit.resolve import resolved, training_choices
from ravine.fit.warmed import warmed
from ravine.models import advise, build
from ravine.records.results import DataSection, ModelSection, SplitSection, TestSection
from ravine.train.datasets import as_batches
from ravine.train.losses import loss_of
from ravine.train.metrics import epoch_metrics
from ravine.train.outcome import Outcome
from ravine.train.trainer import Trainer

if TYPE_CHECKING:
    from ravine.fit.job import Job

WEIGHTS = "weights.safetensors"


def train_ready_made(job: Job, provided: Provided) -> Outcome:
    """Train what a person brought; nothing is prepared, audited or augmented unasked, since it is theirs.

    A network is built when none was brought, from the shape of the first batch. The weights are kept
    as `weights.safetensors` in the run folder: raw rows mean nothing without the person's own code.

    Raises:
        BadData: No training data; batches that are no (input, target); targets of no known kind.
    """
    if job.recipe.ensemble.asked is not None:
        raise BadValue(
            f"ensemble: {provided.name} gives torch data sets or loaders, whose training cannot be started again from "
            "other seeds. Give a file, arrays or a table."
        )
    if provided.train is None:
        raise BadData(
            f"{provided.name}: gives a model but no data to train on. Return a 'train' dataset or loader too."
        )
    train, val, how = _with_validation(provided, job.recipe.split.val, job.recipe.seed)
    inputs, target = _first_batch(train, provided.name)
    task = _task(train, target)
    rows = _rows(train)
    job.keep(
        "data",
        f"{provided.name}: {rows:,} rows; {task.kind.value} ({task.reason})",
        data=DataSection(
            name=provided.name,
            origin=provided.origin,
            form=_form(inputs),
            rows=rows,
            task=task.kind.value,
            task_reason=task.reason,
            target="target",
            classes=list(task.classes),
            shape=" × ".join(str(side) for side in inputs[0].shape[1:]),
        ),
    )
    sizes = SplitSection(how=how, train=rows, val=_rows(val) if val is not None else 0, test=_rows(provided.test))
    job.keep("split", f"{sizes.train:,} train, {sizes.val:,} validation, {sizes.test:,} test ({how})", split=sizes)

    model, name, reason, start = _model(job, provided, inputs, task, rows)
    advice = advise(name, _form(inputs), rows, task.outputs, task.kind.value)
    job.settle(resolved(job.recipe, advice, job.recipe.model.name, validated=val is not None))
    warm, behind = warmed(job.recipe, model, job.folder, resumes=job.resumes)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    job.keep(
        "model",
        f"{name}, {parameters:,} parameters: {reason}",
        model=ModelSection(name=name, reason=reason, parameters=parameters, initialization=f"{warm}{start}"),
    )
    chosen = chosen_for(job.recipe, task, model, inputs, target)
    trainer = Trainer(
        model,
        provided.loss or _loss(task, job.recipe.train.label_smoothing),
        metrics=_metrics(task),
        regularize=chosen,
        after_epochs=behind,
        run_dir=job.folder.path,
        resume=job.resumes,
        seed=job.recipe.seed,
        machine=job.machine,
        **training_choices(job.recipe),
    )
    outcome = job.train(trainer, train, val, [])
    if outcome.interrupted or not job.machine.speaks:
        return outcome
    weights = {name: value.detach().cpu().contiguous().clone() for name, value in model.state_dict().items()}
    write_whole(job.folder.path / WEIGHTS, save(weights))
    if provided.test is not None:
        test = _test(model, provided.test, task, job)
        job.keep("test", test.verdict, test=test)
    return outcome


def _with_validation(provided: Provided, asked: float | Literal["auto"], seed: int) -> tuple[Any, Any, str]:
    """Training and validation data; a part of the training set where no validation came with it."""
    train, val = provided.train, provided.val
    if val is not None:
        return train, val, "as given"
    if isinstance(train, DataLoader) or not isinstance(train, Dataset) or not hasattr(train, "__len__"):
        return train, None, "as given; no validation set, so nothing tells when to stop"
    rows = len(train)
    held = max(1, round(validation_share(asked, rows) * rows))
    if rows - held < 1:
        raise BadData(f"{provided.name}: {rows} rows are too few to hold some back for validation.")
    kept, out = random_split(train, [rows - held, held], generator=torch.Generator().manual_seed(seed))
    return kept, out, f"validation drawn at random, seed {seed}"


def _first_batch(train: Any, name: str) -> tuple[tuple[Tensor, ...], Tensor]:
    batches = as_batches(train, name, batch_size=8, order="sequential", device=torch.device("cpu"))
    state = torch.get_rng_state()
    try:
        batch = next(iter(batches.epoch(0)))
    except StopIteration:
        raise BadData(f"{name}: yields no batches.") from None
    finally:
        torch.set_rng_state(state)
    if not all(isinstance(part, Tensor) for part in (*batch.inputs, batch.target)):
        raise BadData(
            f"{name}: batches must be tensors; got {type(batch.inputs[0]).__name__} and {type(batch.target).__name__}."
        )
    return batch.inputs, batch.target


def _task(train: Any, target: Tensor) -> Task:
    """What is learned, from the first targets; classes are counted over the set where it tells them quickly."""
    if not target.is_floating_point():
        classes = _num_classes(train, target)
        reason = f"targets are whole numbers, {classes} classes"
        return Task(kind=Kind.CLASSIFY, classes=tuple(str(number) for number in range(classes)), reason=reason)
    columns = 1 if target.ndim == 1 else target.shape[1]
    names = tuple(f"target {number + 1}" for number in range(columns))
    if target.ndim == 2 and bool(((target == 0) | (target == 1)).all()):
        return Task(
            kind=Kind.MULTI_LABEL, classes=names, targets=names, reason="targets are 0 and 1 in several columns"
        )
    ones = (1.0,) * columns
    zeros = (0.0,) * columns
    return Task(kind=Kind.REGRESS, targets=names, mean=zeros, std=ones, reason="targets are real numbers")


def _num_classes(train: Any, target: Tensor) -> int:
    dataset = train.dataset if isinstance(train, DataLoader) else train
    while hasattr(dataset, "dataset"):  # a Subset of it
        dataset = dataset.dataset
    for name in ("classes", "targets", "tensors"):
        known = getattr(dataset, name, None)
        if known is None:
            continue
        if name == "classes":
            return len(known)
        labels = torch.as_tensor(known[-1] if name == "tensors" else known)
        return int(labels.max()) + 1
    if isinstance(dataset, Dataset) and hasattr(dataset, "__len__"):
        step = max(1, len(dataset) // 2000)
        return 1 + max(int(dataset[place][-1]) for place in range(0, len(dataset), step))
    return int(target.max()) + 1


def _model(
    job: Job, provided: Provided, inputs: tuple[Tensor, ...], task: Task, rows: int
) -> tuple[nn.Module, str, str, str]:
    own = job.own_model if job.own_model is not None else provided.model
    if own is not None:
        if not isinstance(own, nn.Module):
            raise BadData(f"{provided.name}: the model must be a torch.nn.Module; got {type(own).__name__}.")
        return own, type(own).__name__, "given", "as given"
    shape = _shape(inputs)
    choices = job.recipe.model
    built = build(
        choices.name,
        shape,
        task.outputs,
        rows=rows,
        width=choices.width,
        depth=choices.depth,
        dropout=choices.dropout,
        activation=choices.activation,
        norm=choices.norm,
        initialization=choices.initialization,
        seed=job.recipe.seed,
        task_kind=task.kind.value,
    )
    return Network(_AsFloats(shape), built.module), built.name, built.reason, built.initialization


class _AsFloats(nn.Module):
    """Inputs as the families of networks take them: floats, and for vectors an empty field of codes beside."""

    def __init__(self, shape: InputShape) -> None:
        super().__init__()
        self.form = shape.form

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """One field, or numbers and codes."""
        values = inputs.float()
        if self.form == "table":
            return values, torch.zeros(len(values), 0, dtype=torch.int64, device=values.device)
        return (values,)


def _shape(inputs: tuple[Tensor, ...]) -> InputShape:
    first = inputs[0]
    match _form(inputs):
        case "image":
            return InputShape(form="image", channels=first.shape[1], height=first.shape[2], width=first.shape[3])
        case "sequence":
            return InputShape(form="sequence", length=first.shape[1], features=first.shape[2])
        case _:
            return InputShape(form="table", numeric=first[0].numel())


def _form(inputs: tuple[Tensor, ...]) -> Any:
    return {4: "image", 3: "sequence"}.get(inputs[0].ndim, "table")


def _loss(task: Task, smoothing: Any) -> Any:
    loss = loss_of(task.kind, smoothing if smoothing != "auto" and task.kind is not Kind.REGRESS else 0.0)
    if task.kind is Kind.REGRESS:
        return lambda outputs, target: loss(outputs, target.reshape(len(target), -1))
    return loss


def _metrics(task: Task) -> Any:
    def metrics(outputs: Tensor, target: Tensor) -> dict[str, float]:
        wanted = target.reshape(len(target), -1) if task.kind is Kind.REGRESS else target
        return epoch_metrics(task, outputs.reshape(len(target), -1), wanted)

    return metrics


def _test(model: nn.Module, data: Any, task: Task, job: Job) -> TestSection:
    size = 256
    batches = as_batches(data, "test data", batch_size=size, order="sequential", device=job.machine.device)
    outputs, targets = [], []
    model.eval()
    with torch.inference_mode():
        for inputs, target, _, _ in batches.epoch(0):
            outputs.append(model(*inputs).float().cpu().reshape(len(target), -1))
            targets.append(target.cpu())
    truth = torch.cat(targets)
    if task.kind is Kind.REGRESS:
        truth = truth.reshape(len(truth), -1)
    answers = Answers(task, torch.cat(outputs).numpy(), np.asarray(truth))
    found = scores(answers, Bootstrap(len(answers), seed=job.recipe.seed))
    metric = deciding(task).name
    best = next(score for score in found if score.name == metric)
    interval = (
        f" (95% interval {best.low:.4g} to {best.high:.4g})" if best.low is not None and best.high is not None else ""
    )
    return TestSection(
        rows=len(answers),
        metric=metric,
        scores=found,
        confusion=confusion(answers) if task.kind is Kind.CLASSIFY else [],
        calibration=None if task.kind is Kind.REGRESS else calibration(answers),
        verdict=f"{metric} {best.value:.4g}{interval} on {len(answers):,} test rows",
    )


def _rows(data: Any) -> int:
    if data is None:
        return 0
    return as_batches(data, "data", batch_size=1, device=torch.device("cpu")).rows
