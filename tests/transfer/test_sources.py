import sys
import types

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ravine.core.errors import BadRun, BadValue, Missing
from ravine.core.shapes import InputShape
from ravine.initialize import find_head
from ravine.models import build
from ravine.transfer import fit_head, replace_head
from ravine.transfer.sources import open_pretrained

SHAPE = InputShape(form="image", channels=1, height=8, width=8)
COLOUR = InputShape(form="image", channels=3, height=8, width=8)
SIZE = {"rows": 80, "width": 4, "depth": 1}


def pretrained(**changes):
    return build("resnet", SHAPE, 5, **{**SIZE, "seed": 7, **changes}).module


def same_but_head(one, other):
    head = {"head.weight", "head.bias"}
    return all(
        torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items() if name not in head
    )


def test_a_new_head_leaves_the_rest_alone():
    body, before = pretrained(), pretrained()
    new = replace_head(body, 3)
    assert find_head(body) is new
    assert new.weight.shape == (3, before.head.in_features)
    assert same_but_head(before, body)
    assert fit_head(body, 3) is new  # one that fits stays


def test_a_network_without_a_head_is_refused():
    with pytest.raises(BadValue, match="no linear layer"):
        replace_head(nn.Conv2d(1, 2, 3), 3)
    with pytest.raises(BadValue, match="one linear layer"):
        replace_head(nn.Linear(2, 2), 3)


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_weights_from_a_file(tmp_path, ending):
    body, path = pretrained(), tmp_path / f"body.{ending}"
    save_file(body.state_dict(), path) if ending == "safetensors" else torch.save(body.state_dict(), path)
    opened = open_pretrained(str(path), SHAPE, 3, family="resnet", **SIZE)
    assert same_but_head(body, opened.module)
    assert find_head(opened.module).out_features == 3


def test_weights_of_a_run_come_with_its_input_statistics(tmp_path):
    body = pretrained()
    state = {f"body.{name}": value for name, value in body.state_dict().items()}
    save_file({**state, "normalizer.shift": torch.zeros(1)}, tmp_path / "weights.safetensors")
    opened = open_pretrained(str(tmp_path / "weights.safetensors"), SHAPE, 3, family="resnet", **SIZE)
    assert same_but_head(body, opened.module)


def test_weights_that_do_not_fit_are_named_with_their_shapes(tmp_path):
    save_file(pretrained(width=6).state_dict(), tmp_path / "wide.safetensors")
    with pytest.raises(BadRun) as caught:
        open_pretrained(str(tmp_path / "wide.safetensors"), SHAPE, 3, family="resnet", **SIZE)
    assert "wide.safetensors" in str(caught.value)
    assert "(6, 1, 3, 3)" in str(caught.value)
    assert "(4, 1, 3, 3)" in str(caught.value)


def test_weights_that_are_missing_are_named(tmp_path):
    state = pretrained().state_dict()
    gone = next(name for name in state if name.startswith("stages.0") and name.endswith("weight"))
    del state[gone]
    save_file(state, tmp_path / "few.safetensors")
    with pytest.raises(BadRun, match="is not in the file") as caught:
        open_pretrained(str(tmp_path / "few.safetensors"), SHAPE, 3, family="resnet", **SIZE)
    assert gone in str(caught.value)


def test_nothing_is_unpickled(tmp_path):
    torch.save(pretrained(), tmp_path / "whole.pt")  # a module, not tensors
    with pytest.raises(BadRun, match="tensors"):
        open_pretrained(str(tmp_path / "whole.pt"), SHAPE, 3, family="resnet", **SIZE)


def test_a_function_of_the_users(tmp_path):
    (tmp_path / "net.py").write_text(
        "import torch\n\ndef make():\n    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 8),"
        " torch.nn.ReLU(), torch.nn.Linear(8, 1000))\n"
    )
    opened = open_pretrained(f"{tmp_path / 'net.py'}:make", SHAPE, 3)
    assert opened.module[3].out_features == 3
    assert opened.module[1].out_features == 8


@pytest.mark.parametrize(
    ("source", "package"),
    [("timm:resnet18", "timm"), ("hf:some/model", "transformers"), ("torchvision:resnet18", "torchvision")],
)
def test_a_package_that_is_not_there_is_named(monkeypatch, source, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.models", None)
    with pytest.raises(Missing, match=package):
        open_pretrained(source, COLOUR, 3)


def stand_in(monkeypatch, name, **functions):
    module = types.ModuleType(name)
    module.__dict__.update(functions)
    monkeypatch.setitem(sys.modules, name, module)
    return module


class Body(nn.Module):
    def __init__(self, outputs=1000):
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(192, 6))
        self.fc = nn.Linear(6, outputs)

    def forward(self, pixel_values):
        return self.fc(self.features(pixel_values))


def test_timm_is_asked_for_pretrained_weights_and_its_statistics(monkeypatch):
    asked = {}

    def create_model(name, **options):
        asked.update(options, name=name)
        made = Body(options["num_classes"])
        made.pretrained_cfg = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.2, 0.2)}
        return made

    stand_in(monkeypatch, "timm", create_model=create_model, list_models=lambda **_: ["tiny", "tiny2"])
    opened = open_pretrained("timm:tiny", COLOUR, 3)
    assert asked == {"name": "tiny", "pretrained": True, "num_classes": 3, "in_chans": 3}
    assert opened.mean == pytest.approx((127.5, 102.0, 76.5))
    with pytest.raises(BadValue, match="no pretrained model"):
        open_pretrained("timm:huge", COLOUR, 3)


def test_hugging_face_answers_with_logits(monkeypatch):
    class Inner(Body):
        def forward(self, pixel_values):
            return types.SimpleNamespace(logits=super().forward(pixel_values))

    class Auto:
        @staticmethod
        def from_pretrained(name, use_safetensors):
            assert use_safetensors
            if name == "gone":
                raise OSError("gone is not a local folder\nand more")
            return Inner()

    stand_in(monkeypatch, "transformers", AutoModelForImageClassification=Auto)
    opened = open_pretrained("hf:some/model", COLOUR, 3)
    assert opened.module(torch.zeros(2, 3, 8, 8)).shape == (2, 3)
    with pytest.raises(BadRun, match="hf:gone: cannot be had"):
        open_pretrained("hf:gone", COLOUR, 3)


def test_torchvision_by_name(monkeypatch):
    models = stand_in(monkeypatch, "torchvision.models", get_model=lambda name, weights: Body())
    stand_in(monkeypatch, "torchvision", models=models)
    opened = open_pretrained("torchvision:tiny", COLOUR, 3)
    assert opened.module(torch.zeros(2, 3, 8, 8)).shape == (2, 3)
    with pytest.raises(BadValue, match="3 channels"):
        open_pretrained("torchvision:tiny", SHAPE, 3)


def test_unknown_sources_are_told_what_there_is():
    with pytest.raises(BadValue, match="timm:NAME"):
        open_pretrained("nothing", SHAPE, 3)
    with pytest.raises(BadValue, match="needs the name"):
        open_pretrained("timm:", COLOUR, 3)
