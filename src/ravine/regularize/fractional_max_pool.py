"""Fractional max pooling: pictures shrink by less than half at a time, on random regions."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import torch
import torch.nn.functional as nnf
from torch import Generator, Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import Interval
from ravine.core.sources import Source
from ravine.regularize.outputs import Around, OutputTechnique
from ravine.regularize.technique import Acts, Technique

Kind = Literal["random", "pseudo"]
Test = Literal["frozen", "average"]

_RATIO = Interval(1.0, left_open=True, right_open=True)
_AT_LEAST_ONE = Interval(1.0, right_open=True)


def bounds(span: int, count: int, kind: Kind, generator: Generator | None = None) -> Tensor:
    """Where the regions of one side begin and end: 0 = a₀ ≤ a₁ ≤ … ≤ a_count = span.

        random:   steps ⌊α⌋ and ⌈α⌉ in random order, α = span/count
        pseudo:   aᵢ = ⌈α·(i + u)⌉ − ⌈α·u⌉,  u ~ U(0, 1)

    The pseudo-random ones are more even: neighbours differ by one at most over any stretch.

    Args:
        span: Last bound.
        count: How many regions.
        kind: Which of the two.
        generator: Source of chance; its device is the result's. The global one of the CPU when None.

    Returns: int64 (count + 1,).
    Source: Graham 2014, section 2.
    """
    device = None if generator is None else generator.device
    if kind == "pseudo":
        u = torch.rand((), dtype=torch.float64, generator=generator, device=device)
        return _even(torch.arange(count + 1, device=u.device), u, span / count)
    step, longer = divmod(span, count)
    steps = step + (torch.randperm(count, generator=generator, device=device) < longer).long()
    return torch.cat([steps.new_zeros(1), steps.cumsum(0)])


def frozen_bounds(span: int, count: int, kind: Kind, seed: int) -> Tensor:
    """The same, drawn once and for all from `seed`, on the CPU."""
    chance = random.Random(seed)  # noqa: S311 (chance, not secrets); torch's would be traced by exporters
    if kind == "pseudo":
        u = torch.tensor(chance.random(), dtype=torch.float64)
        return _even(torch.arange(count + 1), u, span / count)
    step, longer = divmod(span, count)
    steps = [step + 1] * longer + [step] * (count - longer)
    chance.shuffle(steps)
    return torch.tensor([0, *steps]).cumsum(0)


def _even(index: Tensor, u: Tensor, alpha: float) -> Tensor:
    # α·count may miss a whole number by rounding; the last bound must not.
    reached = torch.ceil(alpha * (index + u) - 1e-9)
    return (reached - reached[0]).long()


def pool(x: Tensor, rows: Tensor, columns: Tensor, overlapping: bool = True) -> Tensor:
    """The maximum of each region.

        y[i, j] = max x[rᵢ … rᵢ₊₁, cⱼ … cⱼ₊₁], with the last lines if regions overlap, else without

    Args:
        x: (batch, channels, height, width). Not changed.
        rows: Bounds from 0 to height − 1, or to height where regions do not overlap, (n + 1,).
        columns: Likewise for the width, (m + 1,).
        overlapping: Whether neighbouring regions share a line.

    Returns: (batch, channels, n, m).
    Source: Graham 2014, equation 1. Its disjoint regions leave out the last line; ours reach the edge.
    """
    # Each region is spread on a square of its own, whose maximum torch's kernel finds; only the
    # element found is then read with a gradient, which goes back to one place instead of many.
    tall, below = _lines(rows, x.shape[2], overlapping)
    wide, beside = _lines(columns, x.shape[3], overlapping)
    with torch.no_grad():
        spread = x.index_select(3, beside).index_select(2, below)
        found = nnf.max_pool2d(spread, (tall, wide), return_indices=True)[1].flatten(2)
        index = (below[:, None] * x.shape[3] + beside).flatten()[found]
    return x.flatten(2).gather(2, index).view(*x.shape[:2], len(rows) - 1, len(columns) - 1)


def _lines(ends: Tensor, side: int, overlapping: bool) -> tuple[int, Tensor]:
    """The lines of all regions one after the other, each region's last repeated up to the size of the widest."""
    first, last = ends[:-1, None], ends[1:, None] - int(not overlapping)
    widest = -(-(side - overlapping) // len(first)) + overlapping
    return widest, torch.minimum(first + torch.arange(widest, device=ends.device), last).flatten()


class FractionalMaxPool2d(OutputTechnique):
    """Max pooling that shrinks by any ratio, on regions drawn anew for each batch while training.

    A layer of its own, or, by `apply`, in the place of `nn.MaxPool2d` layers; where nobody says where,
    all of them that shrink, and without a ratio each keeps the size of its output.

    Torch's own `nn.FractionalMaxPool2d` draws windows of one fixed size at random places; the
    paper's regions lie side by side, cover the picture, and differ in size.

    Args:
        ratio: By how much sides shrink, α above 1; the paper takes √2 or less. None: as the layers it
            replaces do.
        kind: "random" or "pseudo"; with other distortions of the pictures the paper found "pseudo" better.
        overlapping: Whether neighbouring regions share a line.
        test: In evaluation "frozen": one set of regions, always the same; "average": the mean of the
            layer over `draws` sets. The paper averages whole networks: `mc_predict`.
        draws: How many sets "average" takes.
        generator: Source of chance; the global one when None.

    Source: Graham 2014.
    """

    name: ClassVar[str] = "fractional-max-pool"
    kinds = (nn.MaxPool2d,)
    by_row = False
    idle = False

    def __init__(
        self,
        ratio: float | None = None,
        kind: Kind = "random",
        overlapping: bool = True,
        test: Test = "frozen",
        draws: int = 8,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.ratio = ratio if ratio is None else _RATIO.check(self.name, "ratio", ratio)
        for word, got, allowed in (("kind", kind, get_args(Kind)), ("test", test, get_args(Test))):
            if got not in allowed:
                raise BadValue(refusal(self.name, word, f"be one of {', '.join(allowed)}", got))
        self.kind: Kind = kind
        self.overlapping = overlapping
        self.test: Test = test
        self.draws = int(_AT_LEAST_ONE.check(self.name, "draws", draws))
        self.generator = generator

    def change(self, x: Tensor) -> Tensor:
        """The maxima of regions drawn now."""
        return self._drawn(x, self._sizes(x, None))

    def rest(self, x: Tensor) -> Tensor:
        """The maxima of the frozen regions, or the mean over several sets of them."""
        return self._frozen(x, self._sizes(x, None))

    def around(self, at: Around, args: tuple[Any, ...], kwargs: dict[str, Any], on: bool) -> Any:
        """What is pooled, in place of what the layer would."""
        (x,) = (*args, *kwargs.values())
        assert isinstance(at.layer, nn.MaxPool2d)
        sizes = self._sizes(x, at.layer)
        return self._drawn(x, sizes) if on else self._frozen(x, sizes)

    def suits(self, name: str, layer: nn.Module) -> bool:
        """Whether `layer` is a max pooling that shrinks."""
        return super().suits(name, layer) and isinstance(layer, nn.MaxPool2d) and min(_pair(layer.stride)) > 1

    def attach(self, layers: Mapping[str, nn.Module]) -> None:
        """Put it in the place of these layers."""
        for name, layer in layers.items():
            if not isinstance(layer, nn.MaxPool2d):
                raise BadValue(f"{self.name}: layer {name!r} is a {type(layer).__name__}; it replaces MaxPool2d alone.")
            if layer.return_indices:
                raise BadValue(f"{self.name}: layer {name!r} returns indices, and fractional regions have none.")
        super().attach(layers)

    def extra_repr(self) -> str:
        """The settings."""
        return f"ratio={self.ratio}, kind={self.kind!r}, overlapping={self.overlapping}, test={self.test!r}"

    def _drawn(self, x: Tensor, sizes: tuple[int, int]) -> Tensor:
        rows, columns = (
            bounds(side - self.overlapping, size, self.kind, self.generator).to(x.device)
            for side, size in zip(x.shape[2:], sizes, strict=True)
        )
        return pool(x, rows, columns, self.overlapping)

    def _frozen(self, x: Tensor, sizes: tuple[int, int]) -> Tensor:
        many = self.draws if self.test == "average" else 1
        sets = []
        for seed in range(many):
            rows, columns = (
                frozen_bounds(side - self.overlapping, size, self.kind, 2 * seed + place).to(x.device)
                for place, (side, size) in enumerate(zip(x.shape[2:], sizes, strict=True))
            )
            sets.append(pool(x, rows, columns, self.overlapping))
        return torch.stack(sets).mean(0) if many > 1 else sets[0]

    def _sizes(self, x: Tensor, replaced: nn.MaxPool2d | None) -> tuple[int, int]:
        if x.ndim != 4:
            must = "have shape (batch, channels, height, width)"
            raise BadValue(refusal(self.name, "its input", must, tuple(x.shape)))
        height, width = x.shape[2:]
        if self.ratio is not None:
            return max(1, int(height / self.ratio)), max(1, int(width / self.ratio))
        if replaced is None:
            raise BadValue(refusal(self.name, "ratio", "be given where it replaces no layer", None, "√2 is usual."))
        return _pooled(height, replaced, 0), _pooled(width, replaced, 1)


def _pooled(side: int, layer: nn.MaxPool2d, place: int) -> int:
    """How many lines `layer` makes of `side`, as its documentation has it."""
    window, stride, padding, dilation = (
        _pair(setting)[place] for setting in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    )
    room = side + 2 * padding - dilation * (window - 1) - 1
    if not layer.ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - ((count - 1) * stride >= side + padding)  # the last window must begin inside


def _pair(setting: Any) -> tuple[int, int]:
    return (setting, setting) if isinstance(setting, int) else tuple(setting)


FRACTIONAL_MAX_POOL = Technique(
    name="fractional-max-pool",
    make=FractionalMaxPool2d,
    main="ratio",
    acts=Acts.LAYERS,
    formula="y[i, j] = max x[rᵢ … rᵢ₊₁, cⱼ … cⱼ₊₁], bounds in steps of ⌊α⌋ and ⌈α⌉",
    source=Source("Graham", 2014, "Fractional Max-Pooling", arxiv="1412.6071"),
)
