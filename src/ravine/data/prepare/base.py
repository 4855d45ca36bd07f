"""What a preparation is: raw rows to raw fields, and the layer that normalizes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ravine.core.errors import BadData
from ravine.core.shapes import InputShape
from ravine.data.raw import Arrays, Images, Inputs, Table

Rows = NDArray[np.integer[Any]]


class Preparation(ABC):
    """How one kind of inputs is prepared, learned from training rows.

    Two halves: `fields` turns rows into tensors of raw values, from which batches are cut;
    `normalizer` gives the layer that turns a batch of them into what `shape` describes.
    """

    kind: ClassVar[str]
    """Name in JSON."""

    @property
    @abstractmethod
    def shape(self) -> InputShape:
        """What the network sees of one row, after normalization."""

    @property
    @abstractmethod
    def feature_names(self) -> tuple[str, ...]:
        """Columns of the user's that are used, in order; empty for pictures."""

    @abstractmethod
    def fields(self, inputs: Inputs, rows: Rows | None = None) -> tuple[torch.Tensor, ...]:
        """Raw values of `rows` (all when None), one tensor a field, rows first.

        Raises:
            BadData: Inputs of another kind, missing columns, values of a wrong type.
        """

    @abstractmethod
    def normalizer(self) -> nn.Module:
        """A new layer with the statistics of the training rows: raw fields → a tuple of normalized ones."""

    @abstractmethod
    def describe(self) -> list[str]:
        """What is done, one sentence a step, for people."""

    @abstractmethod
    def _content(self) -> dict[str, Any]:
        """What `_of_content` needs, in JSON's own types."""

    @classmethod
    @abstractmethod
    def _of_content(cls, value: dict[str, Any]) -> Preparation:
        """The preparation that `_content` describes."""

    def notes(self, inputs: Inputs) -> list[str]:  # noqa: ARG002 (most kinds have nothing to say)
        """What `fields` does to these inputs without being asked: columns ignored, pictures resized."""
        return []

    def to_json(self) -> dict[str, Any]:
        """This preparation in JSON's own types: names, types, vocabularies, statistics."""
        return {"kind": self.kind, **self._content()}

    @staticmethod
    def from_json(value: dict[str, Any]) -> Preparation:
        """The preparation that `to_json` wrote."""
        from ravine.data.prepare.kinds import KINDS

        content = {name: item for name, item in value.items() if name != "kind"}
        return KINDS[value["kind"]]._of_content(content)


def refuse_kind(wanted: str, inputs: Inputs) -> BadData:
    """The error for inputs of another kind than the model was trained on."""
    names = {Table: "a table", Images: "pictures", Arrays: "arrays"}
    return BadData(f"the model reads {wanted}; got {names[type(inputs)]}. Give data like those it was trained on.")


def borrowed(values: NDArray[Any]) -> torch.Tensor:
    """A tensor over the memory of `values`, not a copy; nobody writes to fields, so read-only arrays will do."""
    values = np.ascontiguousarray(values)
    if values.flags.writeable:
        return torch.from_numpy(values)
    return torch.from_numpy(np.asarray(_Lent(values)))


class _Lent:
    """A read-only array lent under a promise not to write; torch warns of it otherwise."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._values = values  # kept alive as long as the tensor
        self.__array_interface__ = {**values.__array_interface__, "data": (values.ctypes.data, False)}
