"""Folders of pictures against Pillow read by hand: layouts, modes, sizes, damage."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from ravine.core.errors import BadData
from ravine.data.raw import Images, Raw
from ravine.data.sources.opening import open_source
from ravine.data.sources.pictures import read_pictures
from ravine.data.sources.room import pixel_room

RNG = np.random.default_rng(0)


def picture(path: Path, size: tuple[int, int] = (12, 10), mode: str = "RGB", **options: object) -> Path:
    """A picture of noise, (height, width) = size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    depth = {"L": (), "RGB": (3,), "RGBA": (4,), "CMYK": (4,), "LA": (2,)}[mode]
    Image.fromarray(RNG.integers(0, 256, (*size, *depth), dtype=np.uint8), mode).save(path, **options)
    return path


@pytest.fixture(autouse=True)
def no_mode_warning(recwarn: pytest.WarningsRecorder) -> None:
    """Pillow deprecates the mode argument that the tests need."""


def by_id(raw: Raw) -> dict[str, np.ndarray]:
    assert isinstance(raw.inputs, Images)
    return dict(zip(raw.ids.tolist(), raw.inputs.pixels, strict=True))


def only(path: Path, **options: object) -> np.ndarray:
    """The pixels of one file through `ravine predict`'s door."""
    return open_source(path, need_target=False, **options).inputs.pixels[0]


def test_a_sub_folder_is_a_class(tmp_path: Path) -> None:
    files = [picture(tmp_path / name) for name in ("cat/2.png", "cat/10.png", "dog/deep/a.bmp", "dog/b.PNG")]
    picture(tmp_path / "cat/.hidden.png")
    picture(tmp_path / ".git/x.png")
    (tmp_path / "cat/Thumbs.db").write_bytes(b"x")
    raw = open_source(tmp_path)
    assert raw.ids.tolist() == ["cat/2.png", "cat/10.png", "dog/b.PNG", "dog/deep/a.bmp"]
    assert raw.targets.tolist() == ["cat", "cat", "dog", "dog"]
    assert raw.target_names == ("class",)
    assert raw.parts is None
    assert [finding.symptom for finding in raw.findings] == ["has-other-files"]
    for file in files:
        np.testing.assert_array_equal(by_id(raw)[file.relative_to(tmp_path).as_posix()], np.asarray(Image.open(file)))


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Training", "validation", "testing"), ("train", "valid", "Test")]
)
def test_parts_as_given(tmp_path: Path, names: tuple[str, str, str]) -> None:
    for name, count in zip(names, (3, 2, 1), strict=True):
        for label in "ab":
            for k in range(count):
                picture(tmp_path / name / label / f"{k}.png")
    picture(tmp_path / "extra/a/0.png")
    raw = open_source(tmp_path)
    assert sorted(raw.parts.tolist()) == sorted(["train"] * 6 + ["val"] * 4 + ["test"] * 2)
    for name, part, label in zip(raw.ids, raw.parts, raw.targets, strict=True):
        assert name.split("/")[1] == label
        assert name.lower().startswith(part[:3])
    assert [finding.symptom for finding in raw.findings] == ["has-other-folders"]


def test_classes_may_be_called_test_and_train(tmp_path: Path) -> None:
    for name in ("train/1.png", "tram/1.png", "test/1.png"):
        picture(tmp_path / name)
    assert open_source(tmp_path).targets.tolist() == ["test", "train", "tram"]


def test_pictures_without_classes_serve_prediction_only(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        picture(tmp_path / name)
    with pytest.raises(BadData, match="2 pictures lie in no class sub-folders"):
        open_source(tmp_path)
    raw = open_source(tmp_path, need_target=False)
    assert raw.targets is None
    assert raw.ids.tolist() == ["1.png", "2.png"]
    picture(tmp_path / "a/3.png")
    assert open_source(tmp_path, need_target=False).targets is None
    mixed = open_source(tmp_path)
    assert mixed.ids.tolist() == ["a/3.png"]
    assert "has-unlabelled-pictures" in [finding.symptom for finding in mixed.findings]


@pytest.mark.parametrize(
    ("ending", "mode", "options"),
    [
        ("png", "RGB", {}),
        ("png", "L", {}),
        ("jpg", "RGB", {}),
        ("jpg", "L", {}),
        ("jpg", "CMYK", {}),
        ("bmp", "RGB", {}),
        ("webp", "RGB", {"lossless": True}),
        ("gif", "L", {}),
        ("tif", "RGB", {}),
        ("tif", "CMYK", {}),
        ("ppm", "RGB", {}),
    ],
)
def test_formats_and_modes_agree_with_pillow(tmp_path: Path, ending: str, mode: str, options: dict) -> None:
    path = picture(tmp_path / f"p.{ending}", mode=mode, **options)
    with Image.open(path) as image:
        expected = np.asarray(image.convert("L" if mode == "L" else "RGB"))
    got = only(path)
    assert got.shape == (12, 10, 1 if mode == "L" else 3)
    np.testing.assert_array_equal(got.squeeze(), expected)


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    rgba = RNG.integers(0, 256, (9, 9, 4), dtype=np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    alpha = rgba[..., 3:] / 255
    np.testing.assert_allclose(only(tmp_path / "a.png"), rgba[..., :3] * alpha + 255 * (1 - alpha), atol=1)
    grey = RNG.integers(0, 256, (9, 9, 2), dtype=np.uint8)
    Image.fromarray(grey, "LA").save(tmp_path / "g.png")
    alpha = grey[..., 1:] / 255
    np.testing.assert_allclose(only(tmp_path / "g.png"), grey[..., :1] * alpha + 255 * (1 - alpha), atol=1)


def test_palettes_with_and_without_a_hole(tmp_path: Path) -> None:
    picture_ = Image.new("P", (4, 4), 1)
    picture_.putpalette([10, 20, 30, 200, 100, 50] + [0] * 762)
    picture_.putpixel((0, 0), 0)
    picture_.save(tmp_path / "p.png")
    assert only(tmp_path / "p.png")[0, :2].tolist() == [[10, 20, 30], [200, 100, 50]]
    picture_.save(tmp_path / "hole.png", transparency=0)
    assert only(tmp_path / "hole.png")[0, :2].tolist() == [[255, 255, 255], [200, 100, 50]]


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    values = np.array([[0, 257, 257 * 128, 65535]] * 4, dtype=np.uint16)
    for name in ("a.png", "a.tif"):
        Image.fromarray(values).save(tmp_path / name)
        assert only(tmp_path / name)[0, :, 0].tolist() == [0, 1, 128, 255]
    Image.fromarray(np.array([[0.0, 0.5, 1.0]] * 3, dtype=np.float32)).save(tmp_path / "f.tif")
    assert only(tmp_path / "f.tif")[0, :, 0].tolist() == [0, 128, 255]


def test_a_bilevel_picture(tmp_path: Path) -> None:
    Image.fromarray(np.eye(5, dtype=bool)).save(tmp_path / "b.png")
    np.testing.assert_array_equal(only(tmp_path / "b.png")[..., 0], np.eye(5) * 255)


@pytest.mark.parametrize("side", [16, 200])  # kept at first sight, and decoded later
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_honoured(tmp_path: Path, orientation: int, side: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = picture(tmp_path / "p.jpg", (side, side // 2), quality=100, exif=exif)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    got = only(path)
    assert got.shape == expected.shape
    np.testing.assert_array_equal(got, expected)


def test_grey_stays_grey_only_when_all_are(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/2.png"):
        picture(tmp_path / name, mode="L")
    assert open_source(tmp_path).inputs.pixels.shape == (2, 12, 10, 1)
    with Image.open(tmp_path / "a/1.png") as grey:
        grey.convert("RGB").save(tmp_path / "a/1.png")
    assert open_source(tmp_path).inputs.pixels.shape == (2, 12, 10, 1)
    picture(tmp_path / "b/3.png")
    pixels = open_source(tmp_path).inputs.pixels
    assert pixels.shape == (3, 12, 10, 3)
    assert (pixels[0, ..., :1] == pixels[0]).all()
    assert not (pixels[2, ..., :1] == pixels[2]).all()


def test_a_mix_of_sizes_gets_the_median_square(tmp_path: Path) -> None:
    for k, size in enumerate([(30, 40), (33, 64), (100, 50), (300, 280), (8, 8)]):
        picture(tmp_path / f"a/{k}.png", size)
    raw = open_source(tmp_path)
    assert raw.inputs.pixels.shape == (5, 32, 32, 3)  # median of 30, 33, 50, 280, 8, to the nearest 8
    (finding,) = raw.findings
    assert finding.symptom == "resizes-pictures"
    assert "8 to 300 pixels high and 8 to 280 wide were brought to 32 × 32" in finding.evidence


def test_large_pictures_are_shrunk_whole(tmp_path: Path) -> None:
    for k in range(2):
        picture(tmp_path / f"a/{k}.png", (300, 448))
    raw = open_source(tmp_path)
    assert raw.inputs.pixels.shape == (2, 150, 224, 3)
    assert raw.findings[0].details["cut"] == pytest.approx(0, abs=0.01)


def test_resizing_is_pillows_own_with_the_middle_kept(tmp_path: Path) -> None:
    path = picture(tmp_path / "p.png", (90, 60))
    with Image.open(path) as image:
        expected = image.resize((24, 24), Image.Resampling.BICUBIC, box=(0, 15, 60, 75))
    np.testing.assert_array_equal(only(path, image_size=24), np.asarray(expected))
    assert only(path, image_size=(30, 20)).shape == (30, 20, 3)


def test_a_large_jpeg_shrunk_while_decoding_is_close_to_one_shrunk_after(tmp_path: Path) -> None:
    smooth = Image.fromarray(RNG.integers(0, 256, (12, 12, 3), dtype=np.uint8)).resize((1200, 1200))
    smooth.save(tmp_path / "p.jpg", quality=95)
    with Image.open(tmp_path / "p.jpg") as image:
        expected = np.asarray(image.resize((32, 32), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(only(tmp_path / "p.jpg", image_size=32) - expected).max() <= 6


def damaged(folder: Path) -> dict[str, bytes]:
    """Files that are no good pictures, by name."""
    whole = picture(folder / "tmp.png", (200, 200)).read_bytes()
    jpeg = picture(folder / "tmp.jpg", (200, 200)).read_bytes()
    (folder / "tmp.png").unlink()
    (folder / "tmp.jpg").unlink()

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    large = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 12_000, 9_000, 8, 0, 0, 0, 0))
    return {
        "empty.png": b"",
        "text.png": b"this is no picture",
        "cut.png": whole[: len(whole) // 2],
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "head.png": whole[:20],
        "bomb.png": bomb + chunk(b"IDAT", b"") + chunk(b"IEND", b""),
        "large.png": large + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b""),
    }


def test_unreadable_files_are_skipped_and_listed(tmp_path: Path) -> None:
    for k in range(5):
        picture(tmp_path / f"a/{k}.png", (20, 20))
    bad = damaged(tmp_path)
    for name, data in bad.items():
        (tmp_path / "b").mkdir(exist_ok=True)
        (tmp_path / "b" / name).write_bytes(data)
    picture(tmp_path / "b/good.png", (20, 20))
    raw = open_source(tmp_path)
    assert raw.ids.tolist() == [*(f"a/{k}.png" for k in range(5)), "b/good.png"]
    assert raw.targets.tolist() == ["a"] * 5 + ["b"]
    assert len(raw.inputs.pixels) == 6
    finding = next(finding for finding in raw.findings if finding.symptom == "has-unreadable-files")
    assert set(finding.details["files"]) == {f"b/{name}" for name in bad}
    assert finding.evidence.startswith("7 of 13 pictures cannot be read and were skipped: b/")
    assert "60000 × 60000" in finding.details["files"]["b/bomb.png"] or "bomb" in finding.details["files"]["b/bomb.png"]


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name, data in damaged(tmp_path).items():
        (tmp_path / "a" / name).write_bytes(data)
    with pytest.raises(BadData, match=r"none of (its )?7 pictures can be read"):
        open_source(tmp_path)


def test_a_link_to_a_class_is_followed(tmp_path: Path) -> None:
    picture(tmp_path / "store/x/1.png")
    (tmp_path / "set").mkdir()
    os.symlink(tmp_path / "store/x", tmp_path / "set/x")
    assert open_source(tmp_path / "set").ids.tolist() == ["x/1.png"]


def test_many_pictures_keep_their_order(tmp_path: Path) -> None:
    values = np.arange(300, dtype=np.uint8)
    (tmp_path / "a").mkdir()
    paths = [tmp_path / f"a/{k}.png" for k in range(300)]
    for path, value in zip(paths, values, strict=True):
        Image.fromarray(np.full((3, 3), value)).save(path)
    raw = open_source(tmp_path)
    assert raw.ids.tolist() == [f"a/{k}.png" for k in range(300)]
    np.testing.assert_array_equal(raw.inputs.pixels[:, 1, 1, 0], values)


def test_what_memory_should_not_hold_goes_to_a_file_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    room = pixel_room((10, 100), "o", memory=1000)
    assert isinstance(room, np.memmap)
    room[3] = 7
    assert room[3].sum() == 700
    assert list(tmp_path.iterdir()) == []
    assert not isinstance(pixel_room((10, 100), "o", memory=4000), np.memmap)
    with pytest.raises(BadData, match=r"GiB, more than memory should hold.*Set TMPDIR"):
        pixel_room((2**30, 2**16), "o", memory=1000)


def test_a_folder_larger_than_memory_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [picture(tmp_path / f"{k}.png") for k in range(5)]
    names = [path.name for path in paths]
    plain, *_ = read_pictures(paths, names, "o", None)
    monkeypatch.setattr("ravine.data.sources.room.memory_bytes", lambda: 100)
    monkeypatch.setattr("ravine.data.sources.pictures.memory_bytes", lambda: 100)
    mapped, readable, _ = read_pictures(paths, names, "o", None)
    assert isinstance(mapped, np.memmap)
    assert readable.all()
    np.testing.assert_array_equal(mapped, plain)
