import copy

import pytest
import torch

from ravine.transfer import freeze, is_frozen, ready, unfreeze


def values(part):
    return {
        f"{place}.{name}": value.clone()
        for place, module in enumerate(part.modules)
        for name, value in module.state_dict().items()
    }


def test_frozen_parts_keep_every_bit_while_the_rest_learns(setting_of):
    setting = setting_of()
    made = ready(setting, "last-block")
    asleep = [part for part in setting.parts if not any(p.requires_grad for p in part.parameters())]
    awake = [part for part in setting.parts if part not in asleep]
    before, others = [values(part) for part in asleep], [values(part) for part in awake]
    assert asleep
    assert awake
    made.trainer.fit(made.train, made.held)
    for part, kept in zip(asleep, before, strict=True):
        assert all(torch.equal(value, kept[name]) for name, value in values(part).items()), part.name
    assert all(
        any(not torch.equal(v, old[n]) for n, v in values(p).items()) for p, old in zip(awake, others, strict=True)
    )


def test_train_does_not_wake_a_frozen_batch_norm(setting_of, pictures):
    setting = setting_of()
    network = setting.network
    freeze(setting.parts)
    network.train()
    statistics = {name: value.clone() for name, value in network.named_buffers()}
    network(pictures[0])
    copied = copy.deepcopy(network).train()
    copied(pictures[0])
    for other in (network, copied):
        assert all(torch.equal(value, statistics[name]) for name, value in other.named_buffers())
        frozen = [module for module in other.modules() if is_frozen(module)]
        assert frozen
        assert not any(module.training for module in frozen)
    assert network.body.head.training
    assert network.body.training  # only what is frozen sleeps


def test_unfrozen_is_as_before(setting_of, pictures):
    setting = setting_of()
    freeze(setting.parts)
    unfreeze(setting.parts)
    assert not any(is_frozen(module) for module in setting.network.modules())
    assert all(p.requires_grad for p in setting.network.parameters())
    statistics = [value.clone() for value in setting.network.buffers()]
    setting.network.train()
    setting.network(pictures[0])
    assert any(not torch.equal(a, b) for a, b in zip(statistics, setting.network.buffers(), strict=True))


def test_a_copy_of_a_frozen_network_is_its_own(setting_of):
    setting = setting_of()
    freeze(setting.parts)
    other = setting.copied()
    unfreeze(other.parts)
    assert any(is_frozen(module) for module in setting.network.modules())
    other.network.train()
    assert all(module.training for module in other.network.modules())


def test_parts_cover_the_body_once_from_input_to_head(setting_of):
    setting = setting_of()
    parts = setting.parts
    held = [id(p) for part in parts for p in part.parameters()]
    head = {id(p) for p in setting.head.parameters()}
    assert len(held) == len(set(held))
    assert set(held) == {id(p) for p in setting.network.parameters()} - head
    assert parts[0].name.startswith("stem")


@pytest.mark.parametrize("name", ["convnet", "mlp", "resnet"])
def test_parts_of_every_family_for_pictures(name):
    from ravine.core.shapes import InputShape
    from ravine.initialize import find_head
    from ravine.models import build
    from ravine.transfer import parts_of

    body = build(name, InputShape(form="image", channels=1, height=8, width=8), 3, rows=80).module
    head = find_head(body)
    assert head is not None
    counted = sum(p.numel() for part in parts_of(body, head) for p in part.parameters())
    assert counted == sum(p.numel() for p in body.parameters()) - sum(p.numel() for p in head.parameters())


def test_held_statistics_stay_while_weights_learn(setting_of):
    setting = setting_of()
    before = {name: value.clone() for name, value in setting.network.state_dict().items()}
    made = ready(setting, "fine-tune")
    made.trainer.fit(made.train, made.held)
    after = setting.network.state_dict()
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert not [name for name in moved if "running_" in name or "num_batches" in name]
    assert [name for name in moved if name.startswith("body.stem")]
    unfreeze(setting.parts)
    assert all(module.training for part in setting.parts for module in part.modules)


def test_statistics_move_where_they_are_let(setting_of):
    setting = setting_of(holds=False)
    before = {name: value.clone() for name, value in setting.network.named_buffers()}
    made = ready(setting, "fine-tune")
    made.trainer.fit(made.train, made.held)
    assert not any(
        torch.equal(value, before[name]) for name, value in setting.network.named_buffers() if "running_mean" in name
    )
