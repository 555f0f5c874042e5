"""Photographs of every kind in, arrays out; and files that are written whole or not at all."""

import json
import os
import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from tfdeblur.images import files
from tfdeblur.images.files import ImageError, find_images, read_image, read_photo, write_image

RGB = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 14
ORIENTED = {  # what a camera stores, so that a viewer that obeys EXIF shows RGB
    1: RGB,
    2: RGB[:, ::-1],
    3: RGB[::-1, ::-1],
    4: RGB[::-1],
    5: RGB.transpose(1, 0, 2),
    6: np.rot90(RGB, 1),
    7: RGB.transpose(1, 0, 2)[::-1, ::-1],
    8: np.rot90(RGB, -1),
}


@pytest.mark.parametrize("orientation", ORIENTED)
def test_exif_rotation_is_applied(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(ORIENTED[orientation])
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), RGB)


def test_jpeg_is_read_as_rgb(tmp_path):
    red = np.full((8, 8, 3), (250, 10, 20), np.uint8)
    write_image(tmp_path / "a.JPG", red)
    read = read_image(str(tmp_path / "a.JPG"))
    assert read.dtype == np.uint8 and np.abs(read.astype(int) - red).max() <= 3


def test_grey_is_repeated(tmp_path):
    write_image(tmp_path / "a.png", RGB[..., 0])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), RGB[..., :1].repeat(3, axis=2))


def test_one_bit(tmp_path):
    Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1").save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[..., 0].tolist() == [[0, 255]]


def test_palette_with_transparency(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png", transparency=0)
    photo = read_photo(tmp_path / "a.png")
    assert photo.rgb.tolist() == [[[10, 20, 30], [200, 100, 50]]]
    assert photo.alpha is not None and photo.alpha.tolist() == [[0, 255]]
    # Transparent parts are laid on white.
    assert read_image(tmp_path / "a.png").tolist() == [[[255, 255, 255], [200, 100, 50]]]


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 3)])
def test_sixteen_bits_keep_the_high_byte(tmp_path, shape):
    high = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape) + 7
    cv2.imwrite(str(tmp_path / "a.png"), high * 256 + 200)
    expected = high[..., None].repeat(3, axis=2) if len(shape) == 2 else high[..., ::-1]
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)


def test_sixteen_bit_grey_with_a_transparent_level(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.array([[0, 513]], np.uint16))
    content = (tmp_path / "a.png").read_bytes()
    header_end = 8 + 4 + 4 + 13 + 4
    body = b"tRNS" + struct.pack(">H", 513)
    chunk = struct.pack(">I", 2) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "a.png").write_bytes(content[:header_end] + chunk + content[header_end:])
    photo = read_photo(tmp_path / "a.png")
    assert photo.alpha is not None and photo.alpha.tolist() == [[255, 0]]
    assert photo.rgb[..., 0].tolist() == [[0, 2]]


def test_alpha_is_kept_or_laid_on_white(tmp_path):
    rgba = np.array([[[0, 0, 0, 0], [0, 0, 0, 255], [0, 100, 200, 51]]], np.uint8)
    write_image(tmp_path / "a.png", rgba)
    photo = read_photo(tmp_path / "a.png")
    np.testing.assert_array_equal(photo.rgb, rgba[..., :3])
    np.testing.assert_array_equal(photo.alpha, rgba[..., 3])
    # By hand: a = 51/255 = 1/5; 0.2*(0, 100, 200) + 0.8*255 = (204, 224, 244).
    assert read_image(tmp_path / "a.png").tolist() == [[[255] * 3, [0] * 3, [204, 224, 244]]]


def test_opaque_pictures_have_no_alpha(tmp_path):
    write_image(tmp_path / "a.png", RGB)
    assert read_photo(tmp_path / "a.png").alpha is None


def test_cmyk(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    red, green, blue = read_image(tmp_path / "a.jpg")[4, 4]
    assert red > 250 and green < 5 and blue < 5


def _gamma_profile():
    """sRGB's profile, renamed and with its red and blue primaries swapped."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


def test_icc_profile_is_converted(tmp_path):
    image = Image.new("RGB", (2, 2), (255, 0, 0))
    image.save(tmp_path / "a.png", icc_profile=_gamma_profile())
    red, green, blue = read_image(tmp_path / "a.png")[0, 0]
    assert blue > 250 and green < 5 and red < 5


def test_srgb_profile_changes_nothing(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(RGB).save(tmp_path / "a.png", icc_profile=profile)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), RGB)


def test_broken_profile_is_ignored(tmp_path, caplog):
    Image.fromarray(RGB).save(tmp_path / "a.png", icc_profile=b"no profile")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), RGB)
    assert "a.png: its colour profile does not fit and is ignored" in caplog.text


def test_content_decides_not_the_suffix(tmp_path):
    write_image(tmp_path / "a.png", RGB)
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), RGB)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("keep", [0.3, 0.7])
def test_truncated(tmp_path, suffix, keep):
    path = tmp_path / f"a{suffix}"
    write_image(path, np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(ImageError, match=f"a{suffix}: is damaged and cannot be decoded"):
        read_image(path)


def test_flipped_bytes(tmp_path):
    path = tmp_path / "a.png"
    write_image(path, RGB)
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 8] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ImageError, match="a.png: is damaged"):
        read_image(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"It is empty \(0 bytes\)"),
        (b"Dear reader, this is text", r"must be a picture \(PNG, .*\)\. Its first.*Dear reader"),
        (
            b"GIF89a\x01\x00\x01\x00",
            "is damaged and cannot be decoded: it only begins like a GIF file",
        ),
    ],
)
def test_no_picture(tmp_path, content, message):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(ImageError, match=f"x.png: .*{message}"):
        read_image(tmp_path / "x.png")


def test_folder_and_missing_file(tmp_path):
    (tmp_path / "x.png").mkdir()
    with pytest.raises(ImageError, match=r"x\.png: must be .*It is a folder"):
        read_image(tmp_path / "x.png")
    with pytest.raises(ImageError, match=r"y\.png: there is no such file"):
        read_image(tmp_path / "y.png")


def test_pixel_cap(tmp_path):
    write_image(tmp_path / "a.png", np.zeros((10, 20, 3), np.uint8))
    assert read_image(tmp_path / "a.png", max_pixels=200).shape == (10, 20, 3)
    with pytest.raises(ImageError, match=r"a\.png: .*at most 199 pixels\. Got: 20x10"):
        read_image(tmp_path / "a.png", max_pixels=199)


def _png_header(width, height):
    """A PNG that claims a size and holds next to nothing: a decompression bomb."""
    chunks = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")):
        tagged = name + body
        chunks += struct.pack(">I", len(body)) + tagged + struct.pack(">I", zlib.crc32(tagged))
    return chunks


@pytest.mark.parametrize("side", [8_000, 10_000, 60_000])  # below, at and above Pillow's limits
def test_decompression_bomb(tmp_path, side):
    (tmp_path / "a.png").write_bytes(_png_header(side, side))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(ImageError, match="a.png: .*pixels"):
            read_image(tmp_path / "a.png")
    with pytest.raises(ImageError, match="a.png: .*pixels"):
        read_image(tmp_path / "a.png")


def test_unicode_path(tmp_path):
    path = tmp_path / "Größe 写真" / "пример.png"
    write_image(path, RGB)
    np.testing.assert_array_equal(read_image(path), RGB)


def test_jpeg_is_nearly_lossless_for_coloured_text(tmp_path):
    """Quality 95 without chroma subsampling: a red line one pixel wide stays red."""
    page = np.full((16, 16, 3), 255, np.uint8)
    page[:, 8] = (255, 0, 0)
    write_image(tmp_path / "a.jpeg", page)
    assert np.abs(read_image(tmp_path / "a.jpeg").astype(int) - page).max() <= 25


@pytest.mark.parametrize(
    ("name", "image", "message"),
    [
        ("a.gif", RGB, r"suffix must be one of \.png, \.jpg, .*\. Got: '\.gif'"),
        ("a", RGB, "suffix must be"),
        ("a.png", RGB.astype(np.float32), r"must be uint8.*Got: float32 \(2, 3, 3\)"),
        ("a.png", RGB[..., :2], r"Got: uint8 \(2, 3, 2\)"),
        ("a.png", RGB[:0], r"not empty\. Got: uint8 \(0, 3, 3\)"),
        ("a.jpg", np.zeros((2, 2, 4), np.uint8), "JPEG holds no transparency"),
        ("a.jpg", np.zeros((70_000, 1), np.uint8), "JPEG holds at most 65,500 px"),
    ],
)
def test_what_cannot_be_written(tmp_path, name, image, message):
    with pytest.raises(ImageError, match=message):
        write_image(tmp_path / name, image)
    assert not list(tmp_path.iterdir())


def test_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")

    def fail(descriptor):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="disk full"):
            files.write_text(path, "new")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]
    files.write_text(path, "new")
    assert path.read_text() == "new"


def test_written_files_have_the_usual_permissions(tmp_path):
    files.write_bytes(tmp_path / "a", b"1")
    (tmp_path / "b").write_bytes(b"1")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_json(tmp_path):
    files.write_json(tmp_path / "a.json", {"größe": [1, 2.5, None]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {
        "größe": [1, 2.5, None]
    }
    with pytest.raises(ValueError, match=r"a\.json: JSON holds finite numbers only"):
        files.write_json(tmp_path / "a.json", float("inf"))


def _touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_find_images_mirrors_the_tree(tmp_path):
    _touch(tmp_path, "in/b.PNG", "in/a.jpg", "in/sub/c.jpeg", "in/notes.txt", "in/.hidden.png")
    _touch(tmp_path, "in/.git/d.png", "in/x.png/e.png", "single.png")
    found = find_images([tmp_path / "single.png", str(tmp_path / "in")])
    assert [str(relative) for _, relative in found] == [
        "single.png",
        "a.jpg",
        "b.PNG",
        "sub/c.jpeg",
        "x.png/e.png",
    ]
    assert all(source.is_file() for source, _ in found)


def test_find_images_lists_a_source_once_and_leaves_the_output_out(tmp_path):
    _touch(tmp_path, "in/a.png", "in/out/a.png")
    found = find_images([tmp_path / "in", tmp_path / "in" / "a.png"], exclude=tmp_path / "in/out")
    assert found == [(tmp_path / "in" / "a.png", found[0][1])]
    assert str(found[0][1]) == "a.png"


def test_find_images_passes_on_what_does_not_exist(tmp_path):
    [(source, relative)] = find_images([tmp_path / "missing.png"])
    assert (source, str(relative)) == (tmp_path / "missing.png", "missing.png")
