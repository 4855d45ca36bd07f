"""`--augment`: presets and names in the recipe, and what auto measures."""

import numpy as np
import pytest
import torch
from torch import nn

import ravine
from ravine.core.errors import Faults
from ravine.core.shapes import InputShape
from ravine.data.task import Kind
from ravine.fit import augment_auto
from ravine.fit.augment_auto import Invariance, Measured, measure
from ravine.train.recipe import Recipe

SIDE = 12


def arrows(rows: int = 600) -> tuple[torch.Tensor, torch.Tensor]:
    """A bright bar left or right of the middle, or a dark one: mirrored, the first becomes the second."""
    rng = np.random.default_rng(0)
    images = np.full((rows, 1, SIDE, SIDE), 100.0)
    kind = rng.integers(0, 3, rows)
    for image, of in zip(images[:, 0], kind, strict=True):
        row, column = rng.integers(3, 7), rng.integers(1, 3)
        if of == 1:
            column = SIDE - 2 - column
        image[row : row + 3, column : column + 2] = 20 if of == 2 else 220
    images += rng.normal(0, 4, images.shape)
    return torch.from_numpy(images.clip(0, 255)).to(torch.uint8), torch.from_numpy(kind)


class Bytes(nn.Module):
    def forward(self, images):
        return images.float() / 64 - 1.5


def network() -> nn.Module:
    layers = [Bytes(), nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(200, 32), nn.ReLU(), nn.Linear(32, 3)]
    return nn.Sequential(*layers)


def measured(**more) -> Measured:
    images, target = arrows()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        untrained = network()
    return measure(
        untrained,
        images,
        target,
        train=torch.arange(450),
        val=torch.arange(450, 600),
        shape=InputShape(form="image", channels=1, height=SIDE, width=SIDE),
        kind=Kind.CLASSIFY,
        lr=5e-3,
        batch_size=64,
        **{"seconds": 60.0, **more},
    )


def test_what_swaps_classes_is_left_out_and_what_leaves_them_is_kept():
    found = measured()
    verdict = {one.name: one.kept for one in found.invariances}
    assert not verdict["flip"]
    assert verdict["vertical-flip"]
    assert verdict["contrast"]
    assert verdict["noise"]
    assert not {"shift", "hue", "saturation", "color-cast"} & set(verdict)
    assert found.choice[0] == "shift"
    assert set(found.choice[1:]) == {name for name, kept in verdict.items() if kept}
    lost = {one.name: one.lost for one in found.invariances}
    assert lost["flip"] > 0.3  # two classes of three cannot be told apart
    assert f"{found.steps} steps and 150 validation pictures" in found.words


def test_it_follows_its_seed_and_leaves_network_and_chance_alone():
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    first = measured(seed=5)
    assert torch.equal(torch.rand(2), wanted)
    assert first.invariances == measured(seed=5).invariances
    assert first.invariances != measured(seed=6).invariances


def test_time_is_bounded_and_who_learned_too_little_says_so():
    found = measured(seconds=1e-4)
    assert found.steps < augment_auto.MOST_STEPS
    assert found.seconds < 5
    assert found.choice == "light"
    assert found.words.startswith("light: the network learned too little in ")


def test_a_verdict_counts_its_error():
    assert Invariance("flip", 0.03, 0.01).kept
    assert not Invariance("flip", 0.03, 0.06).kept
    assert not Invariance("flip", float("nan"), 0.01).kept
    assert Measured((Invariance("flip", 0.9, 0.1),), 1.0, 5, 10).choice == "light"


def test_fit_measures_and_keeps_choice_and_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(augment_auto, "MOST_STEPS", 30)
    images, target = arrows(300)
    run = ravine.fit(
        (images.permute(0, 2, 3, 1).numpy(), target.numpy()),
        augment="auto",
        epochs=1,
        run_dir=tmp_path / "run",
        show="quiet",
    )
    kept = Recipe.read(tmp_path / "run" / "recipe.toml").train.augment
    assert kept == "light" or kept[0] == "shift"
    told = run.results.train.regularization
    assert any(text.startswith("augmentation measured: ") for text in told)
    assert any(text.startswith("shifts by up to 1 pixel") for text in told)
    assert "augmentation measured" in run.report.read_text(encoding="utf-8")


@pytest.mark.parametrize("given", ["standard", "randaugment", "flip,noise", ["shift"], "none"])
def test_fit_takes_presets_and_names(given, tmp_path):
    images, target = arrows(120)
    run = ravine.fit(
        (images.permute(0, 2, 3, 1).numpy(), target.numpy()),
        augment=given,
        epochs=1,
        mixup=0.2,
        run_dir=tmp_path / "run",
        show="quiet",
    )
    words = " ".join(run.results.train.regularization)
    for name, text in (
        ("standard", "rotation by up to 10°"),
        ("randaugment", "RandAugment, 2"),
        ("flip,noise", "flips"),
    ):
        assert (text in words) == (given == name)
    assert "mixup" in words
    kept = Recipe.read(tmp_path / "run" / "recipe.toml").train.augment
    assert kept == (["flip", "noise"] if given == "flip,noise" else given)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("standart", "train.augment must be one of none, light, standard, strong, randaugment, auto, shift, flip, "),
        (["shift", "rotatoin"], "Did you mean 'rotation'?"),
        (3, "train.augment must be"),
    ],
)
def test_unknown_augmentations_are_faults_of_the_recipe(given, text):
    with pytest.raises(Faults) as caught:
        Recipe.of({"train": {"augment": given}})
    assert text in str(caught.value)
