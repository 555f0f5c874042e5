"""Find the face in a photograph.

The detector is MTCNN (Zhang et al., 2016), which Yun et al. (IEEE Access 2020) use: the package
`mtcnn`, which includes its weights. It comes with the extra `faces` and is imported for the first
photograph. On two cores that takes 4 s, each further photograph 0.1 to 0.2 s.
"""

import importlib.resources
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from tfdeblur.extras import install_command

# The networks see a face at 48x48 px, sampled without anti-aliasing, so landmarks are less exact in
# larger photographs: in two collections of portraits, mirroring moved those of 5 % of the
# photographs by more than 0.058 eye distances at 640 px, 0.040 at 400 and 0.042 at 320.
DETECTION_SIDE = 400


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Where a face is in an image.

    Attributes:
      points: `[5, 2]` float64, (x, y) in pixels, x to the right and y down, 0 at the centre of the
        first pixel: left eye, right eye, nose, left and right corner of the mouth. Left means the
        image's left. Points may lie outside the image.
      confidence: the detector's, in [0, 1].
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
    """Find the most prominent face, by box area times confidence.

    Photographs larger than `DETECTION_SIDE` px are shrunk to it for the search, where a face must
    be 20 px wide. On one machine, a photograph always gives the same landmarks.

    Args:
      photo: `[H, W, 3]` uint8 RGB.

    Returns:
      The face's landmarks in pixels of `photo`; None if there is no face.

    Raises:
      ValueError: `photo` is not such an array, or the extra `faces` is not installed.
    """
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or photo.size == 0:
        raise ValueError(
            f"`photo` must be [H, W, 3] uint8 and not empty. Got: {photo.dtype} {photo.shape}."
        )
    height, width = photo.shape[:2]
    scale = min(1.0, DETECTION_SIDE / max(height, width))
    small = photo
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    # One row per face: [image, x, y, width, height, confidence, x of the five, y of the five].
    faces = _detector().detect_faces(small, output_type="numpy")
    if len(faces) == 0:
        return None
    best = faces[np.argmax(faces[:, 3] * faces[:, 4] * faces[:, 5])]
    factor = np.array([width / small.shape[1], height / small.shape[0]])
    points = (best[6:].reshape(2, 5).T.astype(np.float64) + 0.5) * factor - 0.5
    return Landmarks(points, float(best[5]))


@lru_cache(maxsize=1)
def _detector():
    try:
        import lz4.frame
        from mtcnn import MTCNN
        from mtcnn.stages import StageONet, StagePNet, StageRNet
    except ImportError as error:
        raise ValueError(
            f"finding faces needs the extra `faces`: {install_command('faces')}"
        ) from error
    stages = {"pnet.lz4": StagePNet, "rnet.lz4": StageRNet, "onet.lz4": StageONet}
    loaded = []
    with tempfile.TemporaryDirectory() as folder:
        for name, stage in stages.items():
            packed = importlib.resources.files("mtcnn.assets.weights").joinpath(name)
            # Given only a name, the package would first unpickle a file of the working directory;
            # given an lz4 file, joblib leaves it open, which Python 3.13 prints as an exception.
            weights = Path(folder, name)
            weights.write_bytes(lz4.frame.decompress(packed.read_bytes()))
            loaded.append(stage(weights=str(weights)))
    return MTCNN(loaded)
