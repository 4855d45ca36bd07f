"""Changes of colour and of pixels: identity, closed forms, moments."""

import colorsys

import kornia.enhance as ke
import numpy as np
import pytest
import scipy.ndimage
import torch
from PIL import Image, ImageEnhance, ImageOps

from ravine.core.errors import BadValue
from ravine.regularize.augment import (
    Autocontrast,
    Blur,
    Brightness,
    ColorBasis,
    ColorCast,
    Contrast,
    GaussianNoise,
    Hide,
    Hue,
    PcaColor,
    Pipeline,
    Posterize,
    Saturation,
    Sharpness,
    Solarize,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    blur,
    color_basis,
    color_cast,
    gaussian_noise,
    pca_color,
    random_blur,
    random_brightness,
    random_color_cast,
    random_contrast,
    random_gaussian_noise,
    random_hue,
    random_pca_color,
    random_saturation,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(batch: int = 5, channels: int = 3, dtype=torch.float32) -> torch.Tensor:
    images = torch.rand(batch, channels, 9, 11, generator=seeded(1))
    return (images * 255).round().to(torch.uint8) if dtype == torch.uint8 else images.to(dtype)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.float32])
def test_the_identity_setting_is_the_identity(dtype):
    images = pictures(dtype=dtype)
    zero, one = torch.zeros(5), torch.ones(5)
    basis = color_basis(images)
    for same in (
        adjust_brightness(images, one),
        adjust_contrast(images, one),
        adjust_saturation(images, one),
        adjust_hue(images, zero),
        color_cast(images, torch.zeros(5, 3)),
        pca_color(images, torch.zeros(5, 3), basis),
        gaussian_noise(images, zero, torch.randn(images.shape)),
        blur(images, zero),
        random_brightness(images, 0),
        random_contrast(images, 0),
        random_saturation(images, 0),
        random_hue(images, 0),
        random_color_cast(images, 0),
        random_pca_color(images, 0),
        random_gaussian_noise(images, 0),
        random_blur(images, 0),
        Pipeline([Hide(0.0), Posterize(8), Sharpness(0.0), Solarize(1.1)])(images),
    ):
        assert same.dtype == dtype
        assert torch.equal(same, images)


def test_brightness_contrast_and_saturation_are_pillows():
    images = pictures(dtype=torch.uint8)
    factor = torch.tensor([0.0, 0.5, 1.0, 1.3, 1.9])
    for ours, theirs, far in (
        (adjust_brightness, ImageEnhance.Brightness, 1),
        (adjust_contrast, ImageEnhance.Contrast, 2),
        (adjust_saturation, ImageEnhance.Color, 2),
    ):
        found = ours(images, factor).permute(0, 2, 3, 1).numpy().astype(int)
        for place in range(5):
            picture = Image.fromarray(images[place].permute(1, 2, 0).numpy())
            wanted = np.asarray(theirs(picture).enhance(float(factor[place]))).astype(int)
            assert np.abs(found[place] - wanted).max() <= far  # Pillow rounds the grey to whole numbers first


def test_brightness_contrast_and_saturation_are_kornias():
    images, factor = pictures(), torch.tensor([0.0, 0.5, 1.0, 1.3, 1.9])
    close = {"atol": 1e-6, "rtol": 0}
    torch.testing.assert_close(
        adjust_brightness(images, factor), ke.adjust_brightness_accumulative(images, factor), **close
    )
    torch.testing.assert_close(
        adjust_contrast(images, factor), ke.adjust_contrast_with_mean_subtraction(images, factor), **close
    )
    torch.testing.assert_close(
        adjust_saturation(images, factor), ke.adjust_saturation_with_gray_subtraction(images, factor), **close
    )


def test_hue_turns_the_colour_plane_and_keeps_greys_and_luma():
    """Against Python's own YIQ, which rounds its coefficients to two digits."""
    inner = 0.3 + 0.4 * pictures()
    turned = adjust_hue(inner, torch.full((5,), 0.1))
    for before, after in zip(inner[0].flatten(1).T[:20], turned[0].flatten(1).T[:20], strict=True):
        y, i, q = colorsys.rgb_to_yiq(*before.tolist())
        z = complex(i, q) * np.exp(-2j * np.pi * 0.1)
        np.testing.assert_allclose(after, colorsys.yiq_to_rgb(y, z.real, z.imag), atol=0.01)
    luma = torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close(*((luma @ one.flatten(2)) for one in (inner, turned)), atol=1e-5, rtol=0)
    grey = pictures(channels=1).repeat(1, 3, 1, 1)
    torch.testing.assert_close(adjust_hue(grey, torch.full((5,), 0.3)), grey, atol=1e-5, rtol=0)
    torch.testing.assert_close(adjust_hue(inner, torch.ones(5)), inner, atol=1e-5, rtol=0)


def test_a_cast_adds_to_each_channel():
    images, offset = pictures(), torch.tensor([[0.1, -0.2, 0.0]]).repeat(5, 1)
    torch.testing.assert_close(color_cast(images, offset), (images + offset[:, :, None, None]).clamp(0, 1))


def test_the_pca_offset_is_numpys():
    mixed = torch.tensor([[0.3, 0.1, 0.0], [0.2, 0.1, 0.1], [0.1, 0.2, 0.05]])
    images = 0.3 + torch.einsum("cd,bdhw->bchw", mixed, pictures(dtype=torch.float64).float())
    covariance = np.cov(images.transpose(0, 1).flatten(1).double().numpy(), bias=True)
    values, vectors = np.linalg.eigh(covariance)
    basis = color_basis(images)
    np.testing.assert_allclose(basis.values, values, rtol=1e-3)
    np.testing.assert_allclose(np.abs(np.diag(basis.vectors.numpy().T @ vectors)), 1, atol=1e-4)
    strength = torch.randn(5, 3, generator=seeded())
    given = ColorBasis(torch.from_numpy(values), torch.from_numpy(vectors))
    offset = (vectors @ np.diag(values) @ strength.double().numpy().T).T
    wanted = (images + torch.from_numpy(offset).float()[:, :, None, None]).clamp(0, 1)
    torch.testing.assert_close(pca_color(images, strength, given), wanted)


def test_pca_offsets_have_the_covariance_of_their_squares():
    """cov = Σ std²·λₖ²·pₖpₖᵀ."""
    basis = color_basis(pictures() * torch.tensor([1.0, 0.5, 0.2])[:, None, None])
    flat = torch.full((20_000, 3, 1, 1), 0.5)
    moved = random_pca_color(flat, 0.1, seeded(), basis).flatten(1) - 0.5
    wanted = basis.vectors @ (0.1 * basis.values).square().diag() @ basis.vectors.T
    torch.testing.assert_close(moved.T.cov(), wanted, atol=0.05 * float(wanted.diag().max()), rtol=0)


def test_noise_has_the_moments_it_says():
    flat = torch.full((4, 3, 100, 100), 0.5)
    std = torch.tensor([0.0, 0.01, 0.05, 0.1])
    noisy = gaussian_noise(flat, std, torch.randn(flat.shape, generator=seeded()))
    torch.testing.assert_close(noisy.flatten(1).std(1), std, rtol=0.02, atol=1e-7)
    assert (noisy.flatten(1).mean(1) - 0.5).abs().max() < 4 * 0.1 / 30_000**0.5
    many = random_gaussian_noise(torch.full((400, 1, 30, 30), 0.5), 0.1, seeded()).flatten(1).std(1)
    assert many.max() < 0.11
    assert abs(float(many.mean()) - 0.05) < 0.006  # uniform in [0, 0.1]


def test_blur_is_scipys():
    images = pictures(2, dtype=torch.float64)
    found = blur(images, torch.tensor([0.8, 1.2], dtype=torch.float64))
    for place, sigma in enumerate((0.8, 1.2)):
        wanted = scipy.ndimage.gaussian_filter(
            images[place].numpy(), (0, sigma, sigma), mode="nearest", radius=(0, 4, 4)
        )
        np.testing.assert_allclose(found[place], wanted, atol=1e-6)


def test_tones_are_pillows():
    images = pictures(dtype=torch.uint8)
    for transform, theirs in (
        (Solarize(128 / 255), lambda picture: ImageOps.solarize(picture, 128)),
        (Posterize(3), lambda picture: ImageOps.posterize(picture, 3)),
        (Autocontrast(), ImageOps.autocontrast),
    ):
        found = transform(images).permute(0, 2, 3, 1).numpy().astype(int)
        for place in range(5):
            picture = Image.fromarray(images[place].permute(1, 2, 0).numpy())
            assert np.abs(found[place] - np.asarray(theirs(picture)).astype(int)).max() <= 1
    flat = torch.full((2, 3, 4, 4), 0.25)
    assert torch.equal(Autocontrast()(flat), flat)


def test_changes_of_colour_together_are_one_after_the_other():
    """No pixel leaves the scale here, so that nothing is clamped in between."""
    images = 0.4 + 0.2 * pictures()
    parts = [Brightness(0.2), Contrast(0.3), Saturation(0.4), Hue(0.05), ColorCast(0.05), PcaColor(0.5)]
    basis = color_basis(images)
    parts[-1].basis = basis
    together = Pipeline(parts, seeded(7))(images)
    chance, stepwise = seeded(7), images
    for part in parts:
        stepwise = part.drawn(stepwise, chance)
    torch.testing.assert_close(together, stepwise, atol=1e-5, rtol=0)


def test_grey_pictures_have_no_colour_to_change():
    grey = pictures(channels=1)
    for transform in (Saturation(), Hue(), ColorCast(), PcaColor()):
        with pytest.raises(BadValue, match=f"{transform.name}: images must have 3 channels"):
            transform(grey)
        assert torch.equal(Pipeline([transform])(grey), grey)
    bright = adjust_contrast(adjust_brightness(grey, torch.full((5,), 0.5)), torch.full((5,), 0.5))
    wanted = 0.25 * grey + 0.25 * grey.mean((2, 3), keepdim=True)
    torch.testing.assert_close(bright, wanted, atol=1e-6, rtol=0)


def test_hide_covers_a_square_of_the_side():
    hidden = Hide(0.5, fill=0.5)(torch.zeros(300, 3, 9, 11)) == 0.5
    area = hidden[:, 0].flatten(1).sum(1)
    assert int(area.max()) == 16
    assert torch.equal(hidden[:, 0], hidden[:, 2])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Brightness(1.2), "brightness: most must be in [0, 1]; got 1.2."),
        (lambda: Hue(0.6), "hue: most must be in [0, 0.5]; got 0.6."),
        (lambda: Posterize(0), "posterize: bits must be in [1, 8]; got 0."),
        (lambda: Blur(-1), "blur: most must be at least 0; got -1."),
        (lambda: GaussianNoise(float("nan")), "gaussian-noise: most must be at least 0; got nan."),
        (
            lambda: adjust_saturation(pictures(channels=1), torch.ones(5)),
            "saturation: images must have 3 channels, red, ",
        ),
        (lambda: color_cast(pictures(), torch.zeros(5)), "color-cast: offset must have shape (5, 3), one setting a "),
        (
            lambda: adjust_brightness(pictures().long(), torch.ones(5)),
            "augment: images must be uint8, or floating point ",
        ),
    ],
)
def test_bad_input(make, text):
    with pytest.raises(BadValue) as caught:
        make()
    assert str(caught.value).startswith(text)
