"""`ravine race`: the table, the files, and what is refused."""

import json

import pytest
from PIL import Image

from ravine.cli import main

QUICK = ["race", "--optimizers", "sgd,adam", "--lr", "0.5,0.3", "--steps", "20"]


def test_the_real_program_races_and_draws(ravine, at):
    done = ravine(*QUICK, "-o", "race.png", "--surface", "local-minimum", "--lr", "search")
    assert (done.returncode, done.stderr) == (0, "")
    title, told, _, header, *rows = done.stdout.splitlines()
    assert title == "local-minimum: (x² - 1)² + 3x/10 + y²"
    assert told.startswith("20 steps from (1.75, 1); the best of 26 learning rates each; there at a loss of -0.2993")
    assert " ".join(header.split()) == "optimizer learning rate steps to tolerance loss at the end ended at"
    assert [row.split()[0] for row in rows[:2]] == ["sgd", "adam"]
    assert rows[-1] == "drawn into race.png"
    with Image.open(at / "race.png") as image:
        assert image.width == 1080


def test_without_a_file_it_says_how_to_get_one(at, capsys):
    assert main(QUICK) == 0
    out = capsys.readouterr().out
    assert "learning rates as given" in out
    assert out.splitlines()[-1].endswith("-o race.png, race.gif or race.html")
    assert list(at.iterdir()) == []


def test_several_files_at_once(at, capsys):
    assert main([*QUICK, "-o", "a.gif", "-o", "B.HTML"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["drawn into a.gif", "drawn into B.HTML"]
    with Image.open(at / "a.gif") as film:
        assert film.n_frames == 21
    assert (at / "B.HTML").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_json_has_every_path_and_nothing_else(at, capsys):
    assert main([*QUICK, "--json", "--start=-1.5,2", "--tolerance", "0.2"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["surface"], told["steps"], told["start"], told["tolerance"]) == ("ravine", 20, [-1.5, 2], 0.2)
    assert [lane["lr"] for lane in told["lanes"]] == [0.5, 0.3]
    assert told["lanes"][0]["path"][:2] == [[-1.5, 2.0], [-1.425, 0.0]]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--surface", "ravin"), "unknown surface 'ravin'. Did you mean 'ravine'? Known: ravine, saddle-point, "),
        (("--optimizers", "sdg"), "unknown optimizer 'sdg'. Did you mean 'sgd'? Known: sgd, momentum, "),
        (("--optimizers", ","), "race: optimizers must name at least one; got []."),
        (("--optimizers", "adam:beta1=2"), "adam: beta1 must be in [0, 1); got 2."),
        (("--lr", "fast"), "--lr: must be numbers between commas or the word search; got 'fast'."),
        (("--lr", "-1"), "race: lr must be above 0; got -1.0."),
        (("--lr", "1,2,3"), "race: lr must be one number, or 4, one for each optimizer; got [1.0, 2.0, 3.0]."),
        (("--start", "1;2"), "--start: must be numbers between commas; got '1;2'."),
        (("--start", "1"), "race: start must be two numbers, x and y; got [1.0]."),
        (("--steps", "0"), "race: steps must be a whole number in [1, 10000]; got 0."),
        (("--steps", "many"), "ravine race: Invalid value for '--steps'"),
        (("--tolerance", "0"), "race: tolerance must be in (0, 1); got 0.0."),
        (("-o", "race.bmp"), "race: file must end in .png, .gif, .html; got 'race.bmp'."),
        (("--steps", "1", "-o", "no/race.png"), "no/race.png: cannot be written"),
    ],
)
def test_bad_input_is_one_message_and_exit_2(at, capsys, words, text):
    assert main(["race", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {text}")
    assert err.count("\n") <= 2
    assert list(at.iterdir()) == []


def test_the_help_names_every_surface(ravine):
    from ravine.landscape import SURFACES

    shown = " ".join(ravine("race", "--help").stdout.replace("│", " ").split())
    for name in SURFACES:
        assert name in shown.replace("- ", "-")
