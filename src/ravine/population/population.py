"""Many members of one architecture, trained as one stacked model."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import BELOW_ONE, POSITIVE, Interval
from ravine.data.batches import Order
from ravine.optim.classes import OPTIMIZERS
from ravine.optim.stacked import Stacked
from ravine.population.average import StackAverage
from ravine.population.engine import Engine, Loss, OneByOne, Together, gains_together, together_or_not
from ravine.population.keeper import Keeper, LowestLoss
from ravine.population.losses import CrossEntropy
from ravine.population.rows import MemberBatches, Rows
from ravine.population.stack import Stack
from ravine.rules.rule import Rule

Metrics = Callable[[Tensor, Tensor], dict[str, float]]
Transform = Callable[[tuple[Any, ...], Any], tuple[tuple[Any, ...], Any]]
Look = Callable[["Population"], bool]

LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberOutcome:
    """How the training of one member ended.

    Attributes:
        member: Its number, from 0.
        epochs: Epochs it took part in.
        best_epoch: Epoch (from 1) whose weights were kept; 0 when none was the best.
        best: What its keeper saw there.
        stopped_by: Why it ended, for people.
    """

    member: int
    epochs: int
    best_epoch: int
    best: float | None
    stopped_by: str


class Population:
    """Trains members of one architecture side by side, with rates, rows, stops and averages of their own.

    >>> from torch import nn
    >>> x, y = torch.randn(64, 4), torch.randint(3, (64,))
    >>> crowd = Population(lambda seed: nn.Linear(4, 3), number=10, lr=[0.01 * (m + 1) for m in range(10)], epochs=2)
    >>> outcomes = crowd.fit((x, y))
    >>> len(outcomes), crowd.outputs(x).shape
    (10, torch.Size([10, 64, 3]))

    Args:
        members: Networks with the same layers, which are copied; or a function from a seed to one, called with
            torch seeded.
        loss: (outputs, target) → mean over the batch; cross-entropy by default.
        number: How many members, where `members` is a function.
        seeds: One a member, of weights and own order; default 0, 1, 2, …
        optimizer: Name of an optimizer whose rule acts on single elements: "adamw", "sgd", …
        lr: Learning rate, one for all or one a member.
        weight_decay: λ, likewise; not on biases and norms. None: the rule's own.
        schedule: Step (from 0) → factor of the rates; None keeps them.
        epochs: Passes over the rows; the last may be a part.
        batch_size: Rows a step, for each member.
        rows: "own": each member sees the rows in an order of its own; "shared": all the same batches.
        order: How rows follow each other: "shuffle", "replacement", "fixed", "sequential".
        clip_norm: Largest norm of a member's gradient; None for none.
        average: Decay of the moving average of the weights, which is then what is evaluated and kept; 0 for none.
        transform: (inputs, target) → the same, on each training batch of each member.
        metrics: (outputs, target) → numbers by name, of a member over the validation rows.
        validation_loss: Where the loss to report differs from the one to train with.
        keeper: Makes the judge of a member's epochs; by default the lowest validation loss is kept.
        patience: Of the default keeper: epochs without a lower loss before a member stops.
        together: "auto": as one model where `vmap` can run it and the machine gains by it; True: wherever it can be
            run; False: one by one.
        device: Where; that of the members by default.
        seed: Of the random draws while training (dropout, augmentation).
        **values: Hyperparameters of the rule, in its own words; one number for all or one a member.

    Attributes:
        together: Whether the members run as one model; known once `fit` has begun.
        reason: Why, for people.
        rows_seen: What each finished epoch gave: "epoch", "step", "train_loss", "val_loss" …, one number a member,
            NaN for those that have stopped.

    Raises:
        BadValue: Members of several architectures, an optimizer that needs whole tensors, values out of bounds.
    """

    def __init__(
        self,
        members: Sequence[nn.Module] | Callable[[int], nn.Module],
        loss: Loss | None = None,
        *,
        number: int | None = None,
        seeds: Sequence[int] | None = None,
        optimizer: str = "adamw",
        lr: float | Sequence[float] = 1e-3,
        weight_decay: float | Sequence[float] | None = None,
        schedule: Callable[[int], float] | None = None,
        epochs: float = 10,
        batch_size: int = 128,
        rows: Rows = "own",
        order: Order = "shuffle",
        clip_norm: float | None = None,
        average: float = 0.0,
        transform: Transform | None = None,
        metrics: Metrics | None = None,
        validation_loss: Loss | None = None,
        keeper: Callable[[], Keeper] | None = None,
        patience: int | None = None,
        together: bool | Literal["auto"] = "auto",
        device: torch.device | None = None,
        seed: int = 0,
        **values: Any,
    ) -> None:
        POSITIVE.check("population", "epochs", epochs)
        Interval(1).check("population", "batch_size", batch_size)
        BELOW_ONE.check("population", "average", average)
        if clip_norm is not None:
            POSITIVE.check("population", "clip_norm", clip_norm)
        made = _made(members, number, seeds)
        self.num_members = len(made)
        self.seeds = list(seeds) if seeds is not None else list(range(len(made)))
        if len(self.seeds) != len(made):
            raise BadValue(refusal("population", "seeds", f"be {len(made)}, one a member", len(self.seeds)))
        self.stack = Stack(made).to(device or _device_of(made[0]))
        self.rule, self.values = _rule(optimizer, values)
        self._base_lr = torch.as_tensor(lr, dtype=torch.float64).reshape(-1)
        self.weight_decay = self.rule.weight_decay if weight_decay is None else weight_decay
        self.steppers = [
            Stacked(
                self.rule, [flat], lr=lr, weight_decay=self.weight_decay if decays else 0.0, fused=True, **self.values
            )
            for flat, decays in zip(self.stack.flats, self.stack.decays, strict=True)
        ]
        self._base_lr = self._base_lr.expand(self.num_members)
        self._one_lr = float(self._base_lr[0]) if bool((self._base_lr == self._base_lr[0]).all()) else None
        self.loss: Loss = loss or CrossEntropy()
        self.validation_loss: Loss = validation_loss or self.loss
        self.schedule, self.clip_norm, self.transform, self.metrics = schedule, clip_norm, transform, metrics
        self.epochs_asked, self.batch_size, self.rows, self.order = epochs, batch_size, rows, order
        self.average = StackAverage(self.stack, average) if average else None
        self.keepers = [(keeper or (lambda: LowestLoss(patience)))() for _ in made]
        self.together: bool | Literal["auto"] = together
        self.reason = ""
        self.seed = seed
        self.step = 0
        self.live = list(range(self.num_members))
        self.stopped_by: dict[int, str] = {}
        self.epochs_of = [0] * self.num_members
        self.best: dict[int, dict[str, Tensor]] = {}
        self.rows_seen: list[dict[str, Any]] = []
        self.interrupted = False
        self._sums: Tensor | None = None  # of the losses of the epoch that is under way
        self._random: dict[str, Tensor] | None = None

    # ---- training -----------------------------------------------------------------------------

    def fit(self, train: Any, validate: Any = None, *, look: Look | None = None) -> tuple[MemberOutcome, ...]:
        """Train all members on `train`, watching `validate`; each then has its best weights.

        Called after `load_state_dict` it goes on from there, bit for bit.

        Args:
            train: (x, …, y) tensors, or `TensorBatches`.
            validate: The same, or None.
            look: Called with the population after each epoch and a few times a second; True stops it there.

        Raises:
            BadData: Data that are not in memory.
        """
        batches = MemberBatches(
            train, rows=self.rows, seeds=self.seeds, batch_size=self.batch_size, order=self.order, name="training data"
        )
        held = None
        if validate is not None:
            held = MemberBatches(
                validate,
                rows="shared",
                seeds=[0],
                batch_size=4 * self.batch_size,
                order="sequential",
                name="validation",
            )
        self.steps_per_epoch = len(batches)
        self.total_steps = max(math.ceil(self.epochs_asked * len(batches)), 1)
        self.interrupted = False
        device = self.stack.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            engine = self._engine(train)
            torch.manual_seed(self.seed)
            if self._random is not None:
                _set_random(self._random, device)
            while self.live and self.step < self.total_steps and not self.interrupted:
                self._epoch(engine, batches, held, look)
        return self._outcomes()

    def one_by_one_because(self, train: Any) -> str:
        """Why members cannot be run as one model on such rows; "" when they can. Nothing is trained."""
        batches = MemberBatches(
            train, rows=self.rows, seeds=self.seeds, batch_size=self.batch_size, order=self.order, name="training data"
        )
        inputs, target = next(batches.epoch(0, 0, self.live, self.stack.device))
        devices = [self.stack.device] if self.stack.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            given = self._transformed(inputs, target, batches.own)
        return together_or_not(self.stack, self.loss, *given, own=batches.own)

    def _epoch(self, engine: Engine, batches: MemberBatches, held: MemberBatches | None, look: Look | None) -> None:
        epoch, start = divmod(self.step, self.steps_per_epoch)
        if start == 0 or self._sums is None:
            self._sums = torch.zeros(len(self.live), dtype=torch.float64, device=self.stack.device)
        next_look = time.perf_counter() + LOOK_SECONDS
        for inputs, target in batches.epoch(epoch, start, self.live, self.stack.device):
            fields, wanted = self._transformed(inputs, target, batches.own)
            stepped = engine.step(fields, wanted, own=batches.own)
            self._sums += stepped.losses
            self._move(stepped.gradients)
            self.step += 1
            ends = self.step % self.steps_per_epoch == 0 or self.step >= self.total_steps
            if look is not None and not ends and time.perf_counter() >= next_look:
                next_look = time.perf_counter() + LOOK_SECONDS
                self._random = _random_state(self.stack.device)
                if look(self):
                    self.interrupted = True
                    return
            if ends:
                break
        self._close_epoch(engine, held, start_step=epoch * self.steps_per_epoch)
        self._random = _random_state(self.stack.device)
        if look is not None and look(self) and self.live and self.step < self.total_steps:
            self.interrupted = True

    def _move(self, gradients: list[Tensor]) -> None:
        if self.clip_norm is not None:
            norms = torch.stack([torch.linalg.vector_norm(gradient, dim=1) for gradient in gradients])
            scale = (self.clip_norm / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp(max=1.0)[:, None]
            for gradient in gradients:
                gradient.mul_(scale)
        factor = 1.0 if self.schedule is None else self.schedule(self.step)
        rates = factor * self._one_lr if self._one_lr is not None else self._base_lr[self.live] * factor
        for stepper, gradient in zip(self.steppers, gradients, strict=True):
            stepper.set_lr(rates)
            stepper.step([gradient])
        if self.average is not None:
            self.average.update()

    def _transformed(self, inputs: tuple[Tensor, ...], target: Tensor, own: bool) -> tuple[tuple[Any, ...], Tensor]:
        if self.transform is None:
            return inputs, target
        if not own:
            return self.transform(inputs, target)
        parts = [self.transform(tuple(f[m] for f in inputs), target[m]) for m in range(len(self.live))]
        fields = zip(*(fields for fields, _ in parts), strict=True)
        return tuple(torch.stack(field) for field in fields), torch.stack([wanted for _, wanted in parts])

    def _close_epoch(self, engine: Engine, held: MemberBatches | None, *, start_step: int) -> None:
        """Numbers, the best of each member, and who stops."""
        assert self._sums is not None
        epoch = math.ceil(self.step / self.steps_per_epoch)
        found = [{"train_loss": loss} for loss in (self._sums / (self.step - start_step)).tolist()]
        self._sums = None
        if held is not None:
            for row, more in zip(found, self._evaluated(engine, held), strict=True):
                row.update(more)
        self.rows_seen.append({"epoch": epoch, "step": self.step, **self._spread(found)})
        leaving: list[int] = []
        for place, (member, row) in enumerate(zip(self.live, found, strict=True)):
            self.epochs_of[member] = epoch
            keeper = self.keepers[member]
            if keeper.look(row, epoch):
                self.best[member] = self.stack.member(place, self._judged())
            if not math.isfinite(row["train_loss"]):
                self.stopped_by[member] = f"the loss became {row['train_loss']} in epoch {epoch}"
            elif keeper.spent and self.step < self.total_steps:
                self.stopped_by[member] = f"patience, at epoch {epoch}"
            else:
                continue
            leaving.append(place)
        if leaving:
            self._leave(leaving)

    def _leave(self, places: list[int]) -> None:
        """Those that have stopped make room; the others go on as they were."""
        for place in places:
            if self.live[place] not in self.best:
                self.best[self.live[place]] = self.stack.member(place, self._judged())
        staying = [place for place in range(len(self.live)) if place not in places]
        self.live = [self.live[place] for place in staying]
        if not staying:
            return
        for stepper in self.steppers:
            stepper.keep(staying)
        self.stack.keep(staying)
        self.stack.take([stepper.params[0] for stepper in self.steppers])
        if self.average is not None:
            self.average.keep(staying)

    def _judged(self) -> Mapping[str, Tensor]:
        """The tensors whose numbers count: the average where there is one."""
        return self.average.values if self.average is not None else self.stack.tensors

    def _evaluated(self, engine: Engine, held: MemberBatches) -> list[dict[str, float]]:
        tensors = dict(self._judged())
        outputs, targets = [], []
        for inputs, target in held.whole(self.stack.device):
            outputs.append(engine.outputs(tensors, inputs).float())
            targets.append(target)
        said, wanted = torch.cat(outputs, 1), torch.cat(targets)
        rows = []
        for mine in said:
            row = {"val_loss": float(self.validation_loss(mine, wanted))}
            if self.metrics is not None:
                row |= {f"val_{name}": value for name, value in self.metrics(mine, wanted).items() if name != "loss"}
            rows.append(row)
        return rows

    def _spread(self, found: list[dict[str, float]]) -> dict[str, list[float]]:
        columns: dict[str, list[float]] = {}
        for name in found[0]:
            columns[name] = [math.nan] * self.num_members
            for member, row in zip(self.live, found, strict=True):
                columns[name][member] = row[name]
        return columns

    def _engine(self, train: Any) -> Engine:
        """The faster way of those that work."""
        if self.together is False:
            self.reason = self.reason or "as asked"
        elif self.together == "auto" and not gains_together(self.stack.skeleton, self.stack.device):
            self.together, self.reason = False, "a processor does convolutions of several members no faster at once"
        else:
            why_not = self.one_by_one_because(train)
            self.together, self.reason = not why_not, why_not or "one stacked model"
        kind = Together if self.together else OneByOne
        return kind(self.stack, self.loss)

    def _outcomes(self) -> tuple[MemberOutcome, ...]:
        ended = "interruption" if self.interrupted else "the end of the schedule"
        return tuple(
            MemberOutcome(
                member=member,
                epochs=self.epochs_of[member],
                best_epoch=keeper.best_epoch,
                best=keeper.best,
                stopped_by=self.stopped_by.get(member, ended),
            )
            for member, keeper in enumerate(self.keepers)
        )

    # ---- what came of it ----------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """Epochs finished so far."""
        return len(self.rows_seen)

    def weights(self, member: int) -> dict[str, Tensor]:
        """The state_dict of a member: its best weights, or the present ones before any epoch has ended."""
        if member in self.best:
            return self.best[member]
        return self.stack.member(self.live.index(member), self._judged())

    def outputs(self, *inputs: Tensor) -> Tensor:
        """What each member, with its best weights, answers in evaluation mode: (members, batch, outputs)."""
        skeleton = self.stack.skeleton.eval()
        fields = tuple(field.to(self.stack.device) for field in inputs)
        with torch.inference_mode():
            said = [torch.func.functional_call(skeleton, self.weights(m), fields) for m in range(self.num_members)]
        return torch.stack(said)

    def state_dict(self) -> dict[str, Any]:
        """Where the training is, at any step: tensors, numbers and text in nests."""
        return {
            "step": self.step,
            "live": self.live,
            "together": self.together,
            "reason": self.reason,
            "tensors": self.stack.tensors,
            "steppers": [stepper.state_dict() for stepper in self.steppers],
            "average": self.average.state_dict() if self.average is not None else None,
            "keepers": [keeper.state_dict() for keeper in self.keepers],
            "best": self.best,
            "stopped_by": self.stopped_by,
            "epochs_of": self.epochs_of,
            "rows": self.rows_seen,
            "sums": self._sums,
            "random": self._random,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off, in a population made with the same arguments."""
        staying = list(state["live"])
        if staying and staying != self.live:
            self._leave([place for place, member in enumerate(self.live) if member not in staying])
        self.live = staying
        self.stack.load(state["tensors"])
        for stepper, theirs in zip(self.steppers, state["steppers"], strict=True):
            stepper.load_state_dict(theirs)
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        for keeper, theirs in zip(self.keepers, state["keepers"], strict=True):
            keeper.load_state_dict(theirs)
        self.step, self.together, self.reason = state["step"], state["together"], state["reason"]
        self.best, self.stopped_by = dict(state["best"]), dict(state["stopped_by"])
        self.epochs_of, self.rows_seen = list(state["epochs_of"]), list(state["rows"])
        self._sums, self._random = state["sums"], state["random"]


def _made(
    members: Sequence[nn.Module] | Callable[[int], nn.Module], number: int | None, seeds: Sequence[int] | None
) -> list[nn.Module]:
    if not callable(members) or isinstance(members, nn.Module):
        if isinstance(members, nn.Module) or not all(isinstance(member, nn.Module) for member in members):
            raise BadValue(refusal("population", "members", "be networks, or a function from a seed to one", members))
        return list(members)
    if number is None and seeds is None:
        raise BadValue("population: number must say how many members the function is to make; got None.")
    drawn = (
        list(seeds) if seeds is not None else list(range(int(Interval(1).check("population", "number", number or 0))))
    )
    made = []
    with torch.random.fork_rng():
        for seed in drawn:
            torch.manual_seed(seed)
            made.append(members(seed))
    return made


def _rule(optimizer: str, given: dict[str, Any]) -> tuple[Rule, dict[str, Any]]:
    """The rule that an optimizer stands for, and its hyperparameters: what was given, else the optimizer's own."""
    family = OPTIMIZERS[optimizer].family
    group = {**OPTIMIZERS[optimizer].defaults_by_name(), **given}
    # AdamW runs Adam's rule with decay of its own kind: that is the family's.
    rule = family.rule_of(group)
    if rule.decay != "own":
        rule = replace(rule, decay=family.rule.decay, weight_decay=family.rule.weight_decay)
    if rule.evaluated is not None:
        raise BadValue(f"population: {optimizer} answers at another point than it trains at. Train members one by one.")
    own = family.values(OPTIMIZERS[optimizer].defaults_by_name(), rule)
    own.pop("weight_decay", None)
    return rule, {**own, **{name: value for name, value in given.items() if name not in family.extra}}


def _device_of(module: nn.Module) -> torch.device:
    first = next(module.parameters(), None)
    return first.device if first is not None else torch.device("cpu")


def _random_state(device: torch.device) -> dict[str, Tensor]:
    """Of the generators that a step on `device` draws from."""
    state = {"cpu": torch.get_rng_state()}
    return state | {"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else state


def _set_random(state: dict[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
