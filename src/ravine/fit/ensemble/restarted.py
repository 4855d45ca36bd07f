"""Other first weights for a network that came as an object."""

from __future__ import annotations

import copy

import torch
from torch import nn


def restarted(network: nn.Module, seed: int) -> nn.Module:
    """A copy of `network` whose layers have drawn their first weights again, where they know how to.

    Layers without `reset_parameters` keep what they have, so a pretrained network is better handed over as
    file.py:function, which is called once a member.
    """
    made = copy.deepcopy(network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in made.modules():
            draw = getattr(layer, "reset_parameters", None)
            if callable(draw):
                draw()
    return made
