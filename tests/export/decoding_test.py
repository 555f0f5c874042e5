"""Tests of tfdeblur.export.decoding: what a served model decodes, and what it refuses."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from tfdeblur.export.decoding import decode_image_bytes
from tfdeblur.images.files import read_image

MAX_PIXELS = 1000


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def decode(contents):
    return decode_image_bytes(contents, MAX_PIXELS)


def encode(image: Image.Image, image_format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([8 * x, 9 * y, 100 + 3 * x - 2 * y], axis=-1).clip(0, 255).astype(np.uint8)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\x00" * 64)
    chunks = [
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (header, data, b"IEND")
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def with_size(jpeg: bytes, width: int, height: int) -> bytes:
    """Overwrite the size in the baseline frame header of a JPEG."""
    frame = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:frame] + struct.pack(">HH", height, width) + jpeg[frame + 4 :]


def test_png_is_decoded_exactly():
    image = smooth(7, 11)
    np.testing.assert_array_equal(decode(encode(Image.fromarray(image), "PNG")), image)


def test_jpeg_equals_another_decoder():
    file = encode(Image.fromarray(smooth(21, 18)), "JPEG", quality=80)
    np.testing.assert_array_equal(decode(file), np.asarray(Image.open(io.BytesIO(file))))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_kind_of_png_is_decoded_as_from_a_file(mode, tmp_path):
    if mode == "I;16":
        image = Image.fromarray(smooth(6, 5)[..., 0].astype(np.uint16) * 257)
    else:
        image = Image.fromarray(smooth(6, 5)).convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(np.linspace(0, 255, 30).astype(np.uint8).reshape(6, 5)))
    image.save(tmp_path / "image.png")
    result = decode((tmp_path / "image.png").read_bytes()).numpy()
    assert result.shape == (6, 5, 3)
    np.testing.assert_array_equal(result, read_image(tmp_path / "image.png"))


def test_a_transparent_palette_colour_is_laid_on_white():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    result = decode(encode(image, "PNG", transparency=1)).numpy()
    assert result.tolist() == [[[10, 20, 30], [255, 255, 255]]]


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_palette_of_few_bits_without_transparency_is_opaque(bits):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    result = decode(encode(image, "PNG", bits=bits)).numpy()
    assert result.tolist() == [[[10, 20, 30], [40, 50, 60]]]


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_jpeg_give_three_channels(mode):
    file = encode(Image.fromarray(smooth(8, 9)).convert(mode), "JPEG", quality=95)
    result = decode(file).numpy().astype(int)
    expected = np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).astype(int)
    assert np.abs(result - expected).max() <= 1


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation, byte_order):
    exif = Image.Exif()
    exif.endian = byte_order
    exif[0x010F] = "a maker"
    exif[0x0112] = orientation
    file = encode(Image.fromarray(smooth(9, 14)), "JPEG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(file)))
    np.testing.assert_array_equal(decode(file), np.asarray(upright))


@pytest.mark.parametrize(
    "file",
    [
        png_header(14000, 14000),
        png_header(2**31 - 1, 2**31 - 1),
        png_header(2**32 - 1, 1),
        png_header(MAX_PIXELS + 1, 1),
        png_header(0, 5),
        with_size(encode(Image.fromarray(smooth(8, 8)), "JPEG"), 65500, 65500),
    ],
)
def test_a_size_beyond_the_limit_is_refused_before_decoding(file):
    with pytest.raises(tf.errors.InvalidArgumentError, match="1 to 1000 pixels"):
        decode(file)


def test_an_image_of_exactly_the_limit_is_decoded():
    image = smooth(25, 40)
    np.testing.assert_array_equal(decode(encode(Image.fromarray(image), "PNG")), image)


@pytest.mark.parametrize("image_format", ["GIF", "BMP", "TIFF", "WEBP"])
def test_other_formats_are_refused(image_format):
    file = encode(Image.fromarray(smooth(5, 5)), image_format)
    with pytest.raises(tf.errors.InvalidArgumentError, match="must hold a PNG or a JPEG"):
        decode(file)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\xff",
        b"plain text, no image at all, 33 bytes",
        b"\x89PNG\r\n\x1a\n",
        png_header(4, 4)[:20],
    ],
)
def test_what_is_no_image_is_refused(file):
    with pytest.raises(tf.errors.InvalidArgumentError, match="must hold a PNG or a JPEG"):
        decode(file)


def test_animated_png_is_refused():
    frames = [Image.fromarray(np.full((5, 5, 3), level, np.uint8)) for level in (0, 200)]
    file = encode(frames[0], "PNG", save_all=True, append_images=frames[1:])
    assert b"acTL" in file
    with pytest.raises(tf.errors.InvalidArgumentError, match="must hold a still image"):
        decode(file)


@pytest.mark.parametrize("image_format", ["PNG", "JPEG"])
def test_a_truncated_file_is_refused(image_format):
    noise = np.random.default_rng(0).integers(0, 256, (25, 30, 3), np.uint8)
    file = encode(Image.fromarray(noise), image_format)
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(file[: len(file) // 2])
