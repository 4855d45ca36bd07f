"""Orders, cuts and shares of mini-batches."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch.utils.data import DataLoader, TensorDataset

from ravine.core.errors import BadData, BadValue
from ravine.data.batches import LoaderBatches, TensorBatches, row_order
from ravine.train.datasets import EpochOrder, as_batches

CPU = torch.device("cpu")


@given(rows=st.integers(1, 200), seed=st.integers(0, 2**63 - 1), epoch=st.integers(0, 1000))
def test_shuffled_is_a_permutation_and_repeats(rows: int, seed: int, epoch: int) -> None:
    order = row_order(rows, "shuffle", seed, epoch)
    assert sorted(order.tolist()) == list(range(rows))
    assert torch.equal(order, row_order(rows, "shuffle", seed, epoch))


def test_epochs_and_seeds_differ() -> None:
    orders = {tuple(row_order(30, "shuffle", seed, epoch).tolist()) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


def test_first_place_is_uniform() -> None:
    firsts = Counter(int(row_order(10, "shuffle", 7, epoch)[0]) for epoch in range(3000))
    assert chisquare([firsts[row] for row in range(10)]).pvalue > 1e-4


def test_fixed_stays_and_replacement_repeats_rows() -> None:
    assert torch.equal(row_order(50, "fixed", 1, 0), row_order(50, "fixed", 1, 9))
    assert len(set(row_order(1000, "replacement", 1, 0).tolist())) == pytest.approx(1000 * (1 - np.exp(-1)), rel=0.1)


@given(
    rows=st.integers(1, 60),
    batch_size=st.integers(1, 70),
    pieces=st.integers(1, 5),
    world=st.integers(1, 4),
    start=st.integers(0, 5),
)
def test_shares_give_the_mean_over_the_step(rows: int, batch_size: int, pieces: int, world: int, start: int) -> None:
    """Weighed piece means, averaged over processes, are the mean over the whole step: the exactness of accumulation."""
    pieces = min(pieces, batch_size)
    values = torch.arange(rows, dtype=torch.float64)
    parts = [
        list(
            TensorBatches([values], values, batch_size=batch_size, seed=3, pieces=pieces, rank=rank, world=world).epoch(
                2, start
            )
        )
        for rank in range(world)
    ]
    whole = list(TensorBatches([values], values, batch_size=batch_size, seed=3).epoch(2, start))
    assert sum(batch.ends_step for batch in parts[0]) == len(whole)
    means, totals = [], 0.0
    for batches in zip(*parts, strict=True):
        totals += sum(float(batch.target.mean()) * batch.share for batch in batches) / world
        if batches[0].ends_step:
            means.append(totals)
            totals = 0.0
    assert means == pytest.approx([float(batch.target.mean()) for batch in whole])


def test_a_subset_is_walked_without_copying() -> None:
    values = torch.arange(100)
    subset = torch.tensor([5, 50, 95])
    batches = TensorBatches([values], values, batch_size=2, subset=subset)
    seen = torch.cat([batch.target for batch in batches.epoch(0)])
    assert sorted(seen.tolist()) == [5, 50, 95]
    assert batches.fields[0] is values


@pytest.mark.parametrize("start", [0, 1, 2, 3])
@pytest.mark.parametrize("pieces", [1, 2])
def test_a_loader_replays_to_where_it_was(start: int, pieces: int) -> None:
    data = TensorDataset(torch.arange(23.0), torch.arange(23))

    def run(begin: int) -> list[list[int]]:
        torch.manual_seed(5)
        loader = LoaderBatches(DataLoader(data, batch_size=3, shuffle=True), pieces=pieces)
        return [batch.target.tolist() for batch in loader.epoch(0, begin)]

    assert run(start) == run(0)[start * pieces :]


def test_a_short_last_window_counts_its_own_rows() -> None:
    data = TensorDataset(torch.arange(7.0), torch.arange(7))
    loader = LoaderBatches(DataLoader(data, batch_size=2), pieces=3)
    shares = [(batch.share, batch.ends_step) for batch in loader.epoch(0)]
    assert shares == [(2 / 6, False), (2 / 6, False), (2 / 6, True), (1.0, True)]


def test_each_process_takes_other_rows() -> None:
    halves = [list(EpochOrder(9, order="shuffle", seed=1, rank=rank, world=2)) for rank in range(2)]
    assert len(halves[0]) == len(halves[1]) == 5
    assert set(halves[0]) | set(halves[1]) == set(range(9))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ((torch.zeros(3), torch.zeros(4)), "inputs have 3 rows, the target 4"),
        ((torch.zeros(0, 2), torch.zeros(0)), "no rows"),
        ("digits", "must be"),
        ({"x": 1}, "must be"),
        ((torch.zeros(3),), "must be"),
        (iter([]), "must be"),
        ([], "must be"),
    ],
)
def test_other_data_are_refused(data: object, words: str) -> None:
    with pytest.raises(BadData, match=words):
        as_batches(data, "training data", batch_size=2, device=CPU)


def test_batches_that_are_no_pair_are_refused() -> None:
    loader = DataLoader([1.0, 2.0], batch_size=2)
    with pytest.raises(BadData, match=r"must be \(input, …, target\)"):
        next(LoaderBatches(loader).epoch(0))


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(BadValue, match="batch_size must be at least 1; got 0"):
        TensorBatches([torch.zeros(3)], torch.zeros(3), batch_size=0)
