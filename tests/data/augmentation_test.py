"""Whatever is cut, flipped or turned, the images of a pair still show the same place."""

import numpy as np
import pytest
import tensorflow as tf

from tfdeblur.data.augmentation import crop_pair, draw_corner, turn_pair

FACTORS = {"degraded": 1, "target": 4, "lr_sharp": 1, "face_mask": 4}


def seed(number):
    return tf.constant([1, number], tf.int64)


def grids(height, width):
    """Each pixel holds the coordinates of the degraded image's pixel that it is in."""
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    degraded = np.stack([rows, columns], axis=-1).astype(np.uint8)
    return {
        name: tf.constant(degraded.repeat(factor, axis=0).repeat(factor, axis=1))
        for name, factor in FACTORS.items()
    }


def assert_aligned(images):
    degraded = images["degraded"].numpy()
    for name, factor in FACTORS.items():
        repeated = degraded.repeat(factor, axis=0).repeat(factor, axis=1)
        np.testing.assert_array_equal(images[name], repeated)


def test_crops_are_the_same_square_of_all_images():
    corners = set()
    for number in range(60):
        images = crop_pair(grids(7, 6), FACTORS, 5, seed(number))
        assert images["degraded"].shape == (5, 5, 2)
        assert_aligned(images)
        top, left = images["degraded"].numpy()[0, 0]
        np.testing.assert_array_equal(
            images["degraded"], grids(7, 6)["degraded"][top : top + 5, left : left + 5]
        )
        corners.add((top, left))
    assert corners == {(top, left) for top in range(3) for left in range(2)}


def test_a_corner_is_that_of_the_crop():
    top, left = draw_corner(tf.zeros((7, 6, 1)), 5, seed(3))
    cropped = crop_pair(grids(7, 6), FACTORS, 5, seed(3))["degraded"]
    assert cropped.numpy()[0, 0].tolist() == [int(top), int(left)]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("rotate", [False, True])
def test_flips_and_quarter_turns_come_alike_often(flip, rotate):
    """200 draws of 1, 2, 4 or 8 kinds: each comes N / kinds times, to five standard deviations."""
    square = grids(3, 3)
    degraded = square["degraded"].numpy()
    kinds = [
        np.rot90(mirrored, quarters).tobytes()
        for mirrored in (degraded, degraded[:, ::-1])[: 2 if flip else 1]
        for quarters in range(4 if rotate else 1)
    ]
    counts = dict.fromkeys(kinds, 0)
    draw = tf.function(lambda seed: turn_pair(square, seed, flip=flip, rotate=rotate))
    for number in range(200):
        images = draw(seed(number))
        assert_aligned(images)
        counts[images["degraded"].numpy().tobytes()] += 1
    share = 1 / len(kinds)
    spread = 5 * np.sqrt(200 * share * (1 - share))
    assert len(counts) == len(kinds)
    assert all(abs(count - 200 * share) <= spread for count in counts.values())


def test_an_image_that_is_no_square_can_be_flipped():
    images = turn_pair(grids(3, 5), seed(0), flip=True, rotate=False)
    assert images["target"].shape == (12, 20, 2)
    assert_aligned(images)


def test_the_same_seed_draws_the_same():
    first, second = (turn_pair(grids(4, 4), seed(5), flip=True, rotate=True) for _ in range(2))
    np.testing.assert_array_equal(first["target"], second["target"])
