"""Schedules drawn over a run: in a terminal and as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ravine.core.braille import plotted
from ravine.core.errors import BadValue
from ravine.core.time import Clockwork
from ravine.schedules.parse import parse
from ravine.schedules.plateau import Guided, Plateau
from ravine.schedules.schedule import Schedule

if TYPE_CHECKING:
    from PIL import ImageDraw

WIDTH = 1080
"""Of a picture, in pixels."""

_SAMPLES = 4000  # points of a curve at most; a peak of a single step in a longer run may be missed
_MARGIN, _LEFT, _FINE = 40, 116, 2  # lines are drawn twice as large and scaled down
_PANEL, _GAP, _LINE = 420, 96, 52
_STYLES = ("red", "blue", "green", "magenta", "yellow", "cyan")


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes: what is drawn in it, each a value for each of the chart's moments."""

    title: str
    curves: tuple[tuple[float, ...], ...]
    places: tuple[int, ...]  # which of the chart's texts each curve belongs to
    low: float
    high: float


@dataclass(frozen=True)
class Chart:
    """One or more schedules over one run, and their momenta where they move them.

    Args:
        texts: As `parse` reads them.
        run: Its length.

    Raises:
        BadValue: A text cannot be read, is longer than the run, or is feedback, which cannot be drawn beforehand.
    """

    texts: tuple[str, ...]
    run: Clockwork

    def __post_init__(self) -> None:
        _ = self.schedules

    @cached_property
    def schedules(self) -> tuple[Schedule, ...]:
        """The schedules, fitted to the run."""
        return tuple(_drawable(text).fitted(self.run) for text in self.texts)

    @cached_property
    def moments(self) -> tuple[float, ...]:
        """Steps at which the curves are known."""
        total = self.run.total_steps
        count = min(max(total, 400), _SAMPLES)
        return tuple(k * total / count for k in range(count + 1))

    @cached_property
    def panels(self) -> tuple[Panel, ...]:
        """The rate, and the momentum where one moves."""
        rates = tuple(tuple(map(schedule, self.moments)) for schedule in self.schedules)
        top = max(1.0, *(max(curve) for curve in rates))
        found = [Panel("Factor of the base rate", rates, tuple(range(len(rates))), 0.0, top)]
        moving = [place for place, schedule in enumerate(self.schedules) if schedule.cycles_momentum]
        if moving:
            momenta = tuple(_momenta(self.schedules[place], self.moments) for place in moving)
            low, high = min(map(min, momenta)), max(map(max, momenta))
            room = (high - low) * 0.1 or 0.05
            found.append(Panel("Momentum", momenta, tuple(moving), low - room, high + room))
        return tuple(found)

    @property
    def told(self) -> str:
        """The run in words."""
        steps, per_epoch = self.run.total_steps, self.run.steps_per_epoch
        counted = f"{steps:,} step{'s' if steps > 1 else ''}"
        return f"{counted}, {steps / per_epoch:g} epochs of {per_epoch:,}" if per_epoch else counted

    def terminal(self, columns: int = 72, rows: int = 10) -> Any:
        """What rich can print: lines of braille dots with both axes.

        Args:
            columns: Of the plot itself, without the numbers beside it.
            rows: Of each panel.
        """
        from rich.text import Text

        out = Text()
        for panel in self.panels:
            out.append(panel.title + "\n", style="bold")
            lines = plotted(panel.curves, columns, rows, panel.low, panel.high)
            for row, line in enumerate(lines):
                known = {0: panel.high, rows - 1: panel.low}
                out.append(f"{known[row]:>6.3g} ┤" if row in known else "       │", style="dim")
                for cell in line:
                    style = _STYLES[panel.places[cell.curve] % len(_STYLES)] if cell.curve >= 0 else ""
                    out.append(cell.character, style=style)
                out.append("\n")
            end = f"{self.run.total_steps:,}"
            out.append(f"       └{'─' * columns}\n", style="dim")
            out.append(f"        0{' ' * (columns - 1 - len(end))}{end}\n", style="dim")
        for place, text in enumerate(self.texts):
            out.append("  ── ", style=_STYLES[place % len(_STYLES)])
            out.append(text + "\n")
        out.append(f"  {self.told}", style="dim")
        return out

    def png(self) -> bytes:
        """The picture, as a file's bytes."""
        from PIL import Image, ImageDraw

        from ravine.core import ink

        top = 72 + _LINE * len(self.texts) + 34
        height = top + len(self.panels) * (_PANEL + _GAP)
        image = Image.new("RGB", (WIDTH * _FINE, height * _FINE), ink.PAPER)
        pen = ImageDraw.Draw(image)
        for place, text in enumerate(self.texts):
            y = 72 + _LINE * place
            _line(pen, [(_MARGIN, y - 12), (_MARGIN + 52, y - 12)], ink.stroke(place).color, 6)
            room = WIDTH - 2 * _MARGIN - 72
            size = next((s for s in range(36, 15, -2) if ink.font(s * _FINE).getlength(text) <= room * _FINE), 14)
            _text(pen, (_MARGIN + 72, y), text, size, ink.INK, "ls")
        _text(pen, (_MARGIN, 72 + _LINE * len(self.texts) - 6), self.told, 24, ink.SOFT, "ls")
        for number, panel in enumerate(self.panels):
            self._panel(pen, panel, top + 40 + number * (_PANEL + _GAP))
        image = image.reduce(_FINE)
        file = io.BytesIO()
        image.save(file, "PNG", optimize=True)
        return file.getvalue()

    def _panel(self, pen: ImageDraw.ImageDraw, panel: Panel, top: float) -> None:
        from ravine.core import ink

        bottom, right = top + _PANEL - 60, WIDTH - _MARGIN
        total = self.run.total_steps

        def at(step: float, value: float) -> tuple[float, float]:
            share = (value - panel.low) / (panel.high - panel.low)
            return _LEFT + (right - _LEFT) * step / total, bottom - (bottom - top) * share

        _text(pen, (_MARGIN, top - 22), panel.title, 26, ink.INK, "ls")
        for value in ink.ticks(panel.low, panel.high, 5):
            y = at(0, value)[1]
            _line(pen, [(_LEFT, y), (right, y)], ink.RULE, 1.5)
            _text(pen, (_LEFT - 14, y), f"{value:g}", 24, ink.SOFT, "rm")
        for step in ink.ticks(0.0, float(total), 6):
            x = at(step, panel.low)[0]
            _line(pen, [(x, bottom), (x, bottom + 8)], ink.SOFT, 1.5)
            spelled = f"{step:,g}"
            half = ink.font(24 * _FINE).getlength(spelled) / _FINE / 2
            _text(pen, (min(x, WIDTH - 12 - half), bottom + 16), spelled, 24, ink.SOFT, "mt")
        _line(pen, [(_LEFT, bottom), (right, bottom)], ink.SOFT, 2)
        _text(pen, (right, bottom + 46), "step", 24, ink.SOFT, "rt")
        for place, curve in zip(panel.places, panel.curves, strict=True):
            way = [at(step, value) for step, value in zip(self.moments, curve, strict=True)]
            _line(pen, way, ink.stroke(place).color, 4)


def _drawable(text: str) -> Schedule:
    found = parse(text)
    if isinstance(found, Plateau | Guided):
        raise BadValue(f"schedule {text!r}: a plateau follows the losses, so it cannot be drawn before there are any.")
    return found


def _momenta(schedule: Schedule, moments: Sequence[float]) -> tuple[float, ...]:
    """Where the schedule leaves the momentum alone, the highest that it sets stands for the optimizer's own."""
    found = [schedule.momentum_at(moment) for moment in moments]
    own = max(value for value in found if value is not None)
    return tuple(own if value is None else value for value in found)


def _line(pen: ImageDraw.ImageDraw, way: Sequence[tuple[float, float]], color: Any, width: float) -> None:
    points = [(x * _FINE, y * _FINE) for x, y in way]
    pen.line(points, fill=color, width=round(width * _FINE), joint="curve")


def _text(pen: ImageDraw.ImageDraw, at: tuple[float, float], words: str, size: int, color: Any, anchor: str) -> None:
    from ravine.core import ink

    pen.text((at[0] * _FINE, at[1] * _FINE), words, fill=color, font=ink.font(size * _FINE), anchor=anchor)
