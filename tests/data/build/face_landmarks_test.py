"""The face of an astronaut, and the geometry of aligned faces."""

import gc
import importlib.util
import sys

import cv2
import numpy as np
import pytest
import skimage.data

from tfdeblur.data.build import face_landmarks
from tfdeblur.data.build.face_landmarks import CELEBA_LANDMARKS, Landmarks, align, detect

needs_mtcnn = pytest.mark.skipif(
    importlib.util.find_spec("mtcnn") is None, reason="needs the extra `faces`"
)
# Pupils, tip of the nose and corners of the mouth, read from the enlarged picture.
ASTRONAUT = np.array([[203.6, 101.4], [246.6, 103.0], [225, 127], [203, 139.5], [246, 140.7]])


@pytest.fixture(scope="module")
def astronaut():
    return skimage.data.astronaut()


def _photo(height, width):
    """A smooth picture that does not look the same anywhere twice."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    waves = [np.sin(x / 17) * np.cos(y / 23), np.cos(x / 29 + y / 31), np.sin((x - y) / 19)]
    return np.rint(127.5 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


@needs_mtcnn
def test_landmarks_of_the_astronaut(astronaut):
    found = detect(astronaut)
    assert found.points.shape == (5, 2) and found.points.dtype == np.float64
    np.testing.assert_allclose(found.points, ASTRONAUT, atol=4.3)  # a tenth of the eye distance
    assert 0.9 < found.confidence <= 1
    np.testing.assert_array_equal(detect(astronaut).points, found.points)


@needs_mtcnn
def test_landmarks_of_a_large_photograph_are_in_its_own_pixels(astronaut):
    large = cv2.resize(astronaut[:301], (1024, 903), interpolation=cv2.INTER_CUBIC)  # 2 x 3 times
    expected = (ASTRONAUT + 0.5) * [2, 3] - 0.5
    np.testing.assert_allclose(detect(large).points, expected, atol=13)


@needs_mtcnn
def test_the_larger_of_two_faces_is_taken(astronaut):
    head = astronaut[:220, 100:360]
    small = cv2.resize(head, (130, 110), interpolation=cv2.INTER_AREA)
    both = np.full((220, 400, 3), 200, np.uint8)
    both[50:160, :130] = small
    both[:, 140:] = head
    np.testing.assert_allclose(detect(both).points, ASTRONAUT + [40, 0], atol=4.3)


@needs_mtcnn
@pytest.mark.parametrize("size", [(1, 1), (11, 30), (5, 900), (211, 173)])
def test_no_face_is_found_where_there_is_none(size):
    assert detect(np.full((*size, 3), 90, np.uint8)) is None
    assert detect(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)) is None


@needs_mtcnn
def test_weights_of_the_working_directory_are_not_loaded(tmp_path, monkeypatch, astronaut):
    (tmp_path / "pnet.lz4").write_bytes(b"no weights")
    monkeypatch.chdir(tmp_path)
    face_landmarks._detector.cache_clear()
    assert detect(astronaut) is not None


@needs_mtcnn
def test_loading_the_detector_leaves_no_file_open(monkeypatch):
    ignored = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    face_landmarks._detector.cache_clear()
    face_landmarks._detector()
    gc.collect()
    assert not ignored


def test_without_the_extra_the_message_names_it(monkeypatch):
    face_landmarks._detector.cache_clear()
    monkeypatch.setitem(sys.modules, "mtcnn", None)
    with pytest.raises(ValueError, match=r"the extra `faces`: pip install 'tfdeblur\[faces\]'\.$"):
        detect(np.zeros((20, 20, 3), np.uint8))


def test_an_aligned_photograph_stays_as_it_is():
    photo = _photo(218, 178)
    np.testing.assert_array_equal(align(photo, Landmarks(CELEBA_LANDMARKS)), photo)


def test_a_shift_by_whole_pixels_is_exact():
    photo = _photo(301, 255)
    aligned = align(photo, Landmarks(CELEBA_LANDMARKS + [40, 21]))
    np.testing.assert_array_equal(aligned, photo[21:239, 40:218])


@pytest.mark.parametrize(("degrees", "scale"), [(0, 2.5), (30, 1.7), (-100, 1), (12, 0.6)])
def test_turned_and_scaled_photographs_align(degrees, scale):
    """Each pixel comes from where the same similarity transform takes it; smooth, so exactly."""
    turn = scale * np.exp(1j * np.radians(degrees))
    z = CELEBA_LANDMARKS @ [1, 1j]
    moved = turn * (z - z.mean()) + 350.25 + 333.5j
    photo = _photo(701, 653)
    aligned = align(photo, Landmarks(np.stack([moved.real, moved.imag], axis=1)))
    assert aligned.shape == (218, 178, 3) and aligned.dtype == np.uint8
    for row, column in ((110, 60), (130, 90), (150, 100)):
        source = turn * (column + 1j * row - z.mean()) + 350.25 + 333.5j
        patch = cv2.getRectSubPix(photo, (1, 1), (source.real, source.imag))
        np.testing.assert_allclose(aligned[row, column].astype(int), patch[0, 0], atol=4)


def test_shrinking_does_not_alias():
    """A chequerboard of single pixels, of which every fourth is taken, must become grey."""
    board = np.indices((890, 730)).sum(axis=0) % 2 * 255
    photo = np.repeat(board[..., None].astype(np.uint8), 3, axis=2)
    aligned = align(photo, Landmarks(CELEBA_LANDMARKS * 4))
    np.testing.assert_allclose(aligned[8:-8, 8:-8], 127.5, atol=2)


def test_outside_of_the_photograph_its_border_goes_on():
    photo = np.full((150, 100, 3), 40, np.uint8)
    assert np.all(align(photo, Landmarks(CELEBA_LANDMARKS - [30, 60])) == 40)


@pytest.mark.parametrize(
    "photo", [np.zeros((20, 20), np.uint8), np.zeros((20, 20, 3)), np.zeros((0, 20, 3), np.uint8)]
)
def test_photographs_of_another_kind_are_refused(photo):
    for call in (detect, lambda p: align(p, Landmarks(CELEBA_LANDMARKS))):
        with pytest.raises(ValueError, match=r"`photo` must be \[H, W, 3\] uint8 and not empty"):
            call(photo)


@pytest.mark.parametrize(
    ("points", "rule"),
    [
        (CELEBA_LANDMARKS[:4], "must be five finite"),
        (CELEBA_LANDMARKS * np.nan, "must be five finite"),
        (np.ones((5, 2)), "in different places"),
        (CELEBA_LANDMARKS * [1, 0] + [[0, 0], [0, 0], [0, 0], [0.5, 0], [0.5, 0]], "places"),
    ],
)
def test_impossible_landmarks_are_refused(points, rule):
    with pytest.raises(ValueError, match=rule):
        Landmarks(points)
