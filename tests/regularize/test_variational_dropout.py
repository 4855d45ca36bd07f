"""Variational dropout: one mask a row for all steps, whichever dimension is time."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import nn
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from ravine.core.errors import BadValue
from ravine.regularize import VariationalDropout, apply, variational_dropout


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("batch_first", [True, False])
def test_the_mask_is_the_same_at_all_steps_and_another_for_each_row(batch_first):
    x = torch.ones(60, 7, 50) if batch_first else torch.ones(7, 60, 50)
    out = variational_dropout(x, 0.5, generator(), batch_first=batch_first)
    rows = out if batch_first else out.transpose(0, 1)
    assert torch.equal(rows, rows[:, :1].expand_as(rows))
    assert set(rows.unique().tolist()) == {0.0, 2.0}
    assert stats.binomtest(int(rows[:, 0].count_nonzero()), 60 * 50, 0.5).pvalue > 1e-6
    assert len(rows[:, 0].unique(dim=0)) == 60


def test_one_row_without_batch():
    out = variational_dropout(torch.ones(9, 30), 0.5, generator())
    assert torch.equal(out, out[:1].expand_as(out))


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("batch_first", [True, False])
def test_behind_a_recurrent_layer(kind, batch_first):
    torch.manual_seed(0)
    layer = kind(3, 16, batch_first=batch_first, bidirectional=True)
    plain, state = layer(torch.ones(5, 6, 3))
    assert apply(layer, VariationalDropout(0.5)) == [""]
    out, same = layer(torch.ones(5, 6, 3))
    ratio = out / plain
    time = 1 if batch_first else 0
    torch.testing.assert_close(ratio, ratio.select(time, 0).unsqueeze(time).expand_as(ratio))
    assert (ratio == 0).any()
    # An LSTM's state is a pair.
    assert all(map(torch.equal, state, same)) if kind is nn.LSTM else torch.equal(state, same)


def test_packed_sequences_keep_the_mask_of_each_row():
    torch.manual_seed(0)
    layer = nn.GRU(2, 12)
    lengths = [5, 3, 3, 1]
    packed = pack_sequence([torch.randn(length, 2) for length in lengths])
    plain, _ = pad_packed_sequence(layer(packed)[0])
    apply(layer, VariationalDropout(0.5))
    out, _ = pad_packed_sequence(layer(packed)[0])
    masks = []
    for row, length in enumerate(lengths):
        ratio = (out / plain)[:length, row]
        torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))
        masks.append(ratio[0] > 0)
    assert len(torch.stack(masks).unique(dim=0)) == 4


def test_expectation():
    x = torch.randn(1, 4, 6, generator=generator())
    outs = variational_dropout(x.expand(20_000, 4, 6), 0.3, generator(1))
    torch.testing.assert_close(outs.mean(0), x[0], rtol=0.03, atol=1e-3)


def test_pictures_are_refused():
    with pytest.raises(BadValue, match=r"variational-dropout: its input must have shape \(batch, time, features\)"):
        VariationalDropout(0.5)(torch.ones(2, 3, 4, 5))
