"""Presets, RandAugment and single names: deterministic by seed, with workers too."""

import sys

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from ravine.core.errors import BadValue, Missing
from ravine.regularize import PRESETS, TECHNIQUES, TRANSFORMS, Augment, RandAugment
from ravine.regularize.augment import Crop, Pipeline, Rotation, Transform, rand_augment
from ravine.regularize.augment.named import NAMED, chosen_transforms
from ravine.regularize.augment.rand_augment import space

PRESET = pytest.mark.parametrize("preset", [name for name in PRESETS if name != "none"])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(batch: int = 16, channels: int = 3, side: int = 16) -> torch.Tensor:
    return (torch.rand(batch, channels, side, side, generator=seeded(1)) * 255).to(torch.uint8)


@PRESET
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_preset_keeps_form_and_follows_its_seed(preset, channels):
    images = pictures(channels=channels)
    before = images.clone()
    once, again, other = (Augment(preset, generator=seeded(seed)).images(images) for seed in (3, 3, 4))
    assert torch.equal(images, before)
    assert (once.shape, once.dtype) == (images.shape, images.dtype)
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert not torch.equal(once, images)


@PRESET
def test_the_global_seed_is_a_seed_too(preset):
    images = pictures()
    runs = []
    for _ in range(2):
        torch.manual_seed(11)
        runs.append(Augment(preset).images(images))
    assert torch.equal(*runs)


@PRESET
def test_floats_and_bytes_see_the_same(preset):
    """The order of draws does not hang on the type; what is rounded may cross a threshold of tones."""
    images = pictures()
    rounded = Augment(preset, generator=seeded()).images(images).float()
    exact = Augment(preset, generator=seeded()).images(images.float() / 255) * 255
    far = (rounded - exact).abs()
    assert float(far.median()) <= 0.51
    assert float((far > 0.51).float().mean()) < 0.01


@PRESET
def test_a_batch_of_none_and_of_one(preset):
    assert Augment(preset).images(pictures(0)).shape == (0, 3, 16, 16)
    assert Augment(preset).images(pictures(1)).shape == (1, 3, 16, 16)


def test_nothing_is_nothing_and_light_keeps_every_value():
    images = pictures()
    assert torch.equal(Augment("none", flip=True).images(images), images)
    light = Augment("light", generator=seeded()).images(images)
    assert torch.isin(light, images).all()


@pytest.mark.parametrize("preset", ["light", "standard", "strong"])
def test_pictures_are_flipped_only_where_asked(preset):
    """A bright left half stays on the left, unless half of the pictures are flipped."""
    images = torch.zeros(400, 1, 16, 16)
    images[..., :8] = 1
    for flip, low, high in ((False, 0, 0), (True, 150, 250)):
        out = Augment(preset, flip=flip, generator=seeded()).images(images)
        flipped = int((out[..., 9:].mean((1, 2, 3)) > out[..., :7].mean((1, 2, 3))).sum())
        assert low <= flipped <= high


def test_the_technique_changes_pictures_and_nothing_else():
    made = TECHNIQUES["augment"].make("standard", generator=seeded())
    images, other, labels = pictures(), torch.arange(16.0), torch.arange(16)
    (changed, same), kept = made((images, other), labels)
    assert changed.shape == images.shape
    assert same is other
    assert kept is labels


def test_masks_go_through_a_preset():
    images = pictures()
    out, masks = Augment("strong", generator=seeded()).images(images, images[:, 0])
    assert out.shape == images.shape
    assert masks.shape == images[:, 0].shape
    alone = Augment("strong", generator=seeded()).images(images)
    assert torch.equal(out, alone)


@pytest.mark.parametrize("n", [1, 3])
def test_randaugment_draws_n_different_of_them(n, monkeypatch):
    """Of 13: twelve transforms, and doing nothing."""
    seen = []
    monkeypatch.setattr(rand_augment, "run", lambda parts, images, *_: seen.extend(parts) or images)
    RandAugment(n, 15, generator=seeded())(pictures(3000, side=4))
    drawn = torch.stack([part.which for part in seen], 1)
    assert drawn.shape == (3000, 12)
    assert set(drawn.sum(1).tolist()) == {n - 1, n}
    torch.testing.assert_close(drawn.float().mean(0), torch.full((12,), n / 13), atol=0.04, rtol=0)


def test_randaugment_changes_more_with_more_and_stronger():
    images = pictures(200)
    changed = [
        float((RandAugment(n, m, generator=seeded())(images).float() - images.float()).abs().mean())
        for n, m in ((0, 9), (2, 0), (1, 5), (2, 5), (2, 15), (4, 15))
    ]
    assert changed[:2] == [0, 0]
    assert changed[1:] == sorted(changed[1:])
    untouched = (RandAugment(1, 9, generator=seeded())(images) == images).flatten(1).all(1).float().mean()
    assert 0.02 < untouched < 0.3  # one in thirteen draws nothing


def load(generator: torch.Generator | None, workers: int, seed: int, epochs: int = 1) -> list[torch.Tensor]:
    """Epochs of a loader whose workers augment each batch as they collate it."""
    same = pictures(1).repeat(32, 1, 1, 1)
    augment = Augment("standard", generator=generator)

    def collate(rows):
        images, labels = (torch.stack(field) for field in zip(*rows, strict=True))
        (images,), labels = augment((images,), labels)
        return images, labels

    loader = DataLoader(
        TensorDataset(same, torch.arange(32)),
        batch_size=8,
        num_workers=workers,
        collate_fn=collate,
        generator=seeded(seed),
        multiprocessing_context="fork" if workers else None,
    )
    return [torch.cat([images for images, _ in loader]) for _ in range(epochs)]


@pytest.mark.skipif(sys.platform == "win32", reason="workers are forked")
@pytest.mark.parametrize("own", [True, False], ids=["own generator", "global generator"])
def test_workers_follow_the_seed_and_draw_differently(own):
    first, second = (load(seeded(5) if own else None, 2, 1, epochs=2) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    batches = first[0].view(4, 8, -1)
    assert not torch.equal(batches[0], batches[1])  # one each of the two workers
    assert not torch.equal(batches[0], batches[2])
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0], load(seeded(6) if own else None, 2, 2)[0])


def test_every_name_makes_a_transform_and_all_together_a_pipeline():
    images = pictures()
    for name, named in NAMED.items():
        transform = named.make(16, 16, 1.0)
        assert isinstance(transform, Transform), name
        assert transform.colored == named.colored, name
        assert not torch.equal(transform(images), images), name
    everything = chosen_transforms(list(NAMED), 16, 16, seeded())
    assert everything(images).shape == images.shape
    colored = {name for name, named in NAMED.items() if named.colored}
    assert colored == {"saturation", "hue", "color-cast"}
    assert len(everything.words(3)) - len(everything.words(1)) == len(colored)
    shifts = chosen_transforms(["flip", "shift"], 32, 32)
    assert [type(one) for one in shifts.transforms] == [Crop]
    assert shifts.words() == ["shifts by up to 2 pixels and horizontal flips"]


def test_every_transform_is_in_the_catalogue():
    def below(kind):
        for one in kind.__subclasses__():
            yield from below(one) if one.__subclasses__() else [one]

    assert {one.name for one in below(Transform)} == set(TRANSFORMS)
    assert {type(one).name for one in space(9)} <= set(TRANSFORMS)


def test_light_needs_no_kornia_and_the_others_say_what_they_need(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "kornia"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "kornia", None)
    Augment("light", flip=True).images(pictures())
    with pytest.raises(Missing, match=r"augment: needs the package 'kornia'.*pip install 'ravine\[augment\]'"):
        Augment("standard").images(pictures())


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Augment("standart"), "unknown preset of augmentation 'standart'. Did you mean 'standard'?"),
        (
            lambda: Augment(torch.nn.ReLU()),
            "augment: preset must be a name, a Pipeline, a RandAugment, or transforms; ",
        ),
        (lambda: Augment("light", flip=0.5), "augment: flip must be True or False; got 0.5."),
        (
            lambda: Augment([Rotation(5), "flip"]),
            "augment: transforms must be transforms such as Rotation(10); got 'str'",
        ),
        (lambda: Augment().images(torch.rand(8, 8)), "augment: a batch of images must have shape (batch, channels, "),
        (lambda: RandAugment(13), "randaugment: n must be a whole number in [0, 12]; got 13."),
        (lambda: RandAugment(2, 31), "randaugment: m must be in [0, 30]; got 31."),
        (lambda: chosen_transforms(["flib"], 8, 8), "unknown augmentation 'flib'. Did you mean 'flip'?"),
        (lambda: Pipeline([Rotation(9)])(torch.ones(2, 3, 8, 8).int()), "augment: images must be uint8, or floating "),
    ],
)
def test_bad_input(make, text):
    with pytest.raises(BadValue) as caught:
        make()
    assert str(caught.value).startswith(text)
