"""Members of one architecture in one memory: every tensor with the members in front."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ravine.core.errors import BadValue
from ravine.optim.groups import param_groups


class Stack:
    """Parameters and buffers of all members.

    Trainable parameters lie in a few flat tensors, (members, numbers), one for each dtype and each way to be
    decayed: a step of the optimizer is then a handful of operations, however many layers there are.

    Args:
        members: Networks with the same layers and shapes. They are copied, and left as they are.

    Attributes:
        skeleton: A network of this architecture; its own weights are never read.
        flats: The trainable parameters.
        decays: For each of `flats`, whether weight decay acts on it; biases and norms are spared.
        parameters: By name, (members, *), views into `flats`.
        rest: Frozen parameters and buffers by name, (members, *).

    Raises:
        BadValue: No members, or members of different architectures.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        if not members:
            raise BadValue("population: needs at least one member.")
        _check_alike(members)
        self.skeleton = copy.deepcopy(members[0])
        stacked = {
            name: torch.stack([dict(_tensors(member))[name].detach() for member in members])
            for name, _ in _tensors(members[0])
        }
        decays = _decaying(members[0])
        places: dict[tuple[torch.dtype, bool], list[str]] = {}
        for name, decayed in decays.items():
            places.setdefault((stacked[name].dtype, decayed), []).append(name)
        self.decays = [decayed for _, decayed in places]
        self._names = list(places.values())
        self._shapes = {name: stacked[name].shape[1:] for name in decays}
        self.rest = {name: value for name, value in stacked.items() if name not in decays}
        self.flats = [torch.cat([stacked[name].flatten(1) for name in names], 1) for names in self._names]
        self._view()

    def __len__(self) -> int:
        return len(self.flats[0])

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.flats[0].device

    def to(self, device: torch.device) -> Stack:
        """Move everything."""
        self.skeleton.to(device)
        self.rest = {name: value.to(device) for name, value in self.rest.items()}
        self.take(flat.to(device) for flat in self.flats)
        return self

    def take(self, flats: object) -> None:
        """Go on with other tensors in place of `flats`, of the same layout."""
        self.flats = list(flats)  # type: ignore[call-overload]
        self._view()

    def flattened(self, gradients: Mapping[str, Tensor]) -> list[Tensor]:
        """Gradients by name, each (members, *), laid out as `flats`."""
        return [torch.cat([gradients[name].flatten(1) for name in names], 1) for names in self._names]

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members alone; `flats` are the caller's to give, by `take`."""
        chosen = list(members)
        self.rest = {name: value[chosen] for name, value in self.rest.items()}

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, (members, *)."""
        return {**self.parameters, **self.rest}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Write other values into everything, in place."""
        for name, value in self.tensors.items():
            value.copy_(tensors[name])

    def member(self, number: int, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of `tensors` those of one member, as its state_dict has them, copied."""
        return {name: tensors[kept][number].detach().clone() for name, kept in _kept(self.skeleton).items()}

    def _view(self) -> None:
        self.parameters: dict[str, Tensor] = {}
        for flat, names in zip(self.flats, self._names, strict=True):
            pieces = torch.split(flat, [self._shapes[name].numel() for name in names], 1)
            for name, piece in zip(names, pieces, strict=True):
                self.parameters[name] = piece.view(len(flat), *self._shapes[name])


def _tensors(module: nn.Module) -> list[tuple[str, Tensor]]:
    """Parameters and buffers, each once, under its first name."""
    return [*module.named_parameters(), *module.named_buffers()]


def _kept(module: nn.Module) -> dict[str, str]:
    """For each key of the state_dict the first name of the tensor, which tied ones share."""
    first = {id(tensor): name for name, tensor in reversed(_tensors(module))}
    return {key: first[id(value)] for key, value in module.state_dict(keep_vars=True).items()}


def _decaying(module: nn.Module) -> dict[str, bool]:
    """For each trainable parameter, whether weight decay acts on it."""
    decayed = {
        id(parameter): group["weight_decay"] > 0
        for group in param_groups(module, weight_decay=1.0)
        for parameter in group["params"]
    }
    return {name: decayed[id(parameter)] for name, parameter in module.named_parameters() if parameter.requires_grad}


def _check_alike(members: Sequence[nn.Module]) -> None:
    first = _form(members[0])
    for number, member in enumerate(members[1:], start=2):
        mine = _form(member)
        if mine == first:
            continue
        odd = next((name for name in {**first, **mine} if first.get(name) != mine.get(name)), "")
        raise BadValue(
            f"population: members must be of one architecture; member {number} differs from the first in {odd!r} "
            f"({_said(mine.get(odd))} for {_said(first.get(odd))})."
        )


def _form(module: nn.Module) -> dict[str, tuple[str, ...]]:
    """Kinds of layers, and forms of tensors, by name."""
    layers = {name or "the network": (type(layer).__qualname__,) for name, layer in module.named_modules()}
    tensors = {
        name: (str(tuple(value.shape)), str(value.dtype).removeprefix("torch."), f"trains={value.requires_grad}")
        for name, value in _tensors(module)
    }
    return {**layers, **tensors}


def _said(form: tuple[str, ...] | None) -> str:
    return "nothing" if form is None else " ".join(form)
