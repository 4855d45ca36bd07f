"""The network from raw fields to outputs."""

import torch
from torch import nn

from ravine.fit.network import Network


class Halve(nn.Module):
    def forward(self, x):
        return x / 2


class HalveBoth(nn.Module):
    def forward(self, x, y):
        return x / 2, y / 2


class Add(nn.Module):
    def forward(self, x, y):
        return x + y


def test_body_gets_what_the_normalizer_gives_as_one_field_or_several():
    x, y = torch.ones(3, 2), torch.full((3, 2), 4.0)
    assert torch.equal(Network(Halve(), nn.Identity())(x), x / 2)
    assert torch.equal(Network(HalveBoth(), Add())(x, y), (x + y) / 2)


def test_device_is_that_of_the_weights_or_the_cpu():
    assert Network(Halve(), nn.Linear(2, 1, device="meta")).device.type == "meta"
    assert Network(Halve(), nn.Identity()).device.type == "cpu"
