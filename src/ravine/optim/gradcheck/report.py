"""What a gradient check found: a row for each tensor, the module at fault, and what there is to say."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["right", "wrong", "not finite", "about 0", "not judged", "unused", "frozen"]

_CULPRITS_SHOWN = 3  # culprits in the summary line; all of them are in the record


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """The coordinate of a tensor where the two gradients are furthest apart.

    Attributes:
        index: Its place in the tensor; a complex tensor has one more axis, 0 real and 1 imaginary.
        analytic: What the backward pass gave.
        numeric: What central differences gave.
    """

    index: tuple[int, ...]
    analytic: float
    numeric: float

    def __str__(self) -> str:
        place = ", ".join(map(str, self.index))
        return f"[{place}] {self.analytic:.6g} by backward, {self.numeric:.6g} by differences"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One tensor.

    Attributes:
        name: As in `named_parameters()`; "input" and "loss: output" stand for what is no parameter.
        shape: Its shape.
        checked: Coordinates compared.
        wrong: Coordinates, of those, whose two gradients disagree.
        kinks: Coordinates, of those, set aside: the loss has no derivative there, or is not finite beside it.
        error: Largest relative error, those set aside left out; 0 where nothing was compared.
        worst: Where that is.
        verdict: "right"; "wrong"; "not finite": the backward pass gave NaN or infinity; "about 0": both gradients are
            smaller than rounding lets differences see; "not judged": all was set aside; "unused": no gradient came,
            and the loss does not change; "frozen": needs no gradient, not checked.
    """

    name: str
    shape: tuple[int, ...]
    checked: int = 0
    wrong: int = 0
    kinks: int = 0
    error: float = 0.0
    worst: Worst | None = None
    verdict: Verdict = "right"

    @property
    def faulty(self) -> bool:
        """Whether training with this gradient goes astray."""
        return self.verdict in ("wrong", "not finite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Culprit:
    """The deepest part whose own backward is wrong while all inside it are right.

    Attributes:
        name: Of the module, as in `named_modules()`; "" is the model itself, "loss" the loss.
        kind: Its class or function.
        where: File and line of that; "" where there is no source.
        worst: The tensor of it that is furthest off: a parameter's name in it, "input" or "output".
        functions: Custom `torch.autograd.Function`s at work inside it, with file and line.
        row: What was found when it was checked alone.
    """

    name: str
    kind: str
    where: str
    worst: str
    functions: tuple[str, ...] = ()
    row: Row

    def __str__(self) -> str:
        called = f"{self.name} ({self.kind})" if self.name else f"the model itself ({self.kind})"
        text = f"{called} at {self.where}" if self.where else called
        through = f", through {', '.join(self.functions)}" if self.functions else ""
        return f"{text}{through}: wrong by its {self.worst}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GradCheck:
    """What a gradient check found; `print` it.

    Attributes:
        rows: One for each tensor.
        culprits: Where the fault is, the likeliest first; empty when nothing is wrong.
        notes: What else there is to know: kinks, dropout, batch statistics, tied and tiny gradients.
        loss: The number differentiated, at the point checked.
        tolerance: Largest relative error that counts as right.
        seed: Of the coordinates chosen and of the random numbers the model draws.
        evaluations: How often the loss was computed.
        seconds: How long it took.
    """

    rows: tuple[Row, ...]
    culprits: tuple[Culprit, ...] = ()
    notes: tuple[str, ...] = ()
    loss: float
    tolerance: float
    seed: int
    evaluations: int
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether no gradient was found wrong."""
        return not any(row.faulty for row in self.rows)

    @property
    def culprit(self) -> Culprit | None:
        """Where the fault is, as far as it could be found."""
        return self.culprits[0] if self.culprits else None

    @property
    def wrong(self) -> tuple[Row, ...]:
        """The tensors whose gradient is wrong or not finite."""
        return tuple(row for row in self.rows if row.faulty)

    def to_json(self) -> dict[str, Any]:
        """Everything, in JSON's own types; numbers that are not finite are null."""
        from ravine.core.files import plain

        told: dict[str, Any] = plain({"passed": self.passed, **asdict(self)})
        return told

    def __str__(self) -> str:
        blocks = [self.summary(), self.table()]
        if self.notes:
            blocks.append("\n".join(f"- {note}" for note in self.notes))
        return "\n\n".join(blocks)

    def summary(self) -> str:
        """What came out, in a line or two."""
        checked = sum(row.checked for row in self.rows)
        kinks = sum(row.kinks for row in self.rows)
        aside = f", {kinks:,} of them set aside at kinks" if kinks else ""
        scope = (
            f"{checked:,} coordinates of {sum(row.checked > 0 for row in self.rows)} tensors{aside}; "
            f"{self.evaluations:,} evaluations in {self.seconds:.1f} s; tolerance {self.tolerance:g}"
        )
        if self.passed:
            return f"gradients right: {scope}"
        lines = [f"gradients WRONG in {len(self.wrong)} of {len(self.rows)} tensors: {scope}"]
        lines += [f"fault in {culprit}" for culprit in self.culprits[:_CULPRITS_SHOWN]]
        return "\n".join(lines)

    def table(self) -> str:
        """The rows as lines of text."""
        head = ("tensor", "shape", "checked", "kinks", "largest error", "verdict", "worst coordinate")
        cells = [head, *(_cells(row) for row in self.rows)]
        widths = [max(len(line[place]) for line in cells) for place in range(len(head))]
        return "\n".join(_line(line, widths) for line in cells)


def _cells(row: Row) -> tuple[str, ...]:
    compared = row.checked > 0
    verdict = f"wrong at {row.wrong:,}" if row.verdict == "wrong" else row.verdict
    return (
        row.name,
        " × ".join(map(str, row.shape)) or "one number",
        f"{row.checked:,}" if compared else "–",
        f"{row.kinks:,}" if compared else "–",
        f"{row.error:.1e}" if row.worst is not None else "–",
        verdict,
        str(row.worst) if row.worst is not None and row.faulty else "",
    )


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    left = {0, 1, 5, 6}
    aligned = [
        cell.ljust(width) if place in left else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(aligned).rstrip()
