"""Pictures and arrays: statistics against NumPy's, sizes, modes, memory."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch
from PIL import Image

from ravine.core.errors import BadData
from ravine.data.prepare import Preparation, prepare
from ravine.data.raw import Arrays, Images

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_standardized_by_channel(channels):
    pixels = (RNG.random((60, 7, 5, channels)) * 200 + np.arange(channels) * 10).astype(np.uint8)
    train = np.arange(40)
    preparation = prepare(Images(pixels), train)
    (field,) = preparation.fields(Images(pixels))
    assert field.dtype == torch.uint8
    assert field.shape == (60, channels, 7, 5)
    assert field.is_contiguous()
    (out,) = preparation.normalizer()(field)
    wanted = pixels.astype(float).transpose(0, 3, 1, 2)
    mean = wanted[train].mean(axis=(0, 2, 3), keepdims=True)
    std = wanted[train].std(axis=(0, 2, 3), keepdims=True)
    np.testing.assert_allclose(out, (wanted - mean) / std, atol=1e-5)
    assert out.dtype == torch.float32
    shape = preparation.shape
    assert (shape.form, shape.channels, shape.height, shape.width) == ("image", channels, 7, 5)


def test_grey_pictures_are_not_copied_even_when_read_only():
    pixels = RNG.integers(0, 255, (20, 6, 6, 1), dtype=np.uint8)
    pixels.flags.writeable = False
    preparation = prepare(Images(pixels), np.arange(20))
    (field,) = preparation.fields(Images(pixels))
    assert field.data_ptr() == pixels.ctypes.data
    (chosen,) = preparation.fields(Images(pixels), np.array([3, 1]))
    assert torch.equal(chosen, field[[3, 1]])


def test_a_memory_map_serves(tmp_path):
    np.save(tmp_path / "x.npy", RNG.integers(0, 255, (20, 6, 6, 3), dtype=np.uint8))
    pixels = np.load(tmp_path / "x.npy", mmap_mode="r")
    preparation = prepare(Images(pixels), np.arange(20))
    (chosen,) = preparation.fields(Images(pixels), np.array([3, 1]))
    assert np.array_equal(chosen.numpy(), pixels[[3, 1]].transpose(0, 3, 1, 2))


def test_other_sizes_and_modes_are_converted():
    colour = RNG.integers(0, 255, (4, 16, 12, 3), dtype=np.uint8)
    preparation = prepare(Images(RNG.integers(0, 255, (9, 8, 8, 1), dtype=np.uint8)), np.arange(9))
    (field,) = preparation.fields(Images(colour))
    assert field.shape == (4, 1, 8, 8)
    grey = Image.fromarray(colour[2]).convert("L").resize((8, 8), Image.Resampling.BILINEAR)
    assert np.array_equal(field[2, 0].numpy(), np.asarray(grey))
    assert preparation.notes(Images(colour)) == [
        "pictures of 16 × 12 are resized to 8 × 8",
        "colour pictures are turned into grey",
    ]
    back = prepare(Images(colour), np.arange(4)).fields(Images(RNG.integers(0, 255, (2, 16, 12, 1), dtype=np.uint8)))[0]
    assert back.shape == (2, 3, 16, 12)
    assert torch.equal(back[:, 0], back[:, 2])


def test_flat_pictures_are_refused():
    with pytest.raises(BadData, match="one flat colour"):
        prepare(Images(np.full((5, 4, 4, 1), 9, np.uint8)), np.arange(5))


def test_features_are_standardized_and_constant_ones_become_zeros():
    values = RNG.normal(3, 2, (80, 5)).astype(np.float32)
    values[:, 2] = 1
    values[4, 0] = np.nan
    preparation = prepare(Arrays(values), np.arange(80))
    (field,) = preparation.fields(Arrays(values))
    assert field.data_ptr() == values.ctypes.data
    numbers, codes = preparation.normalizer()(field)
    assert numbers.shape == (80, 6)
    assert preparation.shape.numeric == 6
    assert not numbers[:, 2].any()
    assert codes.shape == (80, 0)
    np.testing.assert_allclose(numbers[:, 1], (values[:, 1] - values[:, 1].mean()) / values[:, 1].std(), atol=1e-5)
    assert numbers[4, 5] == 1
    assert preparation.feature_names == ("x0", "x1", "x2", "x3", "x4")


def test_sequences_share_statistics_over_positions():
    values = (RNG.normal(size=(50, 9, 3)) * (1, 10, 100)).astype(np.float32)
    preparation = prepare(Arrays(values), np.arange(30))
    (out,) = preparation.normalizer()(*preparation.fields(Arrays(values)))
    flat = values[:30].reshape(-1, 3)
    np.testing.assert_allclose(out, (values - flat.mean(0)) / flat.std(0), atol=1e-4)
    shape = preparation.shape
    assert (shape.form, shape.length, shape.features) == ("sequence", 9, 3)
    with pytest.raises(BadData, match=r"\(rows, length, features\) = \(rows, 9, 3\); got \(50, 8, 3\)"):
        preparation.fields(Arrays(values[:, 1:]))


@pytest.mark.parametrize(
    "inputs",
    [
        Images(RNG.integers(0, 255, (9, 8, 8, 3), dtype=np.uint8)),
        Arrays(RNG.normal(size=(9, 4)).astype(np.float32)),
        Arrays(RNG.normal(size=(9, 4, 2)).astype(np.float32)),
    ],
    ids=["images", "features", "sequences"],
)
def test_json_export_and_copies(inputs):
    preparation = prepare(inputs, np.arange(9))
    again = Preparation.from_json(json.loads(json.dumps(preparation.to_json())))
    assert again == preparation
    assert again.describe() == preparation.describe()
    layer, fields = preparation.normalizer(), preparation.fields(inputs)
    expected = layer(*fields)
    rows = torch.export.Dim("rows")
    exported = torch.export.export(layer, fields, dynamic_shapes=({0: rows},)).module()
    for other in (
        again.normalizer(),
        copy.deepcopy(layer),
        exported,
        torch.compile(layer, backend="eager", fullgraph=True),
    ):
        for first, second in zip(expected, other(*fields), strict=True):
            assert torch.equal(first, second)


def test_no_training_rows_are_refused():
    with pytest.raises(BadData, match="no training rows"):
        prepare(Arrays(np.zeros((3, 2), np.float32)), np.arange(0))
