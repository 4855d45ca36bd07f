"""`ravine show-augment`: the sheet, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from ravine.cli import main
from ravine.core import ink
from ravine.data.sources.opening import open_source
from ravine.fit.augment_sheet import _BAND, _CELL, _GAP, _HEAD, _LABEL, _MARGIN, Sheet


def cell(image: Image.Image, row: int, column: int) -> np.ndarray:
    left, top = _MARGIN + column * (_CELL + _GAP), _HEAD + _BAND + row * (_CELL + _LABEL)
    return np.asarray(image.crop((left, top, left + _CELL, top + _CELL)))


def test_the_real_program_draws_a_sheet(ravine, at):
    done = ravine("show-augment", "digits", "-o", "sheet.png", "--rows", "3", "--seed", "2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "drawn into sheet.png\n", "")
    with Image.open(at / "sheet.png") as image:
        assert image.width == 1080
        assert image.height == _HEAD + 2 * (_BAND + 3 * (_CELL + _LABEL)) + _MARGIN  # six transforms, then all of them


def test_originals_are_first_and_what_became_of_them_beside():
    sheet = Sheet.of(open_source("digits"), "standard", rows=3)
    image = sheet.drawn()
    assert len(set(sheet.labels)) == 3
    blocks = np.arange(8) * _CELL // 8 + 5
    for row in range(3):
        original = cell(image, row, 0)
        assert np.array_equal(original[blocks][:, blocks, 0], sheet.pixels[row, ..., 0])
        for column in range(1, 7):
            assert not np.array_equal(cell(image, row, column), original)
            assert not np.array_equal(cell(image, row, column)[..., 0], np.full((_CELL, _CELL), ink.PAPER[0]))


def test_a_sheet_follows_its_seed():
    raw = open_source("digits")
    first, again, other = (np.asarray(Sheet.of(raw, "strong", seed=seed).drawn()) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_single_ones_and_colour(at, capsys):
    (at / "pictures").mkdir()
    for kind, color in (("red", (200, 30, 30)), ("blue", (30, 30, 200))):
        (at / "pictures" / kind).mkdir()
        for number in range(3):
            Image.new("RGB", (20, 16), color).save(at / "pictures" / kind / f"{number}.png")
    assert main(["show-augment", "pictures", "--augment", "hue,cutout,flip", "--rows", "2"]) == 0
    assert capsys.readouterr().out == "drawn into sheet.png\n"
    with Image.open(at / "sheet.png") as image:
        kept = [cell(image, row, 0)[40, 40].tolist() for row in range(2)]
        assert sorted(kept) == [[30, 30, 200], [200, 30, 30]]
        assert cell(image, 0, 2)[40, 40].tolist() != kept[0]  # flips come first, hue second


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("digits", "--augment", "standart"), "unknown preset of augmentation 'standart'. Did you mean 'standard'?"),
        (("digits", "--augment", "shift,flib"), "unknown augmentation 'flib'. Did you mean 'flip'?"),
        (("digits", "-o", "sheet.bmp"), "show-augment: file must end in .png; got 'sheet.bmp'."),
        (("digits", "--rows", "0"), "show-augment: rows must be in [1, 20]; got 0."),
        (("wine",), "show-augment: wine has no pictures. Give digits, or a folder of pictures."),
        (("nowhere",), "no built-in data set, file or folder 'nowhere'."),
    ],
)
def test_bad_input_is_one_message_and_exit_2(at, capsys, words, text):
    assert main(["show-augment", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {text}")
    assert list(at.iterdir()) == []
