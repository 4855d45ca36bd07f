import pytest
import torch
from torch import nn

from ravine.core.errors import BadValue
from ravine.data.batches import TensorBatches
from ravine.transfer import cached, features_of, ready


def test_features_are_what_the_body_gives(setting_of, pictures):
    setting = setting_of()
    network, x = setting.network.eval(), pictures[0][:80]
    kept = cached(network, setting.head, setting.train)
    body = network.body
    with torch.no_grad():
        by_hand = body.stages(body.stem(x)).mean(dim=(2, 3))
        assert torch.equal(setting.head(kept.fields[0]), network(x))
    torch.testing.assert_close(kept.fields[0], by_hand, rtol=0, atol=0)
    assert torch.equal(kept.target, pictures[1][:80])


def test_modes_are_left_as_they_were(setting_of, pictures):
    setting = setting_of()
    setting.network.train()
    setting.network.body.stages.eval()
    before = [module.training for module in setting.network.modules()]
    statistics = [value.clone() for value in setting.network.buffers()]
    features_of(setting.network, setting.head, [(pictures[0],)])
    assert [module.training for module in setting.network.modules()] == before
    assert all(torch.equal(a, b) for a, b in zip(statistics, setting.network.buffers(), strict=True))


def test_views_are_features_of_changed_rows(setting_of, pictures):
    setting = setting_of()
    kept = cached(
        setting.network, setting.head, setting.train, transform=lambda inputs, y: ((inputs[0].flip(-1),), y), views=2
    )
    flipped = features_of(setting.network, setting.head, [(pictures[0][:80].flip(-1),)])
    assert kept.rows == 3 * 80
    torch.testing.assert_close(kept.fields[0][80:160], flipped)
    torch.testing.assert_close(kept.fields[0][160:], flipped)
    assert torch.equal(kept.target, pictures[1][:80].repeat(3))


def test_a_network_that_goes_on_after_its_head_is_refused(pictures):
    head = nn.Linear(64, 3)
    network = nn.Sequential(nn.Flatten(), head, nn.Softmax(1))
    with pytest.raises(BadValue, match="features of the body cannot be kept"):
        features_of(network, head, [(pictures[0],)])


def test_mixed_rows_are_refused(setting_of):
    setting = setting_of()

    def mixes(inputs, target):
        return inputs, nn.functional.one_hot(target, 3).float()

    with pytest.raises(BadValue, match="mixup"):
        cached(setting.network, setting.head, setting.train, transform=mixes)


def test_the_linear_plan_trains_the_head_of_the_network_alone(setting_of):
    setting = setting_of()
    before = {name: value.clone() for name, value in setting.network.state_dict().items()}
    made = ready(setting, "linear")
    made.trainer.fit(made.train, made.held)
    changed = [n for n, value in setting.network.state_dict().items() if not torch.equal(value, before[n])]
    assert changed == ["body.head.weight", "body.head.bias"]
    assert isinstance(made.train, TensorBatches)


def test_a_network_that_goes_on_after_its_head_can_still_be_fine_tuned(setting_of):
    class Softer(nn.Module):
        def __init__(self, body):
            super().__init__()
            self.body = body

        def forward(self, x):
            return torch.log_softmax(self.body(x), 1)

    setting = setting_of(network=Softer(setting_of().network.body))
    made = ready(setting, "fine-tune")
    assert any("cannot be kept" in word for word in made.words)
    assert made.trainer.fit(made.train, made.held).epochs == 2
    with pytest.raises(BadValue, match="cannot be kept"):
        ready(setting, "linear")
