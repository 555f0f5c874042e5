"""Masks of the face in an image: CelebAMask-HQ's, drawn by hand, or an ellipse from landmarks.

Yun et al. (IEEE Access 2020) blur and score the face region of CelebA-HQ by the masks of
CelebAMask-HQ (Lee et al., CVPR 2020). Beside CelebA-HQ-img/0.jpg to 29999.jpg, its archive holds a
512x512 px PNG for each image and label, 2,000 images to a folder:

    CelebAMask-HQ-mask-anno/0/00000_skin.png ... CelebAMask-HQ-mask-anno/14/29999_hair.png
"""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfdeblur.data.build.face_landmarks import Landmarks, detect
from tfdeblur.images.files import read_image

MASK_FOLDER = "CelebAMask-HQ-mask-anno"
LABELS = (
    "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear",
    "mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip
# The paper does not state which labels make up the face; here: all but background and clothes.
FACE_LABELS = LABELS[:-1]

# Chosen by eye on about 80 portraits of two collections; see `ellipse_mask`.
_HALF_WIDTH = 1.2
_HALF_HEIGHT = 1.5
_UPWARDS = 0.2
_OTHER_SHARE = 0.9  # Keeps the ellipse of a turned or tilted face from becoming narrow.


class MaskError(ValueError):
    """An image has no mask; the message is a predicate with rule and fact."""


class FaceMask(NamedTuple):
    """A mask: `[H, W]` uint8, 255 in the face and 0 outside.

    `mask_source` names its source: "celebamask_hq" or "landmarks".
    """

    mask: np.ndarray
    mask_source: str


def face_mask(
    photo: np.ndarray,
    image_id: str,
    mask_folder: str | Path | None = None,
    labels: Collection[str] = FACE_LABELS,
) -> FaceMask:
    """Read an image's mask if there is a folder of masks, else find the face.

    Args:
      photo: `[H, W, 3]` uint8.
      image_id: ends in the number of a CelebA-HQ image, such as "CelebA-HQ-img/123".
      mask_folder: CelebAMask-HQ's folder of masks; None: draw an ellipse from the landmarks that
        `face_landmarks.detect` finds, which needs the extra `faces`.
      labels: as in `read_celebamask_hq`.

    Returns:
      The mask, at the size of its files (512x512) or of `photo`.

    Raises:
      MaskError: the image has no mask, no number or no face.
      ValueError: `labels` or `photo` are wrong, or the extra `faces` is not installed.
      tfdeblur.images.files.ImageError: a file cannot be read.
    """
    if mask_folder is not None:
        stem = image_id.rsplit("/", 1)[-1]
        if not (stem.isascii() and stem.isdigit()):
            raise MaskError(
                f"must be named by its CelebA-HQ number, such as 123, to have a mask. Got: {stem}."
            )
        return read_celebamask_hq(mask_folder, int(stem), labels)
    landmarks = detect(photo)
    if landmarks is None:
        raise MaskError("must show a face. The detector found none.")
    height, width = photo.shape[:2]
    return ellipse_mask(landmarks, (height, width))


def read_celebamask_hq(
    mask_folder: str | Path, number: int, labels: Collection[str] = FACE_LABELS
) -> FaceMask:
    """Merge the label masks of one image of CelebAMask-HQ.

    Args:
      mask_folder: the folder `CelebAMask-HQ-mask-anno`.
      number: of the image, from 0.
      labels: the parts that make up the face, from `LABELS`. Parts that an image does not show have
        no file.

    Returns:
      The mask at the files' size, 512x512 px.

    Raises:
      MaskError: there is no file for `skin`, which every image shows, the image shows none of
        `labels`, or the files differ in size.
      ValueError: a label is unknown, or `labels` is empty.
      tfdeblur.images.files.ImageError: a file cannot be read.
    """
    unknown = [label for label in labels if label not in LABELS]
    if unknown or not labels:
        raise ValueError(
            f"`labels` must be some of {', '.join(LABELS)}. Got: {', '.join(unknown) or 'none'}."
        )
    folder = Path(mask_folder, str(number // 2000))
    skin = folder / f"{number:05d}_skin.png"
    if not skin.is_file():
        raise MaskError(f"must have a mask, its skin at least. There is no file {skin}.")
    files = [folder / f"{number:05d}_{label}.png" for label in LABELS if label in labels]
    parts = {path: read_image(path).max(axis=2) > 127 for path in files if path.is_file()}
    sizes = {part.shape for part in parts.values()}
    if len(sizes) > 1:
        raise MaskError(f"must have masks of one size. Got: {sorted(sizes)} in {folder}.")
    merged = np.logical_or.reduce(list(parts.values())) if parts else np.zeros(1, bool)
    if not merged.any():
        raise MaskError(f"must show {' or '.join(labels)}. Its masks in {folder} are empty.")
    return FaceMask(merged.astype(np.uint8) * 255, "celebamask_hq")


def ellipse_mask(landmarks: Landmarks, size: tuple[int, int]) -> FaceMask:
    """Draw an ellipse over a face, from the hairline to the chin and from ear to ear.

    Its upright axis follows the line from the midpoint of the eyes to the midpoint of the mouth.
    With e the distance between the eyes and m that from eyes to mouth, the half-axes are
    1.2 max(e, 0.9 m) px across and 1.5 max(m, 0.9 e) px along; the centre lies 0.2 max(m, 0.9 e) px
    above the midpoint between eyes and mouth.

    Args:
      landmarks: of the face.
      size: (height, width) of the image.
    """
    eyes, mouth = landmarks.points[:2].mean(axis=0), landmarks.points[3:].mean(axis=0)
    eye_distance = np.hypot(*(landmarks.points[1] - landmarks.points[0]))
    eye_to_mouth = np.hypot(*(mouth - eyes))
    width = max(eye_distance, _OTHER_SHARE * eye_to_mouth)
    height = max(eye_to_mouth, _OTHER_SHARE * eye_distance)
    down = (mouth - eyes) / eye_to_mouth
    x_centre, y_centre = (eyes + mouth) / 2 - _UPWARDS * height * down
    y, x = np.mgrid[: size[0], : size[1]]
    along = (x - x_centre) * down[0] + (y - y_centre) * down[1]
    across = (x - x_centre) * down[1] - (y - y_centre) * down[0]
    inside = (across / (_HALF_WIDTH * width)) ** 2 + (along / (_HALF_HEIGHT * height)) ** 2 <= 1
    return FaceMask(inside.astype(np.uint8) * 255, "landmarks")
