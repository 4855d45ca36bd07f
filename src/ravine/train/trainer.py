"""The trainer: one network, its batches, and everything around the loop.

trainer = Trainer(model, nn.CrossEntropyLoss(), epochs=20, lr=3e-3)
outcome = trainer.fit((x, y), validate=(x_val, y_val))
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ravine import optim
from ravine.core.files import explained
from ravine.core.time import Clockwork
from ravine.data.batches import Batches
from ravine.optim.averages import Averaged
from ravine.optim.averages import parse as parse_average
from ravine.records.folder import RunFolder
from ravine.records.history import History
from ravine.records.metrics import MetricsWriter
from ravine.records.results import PlanSection
from ravine.regularize.chosen import Chosen, both, choose
from ravine.train.datasets import as_batches
from ravine.train.decide import decide, planned_steps
from ravine.train.events import Event, Events
from ravine.train.guarded import settings_put_back, users_code
from ravine.train.guess import guessed_metrics
from ravine.train.interrupt import Interrupt
from ravine.train.judging import copied, evaluated, judge, judges
from ravine.train.loop import run_epoch
from ravine.train.machine import Machine
from ravine.train.noise_scale import NoiseScale, noise_scale_for
from ravine.train.outcome import Outcome
from ravine.train.plan import measured_decision
from ravine.train.randomness import random_state, seed_everything, set_random_state
from ravine.train.rate import Rate
from ravine.train.recipe import Recipe
from ravine.train.safekeeping import Kept, Safekeeping, restore
from ravine.train.scaled_lr import scaled_lr
from ravine.train.start import Start
from ravine.train.tally import Tally
from ravine.train.whole_rows import WholeRows

Loss = Callable[[Any, Any], Tensor]
Metrics = Callable[[Tensor, Tensor], dict[str, float]]
Weigh = Callable[[Any], Any]
Transform = Callable[[tuple[Any, ...], Any], tuple[tuple[Any, ...], Any]]

DEFAULTS: dict[str, Any] = {"epochs": 10, "lr": 1e-3, "weight_decay": 0.01, "batch_size": 128, "average": 0.0}
"""What "auto" means for somebody's own network; `ravine fit` chooses by the data instead."""


class Trainer:
    """Trains a network and keeps a record.

    Args:
        model: Any module; called with the inputs of a batch.
        loss: (outputs, target) → scalar mean over the batch. Default: cross-entropy.
        metrics: (outputs, target) → numbers by name, over a whole set; None guesses from the loss.
        watch: The number that decides what is best: "val_loss", "val_accuracy", "train_loss" …;
            None takes the first metric of the validation set, else its loss, else the training loss.
        higher_is_better: Direction of `watch`, where its name does not tell.
        validation_loss: When the loss to report differs from the one to train with.
        transform: (inputs, target) → (inputs, target), applied to each training batch on the device.
        weigh: Target → how much a piece of a step counts, for a loss that is a mean over something else than
            rows: tokens that are no padding, the sum of sample weights. Accumulation is then exact for it.
        after_epochs: Epochs that the schedule has behind it: it is laid out over these and the new ones.
        run_dir: Folder for metrics and snapshots; None keeps everything in memory.
        resume: Go on from the newest snapshot in `run_dir`.
        regularize: Techniques by name, {"dropconnect": 0.2}, on while training and off afterwards; those that
            must know how many classes there are take {"mixup": {"alpha": 0.2, "classes": 10}}.
        seed: Of the order of rows and of every draw during training.
        machine: Processes and devices already set up; None makes them from `choices`.
        start: Where to begin when not at the beginning, and what is other from there on.
        choices: Anything of the recipe's [train], [machine] and [keep] tables: `optimizer`, `lr`,
            `epochs`, `minutes`, `batch_size`, `accumulate`, `schedule`, `warmup`, `weight_decay`,
            `momentum`, `clip_norm`, `scale_lr`, `average`, `patience`, `min_delta`, `stop`, `target_value`,
            `diverged`, `order`, `plan`, `accelerator`, `devices`, `strategy`, `threads`, `workers`,
            `checkpoint_seconds`.

    Raises:
        Faults: Choices out of bounds or unknown, all at once.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss | None = None,
        *,
        metrics: Metrics | None = None,
        watch: str | None = None,
        higher_is_better: bool | None = None,
        validation_loss: Loss | None = None,
        transform: Transform | None = None,
        weigh: Weigh | None = None,
        after_epochs: float = 0.0,
        regularize: dict[str, Any] | Chosen | None = None,
        run_dir: str | Path | None = None,
        resume: bool = False,
        seed: int = 0,
        machine: Machine | None = None,
        start: Start | None = None,
        **choices: Any,
    ) -> None:
        table = None if isinstance(regularize, Chosen) else regularize
        recipe = Recipe.of_keywords(choices, owner="Trainer", regularize=table)
        self.chosen = regularize if isinstance(regularize, Chosen) else choose(recipe.regularize)
        self.choices, self.machine_choices, self._keep_choices = recipe.train, recipe.machine, recipe.keep
        self.model = model
        self.loss: Loss = loss or nn.CrossEntropyLoss()
        self.validation_loss: Loss = validation_loss or self.loss
        self.metrics = metrics or guessed_metrics(self.loss)
        self.transform, self.own_transform = both(transform, self.chosen), transform
        self.weigh, self.after_epochs = weigh, after_epochs
        self.watch, self.higher_is_better = watch, higher_is_better
        self.seed = seed
        self.events = Events()
        self.rows: list[dict[str, Any]] = []  # epoch rows of this process, newest last
        self.outcome: Outcome | None = None
        self.plan: PlanSection | None = None
        self.machine = machine
        self.start, self._resume, self.asked = start or Start(), resume, choices
        self.kept_along: dict[str, Kept] = {}  # by name, what else a snapshot holds
        self.norms: list[Tensor] | None = None  # of the gradient, by step, for whoever makes this a list
        self._writer: MetricsWriter | None = None
        self.folder = RunFolder(Path(run_dir)) if run_dir is not None else None

    def on(self, event: Event, listener: Callable[[Trainer], object]) -> Trainer:
        """Call `listener(trainer)` at each `event`; see `ravine.train.events`."""
        self.events.on(event, listener)
        return self

    def fit(self, train: Any, validate: Any = None) -> Outcome:
        """Train on `train`, watching `validate`; the network holds the best weights afterwards.

        Args:
            train: (x, …, y) tensors or arrays, a Dataset, or a DataLoader.
            validate: The same, or None.

        Raises:
            BadData: The data are of another form, or a batch cannot be used.
            BadRun: The run folder cannot be written, or no snapshot can be used.
            UserCodeError: The network or the loss raised.
        """
        with settings_put_back():
            try:
                self._set_up(train, validate)
                with Interrupt() as self.interrupt:
                    self._train()
            finally:
                self.chosen.take_off(self.model)
                if self._writer is not None:
                    self._writer.close()
        assert self.outcome is not None
        return self.outcome

    # ---- before -------------------------------------------------------------------------------

    def _set_up(self, train: Any, validate: Any) -> None:
        choices = self.choices
        if self.machine is None:
            asked = self.machine_choices
            self.machine = Machine(asked.accelerator, asked.devices, asked.strategy)
            self.machine.launch()
        machine = self.machine
        self._safekeeping: Safekeeping | None = None
        if self.folder is not None:
            self._safekeeping = Safekeeping(self.folder, self._keep_choices.checkpoint_seconds)
        state = self.start.state
        if state is None and self._safekeeping is not None and self._resume:
            state = self._safekeeping.newest()
        seed_everything(self.seed + machine.rank)
        self.given = train
        self.batch_size: int = choices.batch_size if choices.batch_size != "auto" else DEFAULTS["batch_size"]
        self.batches: Batches = self.training_batches(workers=0)
        self.model.to(machine.device)
        self.chosen.put_on(self.model, passes=state["step"] * choices.accumulate if state is not None else 0)
        epochs = choices.epochs if choices.epochs != "auto" else DEFAULTS["epochs"]
        self.total_steps = planned_steps(epochs, len(self.batches))
        self.decision, self.plan = decide(self, state, self.total_steps)
        if self.decision.workers:
            self.batches = self.training_batches(self.decision.workers)
        self.validation: Batches | None = None
        if validate is not None:
            size, workers = 4 * self.batch_size, self.decision.workers
            self.validation = self._as_batches(
                validate, "validation data", batch_size=size, order="sequential", workers=workers
            )
        if self.start.adjusted.whole_rows:
            self.batches = WholeRows(self.batches)
            self.validation = None if self.validation is None else WholeRows(self.validation)
        self._lay_out_time(state)
        self._prepare_state()
        self._writer = self._opened_writer()
        if state is not None:
            if self.start.state is None and self._safekeeping is not None:
                self._safekeeping.restore(self, state)
            else:
                restore(self, state, self.start.best, where="the start")
            if self._writer is not None:
                self._writer.write({"kind": "resume", "step": self.step})

    def training_batches(self, workers: int) -> Batches:
        """The training data in batches, loaded by so many processes where they are loaded at all."""
        assert self.machine is not None
        choices = self.choices
        return self._as_batches(
            self.given,
            "training data",
            batch_size=self.batch_size,
            order=choices.order,
            seed=self.seed,
            pieces=choices.accumulate,
            workers=workers,
            weigh=self.weigh,
            mean=self.machine.mean if self.machine.world > 1 else None,
        )

    def _as_batches(self, data: Any, name: str, **choices: Any) -> Batches:
        assert self.machine is not None
        machine = self.machine
        return as_batches(data, name, rank=machine.rank, world=machine.world, device=machine.device, **choices)

    def _opened_writer(self) -> MetricsWriter | None:
        assert self.machine is not None
        if self.folder is None or not self.machine.speaks:
            return None
        with explained(self.folder.path):
            self.folder.path.mkdir(parents=True, exist_ok=True)
        return MetricsWriter(self.folder.metrics)

    def _lay_out_time(self, state: dict[str, Any] | None) -> None:
        """How many steps there are, and the learning rate at each."""
        choices, per_epoch = self.choices, len(self.batches)
        if state is not None:
            self.total_steps = state["total_steps"]
        elif choices.minutes is not None:
            fits = self._steps_that_fit(60.0 * choices.minutes - self.start.spent)
            self.total_steps = fits if choices.epochs == "auto" else min(self.total_steps, fits)
        samples = self.batches.rows / per_epoch  # of a step, also where somebody's own loader makes the batches
        clockwork = Clockwork(total_steps=self.total_steps, steps_per_epoch=per_epoch, batch_size=samples)
        how = parse_average(choices.average if choices.average != "auto" else DEFAULTS["average"])
        self._how = how.fitted(clockwork) if how is not None else None
        done = round(self.after_epochs * per_epoch) if state is None else state["schedule"]["done"]
        tail = self._how.tail if self._how is not None else None
        self.schedule = Rate(
            choices.schedule, clockwork, choices.warmup, done=done, tail=tail, adjusted=self.start.adjusted
        )
        self.keeper, self.stops = judges(self)

    def _steps_that_fit(self, seconds: float) -> int:
        """Steps that end in time, evaluation (a third of a step's work a row) and the rest counted in."""
        assert self.machine is not None
        step = self.decision.step_seconds
        if step is None:
            batch = next(iter(self.batches.epoch(0)))
            _, measured = measured_decision(
                self.model, self.loss, batch, device=self.machine.device, steps=1, threads=self.decision.threads
            )
            milliseconds = measured.candidates[0].milliseconds
            step = (milliseconds or 1.0) / 1000
        evaluated = self.validation.rows / self.batches.rows / 3 if self.validation is not None else 0.0
        return max(int(0.92 * seconds / (step * (1.1 + evaluated))), 1)

    def _prepare_state(self) -> None:
        """Everything that changes while training."""
        assert self.machine is not None
        choices = self.choices
        lr = choices.lr if choices.lr != "auto" else DEFAULTS["lr"]
        adjusted = self.start.adjusted
        self.base_lr: float = adjusted.rate * scaled_lr(lr, self.batches.batch_size, rule=choices.scale_lr)
        self.clip_norm = choices.clip_norm if adjusted.clip_norm is None else adjusted.clip_norm
        decay = choices.weight_decay if choices.weight_decay != "auto" else DEFAULTS["weight_decay"]
        # The layout first: gradients are exchanged in buckets laid out as the parameters are when wrapped.
        self.decision.lay_out(self.model)
        wrapped = self.machine.wrap(self.model) if self.machine.world > 1 else self.model
        self.run_model: nn.Module = self.decision.compile(wrapped) if self.decision.compiled else wrapped
        groups = self.chosen.grouped(self.model, optim.param_groups(self.model, weight_decay=decay))
        self.optimizer: torch.optim.Optimizer = optim.build(
            choices.optimizer,
            groups,
            lr=self.base_lr,
            weight_decay=decay,
            momentum=choices.momentum,
            nesterov=choices.nesterov and choices.momentum > 0,
        )
        self.schedule.drive(self.optimizer)
        self.average = Averaged(self.model, self._how) if self._how is not None else None
        self.noise_scale: NoiseScale | None = noise_scale_for(self)
        self.step = 0
        self.seconds = self.start.spent  # in earlier parts of this run
        self.samples, self.busy_seconds = 0, 0.0
        self.tally = Tally()
        self.best_state: dict[str, Tensor] | None = None
        self.best_step: int | None = None
        self.epoch_start_state = random_state()
        self.replay_to: dict[str, Any] | None = None  # random state inside the epoch a resumed run begins with

    # ---- while --------------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """Epochs finished so far."""
        return self.step // len(self.batches)

    @property
    def epochs(self) -> float:
        """Epochs of the whole schedule; the last may be a part."""
        return self.total_steps / len(self.batches)

    @property
    def end_step(self) -> int:
        """Steps after which it ends or halts."""
        return self.total_steps if self.start.until is None else min(self.start.until, self.total_steps)

    @property
    def lr(self) -> float:
        """The learning rate of the coming step."""
        return self.base_lr * self.schedule(min(self.step, self.total_steps - 1))

    @property
    def evaluated_model(self) -> nn.Module:
        """The network whose numbers count: the average of the weights where there is one by now."""
        return self.average.module if self.average is not None and self.average.ready else self.model

    def _train(self) -> None:
        self.began = time.perf_counter()
        if self._safekeeping is not None:
            self._safekeeping.start_clock()
        self.stopped_by = ""
        self.broke_at: int | None = None
        self.events.tell("start", self)
        while self.step < self.end_step and not self.stopped_by:
            self._one_epoch()
        self._finish()

    def _one_epoch(self) -> None:
        per_epoch = len(self.batches)
        start = self.step % per_epoch
        if start == 0:
            self.tally = Tally()
            self.epoch_start_state = random_state()
            self.events.tell("epoch_start", self)
        self._epoch_began, self._epoch_samples = time.perf_counter(), self.samples
        before = self.replay_to
        if before is not None:
            set_random_state(self.epoch_start_state)
            self.replay_to = None
        batches = self.batches.epoch(
            start=start,
            epoch=self.step // per_epoch,
            replayed=None if before is None else (lambda: set_random_state(before)),
        )
        with users_code(lambda: f"step {self.step + 1}"):
            run_epoch(self, batches)
        interrupted_inside = self.interrupt.asked is not None and self.step % per_epoch and self.step < self.total_steps
        if not interrupted_inside and self.broke_at is None:
            self._close_epoch()

    def look(self) -> bool:
        """Called by the loop a few times a second; True when it should stop.

        Several processes must stop at the same step, so they decide between epochs alone.
        """
        assert self.machine is not None
        loss = self.tally.recent()
        if loss is not None:
            self._write_row("step", train_loss=loss)
            self.recent_loss = loss
        self.events.tell("look", self)
        if self.machine.world > 1:
            return False
        if loss is not None and not math.isfinite(loss):
            self._break_off()
        else:
            self._heed_clock_and_signals()
        # At the end of an epoch `_close_epoch` has its say first: a snapshot before it would lose it.
        if not self.stopped_by and self.step % len(self.batches) and self._snapshot_due():
            self._snapshot()
        return bool(self.stopped_by)

    def _heed_clock_and_signals(self) -> None:
        assert self.machine is not None
        if self.machine.any(self.interrupt.asked is not None):
            terminated = self.interrupt.asked is signal.SIGTERM
            self.stopped_by = "SIGTERM" if terminated else "Ctrl-C"
        elif self.choices.minutes is not None and self.machine.any(self.elapsed() >= 60 * self.choices.minutes):
            self.stopped_by = f"the time allowed: {self.choices.minutes:g} minutes"

    def elapsed(self) -> float:
        """Seconds of training so far, earlier parts of a resumed run included."""
        return self.seconds + time.perf_counter() - self.began

    def _close_epoch(self) -> None:
        """Everything between two epochs: numbers, the best, patience, a snapshot."""
        assert self.machine is not None
        machine, epoch = self.machine, math.ceil(self.step / len(self.batches))
        seconds = time.perf_counter() - self._epoch_began
        self.busy_seconds += seconds
        row: dict[str, Any] = {"epoch": epoch, "train_loss": machine.mean(self.tally.mean_loss())}
        kept = self.tally.outputs()
        if kept is not None and self.metrics is not None:
            found = self.metrics(*kept)
            row |= {f"train_{name}": machine.mean(value) for name, value in found.items() if name != "loss"}
        if not math.isfinite(row["train_loss"]):
            self._break_off()
        with users_code(lambda: "evaluation"):
            row |= evaluated(self)
        if self.noise_scale is not None:
            row |= self.noise_scale.row()
        row |= {
            "lr": self.base_lr * self.schedule(self.step - 1),
            "seconds": self.elapsed(),
            "samples_per_second": machine.world * (self.samples - self._epoch_samples) / seconds,
        }
        self._write_row("epoch", **row)
        self.rows.append({"kind": "epoch", "step": self.step, **row})
        judge(self, row, epoch)
        self.schedule.look(self.step, row)
        self.events.tell("epoch_end", self)
        if not self.stopped_by:
            self._heed_clock_and_signals()
        last = self.step >= self.total_steps or bool(self.stopped_by)
        if self.broke_at is None and machine.any(last or self._snapshot_due()):
            self._snapshot()

    def _break_off(self) -> None:
        """The loss is no number any more: nothing that follows can be."""
        losses = self.tally.losses()
        offset = next((place for place, loss in enumerate(losses) if not math.isfinite(loss)), len(losses) - 1)
        broke_at = (self.step - 1) // len(self.batches) * len(self.batches) + offset + 1
        self.broke_at = broke_at
        self.stopped_by = f"the loss became {losses[offset]} at step {broke_at}"

    # ---- after --------------------------------------------------------------------------------

    def _finish(self) -> None:
        assert self.machine is not None
        interrupted = self.interrupt.asked is not None and self.step < self.total_steps
        if interrupted:
            if self.step % len(self.batches):
                self._snapshot()
        elif self.best_state is not None:
            self.model.load_state_dict(self.best_state)
        elif self.evaluated_model is not self.model:
            self.model.load_state_dict(copied(self.evaluated_model))
        self.outcome = Outcome(
            history=History.of_run(self.folder.metrics) if self._writer and self.folder else History(self.rows),
            epochs=math.ceil(self.step / len(self.batches)),
            steps=self.step,
            best_epoch=self.keeper.best_epoch,
            best=self.keeper.best,
            watched=self.watch or "train_loss",
            kept=self.keeper.best_of,
            noise_scale=self.noise_scale.value if self.noise_scale is not None else None,
            stopped_by=self.stopped_by or "the end of the schedule",
            interrupted=interrupted,
            broke_at=self.broke_at,
            seconds=self.elapsed(),
            samples_per_second=self.machine.world * self.samples / max(self.busy_seconds, 1e-9),
        )
        self.events.tell("end", self)

    # ---- the record ---------------------------------------------------------------------------

    def _snapshot_due(self) -> bool:
        """Between epochs of several processes all must agree, so there `_close_epoch` alone asks."""
        assert self.machine is not None
        inside = self.step % len(self.batches) != 0
        return self._safekeeping is not None and not (self.machine.world > 1 and inside) and self._safekeeping.due()

    def _snapshot(self) -> None:
        if self._safekeeping is None:
            return
        self.events.tell("saving", self)
        self._safekeeping.write(self)
        if self._writer is not None:
            self._writer.sync()
        self.events.tell("snapshot", self)

    def _write_row(self, kind: str, **numbers: Any) -> None:
        if self._writer is not None:
            row = {"kind": kind, "step": self.step}
            if kind == "step":
                row |= {"epoch": self.step / len(self.batches), "lr": self.lr}
            self._writer.write({**row, **numbers})
