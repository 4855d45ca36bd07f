"""The main job, step by step; each step is shown, and written into the record as it finishes."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from ravine.core.errors import BadRun, BadValue, RavineError
from ravine.core.files import write_json, write_whole
from ravine.core.shapes import InputShape
from ravine.data.audit import audit
from ravine.data.batches import TensorBatches, resident
from ravine.data.infer import infer_task
from ravine.data.prepare import Preparation, prepare
from ravine.data.provided import Provided
from ravine.data.raw import Raw
from ravine.data.sources.opening import open_source
from ravine.data.split import split_rows
from ravine.data.summary import data_section
from ravine.data.task import Kind, Task, encode_targets, fit_target
from ravine.diagnose.doctor import examine
from ravine.fit.augment_auto import settle_augment
from ravine.fit.baselines import baseline_section, fit_baselines
from ravine.fit.ensemble import Kept, Setting, assembled, gain_words, restarted, train_members
from ravine.fit.evaluate.evaluate import evaluate
from ravine.fit.fingerprint import fingerprint
from ravine.fit.first_weights import loss_of_a_guess, scaled_by_data, start_at_average
from ravine.fit.model import Model, calibrate
from ravine.fit.model_folder import save_model
from ravine.fit.network import Network
from ravine.fit.regularized import chosen_for
from ravine.fit.repair.course import Beginning, repaired
from ravine.fit.repair.offer import check_repairable, offered
from ravine.fit.resolve import resolved, training_choices
from ravine.fit.train_section import train_section
from ravine.fit.transform import batch_transform
from ravine.fit.warmed import warmed
from ravine.fit.words import baseline_words, data_words, test_words, train_words
from ravine.models import Built, advise, build, describe
from ravine.records.environment import environment
from ravine.records.finding import Finding, write_findings
from ravine.records.folder import RunFolder
from ravine.records.history import History
from ravine.records.results import (
    Layer,
    ModelSection,
    PlanSection,
    PrepareSection,
    Results,
    SplitSection,
    TrainSection,
)
from ravine.report.page import write_report
from ravine.report.text import summary
from ravine.train.losses import loss_of
from ravine.train.machine import Machine
from ravine.train.metrics import epoch_metrics
from ravine.train.outcome import Outcome
from ravine.train.recipe import Recipe
from ravine.train.show import Show
from ravine.train.trainer import Trainer

Status = Literal["running", "done", "interrupted", "failed"]


class Job:
    """One run of `ravine fit`, from opening the source to the report.

    Args:
        recipe: Every choice; what is "auto" is filled in on the way.
        machine: Processes and devices, launched. All processes do the same; the first one speaks
            and writes.
        show: What the person sees.
        given: Data in memory, when the source is no name or path.
        own_model: A network of the caller's own.
        run_dir: Folder of the run; None makes one.
        resumes: Go on in `run_dir`.
    """

    def __init__(
        self,
        *,
        recipe: Recipe,
        machine: Machine,
        show: Show,
        given: Any = None,
        own_model: nn.Module | None = None,
        run_dir: Path | None = None,
        resumes: bool = False,
    ) -> None:
        self.recipe, self.machine, self.show = recipe, machine, show
        self.given, self.own_model, self.resumes = given, own_model, resumes
        check_repairable(recipe, machine)
        if given is None and not recipe.data.source:
            raise BadValue("fit: no source of data. Name one: ravine fit digits, or a file or folder.")
        # A folder that held something before is never cleared: what is in it may be the person's own.
        self._ours_alone = not resumes and (run_dir is None or _is_free(run_dir))
        self.folder = self._folder(run_dir)
        self.results = Results()
        self.findings: list[Finding] = []
        self.model: Model | None = None
        self.network: nn.Module | None = None  # that a repair ended with
        self.beginning = Beginning()
        self._trains = False  # whether there is something worth keeping yet

    def run(self) -> tuple[Outcome | None, Status]:
        """Do all of it; the record says how far it came, whatever happens."""
        try:
            self._begin()
            outcome = self._steps()
        except BaseException as error:
            if isinstance(error, RavineError) and not self._trains and self._ours_alone:
                self._withdraw()
            else:
                stopped = isinstance(error, KeyboardInterrupt)
                self._conclude("interrupted" if stopped else "failed", quietly=True)
            raise
        status: Status = "interrupted" if outcome.interrupted else "done"
        self._conclude(status)
        return outcome, status

    # ---- steps --------------------------------------------------------------------------------

    def _steps(self) -> Outcome:
        source = self._open()
        if isinstance(source, Provided):
            from ravine.fit.ready_made import train_ready_made

            return train_ready_made(self, source)
        raw, recipe = source, self.recipe
        task = infer_task(raw, override=recipe.data.task, log_target=recipe.data.log_target)
        split = split_rows(raw, task, **recipe.split.model_dump(), seed=recipe.seed)
        section = data_section(raw, task, split.train)
        self.keep("data", data_words(section), data=section)

        self._found([*raw.findings, *audit(raw, task, split)])
        sizes = f"{len(split.train):,} train, {len(split.val):,} validation, {len(split.test):,} test"
        self.keep(
            "split",
            f"{sizes} ({split.how})",
            split=SplitSection(how=split.how, train=len(split.train), val=len(split.val), test=len(split.test)),
        )

        assert raw.targets is not None
        task = fit_target(task, raw.targets, split.train)
        preparation = self._prepared(raw, split.train, task)
        fields = preparation.fields(raw.inputs)
        encoded = encode_targets(task, raw.targets)
        target = torch.from_numpy(encoded)
        steps = preparation.describe()
        self.keep("prepare", "; ".join(steps), prepare=PrepareSection(steps=steps))
        self._check_same_data(fields, target)

        make = functools.partial(
            self._built,
            recipe.model.name,
            preparation.shape,
            task.outputs,
            rows=len(split.train),
            width=recipe.model.width,
            depth=recipe.model.depth,
            dropout=recipe.model.dropout,
            activation=recipe.model.activation,
            norm=recipe.model.norm,
            initialization=recipe.model.initialization,
            task_kind=task.kind.value,
        )
        built = make(seed=recipe.seed)
        body = self.own_model if self.own_model is not None else built.module
        advice = advise(built.name, preparation.shape.form, len(split.train), task.outputs, task.kind.value)
        self.settle(resolved(recipe, advice, built.name, validated=len(split.val) > 0))
        recipe = self.recipe
        bias = start_at_average(body, task, encoded[split.train])
        network = Network(preparation.normalizer(), body, spare_empty=self.own_model is not None)
        parameters = sum(parameter.numel() for parameter in body.parameters())
        sample = tuple(field[torch.from_numpy(split.train[:2])] for field in fields)
        by_data = scaled_by_data(network, recipe.model.initialization, fields, split.train)
        warm, behind = warmed(recipe, body, self.folder, resumes=self.resumes)
        begun = f"{built.initialization}; {by_data}{warm}{bias}" if self.own_model is None else f"{warm}{bias}"
        name = built.name if self.own_model is None else type(body).__name__
        reason = built.reason if self.own_model is None else "given"
        self.keep(
            "model",
            f"{name}, {parameters:,} parameters: {reason}",
            model=ModelSection(
                name=name,
                reason=reason,
                parameters=parameters,
                layers=[
                    Layer(name=layer.name, type=layer.type, output=layer.output, parameters=layer.parameters)
                    for layer in describe(network, *sample)
                ],
                initialization=begun,
            ),
        )

        rivals = []
        if self.machine.speaks and len(split.test):
            rivals = fit_baselines(
                fields,
                preparation,
                task,
                encoded,
                train=split.train,
                val=split.val,
                test=split.test,
                seed=recipe.seed,
            )
            found = baseline_section(rivals, task, seed=recipe.seed)
            self.keep("baselines", baseline_words(found), baselines=found)

        *fields_near, target_near = resident((*fields, target), self.machine.device)

        def part(rows: Any, order: Any, batch_size: int, pieces: int = 1, seed: int = recipe.seed) -> TensorBatches:
            return TensorBatches(
                fields_near,
                target_near,
                batch_size=batch_size,
                order=order,
                seed=seed,
                pieces=pieces,
                rank=self.machine.rank,
                world=self.machine.world,
                device=self.machine.device,
                subset=torch.from_numpy(rows),
            )

        size = recipe.train.batch_size
        assert size != "auto"
        measured = settle_augment(self, network, fields_near[0], target_near, split, task, preparation.shape)
        recipe = self.recipe
        transform, words = batch_transform(recipe.train, preparation.shape, task)
        words += measured
        few = tuple(field[:2] for field in fields_near)
        chosen_for(recipe, task, network, few, target_near[:2])
        smoothing = recipe.train.label_smoothing
        assert smoothing != "auto"
        if smoothing and task.kind is not Kind.REGRESS:
            words.append(f"label smoothing {smoothing:g}")
        watch = f"val_{task.metric}" if len(split.val) else None

        def trainer_of(network: Network, **more: Any) -> Trainer:
            return Trainer(
                network,
                loss_of(task.kind, smoothing),
                metrics=lambda outputs, wanted: epoch_metrics(task, outputs, wanted),
                watch=watch,
                validation_loss=loss_of(task.kind),
                transform=transform,
                regularize=chosen_for(recipe, task, network, few, target_near[:2]),
                **{
                    "machine": self.machine,
                    "run_dir": self.folder.path,
                    "resume": self.resumes,
                    "seed": recipe.seed,
                    "after_epochs": behind,
                    **training_choices(recipe),
                    **more,
                },
            )

        def rows_of(seed: int) -> TensorBatches:
            return part(split.train, recipe.train.order, size, recipe.train.accumulate, seed)

        def fresh(seed: int, **choices: Any) -> Network:
            body = make(seed=seed, **choices).module if self.own_model is None else restarted(self.own_model, seed)
            start_at_average(body, task, encoded[split.train])
            made = Network(preparation.normalizer(), body, spare_empty=self.own_model is not None)
            scheme = choices.get("initialization", recipe.model.initialization)
            scaled_by_data(made, scheme, fields, split.train)
            return made

        held = part(split.val, "sequential", 4 * size) if len(split.val) else None
        kept: list[Kept] = []
        if recipe.ensemble.asked is None:
            ours = self.own_model is None and built.size is not None and recipe.train.warm_start is None
            anew = (lambda choices: fresh(recipe.seed, **choices)) if ours else None
            self.beginning = Beginning(guess=loss_of_a_guess(task), anew=anew)
            outcome = self.train(trainer_of(network), rows_of(recipe.seed), held, words)
            if isinstance(self.network, Network):
                network, recipe = self.network, self.recipe
        else:
            setting = Setting(
                job=self,
                watch=watch or "train_loss",
                fresh=fresh,
                trainer_of=trainer_of,
                rows=rows_of,
                held=held,
                words=words,
            )
            outcome, kept, how = train_members(setting)
        if outcome.interrupted or not self.machine.speaks:
            return outcome

        described = {
            "name": name,
            "rows": len(split.train),
            **recipe.model.model_dump(exclude={"name"}),
            # the size itself: a later Ravine may size networks otherwise
            **(dataclasses.asdict(built.size) if built.size is not None else {}),
            "seed": recipe.seed,
            "task_kind": task.kind.value,
        }

        def model_of(network: Network, more: dict[str, Any]) -> Model:
            return Model(network=network, task=task, preparation=preparation, built={**described, **more})

        whole = None
        if kept:
            whole = assembled(kept, network, model_of, recipe.ensemble, raw, split.val, encoded[split.val])
        model = model_of(network, {}) if whole is None else model_of(whole.network, whole.built)
        if len(split.val):
            seen = model.outputs(raw, split.val)
            model.extra.update(calibrate(task, seen, encoded[split.val]))
        self.model = model
        if self.own_model is None:
            save_model(self.folder.model, model)
        if len(split.test):
            test = evaluate(model, raw, split.test, baselines=rivals, seed=recipe.seed)
            self.keep("test", test_words(test), test=test)
            if whole is not None:
                gained = whole.section(model, raw, split.test, encoded[split.test], how, recipe.seed)
                self.keep("ensemble", gain_words(gained), ensemble=gained)
        return outcome

    def _prepared(self, raw: Raw, rows: Any, task: Task) -> Preparation:  # noqa: ARG002 (for jobs that begin elsewhere)
        """How rows are prepared, learned from the training rows."""
        return prepare(raw.inputs, rows)

    def _built(self, name: str, shape: InputShape, outputs: int, **choices: Any) -> Built:
        """The network with its first weights; see `ravine.models.build`."""
        return build(name, shape, outputs, **choices)

    def train(self, trainer: Trainer, train: Any, validate: Any, regularization: list[str]) -> Outcome:
        """Train and keep the section of it; shared with networks and loaders that come ready-made."""
        self.log(trainer)
        if self.recipe.train.repair:
            outcome, trainer = repaired(self, trainer, train, validate, self.beginning)
            self.network = trainer.model
        else:
            outcome = self.follow(trainer, train, validate)
        section = train_section(trainer, outcome, regularization, str(self.machine.device))
        self.trained(section, outcome.history)
        return outcome

    def log(self, trainer: Trainer) -> None:
        """Let `trainer` write for other tools, where the recipe asks for it."""
        if "tensorboard" in self.recipe.keep.log and self.machine.speaks:
            from ravine.train.tensorboard import log_to_tensorboard

            log_to_tensorboard(trainer, self.folder.path / "tensorboard")

    def follow(self, trainer: Trainer, train: Any, validate: Any) -> Outcome:
        """Train, and show how it goes."""

        def plan(trainer: Trainer) -> None:
            assert trainer.plan is not None
            self.planned(trainer.plan)

        if not self._trains:
            trainer.on("start", plan)
        self.show.attach(trainer)
        return trainer.fit(train, validate)

    def planned(self, plan: PlanSection) -> None:
        """Training begins, in this way: from here on there is something worth keeping."""
        self._trains = True
        self.keep("plan", f"{plan.choice}: {plan.reason}", plan=plan)

    def trained(self, section: TrainSection, history: History) -> None:
        """Keep how the training went, and what its curves show."""
        self.keep("train", train_words(section), train=section)
        self._found(offered(examine(history), self.recipe, self.results.repair))

    # ---- record -------------------------------------------------------------------------------

    def _folder(self, run_dir: Path | None) -> RunFolder:
        if self.resumes:
            assert run_dir is not None
            return RunFolder(run_dir)
        name = self.recipe.data.source or "data"
        made = RunFolder.create(name, run_dir) if self.machine.speaks else None
        folder: RunFolder = self.machine.from_first(made)
        return folder

    def _begin(self) -> None:
        if not self.resumes:
            self._write_recipe()
        if self.machine.speaks:
            facts = environment()
            facts["torch"] = _torch_facts(self.machine.device)
            write_json(self.folder.environment, facts)
            self.results.write(self.folder.results)
        self.show.step("run", str(self.folder.path))

    def settle(self, recipe: Recipe) -> None:
        """Go on with `recipe`, in which nothing that matters is "auto" any more, and write it down."""
        self.recipe = recipe
        self._write_recipe()

    def _write_recipe(self) -> None:
        if self.machine.speaks:
            write_whole(self.folder.recipe, self.recipe.to_toml())

    def _open(self) -> Raw | Provided:
        data = self.recipe.data
        return open_source(
            self.given if self.given is not None else data.source,
            target=data.target,
            drop=data.drop,
            id=data.id,
            group=data.group,
            time=data.time,
            delimiter=data.delimiter,
            image_size=data.image_size,
        )

    def keep(self, title: str, words: str, **sections: Any) -> None:
        """Show a step and write its section."""
        self.results = self.results.with_section(**sections)
        if self.machine.speaks:
            self.results.write(self.folder.results)
        self.show.step(title, words)

    def _found(self, findings: list[Finding]) -> None:
        self.findings += findings
        for finding in findings:
            self.show.finding(finding)
        if self.machine.speaks:
            write_findings(self.folder.findings, self.findings)

    def _conclude(self, status: Status, *, quietly: bool = False) -> None:
        """Write the status and the report; `quietly` when an error is already on its way to the person."""
        if not self.machine.speaks:
            return
        self.results = self.results.with_section(status=status)
        try:
            self.results.write(self.folder.results)
            write_report(self.folder)
        except (RavineError, OSError):
            if not quietly:
                raise
            return
        if not quietly:
            self.show.close(summary(self.folder))

    def _withdraw(self) -> None:
        """Leave no folder behind when what was asked for cannot be done."""
        if self.machine.speaks:
            self.folder.discard()

    def _check_same_data(self, fields: tuple[torch.Tensor, ...], target: torch.Tensor) -> None:
        """A resumed run must see the rows it began with: their fingerprint is part of the record."""
        if not self.machine.speaks:
            return
        now = fingerprint((*fields, target))
        path = self.folder.data_digest
        if self.resumes and path.exists() and path.read_text(encoding="utf-8").strip() != now:
            raise BadRun(
                f"{self.folder.path}: the data of this run have changed since it began. "
                "Put them back as they were, or start anew with ravine fit."
            )
        write_whole(path, now + "\n")


def _is_free(path: Path) -> bool:
    """Whether there is nothing at `path` yet, or an empty folder."""
    try:
        return not any(path.iterdir())
    except FileNotFoundError:
        return True
    except OSError:  # a file, or a folder that cannot be read
        return False


def _torch_facts(device: torch.device) -> dict[str, Any]:
    facts: dict[str, Any] = {"version": torch.__version__, "threads": torch.get_num_threads(), "device": str(device)}
    if device.type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(device)
        facts["cuda"] = torch.version.cuda
    return facts
