"""Non-uniform motion blur: a flow field, and blur of each pixel along its flow.

After Gong et al., "From Motion Blur to Motion Flow" (CVPR 2017), as their released code draws it;
the source of the face blur of Yun et al. (IEEE Access 2020).

A flow is `[H, W, 2]`, (u, v) in pixels: u to the right, v downwards, as the image is stored. Each
pixel is blurred along the straight segment of its flow, centred on the pixel, in gather form: an
output pixel averages the input pixels around it. Borders are replicated.

Paper's code: the axes of the rotation's and the zoom's terms are swapped; here: the physical flow,
tangential for a rotation and radial for a zoom. The code also counts rows upwards; as every draw is
symmetric around 0, this does not change any distribution.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

_REMAP_SIDE_MAX = 32_766  # OpenCV counts pixels of a side in 16 bits.


@dataclass(frozen=True)
class MotionLevel:
    """Bounds on camera motion while the shutter is open; every draw is U(-1, 1) times its bound.

    Attributes:
      translation: in pixels.
      acceleration: change of the translation across the image, as a fraction of it.
      zoom: flow in pixels at a distance of one pixel from the centre.
      rotation: in radians.
      shift: distance of the rotation's centre from the image's, per axis, in pixels.
    """

    translation: float
    acceleration: float
    zoom: float
    rotation: float
    shift: float


MOTION_LEVELS = {
    "strong": MotionLevel(27.0, 0.3, 5e-3, np.pi / 70, 15.0),
    "mild": MotionLevel(19.0, 0.25, 2e-3, np.pi / 120, 5.0),
}


@dataclass(frozen=True)
class Motion:
    """One camera motion; all zeros means none. Units as in `MotionLevel`.

    Attributes:
      translation_x: to the right.
      translation_y: downwards.
      acceleration_x: how much faster the right edge moves in x than the left, as a fraction.
      acceleration_y: how much faster the top edge moves in y than the bottom, as a fraction.
      zoom: positive flows outwards.
      rotation: in radians; positive turns the x axis towards the y axis, clockwise as seen.
      shift_x: of the centre of rotation and zoom, to the right of the image's centre.
      shift_y: of the centre of rotation and zoom, downwards from the image's centre.
    """

    translation_x: float = 0.0
    translation_y: float = 0.0
    acceleration_x: float = 0.0
    acceleration_y: float = 0.0
    zoom: float = 0.0
    rotation: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0


def draw_motion(rng: np.random.Generator, level: str = "mild") -> Motion:
    """Draw a camera motion at one of Gong et al.'s levels.

    Args:
      rng: source of every draw.
      level: `strong` or `mild`.

    Raises:
      ValueError: `level` is unknown.
    """
    if level not in MOTION_LEVELS:
        raise ValueError(f"`level` must be one of {', '.join(MOTION_LEVELS)}. Got: {level!r}.")
    most = MOTION_LEVELS[level]
    bounds = {
        "translation_x": most.translation,
        "translation_y": most.translation,
        "acceleration_x": most.acceleration,
        "acceleration_y": most.acceleration,
        "zoom": most.zoom,
        "rotation": most.rotation,
        "shift_x": most.shift,
        "shift_y": most.shift,
    }
    return Motion(**{name: bound * float(rng.uniform(-1, 1)) for name, bound in bounds.items()})


def motion_flow(motion: Motion, size: tuple[int, int]) -> np.ndarray:
    """Compute the flow of a camera motion.

    With translation and acceleration tx, ax in x and ty, ay in y, column x = 1..W, row y = 1..H,
    and (r, a) the polar coordinates around the centre (axes as the image is stored):

        u = tx (1 - ax / 2) + ax tx x / W           - tan(rotation) r sin(a) + zoom r^1.5 cos(a)
        v = ty (1 - ay / 2) + ay ty (H + 1 - y) / H + tan(rotation) r cos(a) + zoom r^1.5 sin(a)

    Args:
      motion: of the camera.
      size: (height, width) in pixels, each at least 1.

    Returns:
      `[H, W, 2]` float32, (u, v) in pixels.

    Raises:
      ValueError: a side is below 1.
    """
    height, width = size
    if min(size) < 1:
        raise ValueError(f"`size` must be at least 1x1. Got: {height}x{width}.")
    x, y = np.arange(width)[None, :], np.arange(height)[:, None]
    along_x = 1 - motion.acceleration_x / 2 + motion.acceleration_x * (x + 1) / width
    along_y = 1 - motion.acceleration_y / 2 + motion.acceleration_y * (height - y) / height
    right, down, across, downwards = (
        line.astype(np.float32)
        for line in (
            x - ((width - 1) / 2 + motion.shift_x),
            y - ((height - 1) / 2 + motion.shift_y),
            motion.translation_x * along_x,
            motion.translation_y * along_y,
        )
    )
    turn = float(np.tan(motion.rotation))
    outwards = motion.zoom * np.sqrt(np.sqrt(right**2 + down**2))  # zoom r^1.5 / r
    flow = np.empty((height, width, 2), np.float32)
    flow[..., 0] = outwards * right + (across - turn * down)
    flow[..., 1] = outwards * down + (downwards + turn * right)
    return flow


def quantise_flow(flow: np.ndarray) -> np.ndarray:
    """Round a flow to whole pixels, halves away from zero: `[H, W, 2]` float32."""
    _check_flow(flow)
    return np.trunc(flow + np.copysign(0.5, flow)).astype(np.float32) + 0.0  # Avoids -0.


def warp_blur(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Blur each pixel along its flow by averaging warped images.

    The mean of K = ceil(max m) bilinear warps image(p + t flow(p)), m the flow's length, with t at
    the midpoints of K equal parts of [-1/2, 1/2], so at most a pixel apart. There is no blur where
    m is at most 1 px: a line of m pixels is m - 1 px long.

    Tolerance, for values in [0, 1] and the flow of either level in whole pixels: 0.02 and 50 dB
    from exact anti-aliased lines on an image without detail finer than a Gaussian of 2 px, 0.06 and
    38 dB on white noise. Worst are oblique flows of 2 px everywhere: 0.12 on white noise.

    Args:
      image: `[H, W]` or `[H, W, C]` float32 or uint8, at most 4 channels; sides are at most 32,766
        px. uint8 is warped twice as fast; each warp is rounded to 8 bits, which shifts the mean by
        about a tenth of a level.
      flow: `[H, W, 2]` in pixels.

    Returns:
      float32 of the image's shape and range; borders are replicated.

    Raises:
      ValueError: the image is too large, the shapes do not fit or the flow is not finite.
    """
    _check_pair(image, flow)
    height, width = flow.shape[:2]
    if max(height, width) > _REMAP_SIDE_MAX or image.reshape(height, width, -1).shape[2] > 4:
        raise ValueError(
            f"`image` must be at most {_REMAP_SIDE_MAX} px wide and high, of at most 4 channels. "
            f"Got: {image.shape}."
        )
    length = np.hypot(flow[..., 0], flow[..., 1])
    u, v = (np.where(length > 1, flow[..., axis], 0).astype(np.float32) for axis in (0, 1))
    count = max(1, int(np.ceil(length.max())))
    source = np.ascontiguousarray(image, None if image.dtype == np.uint8 else np.float32)
    columns = np.arange(width, dtype=np.float32)
    rows = np.arange(height, dtype=np.float32)[:, None]
    total = np.zeros(image.shape, np.float32)
    x, y, warped = np.empty_like(u), np.empty_like(v), np.empty_like(source)
    for number in range(count):
        time = np.float32((number + 0.5) / count - 0.5)
        np.add(columns, np.multiply(u, time, out=x), out=x)
        np.add(rows, np.multiply(v, time, out=y), out=y)
        # Convert here, as `remap` would take half as long again.
        maps = cv2.convertMaps(x, y, cv2.CV_16SC2)
        cv2.remap(source, *maps, cv2.INTER_LINEAR, warped, cv2.BORDER_REPLICATE)
        cv2.accumulate(warped, total)
    total /= np.float32(count)
    return total


def blur_masked(
    image: np.ndarray,
    mask: np.ndarray,
    blur: Callable[[np.ndarray], np.ndarray],
    *,
    hard: bool = False,
) -> np.ndarray:
    """Blur an object in a mask, such as a face, in front of a background that stays sharp.

        y = blur(m x) + (1 - blur(m)) x          a moving object over its background
        y = m blur(x) + (1 - m) x                `hard`: a seam along the mask

    Paper: Yun et al. do not describe the compositing; the first form is ours.

    Args:
      image: `[H, W, C]` float32.
      mask: `[H, W]` in [0, 1], 1 in the object and 0 outside.
      blur: `[H, W, C']` -> the same shape, linear, such as `lambda x: warp_blur(x, flow)`; called
        once, with C' = C + 1 unless `hard`.
      hard: whether to use the second form.

    Returns:
      float32 `[H, W, C]`.

    Raises:
      ValueError: the shapes do not fit or `mask` leaves [0, 1].
    """
    if image.ndim != 3 or mask.shape != image.shape[:2]:
        raise ValueError(
            "`image` must be [H, W, C] and `mask` [H, W] of one size. "
            f"Got: {image.shape} and {mask.shape}."
        )
    share = mask.astype(np.float32)
    if not ((share >= 0) & (share <= 1)).all():
        raise ValueError(
            f"`mask` must lie in [0, 1]. Got: values from {share.min()} to {share.max()}."
        )
    image = image.astype(np.float32)
    planes = cv2.split(image)  # numpy would loop over the channels of each pixel.
    if hard:
        blurred = cv2.split(blur(image))
        shown = [share * b + (1 - share) * p for b, p in zip(blurred, planes, strict=True)]
    else:
        *blurred, cover = cv2.split(blur(cv2.merge([*(share * p for p in planes), share])))
        shown = [b + (1 - cover) * p for b, p in zip(blurred, planes, strict=True)]
    return cv2.merge(shown).reshape(image.shape)


def _check_flow(flow: np.ndarray) -> None:
    if flow.ndim != 3 or flow.shape[2] != 2 or flow.size == 0:
        raise ValueError(f"`flow` must be [H, W, 2] and not empty. Got: {flow.shape}.")
    if not np.isfinite(flow).all():
        raise ValueError("`flow` must be finite. Got: inf or NaN.")


def _check_pair(image: np.ndarray, flow: np.ndarray) -> None:
    _check_flow(flow)
    if image.ndim not in (2, 3) or image.shape[:2] != flow.shape[:2] or image.size == 0:
        raise ValueError(
            "`image` must be [H, W] or [H, W, C] of the flow's size. "
            f"Got: {image.shape} for {flow.shape}."
        )
