"""Whether the data themselves tell their labels: what rows that are alike have in common, without the network."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ravine.watch.instrument import Instrument, LossSeen, Scene
from ravine.watch.instruments.alike import FEWEST_ROWS, compared, distinct

ROWS = 512  # of each part
COLUMNS = 4096
VALUES = 16  # of one target
CLASSES = 256
CHECKS = 8  # batches that are compared both ways
PASSES = 4  # over the training data, in which rows not yet seen are looked for
PATIENCE = 1000  # steps without an evaluation


class Rows:
    """Rows that came one way, each copied, with the number of the pass in which they came."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, Tensor, Tensor]] = []
        self.tokens: Tensor | None = None
        self.count = 0
        self.table = True

    def add(self, x: Tensor, seen: LossSeen, turn: int, most: int) -> None:
        """As many rows of a batch as are wanted, and are like those that came before."""
        part = min(x.shape[0], most - self.count)
        if part <= 0 or seen.targets is None:
            return
        if _tokens(x, seen.targets):
            self._count_tokens(x[:part], seen.targets.reshape(x.shape)[:part])
        elif x.is_floating_point() and (targets := _targets(x, seen)) is not None:
            if self.batches and self.batches[0][1].shape[1] != x[0].numel():
                return
            self.table = x.dim() == 2
            self.batches.append((turn, x[:part].flatten(1).float().clone(), targets[:part].clone()))
        else:
            return
        self.count += part

    def _count_tokens(self, x: Tensor, y: Tensor) -> None:
        """Count examples and tokens, and those that are the input moved on by one place."""
        y = y.to(x.device)
        asked, moved = y[:, :-1] >= 0, x[:, 1:] == y[:, :-1]
        whole = (moved | ~asked).all(1) & asked.any(1)
        counts = torch.stack([asked.any(1).sum(), whole.sum(), asked.sum(), (moved & asked).sum()])
        self.tokens = counts if self.tokens is None else self.tokens + counts

    def distinct(self, rows_of_data: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets, finite, none of them twice.

        Those of later passes count where the rows of the first come again as they were: an augmentation makes other
        rows of the same ones, which are alike because they are the same.

        Args:
            rows_of_data: How many there are in all; 0 where that is not known.
        """
        y = torch.cat([y for _, _, y in self.batches])
        x = torch.cat([x for _, x, _ in self.batches]).to(y.device)
        turns = torch.cat([torch.full((len(x),), turn) for turn, x, _ in self.batches])
        first = turns == int(turns[0])
        new = torch.zeros(len(x), dtype=torch.bool)
        new[distinct(x.nan_to_num(), y if y.dim() > 1 else y[:, None]).cpu()] = True
        later = int((~first).sum())
        if later:
            known = int((~new & ~first).sum()) / later
            if not rows_of_data or known < 0.5 * min(1.0, int(first.sum()) / rows_of_data):
                new &= first
        places = (new.to(x.device) & x.isfinite().all(1)).nonzero().flatten()[:ROWS]
        return x[places], y[places]


class Part:
    """Rows of the training, or of an evaluation: as the model was given them, and as a DataLoader gave them.

    The first are seen at sampled steps alone, the others always; those are used where they are the same.
    """

    def __init__(self) -> None:
        self.data: int | None = None
        self.given, self.loaded = Rows(), Rows()
        self._changes: list[Tensor] = []
        self._differs = False

    @property
    def count(self) -> int:
        """Rows so far."""
        return max(self.given.count, self.loaded.count)

    def compare(self, given: Tensor, loaded: Tensor | None) -> None:
        """Take note whether a batch was given as it was loaded."""
        if loaded is None or given.shape != loaded.shape or given.dtype != loaded.dtype:
            self._differs = True
        elif len(self._changes) < CHECKS:
            self._changes.append(_change(given, loaded.to(given.device)))

    def as_loaded(self) -> bool | None:
        """Whether all batches were; None where none was seen both ways."""
        if not self._differs and self._changes:
            self._differs = bool((torch.stack(self._changes) != 0).any())
        return False if self._differs else True if self._changes else None

    def changed(self) -> dict[str, Any]:
        """How much the program changes rows: the mean square of it over their variance, where it keeps their shape."""
        return {"changed": float(torch.stack(self._changes).mean())} if self._changes else {}


class Neighbours(Instrument):
    """One row of kind "neighbours", once: how often rows of training and of evaluation are like their nearest ones.

    Of at most 512 rows of each part, as the model was given them. `train_first` and `train_five` say how often the
    label of a training row is that of the nearest other one, and of most of the five nearest; `val_…` the same within
    the evaluation, `across_…` of rows of evaluation and their nearest ones of training, `across_mean` how often the
    nearest mean of a class is right; each with `…_chance`, what independent answers would give. Of targets that are
    numbers, the shares of variance that the nearest one, and the mean of five, explain: 0 for a guess. Of sequences of
    tokens the share of examples, and of tokens, whose targets are the input moved on by one place. `changed` is what
    the program does to training rows between the DataLoader and the model, its mean square over their variance; where
    it is not 0, `loaded_…` says of the rows before what `train_…` says of them after.
    """

    name: ClassVar[str] = "neighbours"

    def __init__(self) -> None:
        self._train, self._val = Part(), Part()
        self._given: tuple[Tensor, bool] | None = None
        self._loaded: Tensor | None = None
        self._data = 0
        self._rows_of: dict[int, int] = {}
        self._passes: Counter[int] = Counter()
        self._closed_at: int | None = None
        self._done = False

    def epoch(self, scene: Scene, loader: Any) -> None:
        """One more pass over some data."""
        if not self._done:
            self._data = scene.data_of(loader)
            self._passes[self._data] += 1
            try:
                self._rows_of[self._data] = len(loader.dataset)
            except (TypeError, NotImplementedError):
                self._rows_of[self._data] = 0

    def batch(self, scene: Scene, loader: Any, batch: Any) -> None:
        """Of which data is it, and what are its inputs?"""
        if not self._done:
            self._data = scene.data_of(loader)
            first = batch[0] if isinstance(batch, list | tuple) and batch else None
            self._loaded = first if isinstance(first, Tensor) and _wieldy(first) else None

    def forward(self, scene: Scene, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Hold what a root is given until its loss."""
        if self._done or module not in scene.models:
            return
        x = inputs[0] if inputs else None
        self._given = None
        if isinstance(x, Tensor) and not x.requires_grad and _wieldy(x):
            self._given = x, isinstance(output, Tensor) and output.requires_grad

    def loss(self, scene: Scene, seen: LossSeen) -> None:
        """Copy inputs and targets of rows that are wanted."""
        given, self._given = self._given, None
        loaded, self._loaded = self._loaded, None
        if self._done or seen.targets is None or not seen.targets.dim():
            return
        learns, turn = seen.with_gradient, self._passes[self._data]
        part = self._train if learns else self._val
        if part.data not in (None, self._data) or not self._wanted(scene, learns, turn):
            return
        part.data = self._data
        if given is not None and given[1] == learns:
            part.compare(given[0], loaded)
            part.given.add(given[0], seen, turn, 2 * ROWS if turn > 1 else ROWS)
        if loaded is not None and turn == 1:
            part.loaded.add(loaded, seen, turn, ROWS)

    def backward_begin(self, scene: Scene, root: Tensor) -> None:
        """Hold nothing any longer."""
        self._given = self._loaded = None

    def step_end(self, scene: Scene, optimizer: Optimizer) -> None:
        """Compare, once there is enough."""
        self._given = self._loaded = None
        if self._done:
            return
        if self._closed_at is None and self._full():
            self._closed_at = scene.step
        if self._closed_at is not None and (self._val.count or scene.step > self._closed_at + PATIENCE):
            self._compare(scene)

    def end(self, scene: Scene) -> None:
        """Compare what there is."""
        if not self._done:
            self._compare(scene)

    def _wanted(self, scene: Scene, learns: bool, turn: int) -> bool:
        """Whether rows of this batch may be new, and for an evaluation whether they are not the training's."""
        if learns:
            return self._closed_at is None and (turn > 0 or not (self._val.count and scene.step))
        return turn == 0 or self._data != self._train.data

    def _full(self) -> bool:
        """Whether no more rows of training are to come."""
        train, turn = self._train, self._passes[self._train.data or 0]
        if turn == 0:
            return train.count >= ROWS or self._val.count > 0
        if (train.loaded.count >= ROWS or turn > 1) and train.as_loaded():
            return True
        return train.given.count >= (ROWS if turn == 1 else 2 * ROWS) or turn > PASSES

    def _compare(self, scene: Scene) -> None:
        """Write the row, and let go of everything."""
        as_loaded, in_val = self._train.as_loaded(), self._val.as_loaded()
        train = self._train.loaded if as_loaded else self._train.given
        val = self._val.loaded if in_val or (in_val is None and as_loaded) else self._val.given
        changed, loaded = self._train.changed(), self._train.loaded
        rows_of_data = self._rows_of.get(self._train.data or 0, 0)
        self._done, self._given, self._loaded = True, None, None
        self._train, self._val = Part(), Part()
        if train.tokens is not None:
            _write_tokens(scene, train.tokens, val.tokens, changed)
        elif train.batches:
            alike = val.batches and val.batches[0][1].shape[1] == train.batches[0][1].shape[1]
            known = val.distinct(0) if alike else None
            with torch.autocast(train.batches[0][2].device.type, enabled=False):
                before = loaded.distinct(rows_of_data) if loaded.batches and loaded is not train else None
                changed |= _before(before, table=train.table)
                _write(scene, train.distinct(rows_of_data), known, changed, table=train.table)


def _wieldy(x: Tensor) -> bool:
    """Whether these are rows, and not too long ones."""
    return x.dim() >= 2 and 0 < x.numel() <= COLUMNS * x.shape[0]


def _tokens(x: Tensor, y: Tensor) -> bool:
    """Whether these are sequences of tokens, and one target for each."""
    whole = not x.is_floating_point() and not y.is_floating_point()
    return whole and x.dim() == 2 and x.shape[1] > 1 and y.numel() == x.numel() and y.dtype == x.dtype


def _targets(x: Tensor, seen: LossSeen) -> Tensor | None:
    """Numbers of classes, (rows), or values, (rows, values); None where targets are neither."""
    y = seen.targets
    assert y is not None
    if y.shape[0] != x.shape[0] or y.numel() > VALUES * x.shape[0]:
        return None
    if not y.is_floating_point():
        return y.reshape(-1).long() if y.numel() == x.shape[0] else None
    if "entropy" in seen.name:  # yes or no; shares of classes, which mixtures have, are not asked
        return y.reshape(-1).round().long() if y.numel() == x.shape[0] else None
    return y.flatten(1).float() if y.dim() > 1 else y[:, None].float()


def _change(given: Tensor, loaded: Tensor) -> Tensor:
    """The mean square of what was changed, over the variance; 0 where nothing was."""
    if not given.is_floating_point():
        return (given != loaded).float().mean()
    return (given.float() - loaded.float()).square().mean() / loaded.float().var(correction=0).clamp(min=1e-30)


def _before(rows: tuple[Tensor, Tensor] | None, *, table: bool) -> dict[str, float]:
    """What neighbours say of rows as they were loaded, where the program has changed them since."""
    if rows is None or len(rows[0]) < FEWEST_ROWS:
        return {}
    classes, y = 0, rows[1]
    if y.dim() == 1:
        kinds, y = torch.unique(y, return_inverse=True)
        classes = len(kinds)
        if not 1 < classes <= CLASSES:
            return {}
    found = compared((rows[0], y), None, classes=classes, table=table)
    return {name.replace("train", "loaded"): float(value) for name, value in found.items()}


def _write_tokens(scene: Scene, train: Tensor, val: Tensor | None, changed: dict[str, Any]) -> None:
    names = ("rows", "shifted", "tokens", "shifted_tokens")
    values = dict(zip((f"train_{name}" for name in names), train.tolist(), strict=True))
    if val is not None:
        values |= dict(zip((f"val_{name}" for name in names), val.tolist(), strict=True))
    for part in ("train", "val"):
        rows, tokens = values.get(f"{part}_rows", 0), values.pop(f"{part}_tokens", 0)
        if rows and tokens:
            values[f"{part}_shifted"] /= rows
            values[f"{part}_shifted_tokens"] /= tokens
    if values["train_rows"] >= FEWEST_ROWS:
        scene.write("neighbours", of="tokens", **values, **changed)


def _write(
    scene: Scene,
    train: tuple[Tensor, Tensor],
    val: tuple[Tensor, Tensor] | None,
    changed: dict[str, Any],
    *,
    table: bool,
) -> None:
    if val is not None:
        val = _apart(val, train)
    if val is not None and (len(val[0]) < FEWEST_ROWS or val[1].dim() != train[1].dim()):
        val = None
    if len(train[0]) < FEWEST_ROWS:
        return
    classes = 0
    if train[1].dim() == 1:
        labels = train[1] if val is None else torch.cat([train[1], val[1]])
        kinds, numbers = torch.unique(labels, return_inverse=True)
        classes = len(kinds)
        if not 1 < classes <= CLASSES:
            return
        train = train[0], numbers[: len(train[0])]
        val = None if val is None else (val[0], numbers[len(train[0]) :])
    found = compared(train, val, classes=classes, table=table)
    numbers_found = dict(zip(found, torch.stack(list(found.values())).tolist(), strict=True))
    rows = {"train_rows": len(train[0])} | ({} if val is None else {"val_rows": len(val[0])}) | changed
    scene.write("neighbours", of="classes" if classes else "values", classes=classes, **rows, **numbers_found)


def _apart(val: tuple[Tensor, Tensor], train: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The rows of evaluation that are not among those of training."""
    both = torch.cat([train[0], val[0]])
    places = distinct(both, both[:, :0]) - len(train[0])
    places = places[places >= 0]
    return val[0][places], val[1][places]
