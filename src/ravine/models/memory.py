"""What a network keeps for the backward pass, layer by layer: predicted from shapes, and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import profiler
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call

from ravine.core.errors import RavineError
from ravine.initialize.running import Batch, called, first_tensor, names_of, rows, untouched, watched


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerMemory:
    """What one module keeps.

    Attributes:
        name: Dotted name; of the innermost module that was running when something was kept.
        kind: Its class.
        output: Shape of what it gave last, the batch included.
        kept: Bytes that stay for the backward pass because of it, measured. What an earlier
            layer keeps already is not counted again; parameters, buffers and the batch never.
        predicted: The same, from shapes alone; None where the network cannot run on shapes.
        parameters: Bytes of its own parameters.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    kept: int
    predicted: int | None
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What `memory` found; `str()` of it is a table.

    Attributes:
        layers: Modules that keep something or have parameters, in the order in which they first run.
        batch: Rows of the batch.
        parameters: Bytes of all parameters, each once.
        buffers: Bytes of all buffers, each once.
        fields: Bytes of the batch.
        allocated: What the allocator holds more after the forward pass than before, the answer
            included; None where it was not asked.
        device: Where the network is.
        why_not_predicted: The reason, where `predicted` is missing.
    """

    layers: tuple[LayerMemory, ...]
    batch: int
    parameters: int
    buffers: int
    fields: int
    allocated: int | None
    device: str
    why_not_predicted: str = ""

    @property
    def kept(self) -> int:
        """Bytes kept for the backward pass by all layers, measured."""
        return sum(layer.kept for layer in self.layers)

    @property
    def predicted(self) -> int | None:
        """Bytes kept for the backward pass by all layers, from shapes alone."""
        known = [layer.predicted for layer in self.layers if layer.predicted is not None]
        return sum(known) if len(known) == len(self.layers) else None

    def __str__(self) -> str:
        """A table, a row a layer, and the sums."""
        header = ("layer", "kind", "gives", "kept", "predicted", "parameters")
        table = [header]
        for layer in self.layers:
            shape = f"({', '.join(map(str, layer.output))})"
            told = "" if layer.predicted is None else bytes_in_words(layer.predicted)
            numbers = (bytes_in_words(layer.kept), told, bytes_in_words(layer.parameters))
            table.append((layer.name, layer.kind, shape, *numbers))
        wide = [max(len(row[column]) for row in table) for column in range(len(header))]
        lines = [
            "  ".join(
                cell.ljust(width) if column < 3 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, wide, strict=True))
            ).rstrip()
            for row in table
        ]
        told = "not predicted" if self.predicted is None else f"predicted {bytes_in_words(self.predicted)}"
        why = f" ({self.why_not_predicted})" if self.why_not_predicted else ""
        lines += [
            "",
            f"{self.batch} rows on {self.device}: {bytes_in_words(self.kept)} kept for the backward pass, {told}{why}.",
            f"Parameters {bytes_in_words(self.parameters)}, buffers {bytes_in_words(self.buffers)}, "
            f"batch {bytes_in_words(self.fields)}.",
        ]
        if self.allocated is not None:
            lines.append(
                f"The allocator holds {bytes_in_words(self.allocated)} more after the forward pass than before."
            )
        return "\n".join(lines)


def memory(model: nn.Module, batch: Batch, *, ask_allocator: bool = False) -> Memory:
    """Run `model` forward on `batch` as training does, and tell what stays in memory for the backward pass.

    Measured: what autograd saves, asked at the moment of saving, by storage, so that views and
    tensors that several layers need count once, where they are kept first. Predicted: the same
    pass on shapes, without numbers and without memory. The network is left as it was: parameters,
    gradients, buffers, modes and random state.

    Args:
        model: Any network; where it is, it is measured.
        batch: One field, a tuple of fields, or a dictionary of named ones, on the network's device.
        ask_allocator: Run once more and ask torch's allocator what it holds then, as a check that
            knows nothing of layers. On a processor that takes torch's profiler.

    Returns: A record with a table (`str`).

    Raises:
        BadValue: The network cannot run on the batch.
    """
    device = next((value.device for value in model.parameters()), torch.device("cpu"))
    own = [*model.parameters(), *model.buffers()]
    fields = _tensors(batch)
    measured = _Keeper(model, [*own, *fields])
    with untouched(model), torch.enable_grad():
        with watched(model, measured.left, measured.entered), saved_tensors_hooks(measured.keep, _back):
            output = called("memory", model, batch)
        del output  # and with it the graph and what it keeps
    measured.held.clear()
    predicted, why = _predicted(model, batch)
    allocated = _allocated(model, batch, device) if ask_allocator else None
    layers = tuple(
        LayerMemory(
            name=name,
            kind=type(part).__name__,
            output=measured.outputs.get(part, ()),
            kept=measured.kept.get(part, 0),
            predicted=None if predicted is None else predicted.get(part, 0),
            parameters=_bytes(part.parameters(recurse=False)),
        )
        for part, name in _in_order(model, measured)
    )
    return Memory(
        layers=layers,
        batch=rows(batch),
        parameters=_bytes(model.parameters()),
        buffers=_bytes(model.buffers()),
        fields=_bytes(fields),
        allocated=allocated,
        device=str(device),
        why_not_predicted=why,
    )


def bytes_in_words(count: float) -> str:
    """A number of bytes for people.

    >>> bytes_in_words(0), bytes_in_words(1_500), bytes_in_words(3 * 2**20)
    ('0', '1.5 KiB', '3.0 MiB')
    """
    for unit in ("", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f}" if not unit else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


@dataclass(slots=True)
class _Keeper:
    """Notes what is saved while the network runs, each storage once, under the module that is running."""

    model: nn.Module
    apart: list[Tensor]
    kept: dict[nn.Module, int] = field(default_factory=dict)
    outputs: dict[nn.Module, tuple[int, ...]] = field(default_factory=dict)
    inside: list[nn.Module] = field(default_factory=list)
    order: dict[nn.Module, None] = field(default_factory=dict)
    held: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.held = {storage._cdata: storage for storage in (value.untyped_storage() for value in self.apart)}

    def entered(self, part: nn.Module, _: tuple[Any, ...]) -> None:
        """A module begins."""
        self.inside.append(part)
        self.order.setdefault(part)

    def left(self, part: nn.Module, _: tuple[Any, ...], output: Any) -> None:
        """A module has given its output."""
        self.inside.pop()
        numbers = first_tensor(output)
        self.outputs[part] = () if numbers is None else tuple(numbers.shape)

    def keep(self, saved: Tensor) -> Tensor:
        """Called by autograd for each tensor that it saves."""
        storage = saved.untyped_storage()
        if storage._cdata not in self.held:
            self.held[storage._cdata] = storage  # held, so that its place is not given to another
            part = self.inside[-1] if self.inside else self.model
            self.kept[part] = self.kept.get(part, 0) + storage.nbytes()
        return saved


def _back(saved: Tensor) -> Tensor:
    return saved


def _in_order(model: nn.Module, keeper: _Keeper) -> Iterator[tuple[nn.Module, str]]:
    """Modules that keep something or have parameters of their own; first those that ran, as they ran."""
    names = names_of(model)
    for part in [*keeper.order, *(part for part in names if part not in keeper.order)]:
        if keeper.kept.get(part) or any(True for _ in part.parameters(recurse=False)):
            yield part, names[part]


def _predicted(model: nn.Module, batch: Batch) -> tuple[dict[nn.Module, int] | None, str]:
    """Bytes kept by module from a pass on shapes, or the reason why there is none."""
    try:
        with untouched(model), torch.enable_grad(), FakeTensorMode() as shapes:
            state: dict[str, Tensor] = {name: shapes.from_tensor(value) for name, value in _state(model).items()}
            given = _mapped(batch, shapes.from_tensor)
            keeper = _Keeper(model, [*state.values(), *_tensors(given)])
            with watched(model, keeper.left, keeper.entered), saved_tensors_hooks(keeper.keep, _back):
                if isinstance(given, Mapping):
                    functional_call(model, state, (), dict(given))
                else:
                    functional_call(model, state, given)
    except RavineError:
        raise
    except Exception as error:  # any operation of any network may refuse to run without numbers
        return None, str(error).strip().partition("\n")[0]
    return keeper.kept, ""


def _state(model: nn.Module) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _allocated(model: nn.Module, batch: Batch, device: torch.device) -> int:
    """Bytes that the allocator holds more once the forward pass is done and its answer is held."""
    with untouched(model), torch.enable_grad():
        if device.type == "cuda":
            called("memory", model, batch)  # libraries take their workspace at the first run
            torch.cuda.synchronize(device)
            before = torch.cuda.memory_allocated(device)
            output = called("memory", model, batch)
            torch.cuda.synchronize(device)
            held = torch.cuda.memory_allocated(device) - before
        else:
            with profiler.profile(use_kineto=False, profile_memory=True) as seen:
                output = called("memory", model, batch)
            held = sum(event.self_cpu_memory_usage for event in seen.function_events)
        del output
    return held


def _mapped(batch: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(batch, Mapping):
        return {name: _mapped(field, change) for name, field in batch.items()}
    if isinstance(batch, tuple | list):
        return tuple(_mapped(field, change) for field in batch)
    return change(batch) if isinstance(batch, Tensor) else batch


def _tensors(batch: Any) -> list[Tensor]:
    found: list[Tensor] = []

    def note(value: Tensor) -> Tensor:
        found.append(value)
        return value

    _mapped(batch, note)
    return found


def _bytes(values: Iterable[Tensor]) -> int:
    """Bytes of `values`, each storage once."""
    storages = {storage._cdata: storage for storage in (value.untyped_storage() for value in values)}
    return sum(storage.nbytes() for storage in storages.values())
