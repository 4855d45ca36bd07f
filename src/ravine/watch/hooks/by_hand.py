"""Programs without torch.optim: that their parameters changed is seen between backward passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from weakref import ReferenceType, ref

from torch import Tensor, nn
from torch.optim import Optimizer

from ravine.watch.hooks.patches import Patches
from ravine.watch.steps import Steps

_LOOKED_AT = 4
"""Parameters that are compared."""

_TRUSTED = 3
"""Changes seen after which, on an accelerator, the next ones are taken for granted."""


class ByHand(Optimizer):
    """Stands for whatever changes the parameters of a program that uses no torch optimizer.

    It never steps; it lets instruments ask for the parameters, which it does not keep alive. With which rate they are
    changed is known of another library's optimizer alone; else its group has "params" and nothing more.
    """

    def __init__(self, parameters: Iterable[Tensor], rates: Sequence[Callable[[], Any]] = ()) -> None:
        self._parameters = [ref(parameter) for parameter in parameters]
        self._rates = rates
        self.defaults = {}

    @property
    def param_groups(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """One group, of the parameters that are alive."""
        alive = [parameter for parameter in (one() for one in self._parameters) if parameter is not None]
        rate = next((rate() for rate in self._rates), None)
        return [{"params": alive} if rate is None else {"params": alive, "lr": rate}]

    def __repr__(self) -> str:
        return "ByHand()"


def install(steps: Steps, _patches: Patches) -> None:
    """Tell of steps that no optimizer of torch takes, for as long as none does."""
    if not steps.by_optimizer:
        steps.by_hand = Looking(steps)


class Looking:
    """Compares a few parameters after one backward pass with the same before what comes next."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._watched: list[ReferenceType[Tensor]] = []
        self._before: list[tuple[Any, ...]] | None = None
        self._optimizer: ByHand | None = None
        self._sure = False  # a change was seen that no optimizer made
        self._begun = False
        self.rates: list[Callable[[], Any]] = []
        self._unseen = 0  # changes that left no trace but the values

    def remember(self, root: Tensor) -> None:
        """A backward pass has ended."""
        if self._steps.in_optimizer:
            return
        if not any(one() is not None for one in self._watched):
            self._choose(root)
        self._before = self._state()
        if self._optimizer is not None and self._sure and not self._begun:
            self._begun = True
            self._steps.begin(self._optimizer)

    def compare(self) -> None:
        """Something comes that a step would have come before."""
        if self._before is None or self._steps.in_optimizer:
            return
        now = self._state()
        if now == self._before and self._unseen < _TRUSTED:
            return
        if [state[0] for state in now] == [state[0] for state in self._before]:
            self._unseen += self._on_accelerator()
        self._before = None
        if self._optimizer is None:
            return
        if not self._begun:
            self._steps.begin(self._optimizer)
        self._sure, self._begun = True, False
        self._steps.count(self._optimizer)

    def _choose(self, root: Tensor) -> None:
        leaves = _leaves(root)
        self._watched = [ref(leaf) for leaf in leaves[:_LOOKED_AT]]
        self._optimizer = ByHand(leaves, self.rates) if leaves else None

    def _state(self) -> list[tuple[Any, ...]]:
        """Of each parameter its count of changes; and, `p.data` being changed uncounted, its first and last number."""
        return [_state(one(), values=self._unseen < _TRUSTED) for one in self._watched]

    def _on_accelerator(self) -> bool:
        return any(p is not None and p.device.type != "cpu" for p in (one() for one in self._watched))


def _state(parameter: Tensor | None, *, values: bool) -> tuple[Any, ...]:
    if parameter is None:
        return (None,)
    if not values or parameter.numel() == 0:
        return (parameter._version,)
    p = parameter.detach()
    return parameter._version, p[(0,) * p.dim()].item(), p[(-1,) * p.dim()].item()


def _leaves(root: Tensor, most: int = 20_000) -> list[Tensor]:
    """Leaves that `root` depends on, those nearest to the input first."""
    seen: set[Any] = set()
    ahead: list[Any] = [root.grad_fn]
    found: dict[int, Tensor] = {}
    while ahead and len(seen) < most:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if isinstance(leaf, Tensor) and (leaf.grad is not None or isinstance(leaf, nn.Parameter)):
            found[id(leaf)] = leaf
        ahead += [child for child, _ in node.next_functions]
    return list(found.values())[::-1]
