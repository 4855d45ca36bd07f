"""From a rule to a `torch.optim.Optimizer`: the only place that changes parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim import optimizer as _torch

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadValue, Faults, refusal
from ravine.optim import around, compiled, fused
from ravine.optim.around import AROUND, Around
from ravine.optim.family import Family
from ravine.optim.job import Dials, Form, Job, advance
from ravine.optim.layout import Bundle, Lane, Scratch, Shadow, order_of
from ravine.optim.lines import advance_lines, lines_of
from ravine.optim.taken import adopted_group, check_params, entry_of, listed, own
from ravine.rules.checking import check_hyperparameters
from ravine.rules.rule import Rates, Reach, Rule

Engine = Literal["auto", "eager", "compiled"]

_NOT_ARGUMENTS = ("params", "param_names", "initial_lr", "lr_scale", "rates", "averaged")


class Task(NamedTuple):
    """What a group's arguments ask for, read once until they change."""

    read: tuple[Any, ...]
    rule: Rule
    values: dict[str, Any]
    numbers: dict[str, float]  # of `values`, the ones the update takes
    form: Form
    clipped: Form  # with gradients scaled to respect the global norm
    around: Around
    reach: Reach
    slots: tuple[str, ...]  # names in `state`
    reads_rates: bool


Live = tuple[int, dict[str, Any], Task, list[int], list[Tensor]]
"""A group at work: its index, itself, its task, the places of the parameters with a gradient, the gradients."""


class Plan(NamedTuple):
    """How the parameters of one group are stepped together, until something changes."""

    task: Task
    kernel: fused.Fused | None
    compiled: bool
    places: list[int]
    bundles: list[Bundle]

    def holds(self, params: list[Tensor], places: list[int], state: Mapping[Tensor, Any]) -> bool:
        """Whether the same parameters, with the same tensors as state, are to be stepped."""
        return self.places == places and all(bundle.fits(params, places, state) for bundle in self.bundles)

    def same_layout(self, task: Task, kernel: fused.Fused | None) -> bool:
        """Whether the bundles made for this plan also serve `task`."""
        return (
            self.task.slots == task.slots
            and self.task.reach is task.reach
            and (self.kernel is None) == (kernel is None)
        )


class RuleOptimizer(Optimizer):
    """Drives one update rule over parameter groups, as `torch.optim.Optimizer` promises.

    Subclasses are made from a `Family`; see `ravine.optim.classes`. Every argument but `params`
    and `engine` may be given per group.

    State: `state[p]` holds `step`, an int, and the slots under torch's names where torch has the
    rule. The slots of small tensors are views of shared flat buffers; `state_dict()` gives copies
    of those, so that what it returns can be saved by anything.
    """

    family: ClassVar[Family]

    def __init__(self, params: Any, *args: Any, **arguments: Any) -> None:
        owner = self.family.key
        engine = arguments.pop("engine", "auto")
        if engine not in get_args(Engine):
            raise BadValue(refusal(owner, "engine", f"be one of {', '.join(map(repr, get_args(Engine)))}", engine))
        self.engine: Engine = engine
        defaults = self._bound(args, arguments)
        self._forget()
        super().__init__(listed(owner, params), defaults)

    @classmethod
    def _bound(cls, args: tuple[Any, ...], arguments: dict[str, Any]) -> dict[str, Any]:
        """All arguments by name, defaults filled in."""
        known = cls.defaults_by_name()
        unknown = [name for name in arguments if name not in known]
        if unknown:
            hint = did_you_mean(unknown[0], known)
            raise BadValue(f"{cls.family.key}: no such argument {unknown[0]!r}.{hint} Known: {', '.join(known)}.")
        ordered = [n for n, p in inspect.signature(cls).parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD][1:]
        if len(args) > len(ordered):
            raise BadValue(f"{cls.family.key}: takes {len(ordered)} arguments beside params by place; got {len(args)}.")
        return {**known, **dict(zip(ordered, args, strict=False)), **arguments}

    @classmethod
    def defaults_by_name(cls) -> dict[str, Any]:
        """Every argument a group may set, with its default."""
        return {"lr": cls.family.lr, **cls.family.arguments(), **AROUND}

    def _forget(self) -> None:
        """Drop everything derived from groups and state; it is made again when needed."""
        self._tasks: dict[int, Task] = {}
        self._plans: dict[int, Plan] = {}
        self._scratch = Scratch()
        self._shadow = Shadow()

    # What torch.optim.Optimizer promises

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with arguments of their own; those not given are the optimizer's."""
        owner = self.family.key
        known = {*self.defaults_by_name(), *_NOT_ARGUMENTS}
        if not isinstance(param_group, dict):
            raise BadValue(refusal(owner, "a parameter group", "be a dict with 'params'", param_group))
        for name in param_group:
            if name not in known:
                raise BadValue(f"{owner}: no such argument {name!r} of a group.{did_you_mean(name, known)}")
        params = param_group.get("params")
        if isinstance(params, set | frozenset):
            raise BadValue(refusal(owner, "params", "have an order", "a set", "Give a list."))
        listed = [params] if isinstance(params, Tensor) else list(params or [])
        check_params(owner, listed, matrices=self.family.rule.matrices)
        param_group["params"] = listed
        # checked before it is added, so that a refused group leaves the optimizer as it was
        self._read({**self.defaults, **param_group})
        super().add_param_group(param_group)
        self._forget()

    @torch.no_grad()
    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._advance()
        return loss

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step.

        Args:
            closure: Computes the loss again and its gradients; called once, before the step.

        Returns:
            The closure's loss, or None.

        Raises:
            BadValue: A gradient is sparse, or a group's arguments were changed to what is not allowed.
        """
        if self._watched():
            return _watched_step(self, closure)
        return self._step(closure)

    step.hooked = True  # type: ignore[attr-defined]  # hooks and profiling are handled here, at no cost without them

    def _watched(self) -> bool:
        return bool(
            self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or _torch._global_optimizer_pre_hooks
            or _torch._global_optimizer_post_hooks
            or torch.autograd.profiler._is_profiler_enabled
        )

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to zero."""
        if not set_to_none:
            super().zero_grad(set_to_none=False)
            return
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Groups and state as torch's optimizers give them; saved by torch.save or safetensors alike."""
        found = super().state_dict()
        found["state"] = {
            key: {name: own(value) for name, value in record.items()} if isinstance(record, dict) else record
            for key, record in found["state"].items()
        }
        return found

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over groups and state, of this class or of the torch optimizer with the same rule.

        Raises:
            BadValue: The groups or the state belong to another model or another rule.
        """
        owner = self.family.key
        groups = state_dict.get("param_groups")
        if groups is None or "state" not in state_dict:
            raise BadValue(f"{owner}: a state_dict has 'state' and 'param_groups'; got {sorted(state_dict)}.")
        ours, theirs = [len(g["params"]) for g in self.param_groups], [len(g["params"]) for g in groups]
        if ours != theirs:
            raise BadValue(
                f"{owner}: the state is for groups of {theirs} parameters; this optimizer has {ours}. "
                "Build it over the same model, with the same groups."
            )
        before = [{k: v for k, v in group.items() if k != "params"} for group in self.param_groups]
        adopted = [adopted_group(theirs, kept, self.defaults) for theirs, kept in zip(groups, before, strict=True)]
        tasks = [self._read(group) for group in adopted]
        entries = self._checked_state(groups, tasks, state_dict["state"])
        super().load_state_dict({"state": entries, "param_groups": adopted})
        self._forget()

    def _checked_state(self, groups: Any, tasks: list[Task], state: Mapping[Any, Any]) -> dict[Any, dict[str, Any]]:
        """The entries of a state_dict in our form; faults name parameter and slot."""
        entries: dict[Any, dict[str, Any]] = {}
        for mine, group, task in zip(self.param_groups, groups, tasks, strict=True):
            for p, key in zip(mine["params"], group["params"], strict=True):
                given = state.get(key)
                if given:
                    where = f"{self.family.key}: state of parameter {key}"
                    entries[key] = entry_of(where, given, task.slots, p, self.family)
        return entries

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "engine": self.engine}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._forget()

    def eval(self) -> None:
        """Move the parameters to the point to evaluate, where the rule's differs from the one it trains at."""
        self._move_to(averaged=True)

    def train(self) -> None:
        """Move the parameters back to the point where the rule trains."""
        self._move_to(averaged=False)

    @torch.no_grad()
    def _move_to(self, *, averaged: bool) -> None:
        for index, group in enumerate(self.param_groups):
            task = self._task(index, group)
            move = task.rule.evaluated if averaged else task.rule.trained
            if move is None or group.get("averaged", False) is averaged:
                continue
            for p in group["params"]:
                record = self.state.get(p)
                if record is not None and record["step"]:
                    slots = dict(zip(task.rule.slots(task.values), task.slots, strict=True))
                    fields: tuple[str, ...] = task.rule.state._fields  # type: ignore[attr-defined]
                    held = task.rule.state(*(record[slots[name]] if name in slots else None for name in fields))
                    p.copy_(move(p, held, **{name: task.values[name] for name in _keywords(move)}))
            group["averaged"] = averaged

    # Reading the groups

    def _read(self, group: Mapping[str, Any]) -> Task:
        """What the arguments of `group` ask for; all faults at once."""
        family = self.family
        found = [*around.faults(group), *family.faults(group)]
        betas = group.get("betas")
        if "betas" in group and not (isinstance(betas, tuple | list) and len(betas) == 2):
            found.append(f"betas must be a pair (beta1, beta2); got {betas!r}.")
        if found:
            raise Faults(family.key, found)
        rule = family.rule_of(group)
        values = {n: _plain(v) for n, v in family.values(group, rule).items()}
        try:
            check_hyperparameters(rule, **values)
        except Faults as error:
            raise Faults(family.key, error.faults) from None
        taken = _keywords(rule.update)
        numbers = {n: float(values[n]) for n in taken if n in rule.bounds and n in values}
        options = tuple((n, values[n]) for n in taken if n in rule.options and n in values)
        work = Around.of(group, rule.decay if rule.decay == "own" else family.rule.decay)
        used = rule.slots(values)
        fields: tuple[str, ...] = rule.state._fields  # type: ignore[attr-defined]
        form = Form(rule.update, rule.state, tuple(name in used for name in fields), work.active, options)
        slots = tuple(family.slot_name(name) for name in used)
        read = tuple(map(group.get, self._arguments()))
        wants = "rates" in _keywords(rule.clock)
        clipped = form._replace(active=work.active | {"clip_norm"})
        return Task(read, rule, values, numbers, form, clipped, work, rule.reach_with(values), slots, wants)

    @classmethod
    @cache
    def _arguments(cls) -> tuple[str, ...]:
        """What a group's task is read from; the learning rate is read anew each step."""
        return tuple(name for name in cls.defaults_by_name() if name != "lr")

    def _task(self, index: int, group: dict[str, Any]) -> Task:
        task = self._tasks.get(index)
        if task is None or task.read != tuple(map(group.get, self._arguments())):
            task = self._tasks[index] = self._read(group)
        return task

    # Stepping

    def _advance(self) -> None:
        live: list[Live] = []
        for index, group in enumerate(self.param_groups):
            places, grads = self._gradients(group)
            if places:
                live.append((index, group, self._task(index, group), places, grads))
        scales = self._clip(live)
        for (index, group, task, places, grads), scale in zip(live, scales, strict=True):
            self._advance_group(index, group, task, places, grads, scale)

    def _clip(self, live: list[Live]) -> list[float | None]:
        """By how much each group's gradients are to be scaled; small ones are scaled here, as copies."""
        if not any(group["clip_norm"] is not None for _, group, *_ in live):
            return [None] * len(live)
        largest = [None if group["clip_norm"] is None else float(group["clip_norm"]) for _, group, *_ in live]
        clipped = [g for (*_, grads), bound in zip(live, largest, strict=True) if bound is not None for g in grads]
        gathered = self._shadow.gather(clipped) if len(set(largest)) == 1 else None
        total = around.global_norm(clipped if gathered is None else [gathered[0]])
        factors = [None if bound is None else around.norm_factor(total, bound) for bound in largest]
        if gathered is None or factors[0] is None:
            return factors
        if factors[0] != 1.0:
            gathered[0].mul_(factors[0])
            parts = iter(gathered[1])
            for place, (index, group, task, places, grads) in enumerate(live):
                live[place] = (index, group, task, places, [next(parts) for _ in grads])
        return [None] * len(live)

    def _gradients(self, group: dict[str, Any]) -> tuple[list[int], list[Tensor]]:
        """Places of the parameters that have a gradient, and the gradients."""
        places: list[int] = []
        grads: list[Tensor] = []
        for place, p in enumerate(group["params"]):
            g = p.grad
            if g is not None:
                if g.layout is not torch.strided:
                    raise BadValue(
                        f"{self.family.key}: gradient of parameter {place}, shape {tuple(p.shape)}, must be dense; "
                        "got a sparse one. Use sparse=False in the embedding, or torch.optim.SparseAdam for it."
                    )
                places.append(place)
                grads.append(g)
        return places, grads

    def _advance_group(
        self, index: int, group: dict[str, Any], task: Task, places: list[int], grads: list[Tensor], scale: float | None
    ) -> None:
        params: list[Tensor] = group["params"]
        rule, work = task.rule, task.around
        lr = float(group["lr"])
        if group.get("averaged"):
            raise BadValue(
                f"{self.family.key}: the parameters are at the average. Call optimizer.train() before step()."
            )
        rates = _next_rates(group, lr) if task.reads_rates else Rates.first(lr)
        plan = self._plan(index, task, params, places)
        form = task.form if scale is None else task.clipped
        if work.reshapes_gradients:
            grads = [work.unit_gradient(g, params[i], scale) for g, i in zip(grads, places, strict=True)]
            form = task.form._replace(active=task.form.active - {"clip_value"})
            scale = None
        dials = Dials(lr, 1.0 if scale is None else scale, work.weight_decay, work.l1, work.clip_value)
        mine = params if len(places) == len(params) else [params[i] for i in places]
        for bundle in plan.bundles:
            clock = rule.tick(bundle.step + 1, rates, task.values)
            job = Job(form, dials, clock, task.numbers)
            if len(plan.bundles) == 1:
                self._advance_bundle(bundle, plan, job, mine, grads)
            else:
                some = [mine[i] for i in bundle.members]
                self._advance_bundle(bundle, plan, job, some, [grads[i] for i in bundle.members])
            bundle.tick()
        if work.max_norm is not None:
            for p in mine:
                around.bound_units(p, work.max_norm)

    def _advance_bundle(self, bundle: Bundle, plan: Plan, job: Job, params: list[Tensor], grads: list[Tensor]) -> None:
        if plan.kernel is not None and fused.supports(bundle.device, bundle.dtype):
            fused.advance(plan.kernel, job, bundle, params, grads)
            return
        numbers = compiled.Numbers(job, bundle.device) if plan.compiled else None
        if numbers is not None:
            lanes = zip(bundle.alone, bundle.lanes(params), strict=True)
            rest = [i for i, lane in lanes if not self._advance_lane(job, numbers, lane, grads[i])]
        else:
            rest = bundle.alone
        for i in rest:
            if params[i].numel():
                self._advance_eagerly(plan.task.reach, job, params[i], grads[i], [held[i] for held in bundle.slots])
        for members, block in bundle.blocks:
            p, parts = block.gather(self._scratch, "parameters", [params[i] for i in members])
            g, _ = block.gather(self._scratch, "gradients", [grads[i] for i in members])
            if numbers is None or block.size < 2 or not self._advance_compiled(job, numbers, p, g, block.slots):
                advance_lines(job, p, g, block.slots)
            torch._foreach_copy_([params[i] for i in members], parts)

    def _advance_lane(self, job: Job, numbers: compiled.Numbers, lane: Lane, g: Tensor) -> bool:
        """`_advance_compiled` on one parameter; False for what is too small or has gaps in memory."""
        if not lane.dense or lane.p.numel() < 2:
            return False
        return self._advance_compiled(job, numbers, lane.p, lane.gradient(g), lane.slots)

    def _advance_compiled(
        self, job: Job, numbers: compiled.Numbers, p: Tensor, g: Tensor, slots: Sequence[Tensor]
    ) -> bool:
        """`advance` on flat tensors by a compiled kernel; False where none can be had and none was insisted on."""
        if compiled.usable() and compiled.advance_compiled(job, numbers, p, g, slots):
            return True
        if self.engine == "compiled":
            raise compiled.refuse(self.family.key)
        return False

    @staticmethod
    def _advance_eagerly(reach: Reach, job: Job, p: Tensor, g: Tensor, slots: list[Tensor]) -> None:
        lines = lines_of(p, g, slots) if reach is Reach.ELEMENT else None
        if lines is None:
            advance(job, p, g, slots)
        else:
            advance_lines(job, *lines)

    def _plan(self, index: int, task: Task, params: list[Tensor], places: list[int]) -> Plan:
        """How the parameters at `places` are stepped together; state is made where there is none."""
        known = self._plans.get(index)
        if known is not None and known.task is task and known.holds(params, places, self.state):
            return known
        kernel = fused.kernel_for(task.rule, task.values, task.form.active) if self.engine == "auto" else None
        if known is not None and known.same_layout(task, kernel) and known.holds(params, places, self.state):
            bundles = known.bundles
        else:
            bundles = self._bundles(task, kernel, [params[i] for i in places])
        plan = Plan(task, kernel, self._compiles(task), places, bundles)
        self._plans[index] = plan
        return plan

    def _compiles(self, task: Task) -> bool:
        """Whether a step of `task` is to be compiled."""
        if task.rule.matrices or task.reach is Reach.CLOSURE or self.engine == "eager":
            return False
        return self.engine == "compiled" or self._size() >= compiled.WORTHWHILE

    def _size(self) -> int:
        return sum(p.numel() for group in self.param_groups for p in group["params"])

    def _bundles(self, task: Task, kernel: fused.Fused | None, params: list[Tensor]) -> list[Bundle]:
        kinds: dict[tuple[Any, ...], list[int]] = {}
        for place, p in enumerate(params):
            kinds.setdefault((p.dtype, p.device, self._record(task, p)["step"]), []).append(place)
        bundles = []
        for (dtype, device, step), members in kinds.items():
            flat = task.reach is Reach.ELEMENT and not (kernel is not None and fused.supports(device, dtype))
            some = [params[i] for i in members]
            bundles.append(Bundle(members, some, [self.state[p] for p in some], task.slots, step, flat))
        return bundles

    def _record(self, task: Task, p: Tensor) -> dict[str, Any]:
        """The state of `p`, made where there is none, its slots laid out in memory as `p` is."""
        record: dict[str, Any] = self.state[p]
        record.setdefault("step", 0)
        missing = [name for name in task.slots if name not in record]
        if missing:
            fresh = task.rule.first_state(p.detach(), task.values)
            for ours, theirs in zip(task.rule.slots(task.values), task.slots, strict=True):
                record.setdefault(theirs, getattr(fresh, ours))
        for name in task.slots:
            held = record[name]
            if held.dtype != p.dtype or held.device != p.device or order_of(held) != order_of(p):
                record[name] = torch.empty_like(p, requires_grad=False).copy_(held)
        return record


_watched_step = Optimizer.profile_hook_step(RuleOptimizer._step)


@cache
def _keywords(function: Callable[..., Any]) -> tuple[str, ...]:
    parameters = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) and value.numel() == 1 else value


def _next_rates(group: dict[str, Any], lr: float) -> Rates:
    """The rates at this step; kept in the group, so that they are saved with it."""
    held = group.get("rates")
    rates = Rates.first(lr) if held is None else Rates(*held).follow(lr)
    group["rates"] = tuple(rates)
    return rates
