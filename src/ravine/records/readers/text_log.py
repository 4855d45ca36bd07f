"""Plain text: what a program printed, in words of its own: "epoch 3 loss 0.41 val_acc 88.2%", bars, key=value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from ravine.core.errors import BadData
from ravine.records.history import History
from ravine.records.readers.cells import number
from ravine.records.readers.columns import logs_of_records
from ravine.records.readers.names import TEST, VAL, Role, is_part, meaning
from ravine.records.readers.reader import Reader, histories
from ravine.records.readers.source import Source

_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x08")
_NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|(?:nan|inf(?:inity)?)(?![A-Za-z]))"
_WORD = r"(?!(?:nan|inf|infinity)\b)[A-Za-z_][\w@/.\-]*"
_PAIR = re.compile(
    rf"(?P<key>{_WORD}(?:[ ]{{1,2}}{_WORD}){{0,3}})[\"']?"
    r"(?P<mark>\s*[:=]\s*|\s+|\s*\(|\s*\[)[\"'\[(]?(?:tensor\(|array\()?\s*"
    rf"(?P<value>{_NUMBER})(?:\s*/\s*(?P<of>\d+(?:\.\d+)?))?(?P<percent>\s?%)?(?![\w])",
    re.IGNORECASE,
)
_PART = re.compile(r"[A-Za-z]+")
_EPOCH = re.compile(
    r"\b(?:epochs?|ep)\b[\"']?[\s:=#\[(]*(?:no\.?\s*)?(?P<epoch>\d+(?:\.\d+)?)(?:\s*/\s*\d+)?", re.IGNORECASE
)
_STEP = re.compile(
    r"\b(?:global[_ ]?step|steps?|iter(?:ation)?s?|update|batch(?:es)?)\b[\"']?[\s:=#\[(]*(?P<step>\d+)(?:\s*/\s*\d+)?",
    re.IGNORECASE,
)
_BAR = re.compile(r"(?:^|(?<![:=])[\s|\[])(?P<done>\d+)/(?P<all>\d+)(?=\s*(?:\[|\(\d|\]|━|\x20-))")
_DRAWN = re.compile(r"[█━]|\[=|it/s|s/it|/step")
_LAST = re.compile(rf"(?:^|[\s:=])(?P<value>{_NUMBER})\s*$", re.IGNORECASE)
_BLOCK = re.compile(r"^[\s\-=*#>]*(?P<part>[A-Za-z]+)(?:\s+(?:set|phase|results?|metrics|epoch|part))*\s*:?[\s\-=*#]*$")
_LONGEST = 2000  # characters of a line that are looked at
_TELLING = ("loss", "acc", "err", "score", "norm", "reward", "cost", "bleu", "map", "iou")


def recognizes(source: Source) -> bool:
    """Whether a file is text at all."""
    return not source.is_folder and not source.is_binary


def read(source: Source) -> list[History]:
    """The values by name on its lines, at the epoch and the step that a line or one before it tells.

    Raises:
        BadData: No line tells a loss or a metric.
    """
    lines = _Lines()
    records = [record for line in _lines(source.text) if (record := lines.record(line))]
    if not records:
        raise BadData(
            f"{source.path}: no loss or metric was found in this text. Lines like"
            ' "epoch 3 loss 0.41 val_loss 0.52" are understood, and tables with names in the first line.'
        )
    logs = logs_of_records(records)
    for log in logs:
        log.running = lines.bars > len(records) / 2
    return histories(source, logs)


def _lines(text: str) -> Iterator[str]:
    """Lines without colours; each state of a progress bar is a line of its own."""
    for line in re.split(r"[\r\n]+", text):
        if line and not line.isspace():
            yield _CODES.sub("", line[:_LONGEST]) if "\x1b" in line or "\x08" in line else line[:_LONGEST]


class _Lines:
    """Reads line after line, and remembers which part a heading named."""

    def __init__(self) -> None:
        self.block = ""
        self.epoch: float | None = None
        self.bars = 0

    def record(self, line: str) -> dict[str, Any]:
        """The values of a line by name, with its epoch and step; empty where it tells none."""
        heading = _BLOCK.match(line)
        if heading and is_part(heading["part"]):
            self.block = heading["part"].lower()
            return {}
        found, rest = self._counters(line)
        values = dict(self._values(rest))
        if not values and "epoch" in found and (last := _LAST.search(rest)) and "." in last["value"]:
            values["loss"] = last["value"]
        return {**found, **values} if values else {}

    def _counters(self, line: str) -> tuple[dict[str, Any], str]:
        """Epoch and step of a line, and the line without them."""
        found: dict[str, Any] = {}
        epoch = _EPOCH.search(line)
        if epoch:
            self._enter(float(epoch["epoch"]))
            line = f"{line[: epoch.start()]} ; {line[epoch.end() :]}"
        if self.epoch is not None:
            found["epoch"] = self.epoch
        step = _STEP.search(line)
        if step:
            found["step"] = float(step["step"])
            return found, f"{line[: step.start()]} ; {line[step.end() :]}"
        bar = _BAR.search(line)
        if bar and float(bar["all"]) > 0:
            self.bars += _DRAWN.search(line) is not None
            found["step"] = float(bar["done"])
            line = f"{line[: bar.start()]} ; {line[bar.end() :]}"
        return found, line

    def _enter(self, epoch: float) -> None:
        if epoch != self.epoch:
            self.epoch, self.block = epoch, ""

    def _values(self, line: str) -> Iterator[tuple[str, Any]]:
        """Names and values, each name with the part that stands before it or that the line is about."""
        part = self.block or (VAL if line.lstrip().startswith("* ") else "")
        place = 0
        for pair in _PAIR.finditer(line):
            words = pair["key"].split()
            part = _part_among(line[place : pair.start()], part)
            key, before = _key(tuple(words), marked=pair["mark"].strip() in (":", "="))
            part = _part_among(before, part)
            place = pair.end()
            if not key:
                continue
            means = meaning(key)
            if means.role is not Role.CURVE:
                continue
            full = f"{part}/{key}" if part and not means.part and means.name not in ("lr", "grad_norm") else key
            yield full, _value(pair)


@lru_cache(maxsize=4096)
def _key(words: tuple[str, ...], *, marked: bool) -> tuple[str, str]:
    """The longest end of words that names something known, and the words before it; "" where none does.

    Before a colon or an equals sign any name that speaks of a loss or a score is taken.
    """
    for first in range(len(words)):
        key = " ".join(words[first:])
        means = meaning(key)
        if means.role is Role.CURVE and means.known:
            if first + 1 < len(words) and is_part(words[first]):  # the part holds for what follows on the line, too
                return " ".join(words[first + 1 :]), " ".join(words[: first + 1])
            return key, " ".join(words[:first])
        if means.role is not Role.CURVE:
            return key, ""
    last = words[-1]
    if marked and any(word in last.lower() for word in _TELLING):
        return last, " ".join(words[:-1])
    return "", " ".join(words)


def _part_among(text: str, part: str) -> str:
    """The last part that words name, else the one before."""
    for word in _PART.findall(text):
        if is_part(word):
            part = TEST if word.lower().startswith("test") else word.lower()
    return part


def _value(pair: re.Match[str]) -> Any:
    text, whole = pair["value"], pair["of"]
    if whole and (total := float(whole)) > 0:
        value = number(text)
        return None if value is None else value / total  # "Accuracy: 9833/10000"
    return f"{text}%" if pair["percent"] else text


READER = Reader("text_log", "a text log", recognizes, read)
