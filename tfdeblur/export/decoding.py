"""Decode PNG and JPEG bytes inside a served graph, checking the header first.

A few hundred kilobytes of PNG can hold a gigapixel, and TensorFlow's decoders have no useful limit.
So the size is read from the header and checked first; formats whose size cannot be read as cheaply
(GIF, BMP, animated PNG) are refused.
"""

import tensorflow as tf

# Signature, length of the first chunk (13) and its name: every valid PNG starts with these.
_PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
_PNG_HEADER_LENGTH = 33
_JPEG_START = b"\xff\xd8\xff"
# Animated PNGs have a chunk `acTL` before the first pixel data.
_FROM_PIXELS_ON = r"(?s)IDAT\C*"
_ANIMATED = r"(?s)\C*acTL\C*"
_TRANSPARENT = r"(?s)\C*tRNS\C*"
_PNG_KINDS_WITH_ALPHA = [b"\x04", b"\x06"]  # Grey and RGB with alpha; others may have `tRNS`.
# Tag 0x0112 (orientation) of the first EXIF directory, as little- and big-endian SHORT. RE2 matches
# any single byte with \C; all other bytes in these patterns must be at most 0x7f.
_EXIF_HEAD_LENGTH = 4096
_EXIF_ORIENTATION = (
    r"(?s)\C*?Exif\x00\x00(?:"
    r"II\*\x00\C*?\x12\x01\x03\x00\x01\x00\x00\x00([\x01-\x08])\x00|"
    r"MM\x00\*\C*?\x01\x12\x00\x03\x00\x00\x00\x01\x00([\x01-\x08]))\C*"
)


def _require(condition: tf.Tensor, contents: tf.Tensor, *message: object) -> tf.Tensor:
    """Return `contents`, readable only once `condition` has been found true."""
    with tf.control_dependencies([tf.debugging.Assert(condition, list(message))]):
        return tf.identity(contents)


def _check_size(
    contents: tf.Tensor, size: tf.Tensor, max_pixels: int, side: int | None
) -> tf.Tensor:
    """Refuse an image whose `size` [height, width] is empty, too large, or not `side`."""
    size = tf.cast(size, tf.int64)
    if side is not None:
        rule = f"`image_bytes` must hold an image of {side}x{side} px. Got [height, width]:"
        return _require(tf.reduce_all(size == side), contents, rule, size)
    fits = tf.logical_and(tf.reduce_min(size) >= 1, tf.reduce_prod(size) <= max_pixels)
    rule = f"`image_bytes` must hold an image of 1 to {max_pixels} pixels. Got [height, width]:"
    return _require(fits, contents, rule, size)


def _decode_png(contents: tf.Tensor, max_pixels: int, side: int | None) -> tf.Tensor:
    width_height = tf.io.decode_raw(
        tf.strings.substr(contents, 16, 8), tf.int32, little_endian=False
    )
    contents = _check_size(contents, tf.reverse(width_height, [0]), max_pixels, side)
    head = tf.strings.regex_replace(contents, _FROM_PIXELS_ON, "")
    animated = tf.strings.regex_full_match(head, _ANIMATED)
    rule = "`image_bytes` must hold a still image. Got: an animated PNG."
    contents = _require(tf.logical_not(animated), contents, rule)
    # Only with alpha: below 8 bits TensorFlow fills in a wrong opaque value (1 for 1 bit).
    alpha_kind = tf.reduce_any(tf.strings.substr(contents, 25, 1) == _PNG_KINDS_WITH_ALPHA)
    has_alpha = tf.logical_or(alpha_kind, tf.strings.regex_full_match(head, _TRANSPARENT))
    return tf.cond(
        has_alpha,
        lambda: _lay_on_white(tf.io.decode_png(contents, channels=4)),
        lambda: tf.io.decode_png(contents, channels=3),
    )


def _lay_on_white(image: tf.Tensor) -> tf.Tensor:
    """Blend uint8 `[H, W, 4]` with white, exactly as `images.files.read_image` does."""
    levels = tf.cast(image, tf.int32)
    rgb, alpha = levels[..., :3], levels[..., 3:]
    mixed = rgb * alpha + 255 * (255 - alpha)
    return tf.cast((mixed + 127) // 255, tf.uint8)


def _upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Apply EXIF `orientation` (1 to 8) to `image`: transpose first, then the two flips."""
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    leftright = tf.reduce_any(orientation == [2, 3, 6, 7])
    image = tf.cond(leftright, lambda: tf.reverse(image, [1]), lambda: image)
    updown = tf.reduce_any(orientation == [3, 4, 7, 8])
    return tf.cond(updown, lambda: tf.reverse(image, [0]), lambda: image)


def _exif_orientation(contents: tf.Tensor) -> tf.Tensor:
    """Return the EXIF orientation of a JPEG as a scalar in 1 to 8; 1 where it has none."""
    head = tf.strings.substr(contents, 0, _EXIF_HEAD_LENGTH)
    found = tf.strings.regex_full_match(head, _EXIF_ORIENTATION)
    value = tf.strings.regex_replace(head, _EXIF_ORIENTATION, r"\1\2")
    value = tf.where(found, value, b"\x01")
    return tf.cast(tf.io.decode_raw(value, tf.uint8)[0], tf.int32)


def _decode_jpeg(contents: tf.Tensor, max_pixels: int, side: int | None) -> tf.Tensor:
    size = tf.image.extract_jpeg_shape(contents)[:2]
    contents = _check_size(contents, size, max_pixels, side)
    # The default DCT is faster but up to four levels off from other decoders.
    image = tf.io.decode_jpeg(contents, channels=3, dct_method="INTEGER_ACCURATE")
    return _upright(image, _exif_orientation(contents))


def decode_image_bytes(contents: tf.Tensor, max_pixels: int, side: int | None = None) -> tf.Tensor:
    """Decode a PNG or JPEG to three channels, after checking its size.

    Grey and palette images become RGB, 16 bits become 8, transparent parts are blended with white,
    and the EXIF orientation of a JPEG is applied. Colour profiles are ignored.

    Args:
      contents: string scalar, the bytes of the file.
      max_pixels: largest height times width that is decoded.
      side: the only height and width that are decoded; None: any.

    Returns:
      uint8 `[H, W, 3]`.

    Raises:
      tf.errors.InvalidArgumentError: at run time, if the bytes are neither PNG nor JPEG, are an
        animated PNG, exceed `max_pixels`, differ in size from `side`, or are damaged.
    """
    is_png = tf.logical_and(
        tf.strings.length(contents) >= _PNG_HEADER_LENGTH,
        tf.strings.substr(contents, 0, len(_PNG_START)) == _PNG_START,
    )
    is_jpeg = tf.strings.substr(contents, 0, len(_JPEG_START)) == _JPEG_START
    contents = _require(
        tf.logical_or(is_png, is_jpeg),
        contents,
        "`image_bytes` must hold a PNG or a JPEG. Got bytes that begin with:",
        # As numbers: Python cannot decode an error message that contains raw bytes.
        tf.io.decode_raw(tf.strings.substr(contents, 0, 8), tf.uint8),
    )
    image = tf.cond(
        is_png,
        lambda: _decode_png(contents, max_pixels, side),
        lambda: _decode_jpeg(contents, max_pixels, side),
    )
    return tf.ensure_shape(image, [side, side, 3])
