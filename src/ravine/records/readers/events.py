"""Records of event files and the protocol buffers in them, read by hand: only what scalars need."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HEADER = 12  # length, 8 bytes, and its checksum, 4
_FOOTER = 4
_LARGEST_FIRST = 4096
_FLOAT = struct.Struct("<f")
_LENGTH = struct.Struct("<Q")
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5  # wire types
_DTYPES = {
    1: "<f4",
    2: "<f8",
    3: "<i4",
    4: "u1",
    5: "<i2",
    6: "i1",
    9: "<i8",
    10: "?",
    17: "<u2",
    19: "<f2",
    22: "<u4",
    23: "<u8",
}
_BFLOAT16 = 14
_HALF = 19


class Damaged(ValueError):
    """Bytes that are no protocol buffer."""


def is_event_file(data: bytes) -> bool:
    """Whether bytes begin with the record that every event file begins with, which says its version."""
    if len(data) < _HEADER + 9:
        return False
    (length,) = _LENGTH.unpack_from(data)
    return (
        9 <= length <= _LARGEST_FIRST
        and data[_HEADER] == 0x09
        and b"brain.Event:" in data[_HEADER : _HEADER + length + 16]
    )


def scalars(data: bytes) -> tuple[dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]], str]:
    """Every scalar by its tag: steps and values in the order they were written, and what is wrong with the file.

    A scalar is a simple value, or a tensor of one number. A file that ends inside a record, as that of a
    program that was killed, gives what is before; a record that is damaged inside is left out.
    """
    import numpy as np

    found: dict[bytes, tuple[list[int], list[float]]] = {}
    fault, damaged = "", 0
    place, end = 0, len(data)
    while place < end:
        if place + _HEADER > end:
            fault = "ends inside a record."
            break
        (length,) = _LENGTH.unpack_from(data, place)
        start = place + _HEADER
        place = start + length + _FOOTER
        if place > end:
            fault = "ends inside a record, or is damaged there."
            break
        try:
            _event(data, start, start + length, found)
        except (Damaged, IndexError, struct.error, ValueError):
            damaged += 1
    if damaged:
        fault = f"{damaged} damaged records were left out. {fault}".rstrip()
    return {
        tag.decode("utf-8", "replace"): (np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64))
        for tag, (steps, values) in found.items()
    }, fault


def _event(data: bytes, start: int, end: int, found: dict[bytes, tuple[list[int], list[float]]]) -> None:
    """Add the scalars of one event: its step is field 2, its summary field 5, of which each value is a field 1."""
    step = 0
    summaries: list[tuple[int, int]] = []
    for number, _, value, stop in _fields(data, start, end):
        if number == 2:
            step = value - (1 << 64) if value >= 1 << 63 else value
        elif number == 5 and stop:
            summaries.append((value, stop))
    for begin, stop in summaries:
        for number, _, inner, inner_stop in _fields(data, begin, stop):
            if number == 1 and inner_stop:
                _value(data, inner, inner_stop, step, found)


def _value(data: bytes, start: int, end: int, step: int, found: dict[bytes, tuple[list[int], list[float]]]) -> None:
    """Add one value of a summary: its tag is field 1, a simple value field 2, a tensor field 8."""
    tag, scalar = b"", None
    for number, wire, value, stop in _fields(data, start, end):
        if number == 1 and stop:
            tag = data[value:stop]
        elif number == 2 and wire == _FOUR:
            (scalar,) = _FLOAT.unpack_from(data, value)
        elif number == 8 and stop:
            scalar = _tensor(data, value, stop)
    if scalar is None or tag.startswith(b"_hparams_/"):
        return
    steps, values = found.setdefault(tag, ([], []))
    steps.append(step)
    values.append(scalar)


def _tensor(data: bytes, start: int, end: int) -> float | None:
    """The number in a tensor of one number; None for any other tensor.

    Its type is field 1; its content is in field 4, raw, or in a field for its type: 5 float, 6 double, 7, 10, 11, 16
    and 17 integers, 13 halves as integers.
    """
    import numpy as np

    kind, raw = 0, b""
    listed: list[float] = []
    for number, wire, value, stop in _fields(data, start, end):
        if number == 1:
            kind = value
        elif number == 4 and stop:
            raw = data[value:stop]
        elif number == 5:
            listed += _numbers(data, value, stop, "<f4")
        elif number == 6:
            listed += _numbers(data, value, stop, "<f8")
        elif number in (7, 10, 11, 13, 16, 17):
            whole = [value] if wire == _VARINT else list(_varints(data, value, stop))
            listed += [_half(bits, kind) if number == 13 else _signed(bits) for bits in whole]
    if raw and kind == _BFLOAT16 and len(raw) == 2:
        return _half(int.from_bytes(raw, "little"), kind)
    if raw and kind in _DTYPES:
        content = np.frombuffer(raw, dtype=_DTYPES[kind])
        return float(content[0]) if len(content) == 1 else None
    return listed[0] if len(listed) == 1 else None


def _numbers(data: bytes, start: int, stop: int, dtype: str) -> list[float]:
    """Floats of a repeated field: packed where it has a stop, else one alone."""
    size = int(dtype[-1])
    packed = data[start:stop] if stop else data[start : start + size]
    if len(packed) % size:
        raise Damaged
    import numpy as np

    numbers: list[float] = np.frombuffer(packed, dtype=dtype).tolist()
    return numbers


def _half(bits: int, kind: int) -> float:
    if kind == _HALF:
        return float(struct.unpack("<e", (bits & 0xFFFF).to_bytes(2, "little"))[0])
    return float(_FLOAT.unpack(((bits & 0xFFFF) << 16).to_bytes(4, "little"))[0])


def _signed(bits: int) -> float:
    return float(bits - (1 << 64) if bits >= 1 << 63 else bits)


def _varints(data: bytes, start: int, stop: int) -> Iterator[int]:
    while start < stop:
        value, start = _varint(data, start, stop)
        yield value


def _varint(data: bytes, place: int, end: int) -> tuple[int, int]:
    """A whole number of seven bits a byte, and the place after it."""
    value = shift = 0
    while place < end and shift < 70:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
    raise Damaged


def _fields(data: bytes, place: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """The fields of a message: number, wire type, a whole number or where its bytes begin, and 0 or where they stop."""
    while place < end:
        key = data[place]
        if key < 0x80:
            place += 1
        else:
            key, place = _varint(data, place, end)
        wire = key & 7
        if wire == _BYTES:
            length = data[place]
            if length < 0x80:
                place += 1
            else:
                length, place = _varint(data, place, end)
            stop = place + length
            if stop > end:
                raise Damaged
            yield key >> 3, wire, place, stop
            place = stop
        elif wire == _VARINT:
            value, place = _varint(data, place, end)
            yield key >> 3, wire, value, 0
        elif wire in (_EIGHT, _FOUR):
            size = 8 if wire == _EIGHT else 4
            if place + size > end:
                raise Damaged
            yield key >> 3, wire, place, 0
            place += size
        else:
            raise Damaged
