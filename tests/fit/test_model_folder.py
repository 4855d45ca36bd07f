"""Models on disk: what is saved comes back bit for bit; what is damaged is refused in words."""

import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ravine.core.errors import BadData, BadRun, UserCodeError
from ravine.core.files import read_json, write_json
from ravine.data.raw import Raw
from ravine.fit.model import Model
from ravine.fit.model_folder import MODEL, WEIGHTS, fill, load_model, save_model
from ravine.fit.network import Network

NAMES = ["flowers", "houses", "pairs", "songs", "pictures", "waves"]


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_model_predicts_bit_for_bit_what_was_saved(finished, name, tmp_path):
    done = finished(name)
    save_model(tmp_path / "model", done.model)
    state = torch.random.get_rng_state()
    loaded = load_model(tmp_path / "model")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not loaded.network.training
    assert (loaded.task, loaded.extra) == (done.model.task, done.model.extra)
    first, second = done.model.predict(done.raw), loaded.predict(done.raw)
    for part in ("outputs", "probabilities", "values", "low", "high"):
        np.testing.assert_array_equal(getattr(first, part), getattr(second, part))


def test_nothing_in_the_folder_is_a_pickle(finished, tmp_path):
    save_model(tmp_path / "model", finished("flowers").model)
    assert sorted(os.listdir(tmp_path / "model")) == [MODEL, WEIGHTS]
    json.loads((tmp_path / "model" / MODEL).read_text())
    data = (tmp_path / "model" / WEIGHTS).read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert set(header) - {"__metadata__"} == set(finished("flowers").model.network.state_dict())


def test_what_stood_there_is_replaced_and_nothing_is_left_beside(finished, tmp_path):
    save_model(tmp_path / "model", finished("flowers").model)
    save_model(tmp_path / "model", finished("pictures").model)
    assert load_model(tmp_path / "model").classes == ("left", "right")
    assert os.listdir(tmp_path) == ["model"]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "model").stat().st_mode) & 0o700 == 0o700 & ~mask


def test_a_failed_save_leaves_the_old_model(finished, tmp_path, monkeypatch):
    save_model(tmp_path / "model", finished("flowers").model)

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ravine.core.files.os.fsync", refuse)
    with pytest.raises(BadRun, match="No space left on device"):
        save_model(tmp_path / "model", finished("pictures").model)
    assert load_model(tmp_path / "model").classes == ("iris", "rose", "tulip")
    assert os.listdir(tmp_path) == ["model"]


@pytest.fixture
def folder(finished, tmp_path):
    save_model(tmp_path / "model", finished("flowers").model)
    return tmp_path / "model"


def _spoil(folder: Path, how: str) -> None:
    weights, described = folder / WEIGHTS, read_json(folder / MODEL)
    match how:
        case "flipped":
            data = bytearray(weights.read_bytes())
            data[-1] ^= 1
            weights.write_bytes(data)
        case "cut":
            weights.write_bytes(weights.read_bytes()[:100])
        case "no weights":
            weights.unlink()
        case "no json":
            (folder / MODEL).unlink()
        case "torn json":
            (folder / MODEL).write_text((folder / MODEL).read_text()[:200])
        case "later":
            write_json(folder / MODEL, {**described, "format": 99, "ravine": "9.0"})
        case "foreign json":
            write_json(folder / MODEL, [1, 2])
        case "no task":
            write_json(folder / MODEL, {name: value for name, value in described.items() if name != "task"})
        case "wider":
            write_json(folder / MODEL, {**described, "built": {**described["built"], "width": 20}})


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("flipped", r"weights.safetensors: damaged: its checksum is not the one in model.json"),
        ("cut", r"weights.safetensors: damaged"),
        ("no weights", r"weights.safetensors: cannot be read \(No such file"),
        ("no json", r"model.json: not there"),
        ("torn json", r"model.json: damaged JSON at line"),
        ("later", r"model.json: format 99, written by Ravine 9.0; this is Ravine .*, which reads format 1"),
        ("foreign json", r"model.json: does not describe a model"),
        ("no task", r"model.json: does not describe a model \(KeyError: 'task'\)"),
        ("wider", r"weights of another model: .* is \(16, .*, the network has \(20, "),
    ],
)
def test_damage_is_one_clear_refusal(folder, how, words):
    _spoil(folder, how)
    with pytest.raises(BadRun, match=words):
        load_model(folder)


def test_no_folder(tmp_path):
    with pytest.raises(BadRun, match=r"no model there. A run keeps its model when its training ends"):
        load_model(tmp_path / "model")


def test_weights_of_another_model_name_what_differs_and_change_nothing():
    network, other = nn.Linear(3, 2), nn.Sequential(nn.Linear(3, 2))
    before = network.weight.clone()
    with pytest.raises(BadRun, match=r"a file: weights of another model: weight is missing; bias is missing; 0.weight"):
        fill(network, other.state_dict(), owner="a file")
    with pytest.raises(BadRun, match=r"weight is \(2, 3\) float64, the network has \(2, 3\) float32"):
        fill(network, nn.Linear(3, 2).double().state_dict(), owner="a file")
    assert torch.equal(network.weight, before)


NET = """
from torch import nn
def make(shape, outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, outputs))
"""


def test_a_network_from_a_file_is_built_again_from_anywhere(finished, tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(NET)
    done = finished("pictures")
    body = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    network = Network(done.model.preparation.normalizer(), body).eval()
    built = {**done.model.built, "name": "net.py:make"}
    model = Model(network=network, task=done.model.task, preparation=done.model.preparation, built=built)
    monkeypatch.chdir(tmp_path)
    save_model(tmp_path / "model", model)
    monkeypatch.chdir("/")
    loaded = load_model(tmp_path / "model")
    np.testing.assert_array_equal(loaded.outputs(done.raw), model.outputs(done.raw))
    (tmp_path / "net.py").write_text("def make(): raise ValueError('gone')\n")
    with pytest.raises(UserCodeError, match="gone"):
        load_model(tmp_path / "model")


def test_an_object_of_a_program_needs_that_object_again(finished, tmp_path):
    done = finished("pictures")
    body = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    network = Network(done.model.preparation.normalizer(), body).eval()
    built = {**done.model.built, "name": "Sequential"}
    model = Model(network=network, task=done.model.task, preparation=done.model.preparation, built=built)
    save_model(tmp_path / "model", model)
    with pytest.raises(BadRun, match="the network, Sequential, was an object of a program"):
        load_model(tmp_path / "model")
    again = load_model(tmp_path / "model", body=nn.Sequential(nn.Flatten(), nn.Linear(64, 2)))
    np.testing.assert_array_equal(again.outputs(done.raw), model.outputs(done.raw))


def test_predictions_do_not_depend_on_the_batch_size_and_keep_the_mode(finished):
    done = finished("flowers")
    done.model.network.train()
    whole = done.model.predict(done.raw)
    pieces = done.model.predict(done.raw.inputs, batch_size=7)
    np.testing.assert_allclose(whole.probabilities, pieces.probabilities, atol=1e-6)
    assert done.model.network.training
    done.model.network.eval()
    np.testing.assert_allclose(whole.probabilities.sum(1), 1.0)
    assert set(whole.labels) == {"iris", "rose", "tulip"}
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        done.model.predict(done.raw, batch_size=0)


def test_values_have_intervals_in_their_units(finished):
    done = finished("houses")
    said = done.model.predict(done.raw)
    assert done.model.task.log
    assert (said.low < said.values).all()
    assert (said.values < said.high).all()
    half = done.model.extra["half_width"][0] * done.model.task.std[0]
    np.testing.assert_allclose(np.log(said.high / said.low), 2 * half, rtol=1e-4)


def test_no_rows_are_refused(finished):
    done = finished("pictures")
    empty = Raw(name="", origin="", inputs=type(done.raw.inputs)(done.raw.inputs.pixels[:0]), targets=None, ids=[])
    with pytest.raises(BadData, match="there are no rows to predict"):
        done.model.predict(empty)
