"""Mixing of rows, soft labels, and noise on tables, as techniques on batches."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own habit)
from hypothesis import given
from hypothesis import strategies as st

from ravine.core.errors import BadValue
from ravine.regularize import (
    TECHNIQUES,
    CutMix,
    FeatureDropout,
    FeatureNoise,
    LabelSmoothing,
    MixUp,
    cutmix,
    feature_dropout,
    feature_noise,
    mixup,
    smooth_labels,
)
from ravine.regularize.cutmix import Window, cut_and_paste


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(batch: int = 12) -> torch.Tensor:
    return torch.rand(batch, 3, 10, 14, generator=seeded(1))


LABELS = torch.arange(12) % 5


def test_the_loss_of_mixup_is_the_convex_combination():
    outputs = torch.randn(12, 5, generator=seeded(2))
    mixed = mixup(pictures(), LABELS, 0.4, seeded(3))
    (inputs,), soft = MixUp(0.4, classes=5, generator=seeded(3))((pictures(),), LABELS)
    assert torch.equal(inputs, mixed.inputs)
    first, second = (F.cross_entropy(outputs, target) for target in (mixed.targets, mixed.others))
    torch.testing.assert_close(F.cross_entropy(outputs, soft), mixed.share * first + (1 - mixed.share) * second)
    assert 0 < mixed.share < 1


def test_mixup_mixes_numbers_and_bytes_and_follows_its_seed():
    values, target = torch.randn(12, 4, generator=seeded(4)), torch.randn(12, 2, generator=seeded(5))
    mixed = mixup(values, target, 1.0, seeded(6))
    (inputs, *none), soft = MixUp(1.0, generator=seeded(6))((values,), target)
    assert none == []
    torch.testing.assert_close(soft, mixed.share * mixed.targets + (1 - mixed.share) * mixed.others)
    grey = (pictures() * 255).to(torch.uint8)
    (of_bytes,), _ = MixUp(1.0, generator=seeded(6))((grey,), target)
    (of_floats,), _ = MixUp(1.0, generator=seeded(6))((grey.float(),), target)
    assert torch.equal(of_bytes, of_floats)
    assert inputs.dtype == torch.float32
    empty = torch.zeros(12, 0, dtype=torch.int64)
    assert torch.equal(MixUp(1.0, generator=seeded(6))((values, empty), target)[0][0], inputs)


def test_alpha_of_nothing_mixes_nothing():
    for technique in (MixUp(0.0, classes=5), CutMix(0.0, classes=5)):
        (inputs,), soft = technique((pictures(),), LABELS)
        assert torch.equal(inputs, pictures())
        assert torch.equal(soft, F.one_hot(LABELS, 5).float())


@given(seed=st.integers(0, 10_000), alpha=st.floats(0.1, 3))
def test_the_share_of_cutmix_is_the_area_that_stays(seed, alpha):
    """Each picture is one flat number of its own, so that what came from elsewhere can be counted."""
    flat = torch.arange(12.0)[:, None, None, None].expand(12, 3, 10, 14)
    mixed = cutmix(flat, torch.arange(12), alpha, seeded(seed))
    order = mixed.others
    moved = order != torch.arange(12)
    stays = (mixed.inputs == flat).float().mean((1, 2, 3))
    torch.testing.assert_close(stays[moved], torch.full_like(stays[moved], mixed.share))
    assert (
        (mixed.inputs[moved].amin((1, 2, 3)) == torch.minimum(torch.arange(12.0), order.float())[moved])
        .logical_or(torch.tensor(mixed.share in (0.0, 1.0)))
        .all()
    )
    soft = CutMix(alpha, classes=12, generator=seeded(seed))((flat,), torch.arange(12))[1]
    torch.testing.assert_close(soft.sum(1), torch.ones(12))
    assert torch.equal(soft.diagonal()[moved], torch.full_like(soft.diagonal()[moved], mixed.share))


def test_a_window_is_cut_at_the_edge():
    assert Window.around(5, 7, 10, 14, share=0.75) == Window(3, 7, 4, 10)  # half the sides, in whole halves
    assert Window.around(0, 13, 10, 14, share=0.75) == Window(0, 2, 10, 14)
    assert Window.around(4, 4, 10, 14, share=1.0).area == 0
    order = torch.arange(11, -1, -1)
    mixed = cut_and_paste(pictures(), LABELS, order, Window(2, 5, 1, 4))
    assert torch.equal(mixed.inputs[:, :, 2:5, 1:4], pictures()[order][:, :, 2:5, 1:4])
    outside = torch.ones(10, 14, dtype=torch.bool)
    outside[2:5, 1:4] = False
    assert torch.equal(mixed.inputs[..., outside], pictures()[..., outside])
    assert mixed.share == pytest.approx(1 - 9 / 140)


def test_cutmix_windows_have_the_area_of_a_beta_draw():
    """α = 1: λ uniform; windows cut at the edge are smaller, so more stays than ½ on average, by a known amount."""
    shares = torch.tensor(
        [cutmix(torch.zeros(2, 1, 40, 40), torch.zeros(2), 1.0, seeded(s)).share for s in range(1500)]
    )
    side = torch.rand(200_000, generator=seeded()).sqrt()  # √(1 − λ)
    middle = torch.rand(2, 200_000, generator=seeded(1))
    kept = ((middle + side / 2).clamp(max=1) - (middle - side / 2).clamp(min=0)).prod(0)
    assert abs(float(shares.mean()) - float(1 - kept.mean())) < 0.03


def test_smoothing_is_torchs():
    outputs = torch.randn(12, 5, generator=seeded(2))
    inputs, soft = LabelSmoothing(0.1, classes=5)((pictures(),), LABELS)
    assert torch.equal(inputs[0], pictures())
    torch.testing.assert_close(soft, smooth_labels(LABELS, 5, 0.1))
    torch.testing.assert_close(F.cross_entropy(outputs, soft), F.cross_entropy(outputs, LABELS, label_smoothing=0.1))
    (_,), mixed = MixUp(0.4, generator=seeded(3))((pictures(),), soft)
    torch.testing.assert_close(mixed.sum(1), torch.ones(12))
    assert torch.equal(LabelSmoothing(0.0)((), soft)[1], soft)


def test_noise_on_features_is_on_the_scale_of_each_column():
    values = torch.randn(20_000, 4, generator=seeded()) * torch.tensor([1.0, 100.0, 0.01, 0.0]) + 5
    values[::10, 1] = torch.nan
    noisy = feature_noise(values, 0.2, torch.randn(values.shape, generator=seeded(1)))
    change = noisy - values
    assert torch.equal(noisy.isnan(), values.isnan())
    torch.testing.assert_close(change[:, 0].std(), torch.tensor(0.2), rtol=0.03, atol=0)
    torch.testing.assert_close(
        change[:, 1].nan_to_num().square().mean().div(0.9).sqrt(), torch.tensor(20.0), rtol=0.03, atol=0
    )
    torch.testing.assert_close(change[:, 2].std(), torch.tensor(0.002), rtol=0.03, atol=0)
    assert (change[:, 3] == 0).all()
    codes = torch.arange(10).view(5, 2)
    assert FeatureNoise(0.2)((codes,), LABELS[:5])[0][0] is codes


def test_dropped_features_are_those_of_other_rows_of_the_column():
    values = torch.arange(4000.0).view(1000, 4) % 4 + torch.arange(4) * 10  # column j holds only 11·j
    codes = torch.randint(3, (1000, 2), generator=seeded(2))
    codes[:, 1] += 10
    (numbers, swapped), labels = FeatureDropout(0.3, generator=seeded())((values, codes), LABELS)
    assert labels is LABELS
    assert torch.equal(numbers, values)
    assert set(swapped[:, 0].tolist()) == {0, 1, 2}
    assert set(swapped[:, 1].tolist()) == {10, 11, 12}
    share = (swapped != codes).float().mean()  # two of three stand-ins differ
    assert abs(float(share) - 0.3 * 2 / 3) < 0.03
    order = torch.tensor([[1, 0], [0, 1]])
    found = feature_dropout(torch.tensor([[1, 2], [3, 4]]), torch.tensor([[True, False], [False, True]]), order)
    assert found.tolist() == [[3, 2], [3, 4]]
    assert FeatureDropout(0.0)((codes,), LABELS)[0][0] is codes


@pytest.mark.parametrize(
    ("name", "main"),
    [
        ("mixup", "alpha"),
        ("cutmix", "alpha"),
        ("label-smoothing", "share"),
        ("feature-noise", "std"),
        ("feature-dropout", "p"),
    ],
)
def test_the_catalogue_makes_them(name, main):
    technique = TECHNIQUES[name]
    assert technique.main == main
    assert getattr(technique.make(**{main: 0.25}), main) == 0.25
    with pytest.raises(BadValue, match=f"{name}: {main} must be"):
        technique.make(**{main: -0.5})


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: MixUp(0.2)((pictures(),), LABELS),
            "mixup: target must be numbers or probabilities where the number of ",
        ),
        (
            lambda: CutMix(1.0)((pictures(),), LABELS),
            "cutmix: target must be numbers or probabilities where the number ",
        ),
        (
            lambda: MixUp(0.2)((torch.rand(2, 3), torch.ones(2, 1).long()), torch.rand(2)),
            "mixup: inputs must be one field",
        ),
        (
            lambda: MixUp(0.2)((torch.ones(2, 1).long(),), torch.rand(2)),
            "mixup: inputs must be floating-point numbers; ",
        ),
        (lambda: CutMix(1.0)((torch.rand(4, 6),), torch.rand(4)), "cutmix: a batch of images must have shape (batch, "),
        (
            lambda: cut_and_paste(pictures(), LABELS, LABELS, Window(0, 11, 0, 4)),
            "cutmix: window must lie inside the 10 × ",
        ),
        (
            lambda: LabelSmoothing(0.1, 5)((), torch.rand(4)),
            "label-smoothing: target must be class numbers (batch,) or ",
        ),
        (
            lambda: feature_noise(torch.ones(3, 2).long(), 0.1, torch.ones(3, 2)),
            "feature-noise: values must be floating-",
        ),
        (
            lambda: feature_dropout(torch.ones(3), torch.ones(3).bool(), torch.zeros(3).long()),
            "feature-dropout: values mus",
        ),
    ],
)
def test_bad_input(make, text):
    with pytest.raises(BadValue) as caught:
        make()
    assert str(caught.value).startswith(text)
