"""Which parameter lands in which group."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ravine.core.errors import BadValue
from ravine.optim import SGD, AdamW, build, param_groups


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(10, 4)
        self.blocks = nn.ModuleList([nn.TransformerEncoderLayer(4, 2, 8, batch_first=True) for _ in range(2)])
        self.norm = nn.RMSNorm(4)
        self.memory = nn.GRU(4, 3)
        self.head = nn.Linear(4, 10, bias=False)
        self.head.weight = self.words.weight
        self.frozen = nn.Linear(2, 2).requires_grad_(False)


def names(model, group):
    table = {id(p): name for name, p in model.named_parameters()}
    return {table[id(p)] for p in group["params"]}


def test_norms_and_biases_do_not_decay():
    model = Net()
    decayed, spared = param_groups(model, 0.1)
    assert decayed["weight_decay"] == 0.1
    assert spared["weight_decay"] == 0.0
    assert all("norm" not in name and "bias" not in name for name in names(model, decayed))
    assert names(model, spared) >= {
        "norm.weight",
        "blocks.0.norm1.weight",
        "memory.bias_ih_l0",
        "blocks.1.linear1.bias",
    }
    assert names(model, decayed) >= {"words.weight", "memory.weight_hh_l0", "blocks.0.self_attn.in_proj_weight"}
    together = decayed["params"] + spared["params"]
    trainable = [p for p in model.parameters() if p.requires_grad]
    assert {id(p) for p in together} == {id(p) for p in trainable}
    assert len(together) == len(trainable)


def test_embeddings_are_spared_on_request_and_all_decay_with_none():
    model = Net()
    assert "words.weight" in names(model, param_groups(model, 0.1, no_decay="norm,bias,embedding")[1])
    assert len(param_groups(model, 0.1, no_decay="")) == 1


def test_rates_fall_with_the_distance_from_the_head():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))
    groups = param_groups(model, 0.0, layer_decay=0.5, lr=1.0, no_decay="")
    assert [group["lr"] for group in groups] == [0.25, 0.5, 1.0]
    assert AdamW(groups, lr=9.0).param_groups[0]["lr"] == 0.25


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"no_decay": "norms"}, "Did you mean 'norm'?"),
        ({"weight_decay": -1.0}, "weight_decay must be at least 0; got -1.0."),
        ({"layer_decay": 1.5, "lr": 1.0}, "layer_decay must be in (0, 1]; got 1.5."),
        ({"layer_decay": 0.5}, "lr must be given with layer_decay"),
    ],
)
def test_bad_requests(arguments, words):
    with pytest.raises(BadValue) as caught:
        param_groups(Net(), **arguments)
    assert words in str(caught.value)


def test_a_model_with_nothing_to_train_is_refused():
    with pytest.raises(BadValue, match="no parameter that requires a gradient"):
        param_groups(nn.ReLU())


def test_build_by_name():
    p = [torch.zeros(2, requires_grad=True)]
    sgd = build("sgd", p, lr=0.3, weight_decay=0.1, momentum=0.8, nesterov=True)
    assert isinstance(sgd, SGD)
    assert (sgd.defaults["momentum"], sgd.defaults["nesterov"], sgd.defaults["weight_decay"]) == (0.8, True, 0.1)
    adamw = build("adamw", p, momentum=0.8)
    assert adamw.defaults["lr"] == 1e-3
    with pytest.raises(BadValue, match="Did you mean 'lion'"):
        build("loin", p)
