"""What a reader is given: a path whose content is opened, unpacked and decoded once."""

from __future__ import annotations

import codecs
import json
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any

from ravine.core.errors import BadData

LARGEST = 4 * 2**30
"""Bytes of a log, unpacked: more is refused before it fills the memory."""
_HEAD = 1 << 16
_BLANK = b"\0 \t\r\n"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = bytes(range(9)) + bytes((11, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 28, 29, 30, 31, 127))
_MOST_CONTROL = 0.02


class Source:
    """A file or a folder; the file's bytes are read when first asked for.

    Raises:
        BadData: It is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self.json_fault = ""
        try:
            self.is_folder = path.is_dir()
            there = path.exists()
        except (OSError, ValueError) as error:
            raise BadData(f"{str(path)!r}: cannot be read ({error}).") from None
        if not there:
            raise BadData(f"{path}: no such file or folder.")

    @cached_property
    def data(self) -> bytes:
        """The file's bytes, unpacked where it is gzipped.

        Raises:
            BadData: The file cannot be read, is empty, or too large.
        """
        try:
            if self.path.stat().st_size > LARGEST:
                raise BadData(f"{self.path}: more than {LARGEST >> 30} GiB. Diagnose a part of it, or fewer columns.")
            data = self.path.read_bytes()
        except OSError as error:
            raise BadData(f"{self.path}: cannot be read ({error.strerror or error}).") from None
        if data[:2] == b"\x1f\x8b":
            data = self._unpacked(data)
        if not data[:_HEAD].strip(_BLANK) and not data.strip(_BLANK):
            raise BadData(f"{self.path}: is empty: nothing was written into it yet.")
        return data

    @cached_property
    def head(self) -> str:
        """The first characters of the file's text; "" of a folder and of a binary file."""
        return "" if self.is_folder or self.is_binary else _decoded(self.data[:_HEAD], partial=True)

    @cached_property
    def text(self) -> str:
        """The file as text, of UTF-8, UTF-16, UTF-32 or, where it is none of them, Latin-1; without NUL characters."""
        return _decoded(self.data, partial=False)

    @cached_property
    def json(self) -> Any:
        """The file's content as JSON; None where it is none, and `json_fault` says where it broke."""
        try:
            return json.loads(self.text)
        except RecursionError:
            self.json_fault = "nested too deeply"
        except json.JSONDecodeError as error:
            self.json_fault = f"line {error.lineno}: {error.msg}"
        except ValueError as error:  # a whole number of more digits than Python reads
            self.json_fault = str(error).partition(";")[0]
        return None

    @cached_property
    def is_binary(self) -> bool:
        """Whether a file holds no text: too many of its first bytes are control characters."""
        if self.is_folder:
            return False
        head = self.data[:_HEAD].rstrip(b"\0")  # zeros are what a crash leaves at the end of a text
        if _encoding(head):
            return False
        head = head.replace(b"\0", b"") if head.count(b"\0") < len(head) // 2 and b"\n" in head else head
        return len(head) - len(head.translate(None, _CONTROL)) > _MOST_CONTROL * len(head)

    def _unpacked(self, packed: bytes) -> bytes:
        """What gzip packed; of a truncated file as much as is there."""
        pieces: list[bytes] = []
        total = 0
        while packed[:2] == b"\x1f\x8b":
            unpacker = zlib.decompressobj(wbits=31)
            try:
                piece = unpacker.decompress(packed, LARGEST - total + 1)
            except zlib.error as error:
                if not pieces:
                    raise BadData(f"{self.path}: damaged gzip ({error}).") from None
                self.notes.append("The gzip file is damaged; what comes after the damage is left out.")
                break
            pieces.append(piece)
            total += len(piece)
            if total > LARGEST:
                raise BadData(f"{self.path}: more than {LARGEST >> 30} GiB when unpacked.")
            if not unpacker.eof:
                self.notes.append("The gzip file is truncated; what is there was read.")
                break
            packed = unpacker.unused_data
        return b"".join(pieces)


def _encoding(data: bytes) -> str:
    """The encoding that a byte order mark, or zeros at every other place, tells; "" when none does."""
    for mark, name in _BOMS:
        if data.startswith(mark):
            return name
    sample = data[:512]
    if len(sample) >= 16:
        low, high = sample[0::2].count(0), sample[1::2].count(0)
        if high > 0.4 * len(sample) and low == 0:
            return "utf-16-le"
        if low > 0.4 * len(sample) and high == 0:
            return "utf-16-be"
    return ""


def _decoded(data: bytes, *, partial: bool) -> str:
    encoding = _encoding(data)
    if encoding:
        return data.decode(encoding, "replace").replace("\0", "")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        torn = partial and error.start >= len(data) - 4
        text = data[: error.start].decode("utf-8") if torn else data.decode("latin-1")
    return text.replace("\0", "")
