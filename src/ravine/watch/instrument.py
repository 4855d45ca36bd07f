"""What an instrument of the watcher is: it is told what a program does, and writes rows of the record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn
from torch.optim import Optimizer


@dataclass(slots=True, kw_only=True)  # not frozen: one is made at every step, and that would take four times as long
class LossSeen:
    """One call of a loss function, from torch.nn.functional or a module of torch.nn, or a loss that a model returned.

    Attributes:
        name: "cross_entropy", "mse_loss" …; "returned" where a model gave it.
        outputs: What was judged, as given; None where it cannot be known.
        targets: What it was held against.
        value: The loss, still in its graph.
        options: Keyword arguments given: reduction, label_smoothing, ignore_index …
        place: "file.py:line" of the user's call.
        with_gradient: Whether the value takes part in a graph; False while evaluating under no_grad.
    """

    name: str
    outputs: Tensor | None
    targets: Tensor | None
    value: Tensor
    options: dict[str, Any]
    place: str
    with_gradient: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSeen:
    """One call of torch.nn.utils.clip_grad_norm_ or clip_grad_value_."""

    params: tuple[Tensor, ...]
    limit: float
    norm: Tensor | None  # before clipping, on the device; None for clipping by value
    place: str


class Scene(Protocol):
    """What instruments may know and write. Tensors are never copied to the processor behind a caller's back.

    Attributes:
        step: Optimizer steps taken so far.
        sampled: Whether costly measurements are wanted at this step; adapts to keep the overhead small.
        turn: Which of the optimizers steps now, or stepped last: its place among `optimizers` ever seen, from 0.
        waited: Seconds the program waited for the last batch of a DataLoader.
        compiled: Whether the program uses torch.compile: then no `forward` is told.
    """

    step: int
    sampled: bool
    turn: int
    waited: float
    compiled: bool

    @property
    def optimizers(self) -> list[Optimizer]:
        """Those seen and alive, in the order in which they first stepped."""
        ...

    @property
    def models(self) -> list[nn.Module]:
        """Roots of the modules that own the optimizers' parameters, as far as they are known and alive."""
        ...

    def data_of(self, loader: Any) -> int:
        """A number for the data that a DataLoader goes over, from 1: the same for the same data."""
        ...

    def name_of(self, thing: Tensor | nn.Module) -> str:
        """The name of a parameter or module in its model: "encoder.0.weight"; "" when unknown."""
        ...

    def write(self, kind: str, **values: Any) -> None:
        """One row at the current step; zero-dimensional tensors stay on their device and are read later, in bulk."""
        ...

    def fact(self, name: str, **details: Any) -> None:
        """A row of kind "fact"; the same fact is written once, and counted after that."""
        ...

    def about(self, **known: Any) -> None:
        """Something about the training as a whole."""
        ...


class Instrument:
    """One thing observed. Every method may be left as it is; none may change a number of the program.

    An instrument that raises is dropped with one line, and the program goes on. Methods that are not overridden
    cost nothing: the watcher asks once which are. Every method runs without gradients, and what an instrument itself
    calls is not told to instruments. Models, optimizers and tensors belong to the program: keep none of them beyond
    the event, lest memory stay taken; `weakref` where one must be known again.
    """

    name: ClassVar[str]
    every_step: ClassVar[bool] = False
    """Whether it must be told of every step, also where they are so short that this costs a notable share of the time.

    Else, after the first 500, one of several is told of, as a whole; what lies between is not, but for batches and what
    follows an evaluation's beginning. So nothing may be concluded from what did not happen since the last step.
    """

    def begin(self, scene: Scene) -> None:
        """Before the program's first line."""

    def epoch(self, scene: Scene, loader: Any) -> None:
        """A pass over a DataLoader begins."""

    def batch(self, scene: Scene, loader: Any, batch: Any) -> None:
        """A DataLoader gave a batch; `loader.dataset` and `loader.sampler` are its own."""

    def forward(self, scene: Scene, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """A module without children, or a root, has computed its output; in training and in evaluation.

        `inputs` are by place, whether or not the program named them; of outputs with names, `output` is the
        model's answer.
        Told at sampled steps, and of the first batches after a model was set to evaluate; never inside torch.compile.
        """

    def loss(self, scene: Scene, seen: LossSeen) -> None:
        """A loss was computed."""

    def zero_grad(self, scene: Scene, owner: Optimizer | nn.Module) -> None:
        """Gradients were cleared through an optimizer or a module."""

    def backward_begin(self, scene: Scene, root: Tensor) -> None:
        """A backward pass from `root` begins."""

    def backward_end(self, scene: Scene, root: Tensor) -> None:
        """It has ended: gradients are there."""

    def clip(self, scene: Scene, seen: ClipSeen) -> None:
        """Gradients were clipped."""

    def mode(self, scene: Scene, module: nn.Module, training: bool) -> None:
        """`module.train()` or `.eval()` was called on it."""

    def step_begin(self, scene: Scene, optimizer: Optimizer) -> None:
        """An optimizer is about to change its parameters: gradients are there, also where a closure computes them."""

    def step_end(self, scene: Scene, optimizer: Optimizer) -> None:
        """It has stepped; `scene.step` counts it already, unless it shares the step with an earlier optimizer."""

    def scheduler(self, scene: Scene, scheduler: Any) -> None:
        """A learning-rate scheduler has stepped."""

    def end(self, scene: Scene) -> None:
        """After the program's last line, or its crash."""
