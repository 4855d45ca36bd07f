"""Changes of place: identity, closed forms, masks."""

import kornia.geometry.transform as kg
import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ravine.core.errors import BadValue
from ravine.regularize import shift
from ravine.regularize.augment import (
    Blur,
    Crop,
    Elastic,
    Hide,
    Mirror,
    Perspective,
    Pipeline,
    Rotation,
    Scale,
    Shear,
    Translation,
    crop,
    elastic,
    perspective,
    random_crop,
    random_elastic,
    random_perspective,
    random_rotation,
    random_scale,
    random_shear,
    random_translation,
    rotate,
    scale,
    shear,
    smooth_moves,
    translate,
    warp,
)

MOVES = [
    Mirror(0.5),
    Crop(2, 0.5),
    Rotation(20),
    Scale(0.2),
    Translation(0.1),
    Shear(10),
    Perspective(0.3),
    Elastic(0.05),
]
FULL = pytest.mark.parametrize("move", MOVES, ids=lambda move: move.name)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(batch: int = 6, channels: int = 3, height: int = 12, width: int = 15, dtype=torch.float32) -> torch.Tensor:
    images = torch.rand(batch, channels, height, width, generator=seeded(1))
    return (images * 255).round().to(torch.uint8) if dtype == torch.uint8 else images.to(dtype)


def ends_of(images: torch.Tensor) -> torch.Tensor:
    right, low = images.shape[3] - 1.0, images.shape[2] - 1.0
    return torch.tensor([[0, 0], [right, 0], [right, low], [0, low]]).repeat(len(images), 1, 1)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.float32, torch.float64])
def test_the_identity_setting_is_the_identity(dtype):
    images = pictures(dtype=dtype)
    zero, one = torch.zeros(6), torch.ones(6)
    whole = torch.zeros(6, dtype=torch.int64)
    for same in (
        rotate(images, zero),
        scale(images, one),
        translate(images, zero, zero),
        shear(images, zero, zero),
        perspective(images, ends_of(images)),
        elastic(images, torch.zeros(6, 2, 12, 15)),
        crop(images, whole, whole, torch.zeros(6, dtype=torch.bool)),
        warp(images, torch.eye(3).repeat(6, 1, 1)),
        random_rotation(images, 0),
        random_scale(images, 0),
        random_translation(images, 0),
        random_shear(images, 0),
        random_perspective(images, 0),
        random_elastic(images, 0),
        random_crop(images, 0),
    ):
        assert same.dtype == dtype
        assert torch.equal(same, images)


def test_a_quarter_turn_is_rot90():
    images = pictures(height=13, width=13)
    turned = rotate(images, torch.tensor([0.0, 90, 180, 270, -90, 360]), edge="zeros")
    for place, quarters in enumerate((0, 1, 2, 3, -1, 0)):
        torch.testing.assert_close(turned[place], images[place].rot90(quarters, (1, 2)), atol=2e-5, rtol=0)


def test_a_translation_by_whole_pixels_is_a_shift():
    images = pictures()
    down, right = torch.tensor([[0, 1, -2, 3, -12, 5], [1, 0, 2, -4, 15, -5]])
    moved = translate(images, right.float(), down.float())
    torch.testing.assert_close(moved, shift(images, down, right), atol=2e-5, rtol=0)
    rolled = translate(images, right.float(), down.float(), edge="zeros")
    for place in range(6):
        wanted = torch.nn.functional.pad(images[place], (20, 20, 20, 20)).roll(
            (int(down[place]), int(right[place])), (1, 2)
        )
        torch.testing.assert_close(rolled[place], wanted[:, 20:-20, 20:-20], atol=2e-5, rtol=0)


def by_scipy(picture: torch.Tensor, linear: np.ndarray) -> np.ndarray:
    """The picture moved by a linear map of (x, y) about its middle, edges repeated."""
    middle = (np.array(picture.shape[1:]) - 1) / 2
    back = np.linalg.inv(linear)[::-1, ::-1]  # SciPy asks where to read, in (row, column)
    return np.stack(
        [
            scipy.ndimage.affine_transform(layer, back, offset=middle - back @ middle, order=1, mode="nearest")
            for layer in picture.double().numpy()
        ]
    )


@settings(max_examples=20, deadline=None)
@given(degrees=st.floats(-180, 180), factor=st.floats(0.5, 2), x=st.floats(-40, 40), y=st.floats(-40, 40))
def test_rotation_scale_and_shear_are_what_scipy_makes_of_their_matrix(degrees, factor, x, y):
    image = pictures(1, dtype=torch.float64)
    angle, lean = np.deg2rad(degrees), np.tan(np.deg2rad([x, y]))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    lean_x, lean_y = np.array([[1, lean[0]], [0, 1]]), np.array([[1, 0], [lean[1], 1]])
    for found, linear in (
        (rotate(image, torch.tensor([degrees])), turn),
        (scale(image, torch.tensor([factor])), factor * np.eye(2)),
        (shear(image, torch.tensor([x]), torch.tensor([y])), lean_y @ lean_x),
    ):
        np.testing.assert_allclose(found[0].numpy(), by_scipy(image[0], linear), atol=2e-4)


def test_perspective_takes_the_corners_where_it_says():
    """Half the picture, upside up: a map that is affine has a second way to be made."""
    images = pictures(2, height=9, width=9)
    ends = torch.tensor([[2.0, 2], [6, 2], [6, 6], [2, 6]]).repeat(2, 1, 1)
    torch.testing.assert_close(perspective(images, ends), scale(images, torch.full((2,), 0.5)), atol=1e-4, rtol=0)
    tilted = perspective(images, torch.tensor([[1.0, 0], [7, 2], [8, 8], [0, 6]]).repeat(2, 1, 1))
    torch.testing.assert_close(tilted[:, :, 0, 1], images[:, :, 0, 0], atol=1e-4, rtol=0)
    torch.testing.assert_close(tilted[:, :, 8, 8], images[:, :, 8, 8], atol=1e-4, rtol=0)


def test_elastic_moves_by_whole_pixels_are_a_gather():
    images = pictures(3)
    moves = torch.zeros(3, 2, 12, 15)
    moves[:, 0], moves[:, 1] = 2, -1
    torch.testing.assert_close(
        elastic(images, moves), shift(images, torch.full((3,), 1), torch.full((3,), -2)), atol=2e-5, rtol=0
    )


def test_elastic_moves_are_as_long_as_asked_and_smooth():
    noise = torch.randn(50, 2, 32, 32, generator=seeded())
    moves = smooth_moves(noise, sigma=4.0, most=1.5)
    torch.testing.assert_close(moves.square().sum(1).mean((1, 2)).sqrt(), torch.full((50,), 1.5))
    assert moves.diff(dim=3).square().mean() < 0.1 * moves.square().mean()
    assert noise.diff(dim=3).square().mean() > noise.square().mean()


@pytest.mark.parametrize("edge", ["border", "zeros", "reflection"])
def test_a_crop_is_a_window_of_the_padded_picture(edge):
    images = pictures()
    mode = {"border": "replicate", "zeros": "constant", "reflection": "reflect"}[edge]
    padded = torch.nn.functional.pad(images, (4, 4, 4, 4), mode=mode)
    down, right = torch.randint(-4, 5, (2, 6), generator=seeded())
    mirrored = torch.tensor([True, False] * 3)
    found = crop(images, down, right, mirrored, edge)
    for place in range(6):
        top, left = 4 - int(down[place]), 4 - int(right[place])
        window = padded[place, :, top : top + 12, left : left + 15]
        assert torch.equal(found[place], window.flip(2) if mirrored[place] else window)


def test_a_pipeline_reads_the_pictures_once(monkeypatch):
    calls = []
    real = kg.warp_affine
    monkeypatch.setattr(kg, "warp_affine", lambda *words, **more: calls.append(1) or real(*words, **more))
    Pipeline([Mirror(0.5), Rotation(10), Scale(0.1), Translation(0.1), Shear(5)])(pictures())
    assert len(calls) == 1


def test_together_is_one_after_the_other():
    """On a smooth picture two resamplings blur hardly more than one."""
    x, y = torch.meshgrid(torch.linspace(0, 1, 64), torch.linspace(0, 1, 64), indexing="xy")
    images = (0.5 + 0.4 * torch.sin(5 * x + 2 * y))[None, None].repeat(4, 1, 1, 1)
    whole = Pipeline([Rotation(15, edge="zeros"), Scale(0.1)], seeded(3))(images)
    chance = seeded(3)
    stepwise = Scale(0.1, edge="zeros", generator=chance)(Rotation(15, edge="zeros", generator=chance)(images))
    torch.testing.assert_close(whole[:, :, 16:48, 16:48], stepwise[:, :, 16:48, 16:48], atol=2e-3, rtol=0)


@FULL
@pytest.mark.parametrize("form", ["layers", "flat"])
def test_masks_move_along(move, form):
    """A picture that is its own mask still is, up to the blur of a resampling."""
    x, y = torch.meshgrid(torch.arange(48.0), torch.arange(40.0), indexing="xy")
    inside = ((x - 20) ** 2 / 120 + (y - 22) ** 2 / 60) < 1
    images = inside.float()[None, None].repeat(8, 1, 1, 1)
    masks = (images * 7).to(torch.int64)
    masks = masks if form == "layers" else masks[:, 0]
    before = masks.clone()
    moved, followed = Pipeline([move], seeded())(images, masks)
    assert torch.equal(masks, before)
    assert followed.dtype == torch.int64
    assert followed.shape == masks.shape
    assert set(followed.unique().tolist()) == {0, 7}
    assert not torch.equal(moved, images)
    agree = ((moved > 0.5).view_as(followed) == (followed == 7)).float().mean()
    assert agree > 0.99
    assert (images != moved).float().mean() > 1 - agree


def test_masks_stay_where_only_the_looks_change():
    images, masks = pictures(), torch.arange(6 * 12 * 15).view(6, 12, 15)
    _, followed = Pipeline([Blur(1.0), Hide(0.5)], seeded())(images, masks)
    assert torch.equal(followed, masks)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int32, torch.float64])
def test_masks_of_every_type_keep_their_values(dtype):
    masks = torch.randint(0, 2**31 - 1, (4, 10, 10), generator=seeded()).to(dtype)
    _, followed = Rotation(30, generator=seeded())(pictures(4, height=10, width=10), masks)
    assert followed.dtype == dtype
    assert torch.isin(followed.double(), masks.double()).all()


@FULL
def test_nothing_given_is_changed_and_nothing_happens_in_evaluation(move):
    images = pictures()
    before = images.clone()
    assert not torch.equal(move(images), images)
    assert torch.equal(images, before)
    move.eval()
    try:
        assert move(images) is images
        assert move(images, images[:, 0])[1] is not None
    finally:
        move.train()


@pytest.mark.parametrize("make", [Rotation, Scale, Shear, Perspective, Elastic, Blur], ids=lambda make: make.name)
def test_who_is_not_chosen_stays_the_very_same(make):
    images = pictures(200, 1, 8, 8)
    changed = Pipeline([make(p=0.3)], seeded(5))(images)
    same = (changed == images).flatten(1).all(1)
    assert 100 < int(same.sum()) < 180


def test_draws_are_uniform():
    dot = torch.zeros(4000, 1, 1, 101)
    dot[:, :, :, 50] = 1
    moved = Translation(0.2, axes="x", edge="zeros", generator=seeded())(dot)
    centre = (moved[:, 0, 0] * torch.arange(101)).sum(1) / moved[:, 0, 0].sum(1) - 50
    assert centre.abs().max() <= 20.3
    assert centre.mean().abs() < 4 * 20.2 / 3**0.5 / 4000**0.5
    torch.testing.assert_close(centre.std(), torch.tensor(20.2 / 3**0.5), rtol=0.04, atol=0)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Rotation(-1), "rotation: most must be at least 0; got -1."),
        (lambda: Rotation(10, p=1.5), "rotation: p must be in [0, 1]; got 1.5."),
        (lambda: Shear(90), "shear: most must be in [0, 90); got 90."),
        (lambda: Shear(9, axes="z"), "shear: axes must be 'x', 'y' or 'xy'; got 'z'."),
        (lambda: Perspective(1.0), "perspective: most must be in [0, 1); got 1.0."),
        (lambda: Translation(2), "translation: most must be in [0, 1]; got 2."),
        (lambda: Mirror(0.5, "sideways"), "mirror: direction must be 'horizontal' or 'vertical'; got 'sideways'."),
        (lambda: Scale(0.1, edge="wrap"), "augment: edge must be one of border, zeros, reflection; got 'wrap'."),
        (lambda: Rotation(9)(torch.rand(3, 8, 8)), "augment: a batch of images must have shape (batch, channels, "),
        (lambda: Rotation(9)(torch.ones(2, 1, 8, 8).long()), "augment: images must be uint8, or floating point on "),
        (lambda: rotate(pictures(), torch.zeros(3)), "rotation: degrees must have shape (6,), one setting a picture; "),
        (
            lambda: Rotation(9)(pictures(), torch.zeros(6, 3, 3)),
            "augment: masks must have shape (6, 12, 15) or (6, any, ",
        ),
        (
            lambda: Pipeline([torch.nn.ReLU()]),
            "augment: transforms must be transforms such as Rotation(10); got 'ReLU'.",
        ),
    ],
)
def test_bad_input(make, text):
    with pytest.raises(BadValue) as caught:
        make()
    assert str(caught.value).startswith(text)
