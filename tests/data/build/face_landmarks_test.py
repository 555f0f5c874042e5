"""The face of an astronaut, and what landmarks must be."""

import gc
import importlib.util
import sys

import cv2
import numpy as np
import pytest
import skimage.data

from tfdeblur.data.build import face_landmarks
from tfdeblur.data.build.face_landmarks import Landmarks, detect

needs_mtcnn = pytest.mark.skipif(
    importlib.util.find_spec("mtcnn") is None, reason="needs the extra `faces`"
)
# Pupils, tip of the nose and corners of the mouth, read from the enlarged picture.
ASTRONAUT = np.array([[203.6, 101.4], [246.6, 103.0], [225, 127], [203, 139.5], [246, 140.7]])
POINTS = np.array([[69.5, 111.0], [108.0, 111.0], [88.0, 136.0], [71.0, 152.0], [105.5, 152.0]])


@pytest.fixture(scope="module")
def astronaut():
    return skimage.data.astronaut()


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
    with pytest.raises(ValueError, match=r"the extra `faces`: pip install .*\[faces\]"):
        detect(np.zeros((20, 20, 3), np.uint8))


@pytest.mark.parametrize(
    "photo", [np.zeros((20, 20), np.uint8), np.zeros((20, 20, 3)), np.zeros((0, 20, 3), np.uint8)]
)
def test_photographs_of_another_kind_are_refused(photo):
    with pytest.raises(ValueError, match=r"`photo` must be \[H, W, 3\] uint8 and not empty"):
        detect(photo)


@pytest.mark.parametrize(
    ("points", "rule"),
    [
        (POINTS[:4], "must be five finite"),
        (POINTS * np.nan, "must be five finite"),
        (np.ones((5, 2)), "in different places"),
        (POINTS * [1, 0] + [[0, 0], [0, 0], [0, 0], [0.5, 0], [0.5, 0]], "places"),
    ],
)
def test_impossible_landmarks_are_refused(points, rule):
    with pytest.raises(ValueError, match=rule):
        Landmarks(points)
