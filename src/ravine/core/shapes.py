"""What one prepared row looks like to a network: the word between data and models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Form = Literal["table", "image", "sequence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputShape:
    """The fields of one prepared row, after normalization.

    - table: two fields, numbers (batch, numeric) float and codes (batch, len(cardinalities)) int64;
      column j of the codes is in [0, cardinalities[j]), 0 standing for missing or unseen;
    - image: one field (batch, channels, height, width) float;
    - sequence: one field (batch, length, features) float.
    """

    form: Form
    numeric: int = 0
    cardinalities: tuple[int, ...] = ()
    channels: int = 0
    height: int = 0
    width: int = 0
    length: int = 0
    features: int = 0

    def to_json(self) -> dict[str, Any]:
        """This shape in JSON's own types."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> InputShape:
        """The shape that `to_json` wrote."""
        return cls(**{**value, "cardinalities": tuple(value["cardinalities"])})
