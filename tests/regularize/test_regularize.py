"""The laws of each technique: identity settings, labels that follow, expectations, one seed one result."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as nnf
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ravine.core.errors import BadValue
from ravine.core.shapes import InputShape
from ravine.regularize import (
    Cutout,
    Flip,
    Shift,
    cutout,
    flip,
    light,
    mix,
    mixup,
    random_cutout,
    random_flip,
    random_shift,
    shift,
    smooth_labels,
)
from ravine.regularize.mixup import beta

IMAGE = InputShape(form="image", channels=3, height=32, width=24)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(batch: int = 16, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randint(0, 256, (batch, 3, 10, 7), generator=generator(1)).to(dtype)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@given(seed=st.integers(0, 1000), most=st.integers(0, 8))
def test_a_shift_is_a_crop_of_the_padded_picture(dtype, seed, most):
    given_ = images(5, dtype)
    kept = given_.clone()
    down, right = torch.randint(-most, most + 1, (2, 5), generator=generator(seed))
    moved = shift(given_, down, right)
    padded = nnf.pad(given_.float(), [most] * 4, mode="replicate").to(dtype)
    for k in range(5):
        top, left = most - int(down[k]), most - int(right[k])
        assert torch.equal(moved[k], padded[k, :, top : top + 10, left : left + 7])
    assert torch.equal(given_, kept)
    assert moved.dtype == dtype


def test_shifts_are_uniform_and_each_picture_has_its_own():
    ramp = torch.arange(21.0).expand(4000, 1, 21, 21)
    centre = random_shift(ramp, 2, generator())[:, 0, 10, 10]
    counts = torch.bincount((10 - centre).long() + 2, minlength=5)
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_flip_mirrors_the_chosen_and_no_other(dtype):
    given_ = images(6, dtype)
    which = torch.tensor([True, False, False, True, True, False])
    out = flip(given_, which)
    for k in range(6):
        assert torch.equal(out[k], given_[k].flip(2) if which[k] else given_[k])
    assert torch.equal(flip(out, which), given_)


def test_half_of_the_pictures_are_flipped():
    ramp = torch.arange(4.0).expand(10_000, 1, 4, 4)
    flipped = int((random_flip(ramp, 0.5, generator())[:, 0, 0, 0] == 3).sum())
    assert stats.binomtest(flipped, 10_000, 0.5).pvalue > 1e-3
    assert torch.equal(random_flip(ramp, 1.0), ramp.flip(3))


def test_cutout_hides_one_square_and_nothing_else():
    ones = torch.ones(1, 2, 9, 9)
    out = cutout(ones, torch.tensor([4]), torch.tensor([0]), 3, fill=-1.0)
    expected = ones.clone()
    expected[:, :, 3:6, 0:2] = -1.0
    assert torch.equal(out, expected)


def test_cutout_hides_each_pixel_as_often_as_squares_cover_it():
    hidden = random_cutout(torch.ones(20_000, 1, 6, 6), 3, generator=generator()).sub(1).abs().mean(dim=(0, 1))
    line = torch.tensor([2.0, 3, 3, 3, 3, 2]) / 6
    assert torch.allclose(hidden, line[:, None] * line, atol=0.015)


def test_mixup_is_the_convex_combination_and_labels_follow():
    x, y = torch.randn(8, 3, generator=generator()), torch.arange(8)
    mixed = mixup(x, y, 0.4, generator())
    assert torch.allclose(mixed.inputs, mixed.share * x[mixed.targets] + (1 - mixed.share) * x[mixed.others], atol=1e-6)
    assert torch.equal(mixed.targets, y)
    assert sorted(mixed.others.tolist()) == list(range(8))


def test_the_loss_of_a_mixed_batch_is_the_loss_against_mixed_soft_targets():
    logits = torch.randn(8, 4, generator=generator())
    labels = torch.randint(0, 4, (8,), generator=generator())
    order, share = torch.randperm(8, generator=generator()), 0.3
    mixed = mix(torch.zeros(8, 1), labels, order, share)
    apart = share * nnf.cross_entropy(logits, mixed.targets) + (1 - share) * nnf.cross_entropy(logits, mixed.others)
    soft = share * smooth_labels(labels, 4, 0) + (1 - share) * smooth_labels(labels[order], 4, 0)
    assert apart.item() == pytest.approx(nnf.cross_entropy(logits, soft).item(), rel=1e-6)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_the_share_is_beta_distributed(alpha):
    chance = generator()
    draws = [beta(alpha, chance) for _ in range(2000)]
    assert stats.kstest(draws, stats.beta(alpha, alpha).cdf).pvalue > 1e-3


@given(classes=st.integers(2, 9), share=st.floats(0, 1))
def test_smoothed_labels_are_what_torch_means_by_smoothing(classes, share):
    labels = torch.randint(0, classes, (12,), generator=generator())
    logits = torch.randn(12, classes, generator=generator())
    soft = smooth_labels(labels, classes, share)
    assert torch.allclose(soft.sum(1), torch.ones(12), atol=1e-6)
    ours = nnf.cross_entropy(logits, soft)
    assert ours.item() == pytest.approx(nnf.cross_entropy(logits, labels, label_smoothing=share).item(), rel=1e-5)


def test_settings_that_do_nothing_change_nothing():
    given_ = images()
    for out in (
        random_shift(given_, 0),
        random_flip(given_, 0.0),
        random_cutout(given_, 0),
        mixup(given_, torch.arange(16), 0.0).inputs,
        mix(given_, torch.arange(16), torch.randperm(16, generator=generator()), 1.0).inputs,
    ):
        assert torch.equal(out, given_)


WAYS = {
    "shift": lambda x, chance: random_shift(x, 3, chance),
    "flip": lambda x, chance: random_flip(x, 0.5, chance),
    "cutout": lambda x, chance: random_cutout(x, 3, generator=chance),
    "mixup": lambda x, chance: mixup(x, torch.arange(len(x)), 0.5, chance).inputs,
    "light": lambda x, chance: light(IMAGE, flip=True, generator=chance)(x)[0],
}


@pytest.mark.parametrize("name", WAYS)
def test_one_seed_one_result_and_the_global_state_is_left_alone(name):
    way, given_ = WAYS[name], images(64)
    before = torch.get_rng_state()
    first, second, other = way(given_, generator(3)), way(given_, generator(3)), way(given_, generator(4))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("name", WAYS)
def test_without_a_generator_the_global_seed_decides(name):
    way, given_ = WAYS[name], images(64)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        first = way(given_, None)
        torch.manual_seed(5)
        assert torch.equal(first, way(given_, None))


@pytest.mark.parametrize("make", [lambda: Shift(2), lambda: Flip(0.5), lambda: Cutout(3)])
def test_modules_work_in_training_and_sleep_in_evaluation(make):
    module, given_ = copy.deepcopy(make()), images(64)
    assert not torch.equal(module.train()(given_), given_)
    assert module.eval()(given_) is given_
    assert not module.state_dict()


def test_light_moves_by_a_sixteenth_and_flips_only_where_asked():
    ramp = torch.arange(24.0).expand(500, 3, 32, 24)
    straight = light(IMAGE)(ramp)[0]
    rises = (straight[:, 0, 0, 1:] - straight[:, 0, 0, :-1]) >= 0
    assert rises.all()
    assert {int(v) for v in straight[:, 0, 16, 12] - 12} == {-2, -1, 0, 1, 2}
    mirrored = light(IMAGE, flip=True)(ramp)[0]
    falls = int((mirrored[:, 0, 0, 0] > mirrored[:, 0, 0, -1]).sum())
    assert stats.binomtest(falls, 500, 0.5).pvalue > 1e-3
    sleeping = light(IMAGE, flip=True).eval()
    assert sleeping(ramp)[0] is ramp


def test_light_leaves_tables_and_sequences_as_they_are():
    numeric, codes = torch.randn(4, 3), torch.zeros(4, 2, dtype=torch.int64)
    same = light(InputShape(form="table", numeric=3, cardinalities=(2, 2)), flip=True)(numeric, codes)
    assert same[0] is numeric
    assert same[1] is codes


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: random_flip(images(), 1.5), "flip: p must be in [0, 1]; got 1.5."),
        (lambda: Shift(-1), "shift: most must be at least 0; got -1."),
        (lambda: random_cutout(images(), -2), "cutout: side must be at least 0; got -2."),
        (lambda: mixup(images(), torch.arange(16), -1), "mixup: alpha must be at least 0; got -1."),
        (
            lambda: mixup(images(dtype=torch.uint8), torch.arange(16), 1),
            "mixup: inputs must be floating-point numbers; got 'torch.uint8'.",
        ),
        (
            lambda: random_shift(torch.zeros(3, 4, 5), 1),
            "shift: a batch of images must have shape (batch, channels, height, width); got (3, 4, 5).",
        ),
        (
            lambda: smooth_labels(torch.zeros(3), 2, 0.1),
            "label-smoothing: labels must be int64 of shape (batch,); got 'torch.float32 of (3,)'.",
        ),
        (
            lambda: smooth_labels(torch.zeros(3, dtype=torch.int64), 2, 1.1),
            "label-smoothing: share must be in [0, 1]; got 1.1.",
        ),
    ],
)
def test_bad_settings_are_refused_in_words(call, words):
    with pytest.raises(BadValue) as refusal:
        call()
    assert str(refusal.value) == words
