"""Exported forms give the network's outputs, run by something else than the network."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from safetensors.numpy import load_file

from ravine.core.errors import BadRun, BadValue, Missing
from ravine.data.raw import Table
from ravine.fit.export import example_fields, export, input_names
from ravine.fit.model import Model
from ravine.fit.model_folder import save_model
from ravine.fit.network import Network
from ravine.train.recipe import Recipe


@pytest.fixture
def run(finished, tmp_path):
    """A run folder that holds a finished model."""

    def of(name):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "recipe.toml").write_text(Recipe().to_toml())
        save_model(folder / "model", finished(name).model)
        return folder

    return of


def _expected(done, rows):
    fields = done.model.preparation.fields(done.raw.inputs, np.arange(rows))
    return fields, done.model.outputs(done.raw, np.arange(rows))


@pytest.mark.parametrize("name", ["flowers", "pairs", "pictures", "waves"])
def test_random_fields_are_like_those_of_real_rows(finished, name):
    preparation = finished(name).model.preparation
    real, made = preparation.fields(finished(name).raw.inputs), example_fields(preparation, 5)
    assert len(input_names(preparation)) == len(real) == len(made)
    for field, other in zip(real, made, strict=True):
        assert (field.dtype, field.shape[1:]) == (other.dtype, other.shape[1:])


@pytest.mark.parametrize("name", ["flowers", "pictures"])
def test_state_dict_has_every_tensor(finished, run, name):
    path = export(run(name), "state-dict")
    assert path.name == "model.safetensors"
    state = finished(name).model.network.state_dict()
    loaded = load_file(path)
    assert loaded.keys() == state.keys()
    for key, value in loaded.items():
        np.testing.assert_array_equal(value, state[key].numpy())


@pytest.mark.parametrize("name", ["flowers", "pairs", "pictures", pytest.param("waves", marks=pytest.mark.slow)])
def test_pt2_takes_raw_fields_in_any_number_of_rows(finished, run, name, tmp_path):
    path = export(run(name), "pt2", tmp_path / "out" / "net.pt2")
    program = torch.export.load(path).module()
    for rows in (1, 3, 50):
        fields, expected = _expected(finished(name), rows)
        np.testing.assert_allclose(program(*fields).detach().numpy(), expected, atol=1e-5)
    described = json.loads((tmp_path / "out" / "net.pt2.json").read_text())
    assert [entry["shape"][0] for entry in described["inputs"]] == ["batch"] * len(fields)
    assert described["classes"] == list(finished(name).model.classes)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["net.pt2", "net.pt2.json"]


@pytest.mark.parametrize("name", ["flowers", "pictures", pytest.param("waves", marks=pytest.mark.slow)])
def test_onnx_in_the_reference_runtime(finished, run, name):
    path = export(run(name), "onnx")
    described = json.loads((path.parent / "model.onnx.json").read_text())
    evaluator = ReferenceEvaluator(str(path))
    for rows in (1, 20):
        fields, expected = _expected(finished(name), rows)
        given = {entry["name"]: field.numpy() for entry, field in zip(described["inputs"], fields, strict=True)}
        (said,) = evaluator.run(None, given)
        np.testing.assert_allclose(said, expected, atol=1e-4)


def test_a_table_of_categories_alone(finish_model, sources, tmp_path):
    raw = sources["flowers"]()
    raw = dataclasses.replace(raw, inputs=Table(raw.inputs.frame.select("colour")))
    done = finish_model(raw, steps=5)
    (tmp_path / "recipe.toml").write_text("")
    save_model(tmp_path / "model", done.model)
    program = torch.export.load(export(tmp_path, "pt2")).module()
    fields, expected = _expected(done, 9)
    np.testing.assert_allclose(program(*fields).detach().numpy(), expected, atol=1e-5)


def test_the_description_leads_from_outputs_to_answers(finished, run):
    path = export(run("houses"), "state-dict")
    described = json.loads(path.with_name("model.safetensors.json").read_text())
    task = described["task"]
    outputs = finished("houses").model.outputs(finished("houses").raw)
    assert described["outputs"]["meaning"] == "standardised values; y = outputs * std + mean, then exp(y)"
    values = np.exp(outputs * task["std"] + task["mean"])
    np.testing.assert_allclose(values, finished("houses").model.predict(finished("houses").raw).values, rtol=1e-5)


def test_unknown_form_and_unfinished_run(tmp_path):
    with pytest.raises(BadValue, match=r"export: unknown form 'onx'. Did you mean 'onnx'\?"):
        export(tmp_path, "onx")
    (tmp_path / "recipe.toml").write_text("")
    with pytest.raises(BadRun, match="no model there"):
        export(tmp_path, "pt2")


def test_without_onnx_the_error_says_how_to_get_it(run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(Missing, match=r"needs the package 'onnxscript'; install it with: pip install 'ravine\[onnx\]'"):
        export(run("flowers"), "onnx")


BRANCHING = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 2)
    def forward(self, x):
        return self.layer(x.flatten(1)) if x.sum() > 0 else self.layer(-x.flatten(1))
def make():
    return Net()
"""

FORGETFUL = """
import torch
from torch import nn
class Net(nn.Module):
    calls = 0
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 2)
    def forward(self, x):
        Net.calls += 1
        return self.layer(x.flatten(1)) * Net.calls
def make():
    return Net()
"""


@pytest.mark.parametrize(
    ("code", "to", "words"),
    [
        (BRANCHING, "pt2", "the network cannot be traced for any number of rows .*Use --to state-dict"),
        (FORGETFUL, "pt2", "the pt2 form does not give the network's outputs on 1 random rows; not kept"),
    ],
)
def test_what_cannot_be_exported_leaves_nothing_behind(finished, tmp_path, code, to, words):
    done = finished("pictures")
    (tmp_path / "net.py").write_text(code)
    (tmp_path / "recipe.toml").write_text("")
    namespace = {}
    exec(code, namespace)
    network = Network(done.model.preparation.normalizer(), namespace["make"]())
    built = {**done.model.built, "name": f"{tmp_path / 'net.py'}:make"}
    model = Model(network=network, task=done.model.task, preparation=done.model.preparation, built=built)
    save_model(tmp_path / "model", model)
    with pytest.raises(BadRun, match=words):
        export(tmp_path, to)
    assert not list(tmp_path.glob("model.pt2*"))
