"""One level of a graph of units: all of its units in one matrix product."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.initialize.activations import activation_module
from ravine.models.slopes import slope
from ravine.models.unit_graph_wiring import OWNER, Rank

SPARSE = 1 / 128
"""Share of possible edges that exist, below which edges are gathered one by one.

A matrix product with the missing edges as zeros costs as much as one without, and a whole product is
so much better at using a processor that it wins down to a density of about 0.8 % (256 to 4,000
units, batches of 16 and 256); at 0.2 % gathering is 4 to 8 times as fast.
"""


class LevelProduct(nn.Module):
    """The units of one level, for a batch in columns.

    - in: outputs of the levels below, each (units of that level, batch)
    - a = W·o + b, (units, batch)
    - out: σ(a), (units, batch)

    Weights are given, one number an edge: they belong to the graph.
    """

    def __init__(self, rank: Rank, sizes: Sequence[int]) -> None:
        """`sizes` are the units of each level, the inputs first."""
        super().__init__()
        self.units, self.first = rank.units, rank.first
        self.sources = rank.sources
        self.activations = nn.ModuleList(_fixed(name) for name, _ in rank.activations)
        self.shares = [count for _, count in rank.activations]
        possible = rank.units * len(rank.parents)
        self.full = len(rank.rows) == possible
        self.sparse = len(rank.rows) < SPARSE * possible
        starts = [0, *accumulate(sizes)]
        below = [place for level in rank.sources for place in range(starts[level], starts[level + 1])]
        at = {place: number for number, place in enumerate(below)}
        columns = list(rank.columns)
        parents = list(rank.parents)
        if self.sparse:  # edges pick from all of the levels below: gathering twice would be once too often
            columns, parents = [at[parents[column]] for column in columns], below
        self.all = parents == below
        self.read: Tensor
        self.parents: Tensor
        self.rows: Tensor
        self.columns: Tensor
        self._index("read", [at[place] for place in parents])
        self._index("parents", parents)
        self._index("rows", rank.rows)
        self._index("columns", columns)

    def forward(self, below: Sequence[Tensor], weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """(a, o) of the level, each (units, batch), from the outputs of every level below."""
        a = self.product(self.seen(below), weight, bias)
        return a, self.activated(a)

    def seen(self, below: Sequence[Tensor]) -> Tensor:
        """Outputs of the parents, (parents, batch)."""
        whole = below[self.sources[0]] if len(self.sources) == 1 else torch.cat([below[s] for s in self.sources])
        return whole if self.all else whole.index_select(0, self.read)

    def product(self, seen: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """a[v] = Σ_u W[u→v]·o[u] + b[v]."""
        shift = None if bias is None else bias[:, None]
        if self.sparse:
            said = seen.index_select(0, self.columns) * weight[:, None]
            a = said.new_zeros(self.units, seen.shape[1]).index_add(0, self.rows, said)
            return a if shift is None else a + shift
        matrix = self.matrix(weight)
        return matrix @ seen if shift is None else torch.addmm(shift, matrix, seen)

    def activated(self, a: Tensor) -> Tensor:
        """o[v] = σ(a[v])."""
        if len(self.activations) == 1:
            out: Tensor = self.activations[0](a)
            return out
        return torch.cat([act(part) for act, part in zip(self.activations, torch.split(a, self.shares), strict=True)])

    def slopes(self, a: Tensor) -> Tensor:
        """σ'(a[v])."""
        parts = torch.split(a, self.shares)
        return torch.cat([slope(act, part) for act, part in zip(self.activations, parts, strict=True)])

    def pulled(self, z: Tensor, weight: Tensor) -> Tensor:
        """Σ_v W[u→v]·z[v] for each parent u, (parents, batch)."""
        if self.sparse:
            said = z.index_select(0, self.rows) * weight[:, None]
            return said.new_zeros(len(self.parents), z.shape[1]).index_add(0, self.columns, said)
        return self.matrix(weight).T @ z

    def gradient(self, z: Tensor, seen: Tensor) -> Tensor:
        """z[v]·o[u] for each edge, summed over the batch, (edges,)."""
        if self.sparse:
            return (z.index_select(0, self.rows) * seen.index_select(0, self.columns)).sum(1)
        products = z @ seen.T
        return products.flatten() if self.full else products[self.rows, self.columns]

    def matrix(self, weight: Tensor) -> Tensor:
        """W as (units, parents), zero where there is no edge."""
        wide = len(self.parents)
        if self.full:
            return weight.view(self.units, wide)
        flat = weight.new_zeros(self.units * wide).index_copy(0, self.rows * wide + self.columns, weight)
        return flat.view(self.units, wide)

    def extra_repr(self) -> str:
        """What it is made of."""
        way = "gathered" if self.sparse else "dense" if self.full else "masked"
        return f"units={self.units}, parents={len(self.parents)}, edges={len(self.rows)}, {way}"

    def _index(self, name: str, places: Sequence[int]) -> None:
        # No part of the state_dict: a graph is built from its edges, and holds weights alone.
        self.register_buffer(name, torch.tensor(places, dtype=torch.int64), persistent=False)


def _fixed(name: str) -> nn.Module:
    made = activation_module(name)
    if next(made.parameters(), None) is not None:
        raise BadValue(refusal(OWNER, "activation", "have no parameters of its own", name, "Take leaky_relu."))
    return made
