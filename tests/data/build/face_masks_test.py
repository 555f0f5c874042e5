"""Masks by hand and by landmarks."""

import numpy as np
import pytest

from tfdeblur.data.build import face_masks
from tfdeblur.data.build.face_landmarks import Landmarks
from tfdeblur.data.build.face_masks import (
    FACE_LABELS,
    LABELS,
    MaskError,
    ellipse_mask,
    face_mask,
    read_celebamask_hq,
)
from tfdeblur.images.files import ImageError, write_image

# Upright: eye distance 40, eyes to mouth 40, centre of the ellipse at (100, 112).
UPRIGHT = np.array([[80.0, 100], [120, 100], [100, 125], [84, 140], [116, 140]])


@pytest.fixture
def folder(tmp_path):
    """Masks of image 2001: a row of each of three labels, and its clothes."""
    for row, label in enumerate(("skin", "l_eye", "hair", "cloth")):
        mask = np.zeros((7, 5, 3), np.uint8)
        mask[row] = 255
        write_image(tmp_path / "1" / f"02001_{label}.png", mask)
    return tmp_path


def test_labels():
    assert len(LABELS) == len(set(LABELS)) == 18
    assert set(LABELS) - set(FACE_LABELS) == {"cloth"}


@pytest.mark.parametrize(
    ("labels", "rows"),
    [
        (FACE_LABELS, [0, 1, 2]),
        (LABELS, [0, 1, 2, 3]),
        (("skin", "nose"), [0]),
        (["hair", "skin"], [0, 2]),
    ],
)
def test_the_parts_are_merged(folder, labels, rows):
    mask, source = read_celebamask_hq(folder, 2001, labels)
    expected = np.zeros((7, 5), np.uint8)
    expected[rows] = 255
    np.testing.assert_array_equal(mask, expected)
    assert mask.dtype == np.uint8 and source == "celebamask_hq"


def test_files_are_two_thousand_to_a_folder(tmp_path):
    for number, name in ((0, "0/00000"), (1999, "0/01999"), (29999, "14/29999")):
        write_image(tmp_path / f"{name}_skin.png", np.full((3, 3), 255, np.uint8))
        assert read_celebamask_hq(tmp_path, number).mask.min() == 255


def test_grey_masks_are_read_as_well(tmp_path):
    write_image(tmp_path / "0" / "00007_skin.png", np.array([[0, 127, 128, 255]], np.uint8))
    assert read_celebamask_hq(tmp_path, 7).mask.tolist() == [[0, 0, 255, 255]]


def test_images_without_a_mask_are_refused(folder):
    with pytest.raises(
        MaskError, match=r"its skin at least\. There is no file .*1/02002_skin\.png"
    ):
        read_celebamask_hq(folder, 2002)
    with pytest.raises(MaskError, match="must show nose or hat. Its masks in .* are empty"):
        read_celebamask_hq(folder, 2001, ("nose", "hat"))
    write_image(folder / "1" / "02001_hat.png", np.zeros((7, 6), np.uint8))
    with pytest.raises(
        MaskError, match=r"must have masks of one size. Got: \[\(7, 5\), \(7, 6\)\]"
    ):
        read_celebamask_hq(folder, 2001)
    (folder / "1" / "02001_hat.png").write_bytes(b"damaged")
    with pytest.raises(ImageError, match="02001_hat"):
        read_celebamask_hq(folder, 2001)


@pytest.mark.parametrize(("labels", "got"), [(("skin", "beard"), "beard"), ((), "none")])
def test_labels_are_checked(folder, labels, got):
    with pytest.raises(ValueError, match=f"`labels` must be some of skin, .*cloth. Got: {got}"):
        read_celebamask_hq(folder, 2001, labels)


def _extent(mask):
    """The first and last row and column of a mask."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    return rows[0], rows[-1], columns[0], columns[-1]


def test_ellipse_of_an_upright_face():
    mask, source = ellipse_mask(Landmarks(UPRIGHT), (211, 203))
    assert mask.shape == (211, 203) and mask.dtype == np.uint8 and source == "landmarks"
    assert set(np.unique(mask)) == {0, 255}
    # 1.5 * 40 = 60 px up and down and 1.2 * 40 = 48 px to the sides of (100, 112).
    assert _extent(mask) == (52, 172, 52, 148)
    assert np.count_nonzero(mask) == pytest.approx(np.pi * 60 * 48, rel=0.01)


def test_ellipse_turns_with_the_face():
    turned = (UPRIGHT - [100, 112])[:, ::-1] * [-1, 1] + [100, 112]  # by 90 degrees, clockwise
    mask = ellipse_mask(Landmarks(turned), (225, 201)).mask
    assert _extent(mask) == (64, 160, 40, 160)
    upright = ellipse_mask(Landmarks(UPRIGHT), (225, 201)).mask
    np.testing.assert_array_equal(mask[12:213], np.rot90(upright[12:213], -1))


def test_ellipse_does_not_become_narrow():
    """Eyes 20 px apart: 1.2 * 0.9 * 40 = 43.2 px wide. Mouth 20 px below: 1.5 * 0.9 * 40 high."""
    profile = (UPRIGHT - 100) * [0.5, 1] + 100
    assert _extent(ellipse_mask(Landmarks(profile), (225, 201)).mask) == (52, 172, 57, 143)
    looking_down = (UPRIGHT - 100) * [1, 0.5] + 100  # centre at 110 - 0.2 * 36 = 102.8
    assert _extent(ellipse_mask(Landmarks(looking_down), (225, 201)).mask) == (49, 156, 53, 147)


def test_ellipse_is_cut_at_the_borders():
    assert _extent(ellipse_mask(Landmarks(UPRIGHT - 90), (61, 45)).mask) == (0, 60, 0, 44)


def test_files_come_before_landmarks(folder, monkeypatch):
    photo = np.zeros((211, 203, 3), np.uint8)
    monkeypatch.setattr(face_masks, "detect", lambda found: Landmarks(UPRIGHT))
    assert face_mask(photo, "CelebA-HQ-img/2001", folder).mask_source == "celebamask_hq"
    assert face_mask(photo, "CelebA-HQ-img/2001", folder, ("skin",)).mask.sum() == 5 * 255
    mask, source = face_mask(photo, "anybody")
    assert source == "landmarks"
    np.testing.assert_array_equal(mask, ellipse_mask(Landmarks(UPRIGHT), (211, 203)).mask)
    with pytest.raises(MaskError, match="must be named by its CelebA-HQ number, .* Got: anybody"):
        face_mask(photo, "photos/anybody", folder)
    monkeypatch.setattr(face_masks, "detect", lambda found: None)
    with pytest.raises(MaskError, match="must show a face. The detector found none"):
        face_mask(photo, "2001")
