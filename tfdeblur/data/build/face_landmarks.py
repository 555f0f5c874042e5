"""Find the face in a photograph, and bring it into the position that CelebA's faces have.

The detector is MTCNN (Zhang et al., 2016), by which Yun et al. (IEEE Access 2020) align faces: the
package `mtcnn`, which brings its weights. It is the extra `faces` and is imported when the first
photograph is searched. On two cores that takes 4 s, each further photograph 0.1 to 0.2 s.
"""

import importlib.resources
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from tfdeblur.images.resize import resize_bicubic

# The networks look at a face on 48x48 px, sampled without anti-aliasing, so that larger photographs
# give landmarks that are less exact: mirrored, 5 % of the photographs of two collections of
# portraits gave others by more than 0.058 eye distances at 640 px, 0.040 at 400 and 0.042 at 320.
DETECTION_SIDE = 400

# The mean landmarks of CelebA's aligned images (Liu et al., ICCV 2015), to half a pixel, and the
# (height, width) of these images.
CELEBA_LANDMARKS = np.array(
    [[69.5, 111.0], [108.0, 111.0], [88.0, 136.0], [71.0, 152.0], [105.5, 152.0]]
)
CELEBA_SIZE = (218, 178)


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Where a face is in an image.

    Attributes:
      points: `[5, 2]` float64, (x, y) in pixels, x to the right and y downwards, 0 in the middle of
        the first pixel: the left eye, the right eye, the nose, the left and the right corner of the
        mouth. Left is left as one looks at the image. They may lie outside of it.
      confidence: of the detector, in [0, 1].
    """

    points: np.ndarray
    confidence: float = 1.0

    def __post_init__(self):
        points = self.points
        if np.shape(points) != (5, 2) or not np.isfinite(points).all():
            raise ValueError(f"`points` must be five finite (x, y). Got: {points}.")
        apart = (points[0] - points[1], points[:2].mean(axis=0) - points[3:].mean(axis=0))
        if not all(np.any(distance) for distance in apart):
            raise ValueError(
                "`points` must have the eyes, and the eyes and the mouth, in different places. "
                f"Got: {points}."
            )


def detect(photo: np.ndarray) -> Landmarks | None:
    """Find the most prominent face: that with the largest area of its box times its confidence.

    Photographs of more than `DETECTION_SIDE` px are shrunk to that for the search, so a face must
    be 20 px wide there. The same photograph always gives the same landmarks on one machine.

    Args:
      photo: `[H, W, 3]` uint8 RGB.

    Returns:
      Its landmarks in pixels of `photo`; None if there is no face.

    Raises:
      ValueError: `photo` is something else, or the extra `faces` is not installed.
    """
    _check_photo(photo)
    height, width = photo.shape[:2]
    scale = min(1.0, DETECTION_SIDE / max(height, width))
    small = photo
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    # A row for each face: [image, x, y, width, height, confidence, x of the five, y of the five].
    faces = _detector().detect_faces(small, output_type="numpy")
    if len(faces) == 0:
        return None
    best = faces[np.argmax(faces[:, 3] * faces[:, 4] * faces[:, 5])]
    factor = np.array([width / small.shape[1], height / small.shape[0]])
    points = (best[6:].reshape(2, 5).T.astype(np.float64) + 0.5) * factor - 0.5
    return Landmarks(points, float(best[5]))


def align(photo: np.ndarray, landmarks: Landmarks) -> np.ndarray:
    """Turn, scale and shift a photograph so that its face lies as those of CelebA's aligned ones.

    The similarity transform brings the landmarks closest to `CELEBA_LANDMARKS`, by least squares. A
    photograph that is to become smaller is shrunk first, with anti-aliasing. Parts of the result
    that lie outside of the photograph continue its border.

    Args:
      photo: `[H, W, 3]` uint8.
      landmarks: of a face in it.

    Returns:
      `[218, 178, 3]` uint8.

    Raises:
      ValueError: `photo` is something else.
    """
    _check_photo(photo)
    matrix = _similarity(landmarks.points, CELEBA_LANDMARKS)
    scale = np.hypot(matrix[0, 0], matrix[1, 0])
    source = photo.astype(np.float32)
    if scale < 1:
        height, width = photo.shape[:2]
        source = resize_bicubic(
            photo, (max(1, round(height * scale)), max(1, round(width * scale)))
        )
        x_factor, y_factor = width / source.shape[1], height / source.shape[0]
        enlarge = np.array(
            [[x_factor, 0, (x_factor - 1) / 2], [0, y_factor, (y_factor - 1) / 2], [0, 0, 1]]
        )
        matrix = matrix @ enlarge
    height, width = CELEBA_SIZE
    aligned = cv2.warpAffine(
        source, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.clip(np.rint(aligned), 0, 255).astype(np.uint8)


def _similarity(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the `[2, 3]` similarity transform, without mirroring, of least squared distances."""
    z, target = (p[:, 0] + 1j * p[:, 1] for p in (points, targets))
    centred = z - z.mean()
    turn = np.vdot(centred, target) / np.vdot(centred, centred)  # w = turn * z + shift
    shift = target.mean() - turn * z.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _check_photo(photo: np.ndarray) -> None:
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or photo.size == 0:
        raise ValueError(
            f"`photo` must be [H, W, 3] uint8 and not empty. Got: {photo.dtype} {photo.shape}."
        )


@lru_cache(maxsize=1)
def _detector():
    try:
        from mtcnn import MTCNN
        from mtcnn.stages import StageONet, StagePNet, StageRNet
    except ImportError as error:
        raise ValueError(
            "finding faces needs the extra `faces`: pip install 'tfdeblur[faces]'."
        ) from error
    # By name alone, the package would first unpickle a pnet.lz4 of the working directory.
    weights = importlib.resources.files("mtcnn.assets.weights")
    stages = {"pnet.lz4": StagePNet, "rnet.lz4": StageRNet, "onet.lz4": StageONet}
    return MTCNN([stage(weights=str(weights / name)) for name, stage in stages.items()])
