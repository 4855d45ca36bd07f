"""Recurrent layers step by step give torch's numbers."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from ravine.optim.gradcheck.unrolled import Unrolled


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM, nn.RNN])
@pytest.mark.parametrize(
    "more",
    [{}, {"num_layers": 3, "dropout": 0.4}, {"bidirectional": True, "num_layers": 2}, {"bias": False}],
    ids=["plain", "deep", "both ways", "without bias"],
)
@pytest.mark.parametrize("batch_first", [False, True])
def test_the_numbers_are_torchs(kind, more, batch_first):
    torch.manual_seed(0)
    layer = kind(3, 4, batch_first=batch_first, dtype=torch.float64, **more)
    x = torch.randn(5, 6, 3, dtype=torch.float64)
    answers = []
    for mode in (torch.no_grad(), Unrolled()):
        torch.manual_seed(1)
        with mode, torch.no_grad():
            answers.append(layer(x))
    torch.testing.assert_close(*answers, rtol=1e-12, atol=1e-14)


def test_rectified_units_too():
    layer = nn.RNN(3, 4, nonlinearity="relu")
    x = torch.randn(5, 2, 3)
    with Unrolled():
        stepped = layer(x)
    torch.testing.assert_close(stepped, layer(x))


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("layer", [nn.LSTM(3, 4, proj_size=2), nn.GRU(3, 4)], ids=["projection", "packed"])
def test_what_is_not_unrolled_is_left_to_torch(layer):
    x = torch.randn(5, 2, 3) if isinstance(layer, nn.LSTM) else pack_sequence([torch.randn(4, 3), torch.randn(2, 3)])
    with Unrolled():
        stepped = layer(x)[1]
    torch.testing.assert_close(stepped, layer(x)[1])
