"""A schedule at work on an optimizer: torch's own interface, exact at any step."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ravine.core.errors import BadValue, refusal
from ravine.schedules.plateau import Guided, Plateau, PlateauState
from ravine.schedules.schedule import Schedule


class Scheduler(LRScheduler):
    """Sets each group's rate to its base rate times the factor of the step; the momentum too, where the schedule does.

    Call `step()` after each `optimizer.step()`. Nothing is carried from step to step but their number,
    so that a loaded or restarted scheduler goes on with the very same rates. A group that is added
    later begins with its own rate as its base.

    Args:
        optimizer: Of torch or of Ravine; the rates it has now are the base rates.
        schedule: Ready: every length in steps.
        done: Steps that the training has behind it.
    """

    def __init__(self, optimizer: Optimizer, schedule: Schedule, *, done: int = 0) -> None:
        if type(done) is not int or done < 0:
            raise BadValue(refusal("scheduler", "done", "be a whole number of at least 0", done))
        schedule(float(done))  # refuses what is not ready before the optimizer is touched
        self.schedule = schedule
        self._momenta = momenta_of(optimizer, schedule)
        super().__init__(optimizer)
        if done:
            self.last_epoch = done
            self._set_rates()

    def get_lr(self) -> list[float | Tensor]:
        """The rate of each group at the step that `last_epoch` counts."""
        factor = self.schedule(float(self.last_epoch))
        return [base * factor for base in _bases(self.optimizer)]

    def step(self, epoch: int | None = None) -> None:
        """On to the next step."""
        super().step(epoch)
        self._set_momenta()

    def state_dict(self) -> dict[str, Any]:
        """Numbers alone: the step, and where rates and momenta start from."""
        return {"last_epoch": self.last_epoch, "base_lrs": _bases(self.optimizer), "base_momenta": list(self._momenta)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up where `state_dict` left off; the rates are set at once."""
        _adopt_bases(self, state_dict)
        self.last_epoch = state_dict["last_epoch"]
        self._momenta = list(state_dict["base_momenta"])
        self._set_rates()

    def _set_rates(self) -> None:
        _write_rates(self, self.get_lr())
        self._set_momenta()

    def _set_momenta(self) -> None:
        if not self.schedule.cycles_momentum:
            return
        now = self.schedule.momentum_at(float(self.last_epoch))
        groups = self.optimizer.param_groups
        self._momenta += [_momentum_of(group) for group in groups[len(self._momenta) :]]
        for group, own in zip(groups, self._momenta, strict=True):
            set_momentum(group, own if now is None else now)


class GuidedScheduler(Scheduler):
    """A schedule of time that feedback lowers further: `step()` after each step, `see(value)` after each look.

    Args:
        optimizer: Of torch or of Ravine; the rates it has now are the base rates.
        guided: Ready: every length in steps.
        done: Steps that the training has behind it.
    """

    def __init__(self, optimizer: Optimizer, guided: Guided, *, done: int = 0) -> None:
        self.guided = guided
        self.state = PlateauState()
        super().__init__(optimizer, guided.schedule, done=done)

    def get_lr(self) -> list[float | Tensor]:
        """The rate of each group at the step that `last_epoch` counts, after all that was seen."""
        return [rate * self.state.factor for rate in super().get_lr()]

    def see(self, value: Any) -> None:
        """A validation loss, or a training loss with `smooth`; it counts once the schedule of time is over."""
        if self.last_epoch >= self.guided.begins:
            _, self.state = self.guided.feedback(float(value), self.state)
            self._set_rates()

    def state_dict(self) -> dict[str, Any]:
        """Numbers alone: the step, where rates and momenta start from, and what was seen."""
        return {**super().state_dict(), **self.state._asdict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up where `state_dict` left off; the rates are set at once."""
        self.state = PlateauState(**{name: state_dict[name] for name in PlateauState._fields})
        super().load_state_dict(state_dict)


class PlateauScheduler(LRScheduler):
    """Sets each group's rate to its base rate times what a `Plateau` allows after each value it is told.

    Args:
        optimizer: Of torch or of Ravine; the rates it has now are the base rates.
        plateau: What listens.
    """

    def __init__(self, optimizer: Optimizer, plateau: Plateau) -> None:
        self.plateau = plateau
        self.state = PlateauState()
        super().__init__(optimizer)

    def _initial_step(self) -> None:
        """Nothing has been seen yet."""
        self.last_epoch = 0
        self._step_count = 1
        _write_rates(self, self.get_lr())

    def get_lr(self) -> list[float | Tensor]:
        """The rate of each group now."""
        return [base * self.state.factor for base in _bases(self.optimizer)]

    def step(self, metrics: Any) -> None:  # type: ignore[override]  # as torch's own ReduceLROnPlateau
        """See a value: a validation loss, or a training loss with `smooth`."""
        self.last_epoch += 1
        self._step_count += 1
        _, self.state = self.plateau(float(metrics), self.state)
        _write_rates(self, self.get_lr())

    def state_dict(self) -> dict[str, Any]:
        """Numbers alone: what was seen, and where the rates start from."""
        return {"last_epoch": self.last_epoch, "base_lrs": _bases(self.optimizer), **self.state._asdict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up where `state_dict` left off; the rates are set at once."""
        _adopt_bases(self, state_dict)
        self.last_epoch = state_dict["last_epoch"]
        self.state = PlateauState(**{name: state_dict[name] for name in PlateauState._fields})
        _write_rates(self, self.get_lr())


def set_momentum(group: dict[str, Any], momentum: float | None) -> None:
    """Give a group its momentum: β₁ where it has betas."""
    if momentum is None:
        return
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    elif "momentum" in group:
        group["momentum"] = momentum


def momenta_of(optimizer: Optimizer, schedule: Schedule) -> list[float | None]:
    """The momentum of each group, its β₁ where it has betas.

    Raises:
        BadValue: `schedule` moves the momentum, and a group has none.
    """
    found = [_momentum_of(group) for group in optimizer.param_groups]
    if schedule.cycles_momentum and None in found:
        raise BadValue(
            f"scheduler: {schedule} moves the momentum, and a group of {type(optimizer).__name__} has neither "
            "momentum nor betas. Leave the schedule's momentum away."
        )
    return found


def _momentum_of(group: dict[str, Any]) -> float | None:
    found = group["betas"][0] if "betas" in group else group.get("momentum")
    return None if found is None else float(found)


def _bases(optimizer: Optimizer) -> list[float]:
    return [float(group.setdefault("initial_lr", group["lr"])) for group in optimizer.param_groups]


def _adopt_bases(scheduler: LRScheduler, state: dict[str, Any]) -> None:
    groups, bases = scheduler.optimizer.param_groups, state["base_lrs"]
    if len(bases) != len(groups):
        raise BadValue(
            f"scheduler: the state is for {len(bases)} parameter groups; this optimizer has {len(groups)}. "
            "Build it over the same groups."
        )
    for group, base in zip(groups, bases, strict=True):
        group["initial_lr"] = base
    scheduler.base_lrs = list(bases)


def _write_rates(scheduler: LRScheduler, rates: list[float | Tensor]) -> None:
    for group, rate in zip(scheduler.optimizer.param_groups, rates, strict=True):
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
    scheduler._last_lr = [float(group["lr"]) for group in scheduler.optimizer.param_groups]
