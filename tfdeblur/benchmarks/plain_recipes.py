"""The papers' recipes as a good engineer would write them, to time ours against.

One function per recipe: images and a numpy Generator -> `(degraded, target, *extras)`, all uint8.
Plain numpy and OpenCV, written from the papers, without `tfdeblur.degradations` or
`tfdeblur.images.resize`. Nothing here is slow on purpose: blurs use the faster of `cv2.filter2D`
and the whole image's DFT, resizing multiplies by a cached matrix, kernels are vectorised.

Intermediate values are float32 on the scale of uint8.
"""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from tfdeblur.benchmarks.plain_kernels import mild_flow, text_kernel

FILTER_AREA_MAX = 121  # Taps. Above, filter2D uses its own DFT, block by block: half as fast.
SCGAN_SIDE = 64  # Pixels of the target.
NOISE_MAX = 7.0  # SCGAN: standard deviation, of 255 levels.


def scgan_text(
    page: np.ndarray,
    rng: np.random.Generator,
    psf: np.ndarray | None = None,
    noise_max: float = NOISE_MAX,
) -> tuple[np.ndarray, ...]:
    """Cut, blur, add noise, shrink four times: SCGAN's text (Xu et al. 2017, §4).

    Args:
      page: `[H, W, 3]` uint8, at least 92 px high and wide.
      rng: source of every draw.
      psf: replaces the drawn one.
      noise_max: largest standard deviation in levels.
    """
    side = SCGAN_SIDE
    psf = text_kernel(rng) if psf is None else psf
    border = len(psf) // 2
    top, left = (rng.integers(border, length - border - side + 1) for length in page.shape[:2])
    region = page[top - border : top + side + border, left - border : left + side + border]
    blurred = _blur_inside(region.astype(np.float32), psf)
    return _noisy_and_small(blurred, rng, noise_max), page[top : top + side, left : left + side]


def scgan_face(
    photo: np.ndarray,
    rng: np.random.Generator,
    psf: np.ndarray | None = None,
    noise_max: float = NOISE_MAX,
) -> tuple[np.ndarray, ...]:
    """Shrink the middle square of a photo, then continue as `scgan_text`; mirrored borders."""
    psf = text_kernel(rng) if psf is None else psf
    height, width = photo.shape[:2]
    square = min(height, width)
    top, left = (height - square) // 2, (width - square) // 2
    middle = photo[top : top + square, left : left + square]
    target = _to_uint8(resize(middle, SCGAN_SIDE, SCGAN_SIDE))
    return _noisy_and_small(_blur(target, psf), rng, noise_max), target


def _noisy_and_small(blurred: np.ndarray, rng: np.random.Generator, noise_max: float) -> np.ndarray:
    noisy = _add_noise(blurred, rng, rng.uniform(0, noise_max))
    return shrink(_to_uint8(noisy), 4)


def _add_noise(image: np.ndarray, rng: np.random.Generator, std: float) -> np.ndarray:
    noise = rng.standard_normal(image.shape, np.float32)
    noise *= np.float32(std)
    noise += image
    return noise


def enhance_unet(
    photo: np.ndarray, rng: np.random.Generator, psf: np.ndarray, side: int = 150
) -> tuple[np.ndarray, ...]:
    """Blur and cut a random square (Qi et al. 2020, §4), blurring only what the square needs.

    Args:
      photo: `[H, W, 3]` uint8, at least `side` high and wide; its borders are mirrored.
      rng: source of the position.
      psf: from a bank of trajectory kernels.
      side: of the square in pixels.
    """
    top, left = (rng.integers(length - side + 1) for length in photo.shape[:2])
    border = len(psf) // 2
    padded = cv2.copyMakeBorder(photo, *(border,) * 4, cv2.BORDER_REFLECT)
    near = padded[top : top + side + 2 * border, left : left + side + 2 * border]
    blurred = _blur_inside(near.astype(np.float32), psf)
    return _to_uint8(blurred), photo[top : top + side, left : left + side]


def gfn(blurry: np.ndarray, sharp: np.ndarray) -> tuple[np.ndarray, ...]:
    """Shrink a pair of patches four times (Zhang et al. 2018, §4): lr, hr, lr_sharp."""
    return shrink(blurry, 4), sharp, shrink(sharp, 4)


def wrfn(
    sharp: np.ndarray,
    rng: np.random.Generator,
    bank: Sequence[np.ndarray],
    noise_std: float = 2.55,
) -> tuple[np.ndarray, ...]:
    """Blur a grey image with a kernel from the bank and add noise (Jin et al. 2018, §4).

    Args:
      sharp: `[H, W, 1]` uint8; its borders are mirrored.
      rng: source of every draw.
      bank: spline kernels.
      noise_std: in levels.
    """
    blurred = _blur(sharp[..., 0], bank[int(rng.integers(len(bank)))])
    return _to_uint8(_add_noise(blurred, rng, noise_std))[..., None], sharp


def two_branch(
    photo: np.ndarray, mask: np.ndarray, rng: np.random.Generator, flow: np.ndarray | None = None
) -> tuple[np.ndarray, ...]:
    """Blur a face along a camera motion, shrink eight times (Yun et al. 2020).

    Args:
      photo: `[256, 256, 3]` uint8.
      mask: `[256, 256]` uint8, 255 on the face and 0 elsewhere.
      rng: source of the motion.
      flow: `[256, 256, 2]`; replaces the drawn one.

    Returns:
      lr, hr, hr_blurry and the mask.
    """
    height, width = mask.shape
    flow = np.rint(mild_flow(rng, height, width)) if flow is None else flow
    length = np.hypot(flow[..., 0], flow[..., 1])
    u, v = (np.where(length > 1, flow[..., axis], 0).astype(np.float32) for axis in (0, 1))
    face = np.dstack([cv2.bitwise_and(photo, photo, mask=mask), mask])
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    count = 2 * int(np.ceil(length.max())) + 1
    total = np.zeros(face.shape, np.float32)
    for time in ((np.arange(count) + 0.5) / count - 0.5).astype(np.float32):
        # 8-bit pixels warp twice as fast as float ones, and the rounding errors average out.
        warped = cv2.remap(
            face, x + time * u, y + time * v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        cv2.accumulate(warped, total)
    total /= count
    blurry = _to_uint8(total[..., :3] + (1 - total[..., 3:] / 255) * photo)
    return shrink(blurry, 8), photo, blurry, mask[..., None]


def _blur(image: np.ndarray, psf: np.ndarray) -> np.ndarray:
    """Convolve uint8 to float32 of the same size, with mirrored borders."""
    if psf.size <= FILTER_AREA_MAX:
        return cv2.filter2D(
            image.astype(np.float32), -1, psf[::-1, ::-1], borderType=cv2.BORDER_REFLECT
        )
    border = (len(psf) // 2,) * 4
    padded = cv2.copyMakeBorder(image, *border, cv2.BORDER_REFLECT)
    return _blur_inside(padded.astype(np.float32), psf)


def _blur_inside(image: np.ndarray, psf: np.ndarray) -> np.ndarray:
    """Convolve float32 `[H, W(, C)]` where the kernel fits."""
    side, (height, width) = len(psf), image.shape[:2]
    if psf.size <= FILTER_AREA_MAX:
        border = side // 2
        blurred = cv2.filter2D(image, -1, psf[::-1, ::-1])
        return blurred[border : height - border, border : width - border]
    rows, columns = cv2.getOptimalDFTSize(height), cv2.getOptimalDFTSize(width)
    spectrum = cv2.dft(_enlarged(psf, rows, columns), nonzeroRows=side)
    planes = []
    for plane in cv2.split(image):
        product = cv2.dft(_enlarged(plane, rows, columns), nonzeroRows=height)
        product = cv2.mulSpectrums(product, spectrum, 0)
        # Only pixels where the kernel does not fit are wrapped around.
        planes.append(cv2.idft(product, flags=cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT))
    return cv2.merge(planes)[side - 1 : height, side - 1 : width]


def _enlarged(plane: np.ndarray, rows: int, columns: int) -> np.ndarray:
    height, width = plane.shape
    return cv2.copyMakeBorder(plane, 0, rows - height, 0, columns - width, cv2.BORDER_CONSTANT)


def shrink(image: np.ndarray, scale: int) -> np.ndarray:
    """Shrink uint8 `[H, W, C]` by an integer factor to uint8."""
    height, width = image.shape[:2]
    return _to_uint8(resize(image, height // scale, width // scale))


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize `[H, W, C]` to float32 like MATLAB's imresize: anti-aliased bicubic."""
    rows, columns, channels = image.shape
    short = _weights(rows, height) @ image.reshape(rows, -1).astype(np.float32)
    return np.matmul(_weights(columns, width), short.reshape(height, columns, channels))


@lru_cache(maxsize=64)
def _weights(length: int, resized: int) -> np.ndarray:
    """Return `[resized, length]`: Keys' cubic, a = -0.5, widened to shrink; mirrored borders."""
    scale = resized / length
    widened = min(scale, 1.0)
    centre = (np.arange(resized) + 0.5) / scale - 0.5
    reach = int(np.ceil(2 / widened)) + 1
    source = np.floor(centre)[:, None].astype(int) + np.arange(-reach, reach + 1)
    x = np.abs(source - centre[:, None]) * widened
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    weights = np.where(x <= 1, near, np.where(x < 2, far, 0))
    weights /= weights.sum(axis=1, keepdims=True)
    source %= 2 * length
    mirrored = np.minimum(source, 2 * length - 1 - source)
    matrix = np.zeros((resized, length), np.float32)
    np.add.at(matrix, (np.arange(resized)[:, None], mirrored), weights)
    return matrix


def _to_uint8(image: np.ndarray) -> np.ndarray:
    """Round and clip float32 to uint8; OpenCV is faster than numpy."""
    return cv2.add(image, 0, dtype=cv2.CV_8U)
