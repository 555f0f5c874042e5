"""Pictures of every kind and fault, as strangers' programs write them."""

import struct
import zlib

import numpy as np
import pytest
from absl import logging as absl_logging
from PIL import Image, ImageCms, PngImagePlugin

from tfdeblur.images.files import ImageError, image_size, read_photo

RGB = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
GREY = RGB[..., 0]


@pytest.fixture
def said(monkeypatch):
    """What is logged as a warning."""
    lines = []
    monkeypatch.setattr(absl_logging, "warning", lambda text, *values: lines.append(text % values))
    return lines


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "BMP", "PPM", "GIF", "PNG"])
def test_lossless_formats(tmp_path, kind, said):
    options = {"lossless": True} if kind == "WEBP" else {}
    image = Image.fromarray(RGB)
    if kind == "GIF":
        image = image.quantize(256)
    image.save(tmp_path / "a", kind, **options)
    photo = read_photo(tmp_path / "a")
    np.testing.assert_array_equal(photo.rgb, RGB)
    assert (photo.alpha, photo.grey, said) == (None, False, [])
    assert image_size(tmp_path / "a") == (8, 6)


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "PPM", "PNG"])
@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_is_told_from_colour(tmp_path, kind, mode):
    Image.fromarray(GREY).convert(mode).save(tmp_path / "a", kind)
    photo = read_photo(tmp_path / "a")
    assert photo.grey and (photo.rgb[..., :1] == photo.rgb).all()


@pytest.mark.parametrize("kind", ["TIFF", "PNG"])
def test_grey_with_transparency(tmp_path, kind):
    alpha = GREY + 9
    Image.fromarray(np.dstack([GREY, alpha])).save(tmp_path / "a", kind)
    photo = read_photo(tmp_path / "a")
    assert photo.grey
    np.testing.assert_array_equal(photo.rgb[..., 1], GREY)
    np.testing.assert_array_equal(photo.alpha, alpha)


def test_a_grey_level_can_be_transparent(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png", transparency=int(GREY[1, 2]))
    photo = read_photo(tmp_path / "a.png")
    assert photo.grey and photo.alpha is not None
    np.testing.assert_array_equal(photo.alpha == 0, np.equal(GREY, GREY[1, 2]))


def _sixteen_bits(tmp_path, kind):
    samples = GREY.astype(np.uint16) * 256 + 200
    if kind == "PGM":
        header = f"P5\n{GREY.shape[1]} {GREY.shape[0]}\n65535\n".encode()
        (tmp_path / "a").write_bytes(header + samples.astype(">u2").tobytes())
    else:
        Image.fromarray(samples).save(tmp_path / "a", kind)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PGM"])
def test_sixteen_bits_are_read_as_eight_and_that_is_said(tmp_path, kind, said):
    _sixteen_bits(tmp_path, kind)
    photo = read_photo(tmp_path / "a")
    np.testing.assert_array_equal(photo.rgb[..., 0], GREY)
    assert photo.grey
    assert said == [f"{tmp_path / 'a'}: has 16 bits a sample; the upper 8 are read."]


@pytest.mark.parametrize(
    "samples, what", [(np.full((2, 2), 70_000, np.int32), "32"), (np.zeros((2, 2), "f4"), "float")]
)
def test_samples_of_32_bits_are_refused(tmp_path, samples, what):
    Image.fromarray(samples).save(tmp_path / "a.tif")
    with pytest.raises(ImageError, match=f"a.tif: must have 8 or 16 bits a sample. It has {what}"):
        read_photo(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_several_frames_are_refused(tmp_path, kind):
    frames = [Image.fromarray(RGB + shade) for shade in (0, 40, 80)]
    frames[0].save(tmp_path / "a", kind, save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="a: must hold one picture. It has 3 frames or pages"):
        read_photo(tmp_path / "a")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("kept", [13, 60])
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # `tfdeblur` leaves them out.
def test_a_cut_file_is_damaged_and_not_foreign(tmp_path, kind, kept, capfd):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)).save(
        tmp_path / "a", kind
    )
    content = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(content[:kept])
    with pytest.raises(ImageError, match="a: is damaged and cannot be decoded: "):
        read_photo(tmp_path / "a")
    assert capfd.readouterr() == ("", "")


def test_the_lines_of_libtiff_stay_out_of_the_terminal(tmp_path, capfd):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.tif", compression="tiff_lzw")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[300:400] = b"\xff" * 100
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(ImageError, match="a.tif: is damaged and cannot be decoded"):
        read_photo(tmp_path / "a.tif")
    assert capfd.readouterr() == ("", "")


def test_a_program_without_standard_error_reads_them_too(tmp_path, monkeypatch):
    def closed(descriptor):
        raise OSError(9, "Bad file descriptor")

    Image.fromarray(RGB).save(tmp_path / "a.tif")
    monkeypatch.setattr("tfdeblur.images.decoding.os.dup", closed)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.tif").rgb, RGB)


def _srgb():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _noise(size):
    return np.random.default_rng(0).integers(0, 256, size, np.uint8).tobytes()


def _text(text, compressed):
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", text, zip=compressed)
    return info


@pytest.mark.parametrize(
    "options",
    [
        {"icc_profile": _srgb() + _noise(1_500_000)},
        {"icc_profile": _srgb() + bytes(3_000_000)},
        {"pnginfo": _text("node " * 300_000, True)},
        {"pnginfo": _text("node " * 300_000, False)},
    ],
    ids=["large profile", "profile of zeros", "compressed text", "text"],
)
def test_metadata_of_any_size_is_no_damage(tmp_path, options, said):
    Image.fromarray(RGB).save(tmp_path / "a.png", **options)
    photo = read_photo(tmp_path / "a.png")
    np.testing.assert_array_equal(photo.rgb, RGB)
    assert photo.tags.profile == ("icc_profile" in options) and said == []


def test_text_behind_the_pixels_is_no_damage(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    body = b"zTXtnote\0\0" + zlib.compress(b"word " * 500_000)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "a.png").write_bytes(content[:-12] + chunk + content[-12:])
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png").rgb, RGB)


def _grey_profile(gamma):
    """An ICC 2 profile of grey with a power law."""
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\0" + bytes(78)
    parts = {
        b"desc": text + bytes(-len(text) % 4),
        b"cprt": b"text" + bytes(4) + b"none" + bytes(4),
        b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061),
        b"kTRC": b"curv" + bytes(4) + struct.pack(">IHH", 1, int(gamma * 256), 0),
    }
    at, table, body = 132 + 12 * len(parts), struct.pack(">I", len(parts)), b""
    for name, data in parts.items():
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(">I", at + len(body)) + bytes(4) + bytes.fromhex("02400000")
    head += b"mntrGRAYXYZ " + struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    return head + struct.pack(">3i", 63190, 65536, 54061) + bytes(48) + table + body


@pytest.mark.parametrize("mode", ["L", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_profile_of_grey_is_applied_once(tmp_path, mode, kind):
    """Linear 60/255 is sRGB 1.055 * (60/255)**(1/2.4) - 0.055 = 0.522, level 133."""
    image = Image.new("L", (4, 4), 60).convert(mode)
    image.save(tmp_path / "a", kind, icc_profile=_grey_profile(1.0))
    photo = read_photo(tmp_path / "a")
    assert photo.grey and abs(int(photo.rgb[0, 0, 0]) - 133) <= 1


EXIF_DATE, TAKEN, PLACE = "2020:02:03 04:05:06", 36867, 34853


def _exif():
    exif = Image.Exif()
    exif[0x0112], exif[0x0132], exif[0x0110] = 6, EXIF_DATE, "camera"
    exif.get_ifd(0x8769).update({TAKEN: EXIF_DATE, 40962: 8, 40963: 6})
    exif.get_ifd(PLACE)[1] = "N"
    stored = Image.Exif()
    stored.load(exif.tobytes())
    return stored


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_what_a_file_says_is_kept(tmp_path, kind):
    xmp = b"<x:xmpmeta>words</x:xmpmeta>"
    exif, options = _exif(), {"xmp": xmp}
    if kind == "PNG":
        options = {"pnginfo": PngImagePlugin.PngInfo()}
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())
    if kind == "TIFF":
        exif[700] = xmp
    Image.fromarray(RGB).save(tmp_path / "a", kind, exif=exif, dpi=(300, 300), **options)
    photo = read_photo(tmp_path / "a")
    assert photo.rgb.shape == (8, 6, 3)
    assert photo.tags.xmp == xmp
    if kind != "WEBP":  # It has no field for the resolution.
        assert photo.tags.dpi == pytest.approx((300, 300), abs=0.01)
    exif = Image.Exif()
    exif.load(photo.tags.exif)
    assert exif[0x0132] == EXIF_DATE and exif[0x0110] == "camera" and 0x0112 not in exif
    assert exif.get_ifd(0x8769) == {TAKEN: EXIF_DATE} and exif.get_ifd(PLACE) == {1: "N"}


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_picture_with_damaged_exif_is_read(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=b"Exif\0\0MM\0*" + b"\xff" * 9)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png").rgb, RGB)
