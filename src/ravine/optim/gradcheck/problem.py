"""A number that depends on tensors, computed again wherever one of them is moved: one by one, or many at once."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.utils import _pytree as pytree

from ravine.core.errors import BadValue, RavineError, UserCodeError
from ravine.optim.gradcheck.casts import Casts
from ravine.optim.gradcheck.copies import float_leaves
from ravine.optim.gradcheck.draws import Draws
from ravine.optim.gradcheck.kept import Kept
from ravine.optim.gradcheck.places import place_in
from ravine.optim.gradcheck.unrolled import Unrolled

_FIRST_LANES, _MOST_LANES = 16, 512
_WORTH_STACKING = 24  # below so many points, finding out whether they can be had at once costs more than it saves
_SAME = 1e-10  # how far apart, relative, the same number computed in two ways may be


@dataclass
class Effort:
    """How often something was computed."""

    evaluations: int = 0


@dataclass
class _Way:
    """How points of one tensor are computed many at once: what was found out so far."""

    lanes: int = _FIRST_LANES
    best: float = float("inf")  # seconds a point
    works: bool = True
    rates: dict[int, float] = field(default_factory=dict)  # seconds a point, by number of threads


@dataclass(frozen=True, slots=True)
class Call:
    """Something to call, and with what.

    Attributes:
        what: A module or a function.
        args: By place.
        kwargs: By name.
    """

    what: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def module(self) -> nn.Module | None:
        """What is called, if it is a module."""
        return self.what if isinstance(self.what, nn.Module) else None


class Problem:
    """The number Σ ⟨weights, outputs⟩ of a call, as a function of some of its tensors.

    A complex tensor counts as a real one with one more axis: real and imaginary part.

    Args:
        call: What is computed. Its tensors are moved in place and put back.
        leaves: The tensors that are moved, by name: parameters of the module called, and inputs.
        draws: Random numbers at its beginning.
        effort: Where evaluations are counted.
        weights: One for each output in floating point; None: the output is the number.
    """

    def __init__(
        self,
        call: Call,
        leaves: Mapping[str, Tensor],
        draws: Draws,
        effort: Effort,
        weights: Sequence[Tensor] | None = None,
    ) -> None:
        self.call, self.leaves, self.draws, self.effort, self.weights = call, dict(leaves), draws, effort, weights
        self._flat, self._spec = pytree.tree_flatten((call.args, call.kwargs))
        module = call.module
        parameters = {} if module is None else {id(p): name for name, p in module.named_parameters()}
        self._parameter = {name: parameters[id(t)] for name, t in self.leaves.items() if id(t) in parameters}
        self._place = {
            name: next(place for place, given in enumerate(self._flat) if given is t)
            for name, t in self.leaves.items()
            if name not in self._parameter
        }
        for leaf in self.leaves.values():
            leaf.requires_grad_()
        self._kept = Kept(module)
        self._ways: dict[str, _Way] = {}
        self._grad_mode = False
        self.most_threads = 1
        self.base = float("nan")
        self.jitter = 0.0

    def gradients(self) -> dict[str, Tensor | None]:
        """What the backward pass gives for each leaf, complex ones as real; None where none arrived.

        Raises:
            UserCodeError: The forward or the backward pass raised.
        """
        for leaf in self.leaves.values():
            leaf.grad = None
        self.draws.rewind()
        with told("the forward pass"), torch.enable_grad():
            total = self._number({}, {})
        self.base = float(total.detach())
        with told("the backward pass"):
            if total.requires_grad:
                total.backward()  # type: ignore[no-untyped-call]
        found = {name: _dense(leaf.grad) for name, leaf in self.leaves.items()}
        for leaf in self.leaves.values():
            leaf.grad = None
        return found

    def unsettle(self) -> None:
        """Pass forward and backward once somewhere else, so that what is kept from another call shows as wrong.

        Leaves are moved by about a hundredth and the rows of the batch turned round; whatever goes wrong there says
        nothing about the point that is checked.
        """
        before = [leaf.detach().clone() for leaf in self.leaves.values()]
        flat = self._flat
        generator = torch.Generator().manual_seed(0)
        try:
            self._flat = _turned(flat)
            with torch.no_grad():
                for leaf in self.leaves.values():
                    shift = torch.randn(leaf.shape, generator=generator, dtype=torch.float64).to(leaf.device)
                    leaf.add_(0.01 * (1.0 + leaf.abs()) * shift)
            with torch.enable_grad():
                total = self._number({}, {})
                if total.requires_grad:
                    total.backward()  # type: ignore[no-untyped-call]
        except Exception:  # noqa: S110 (another point may be outside what the model can do)
            pass
        finally:
            self._flat = flat
            with torch.no_grad():
                for leaf, values in zip(self.leaves.values(), before, strict=True):
                    leaf.copy_(values)
            self._kept.restore(attributes=False)

    def settle(self) -> None:
        """Learn what an evaluation changes, and that it is the same number each time; called after `gradients`.

        Raises:
            BadValue: It is another number each time.
        """
        self._kept.restore(attributes=False)
        self._kept = Kept(self.call.module)
        first = self._settled_value()
        seen = [first, self.value(), self.value()]
        self.jitter = max(seen) - min(seen)
        if not self.jitter <= _SAME * max(map(abs, seen)):
            raise BadValue(
                f"gradcheck: the loss is another number each time at the same point ({seen[0]:.10g}, {seen[1]:.10g}); "
                "differences mean nothing there. Torch's, Python's and NumPy's random numbers are held fast: take "
                "out any other source (a generator of NumPy's own, the clock, a state outside the modules)."
            )
        self.base = seen[-1]

    def refuse_casts(self) -> None:
        """Refuse a verdict where numbers lose precision on the way; called when one is about to hang on it.

        Raises:
            BadValue: They do; the text says where.
        """
        with Casts() as casts:  # type: ignore[no-untyped-call]
            self.value()
        if casts.found:
            raise BadValue(
                f"gradcheck: {casts.found} makes float64 numbers coarser, and differences drown in its rounding. "
                "Take casts such as .float(), .half() or autocast out for the check."
            )

    def value(self) -> float:
        """The number, where the leaves are now."""
        self.draws.rewind()
        self.effort.evaluations += 1
        try:
            with torch.set_grad_enabled(self._grad_mode):
                return float(self._number({}, {}).detach())
        finally:
            self._kept.restore()

    def real(self, name: str) -> Tensor:
        """The values of a leaf as one row of real numbers that shares its memory."""
        leaf = self.leaves[name].detach()
        return (torch.view_as_real(leaf) if leaf.is_complex() else leaf).view(-1)

    def moved(self, name: str, at: Tensor, by: Tensor) -> Tensor:
        """The number with one coordinate moved, for several moves.

        Args:
            name: The leaf.
            at: Coordinates in `real(name)`, (points,) int64.
            by: How far each is moved, (points,) float64.

        Returns: (points,) float64.
        """
        way = self._ways.setdefault(name, _Way())
        parts: list[Tensor] = []
        done, points = 0, len(at)
        while way.works and points - done >= _WORTH_STACKING:
            part = self._stacked(name, way, at[done : done + way.lanes], by[done : done + way.lanes])
            if part is not None:
                parts.append(part)
                done += len(part)
        if done < points:
            parts.append(self._one_by_one(name, at[done:], by[done:]))
        return torch.cat(parts)

    def along(self, name: str, direction: Tensor, by: Tensor) -> Tensor:
        """The number with a whole leaf moved along `direction`, shape of `real(name)`, by each of `by`, (points,)."""
        row = self.real(name)
        before = row.clone()
        values = []
        try:
            for distance in by.tolist():
                row.copy_(before + distance * direction)
                values.append(self.value())
        finally:
            row.copy_(before)
        return torch.tensor(values, dtype=torch.float64)

    def _one_by_one(self, name: str, at: Tensor, by: Tensor) -> Tensor:
        row = self.real(name)
        values = []
        for place, distance in zip(at.tolist(), by.tolist(), strict=True):
            before = row[place].clone()
            row[place] += distance
            try:
                values.append(self.value())
            finally:
                row[place] = before
        return torch.tensor(values, dtype=torch.float64)

    def _stacked(self, name: str, way: _Way, at: Tensor, by: Tensor) -> Tensor | None:
        """The same by one vectorized evaluation, the unmoved point with it to see that it is the same number."""
        row = self.real(name)
        lanes = row.repeat(len(at) + 1, 1)
        lanes[torch.arange(1, len(at) + 1), at] += by.to(row.device)
        leaf = self.leaves[name]
        shape = (*leaf.shape, 2) if leaf.is_complex() else leaf.shape
        usual = torch.get_num_threads()
        threads = self._threads(way, usual)
        torch.set_num_threads(threads)
        begun = time.perf_counter()
        values = self._vectorized(name, lanes.view(-1, *shape))
        taken = (time.perf_counter() - begun) / len(lanes)
        torch.set_num_threads(usual)
        if values is None or not abs(float(values[0]) - self.base) <= max(_SAME * abs(self.base), 4 * self.jitter):
            way.works = False
            return None
        self.effort.evaluations += len(lanes)
        if way.lanes == _FIRST_LANES and taken > 4 * self.seconds():
            way.works = False
        elif taken < 0.9 * way.best:
            way.best = taken
            way.lanes = min(2 * way.lanes, _MOST_LANES)
        else:
            way.rates[threads] = taken
        return values[1:]

    def _threads(self, way: _Way, usual: int) -> int:
        """How many threads the next points get: once enough are taken together, whichever number was faster."""
        untried = [number for number in (usual, self.most_threads) if number not in way.rates]
        if untried:
            return usual if usual in untried else untried[0]
        return min(way.rates, key=way.rates.__getitem__)

    def _vectorized(self, name: str, lanes: Tensor) -> Tensor | None:
        """The number at each of `lanes`, or None where the call cannot be vectorized."""
        module = self.call.module
        buffers = {} if module is None else {key: b.clone() for key, b in module.named_buffers()}
        for each in (False, True):  # batch statistics that are updated in place need a copy for each lane
            if each:
                buffers = {key: b.repeat(len(lanes), *[1] * b.ndim) for key, b in buffers.items()}
            self.draws.rewind()
            try:
                with torch.no_grad(), Unrolled():
                    over = vmap(
                        lambda leaf, held: self._number({name: leaf}, held),
                        in_dims=(0, 0 if each else None),
                        randomness="same",
                    )
                    return over(lanes, buffers).to("cpu", torch.float64)
            except Exception:
                if not buffers:
                    break
                continue
            finally:
                self._kept.restore()
        return None

    def seconds(self) -> float:
        """Seconds of one evaluation."""
        begun = time.perf_counter()
        self.value()
        return time.perf_counter() - begun

    def _settled_value(self) -> float:
        """The number without a graph; with one where that is not the number the backward pass was made for."""
        expected = self.base
        for self._grad_mode in (False, True):
            try:
                self.draws.rewind()
                with torch.set_grad_enabled(self._grad_mode):
                    found = float(self._number({}, {}).detach())
            except Exception:
                if self._grad_mode:
                    raise
                continue
            self._kept.narrow()
            self.draws = self.draws.moved()
            self._kept.restore()
            if abs(found - expected) <= _SAME * abs(expected):
                break
        return found

    def _number(self, replaced: Mapping[str, Tensor], buffers: Mapping[str, Tensor]) -> Tensor:
        flat = [given.clone() if isinstance(given, Tensor) else given for given in self._flat]
        state = dict(buffers)
        for name, tensor in replaced.items():
            value = torch.view_as_complex(tensor) if self.leaves[name].is_complex() else tensor
            if name in self._parameter:
                state[self._parameter[name]] = value
            else:
                flat[self._place[name]] = value.clone()
        args, kwargs = pytree.tree_unflatten(flat, self._spec)
        module = self.call.module
        if state and module is not None:
            output = functional_call(module, state, args, kwargs)
        else:
            output = self.call.what(*args, **kwargs)
        return self._weighed(output)

    def _weighed(self, output: Any) -> Tensor:
        if self.weights is None:
            return as_number(output)
        parts = [
            (weight.conj() * part).real.sum() if part.is_complex() else (weight * part).sum()
            for weight, part in zip(self.weights, float_leaves(output), strict=True)
        ]
        return torch.stack(parts).sum()


class told:  # noqa: N801 (read as a word: with told("the forward pass"))
    """Turn what the user's code raises into one error with its place in the check."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        """Raise anew what is no error of the house."""
        if isinstance(error, Exception) and not isinstance(error, RavineError):
            text = str(error).strip().partition("\n")[0] or "(without a word)"
            hint = " The check runs on a float64 copy: make tensors in the dtype of the inputs." * (
                "dtype" in text or "scalar type" in text
            )
            place = place_in(traceback.extract_tb(error.__traceback__))
            where = f"{place}: " if place else ""
            raise UserCodeError(
                f"gradcheck: {where}{self.what} raised {type(error).__name__}: {text.removesuffix('.')}.{hint}"
            ) from error


def as_number(output: Any) -> Tensor:
    """`output`, if it is one real number.

    Raises:
        BadValue: It is something else.
    """
    if not isinstance(output, Tensor):
        raise BadValue(f"gradcheck: the loss must be a tensor of one number; got {type(output).__name__}.")
    if output.numel() != 1:
        raise BadValue(
            f"gradcheck: the loss must be one number; got shape {tuple(output.shape)}. Take its mean or its sum."
        )
    if not output.is_floating_point():
        raise BadValue(f"gradcheck: the loss must be a real number in floating point; got {output.dtype}.")
    return output.reshape(())


def _dense(gradient: Tensor | None) -> Tensor | None:
    if gradient is None:
        return None
    whole = gradient.to_dense() if gradient.layout != torch.strided else gradient
    whole = whole.detach().resolve_conj()
    return (torch.view_as_real(whole) if whole.is_complex() else whole).reshape(-1).to("cpu", torch.float64)


def _turned(flat: Sequence[Any]) -> list[Any]:
    """The tensors of a batch with their rows in the opposite order."""
    sizes = [t.shape[0] for t in flat if isinstance(t, Tensor) and t.ndim]
    if not sizes:
        return list(flat)
    return [t.detach().flip(0) if isinstance(t, Tensor) and t.ndim and t.shape[0] == sizes[0] else t for t in flat]
