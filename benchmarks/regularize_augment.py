"""Time of augmenting one batch of 256 pictures, 3 × 32 × 32, beside Kornia called by hand.

Run it with `python benchmarks/regularize_augment.py [--rounds 30] [--threads 2] [--batch 256] [--side 32]`. All
candidates of a task take turns, round after round, in one process; medians are compared.

- flip and crop: Kornia's own `RandomHorizontalFlip` and `RandomCrop(padding=4)`, and its functions `hflip` and
  a padded picture indexed by hand, against `Crop(4, flip=0.5)`;
- standard: Kornia's functions as one would write them down, one affine warp (`get_affine_matrix2d`,
  `warp_affine`), then brightness, contrast and saturation, against `Augment("standard")`.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable

import kornia.augmentation as ka
import kornia.enhance as ke
import kornia.geometry.transform as kg
import torch
from torch import Tensor

from ravine.regularize import Augment
from ravine.regularize.augment import Crop

Candidate = Callable[[Tensor], object]


def uniform(batch: int, low: float, high: float) -> Tensor:
    return torch.rand(batch) * (high - low) + low


def standard_by_hand(images: Tensor) -> Tensor:
    """The operations of `standard` through Kornia's functions."""
    batch, _, height, width = images.shape
    matrix = kg.get_affine_matrix2d(
        translations=torch.stack((uniform(batch, -1, 1) * width / 16, uniform(batch, -1, 1) * height / 16), 1),
        center=images.new_tensor([(width - 1) / 2, (height - 1) / 2]).expand(batch, 2),
        scale=torch.exp(uniform(batch, -math.log(1.1), math.log(1.1)))[:, None].expand(batch, 2),
        angle=uniform(batch, -10, 10),
        sx=uniform(batch, -5, 5) * math.pi / 180,
        sy=uniform(batch, -5, 5) * math.pi / 180,
    )
    out = kg.warp_affine(images, matrix[:, :2], (height, width), padding_mode="border", align_corners=True)
    out = ke.adjust_brightness_accumulative(out, uniform(batch, 0.8, 1.2))
    out = ke.adjust_contrast_with_mean_subtraction(out, uniform(batch, 0.8, 1.2))
    return ke.adjust_saturation_with_gray_subtraction(out, uniform(batch, 0.8, 1.2))


def flip_and_crop_by_hand(images: Tensor) -> Tensor:
    """Kornia's flip of the chosen pictures, and a window of each padded picture."""
    batch, channels, height, width = images.shape
    flipped = torch.where((torch.rand(batch) < 0.5)[:, None, None, None], kg.hflip(images), images)
    padded = torch.nn.functional.pad(flipped, (4, 4, 4, 4), mode="replicate")
    top, left = torch.randint(9, (2, batch))
    rows, columns = top[:, None] + torch.arange(height), left[:, None] + torch.arange(width)
    which = torch.arange(batch)[:, None, None, None], torch.arange(channels)[None, :, None, None]
    return padded[(*which, rows[:, None, :, None], columns[:, None, None, :])]


def tasks(side: int) -> dict[str, dict[str, Candidate]]:
    """By task: Ravine's first, then what it is compared with."""
    modules = torch.nn.Sequential(ka.RandomHorizontalFlip(p=0.5), ka.RandomCrop((side, side), padding=4))
    crop, standard = Crop(4, flip=0.5), Augment("standard")
    return {
        "flip and crop": {"ravine": crop, "kornia's modules": modules, "hflip and indexing": flip_and_crop_by_hand},
        "standard": {"ravine": standard.images, "kornia by hand": standard_by_hand},
    }


def measured(candidates: dict[str, Candidate], images: Tensor, rounds: int) -> dict[str, float]:
    """Median milliseconds of each, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for warm in (True, True, *[False] * rounds):
        for name, candidate in candidates.items():
            began = time.perf_counter()
            candidate(images)
            if not warm:
                times[name].append(1000 * (time.perf_counter() - began))
    return {name: statistics.median(taken) for name, taken in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, default in (("--rounds", 30), ("--threads", 2), ("--batch", 256), ("--side", 32)):
        parser.add_argument(option, type=int, default=default)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.manual_seed(0)
    images = torch.rand(asked.batch, 3, asked.side, asked.side)
    for task, candidates in tasks(asked.side).items():
        found = measured(candidates, images, asked.rounds)
        own = found["ravine"]
        print(f"{task}, {asked.batch} × 3 × {asked.side} × {asked.side}: ravine {own:.2f} ms")
        for name, taken in found.items():
            if name != "ravine":
                print(f"    {name:<20} {taken:7.2f} ms   ravine takes {own / taken:.2f} of it")


if __name__ == "__main__":
    main()
