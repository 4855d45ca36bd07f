"""Pictures and animations: opened again, and looked at pixel by pixel."""

import io
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ravine.core import ink as inks
from ravine.core.errors import BadRun, BadValue
from ravine.landscape import SURFACES, race
from ravine.landscape.animation import WIDTH as GIF_WIDTH
from ravine.landscape.framing import framed, widened
from ravine.landscape.picture import WIDTH, Picture, map_png, png
from ravine.landscape.shading import BANDS, bands, contours, losses

MAP = (92, 182, 1040, 846)  # left, top, right, bottom, in pixels of a picture


@pytest.fixture(scope="module")
def picture(four) -> Image.Image:
    image = Image.open(io.BytesIO(png(four)))
    image.load()
    return image


def pixel_of(x: float, y: float, window) -> tuple[float, float]:
    """Where a point of the plane lies, worked out here from the layout alone."""
    left, right, bottom, top = window
    return (
        MAP[0] + (x - left) / (right - left) * (MAP[2] - MAP[0]),
        MAP[1] + (top - y) / (top - bottom) * (MAP[3] - MAP[1]),
    )


def near(color, wanted, by: int = 40) -> bool:
    return max(abs(a - b) for a, b in zip(color, wanted, strict=True)) <= by


def test_every_path_has_its_color_along_the_way(four, picture):
    assert picture.format == "PNG"
    assert picture.width == WIDTH
    for place, lane in enumerate(four.lanes):
        # halfway along the first steps, where the paths have not yet met and steps are long
        ways = [pixel_of(*point, four.surface.window) for point in lane.points.tolist()]
        long = [(a, b) for a, b in pairwise(ways[:12]) if math.dist(a, b) > 22]
        seen = [picture.getpixel((round((a[0] + b[0]) / 2), round((a[1] + b[1]) / 2))) for a, b in long]
        hits = sum(near(color, inks.LANES[place]) for color in seen)
        assert hits >= max(1, len(seen) // 2), lane.label


def test_the_end_of_the_last_path_lies_on_top_in_its_color(four, picture):
    x, y = pixel_of(*four.lanes[-1].end, four.surface.window)
    assert near(picture.getpixel((round(x), round(y))), inks.LANES[3], 4)


def test_the_valley_is_light_and_the_heights_are_dark(picture):
    window = SURFACES["ravine"].window
    column = [sum(picture.getpixel(tuple(map(round, pixel_of(2.6, y, window))))) for y in (0.1, 1.2, 2.3, 3.6)]
    assert column == sorted(column, reverse=True)
    assert column[0] - column[-1] > 100


def test_contours_lie_where_the_surface_has_its_height():
    """Bands rise with the loss, and a contour of the ravine is the ellipse it should be."""
    surface = SURFACES["ravine"]
    heights = contours(surface, surface.window)
    assert len(heights) == BANDS + 1
    assert (np.diff(heights) > 0).all()
    assert heights[0] == surface.lowest
    values = losses(surface, surface.window, 60, 42)
    assert values.shape == (42, 60)
    left, right, bottom, top = surface.window
    x = left + 0.5 * (right - left) / 60
    assert values[0, 0] == pytest.approx(x**2 / 20 + (top - 0.5 * (top - bottom) / 42) ** 2)
    numbers = bands(values, heights)
    order = np.argsort(values, axis=None)
    assert (np.diff(numbers.ravel()[order]) >= 0).all()
    assert bands(heights, heights) == pytest.approx(range(BANDS + 1))


@pytest.mark.parametrize("name", SURFACES)
def test_every_surface_can_be_drawn(name):
    image = Image.open(io.BytesIO(map_png(race(name, ["momentum"], lr=0.001, steps=20), 320)))
    assert image.width == 320
    assert len(image.convert("RGB").getcolors(1 << 20)) > 100


def test_a_wild_race_can_be_drawn(wild):
    image = Image.open(io.BytesIO(png(wild)))
    assert image.size == (WIDTH, Picture(wild).height)
    left, right, bottom, top = framed(wild).window
    assert left < -4 < right
    assert bottom < 6 < top
    start = (
        MAP[0] + (-4 - left) / (right - left) * (MAP[2] - MAP[0]),
        MAP[1] + (top - 6) / (top - bottom) * (MAP[3] - MAP[1]),
    )
    assert near(image.getpixel((round(start[0]), round(start[1]))), inks.INK, 4)


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_short_races_can_be_drawn(steps):
    found = race("ravine", ["sgd", "adam"], lr=0.1, steps=steps)
    assert Image.open(io.BytesIO(png(found))).width == WIDTH


def test_a_race_that_never_leaves_the_minimum_can_be_drawn():
    assert png(race("ravine", ["sgd"], lr=0.1, steps=3, start=(0.0, 0.0))).startswith(b"\x89PNG")


def test_the_animation_moves_and_ends_as_the_picture_does(four, tmp_path):
    path = four.save(tmp_path / "race.gif")
    with Image.open(path) as film:
        assert (film.format, film.width) == ("GIF", GIF_WIDTH)
        assert 20 <= film.n_frames <= 62
        assert film.info["loop"] == 0
        inked = []
        for frame in range(film.n_frames):
            film.seek(frame)
            pixels = np.asarray(film.convert("RGB"), dtype=int)
            inked.append(int((np.abs(pixels - inks.LANES[0]).max(axis=2) <= 4).sum()))
        assert film.info["duration"] > 1000  # the last one stays
        last = np.asarray(film.convert("RGB"), dtype=int)
    assert inked[0] < inked[len(inked) // 2] < inked[-1]
    whole = np.asarray(Picture(four, GIF_WIDTH).drawn(four.steps), dtype=int)
    assert np.abs(last - whole).mean() < 3


def test_what_cannot_be_drawn_is_refused(four, tmp_path):
    with pytest.raises(BadValue, match=r"race: file must end in .png, .gif, .html; got '.*race.svg'"):
        four.save(tmp_path / "race.svg")
    with pytest.raises(BadRun, match="cannot be written"):
        four.save(tmp_path / "nowhere" / "race.png")


finite = st.floats(-1e6, 1e6)


@given(st.tuples(finite, finite), st.tuples(finite, finite))
def test_a_clipped_line_is_the_part_inside(a, b):
    box = (-10.0, -5.0, 10.0, 5.0)
    part = inks.clipped(a, b, box)
    shares = np.linspace(0, 1, 33)
    inside = [
        share for share in shares if abs(a[0] + share * (b[0] - a[0])) <= 10 and abs(a[1] + share * (b[1] - a[1])) <= 5
    ]
    if part is None:
        assert not inside
        return
    slack = 1e-6 * (1 + math.dist(a, b))
    for x, y in part:
        assert abs(x) <= 10 + slack
        assert abs(y) <= 5 + slack
        cross = (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])
        assert abs(cross) <= slack * (1 + math.dist(a, b))


def test_paths_break_where_they_are_nowhere():
    ways = list(inks.runs([(0, 0), (1, 1), (math.nan, 1), (2, 2), (3, 3)], (-9, -9, 9, 9)))
    assert ways == [[(0, 0), (1, 1)], [(2, 2), (3, 3)]]


@given(finite, st.floats(1e-6, 1e6), st.integers(2, 10))
def test_ticks_are_round_even_and_inside(low, width, most):
    found = inks.ticks(low, low + width, most)
    assert len(found) <= most + 1
    slack = 1e-6 * width
    assert all(low - slack <= tick <= low + width + slack for tick in found)
    gaps = np.diff(found)
    if len(gaps) and abs(low) < 1e3 * width:
        assert gaps == pytest.approx([gaps[0]] * len(gaps))
        assert f"{gaps[0]:.0e}"[0] in "125"


@given(st.tuples(finite, finite))
def test_a_widened_window_holds_the_start_and_keeps_its_shape(start):
    window = (-2.0, 2.0, -0.7, 2.1)
    left, right, bottom, top = widened(window, start)
    assert left <= start[0] <= right
    assert bottom <= start[1] <= top
    assert (right - left) / (top - bottom) == pytest.approx(10 / 7)
    assert left <= window[0] + 1e-9 * abs(left)
    assert top >= window[3] - 1e-9 * abs(top)
