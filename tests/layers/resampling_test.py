"""Resampling: where pixels go, and that its convolutions are strided and transposed ones."""

import numpy as np
import pytest
import tensorflow as tf

from tfdeblur.layers.resampling import (
    FORMS,
    DepthToSpace,
    SpaceToDepth,
    resampling_convolution,
    strided_kernel,
)
from tfdeblur.stack import keras


def _uniform(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).uniform(-1, 1, shape).astype(np.float32)


def _convolution(channels: int, filters: int, kernel_size: int, stride: int, form: str):
    images = keras.Input((None, None, channels))
    outputs = resampling_convolution(images, filters, kernel_size, stride, form, name="conv")
    return keras.Model(images, outputs)


def test_pixels_of_a_cell_become_channels():
    """A 4x4 image of 0 to 15 by 2: cell (0, 0) holds 0, 1, 4, 5 and cell (1, 1) 10, 11, 14, 15."""
    image = tf.reshape(tf.range(16.0), (1, 4, 4, 1))
    resampled = SpaceToDepth(2, name="resample")(image)
    assert resampled.shape == (1, 2, 2, 4)
    np.testing.assert_array_equal(resampled[0, 0, 0], [0, 1, 4, 5])
    np.testing.assert_array_equal(resampled[0, 1, 1], [10, 11, 14, 15])


@pytest.mark.parametrize("stride", [1, 2, 5])
def test_un_resampling_undoes_resampling(stride):
    images = _uniform(2, 3 * stride, 4 * stride, 3)
    resampled = SpaceToDepth(stride, name="resample")(images)
    assert resampled.shape == (2, 3, 4, 3 * stride**2)
    np.testing.assert_array_equal(DepthToSpace(stride, name="undo")(resampled), images)


@pytest.mark.parametrize("kernel_size, stride, channels", [(5, 5, 1), (3, 2, 3), (1, 4, 2)])
def test_a_convolution_after_resampling_is_a_strided_one(kernel_size, stride, channels):
    """§4.1: the kernel of k x k cells is one of ks x ks pixels, moved by s; also at borders."""
    resampled, strided = (_convolution(channels, 4, kernel_size, stride, form) for form in FORMS)
    kernel = _uniform(kernel_size, kernel_size, stride**2 * channels, 4) / kernel_size
    bias = _uniform(4)
    resampled.set_weights([kernel, bias])
    strided.set_weights([strided_kernel(kernel, stride), bias])
    images = _uniform(2, 3 * stride, 4 * stride, channels)
    assert resampled(images).shape == (2, 3, 4, 4)
    np.testing.assert_allclose(strided(images), resampled(images), atol=2e-6)


def test_kernels_correspond():
    """`[2, 2, 18, F]` by 3 is `[6, 6, 2, F]`."""
    resampled = _uniform(2, 2, 18, 4)
    kernel = strided_kernel(resampled, 3)
    assert kernel.shape == (6, 6, 2, 4)
    # Row 4 is row 1 of cell 1, column 2 column 2 of cell 0: channel (1 * 3 + 2) * 2 + 1.
    np.testing.assert_array_equal(kernel[4, 2, 1], resampled[1, 0, 11])
    assert len(np.unique(kernel)) == len(np.unique(resampled))


def test_a_convolution_before_un_resampling_is_a_transposed_one():
    """Phase p of cell i reads cell i + k - 1, so its tap lies 2 - k cells into the kernel."""
    stride, size = 3, 3
    kernel = _uniform(size, size, 4, stride**2)
    features = _uniform(2, 5, 6, 4)
    outputs = DepthToSpace(stride, name="undo")(tf.nn.conv2d(features, kernel, 1, "SAME"))
    cells = kernel[::-1, ::-1].reshape(size, size, 4, stride, stride).transpose(0, 3, 1, 4, 2)
    transposed = tf.nn.conv2d_transpose(
        features, cells.reshape(9, 9, 1, 4), (2, 15, 18, 1), stride, "SAME"
    )
    np.testing.assert_allclose(transposed, outputs, atol=2e-6)


def test_both_forms_start_alike():
    """Variance 1 / fan-in, which is 7 x 7 x 25 in either form."""
    initializer = keras.initializers.VarianceScaling(1.0, "fan_in", "untruncated_normal", seed=1)
    images = keras.Input((None, None, 1))
    for form in FORMS:
        outputs = resampling_convolution(images, 64, 7, 5, form, initializer, name="conv")
        kernel, bias = keras.Model(images, outputs).get_weights()
        assert kernel.std() == pytest.approx((7 * 7 * 25) ** -0.5, rel=0.02)
        np.testing.assert_array_equal(bias, np.zeros(64))


def test_mixed_precision_rounds_no_pixel():
    """0.1 is not the same in bfloat16; the convolution's result is in the policy's type."""
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        image = tf.fill((1, 5, 10, 1), 0.1)
        resampled = SpaceToDepth(5, name="resample")(image)
        features = _convolution(1, 2, 3, 5, "space_to_depth")(image)
        copied = DepthToSpace(5, name="undo")(resampled)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert features.dtype == tf.bfloat16
    np.testing.assert_array_equal(copied, image)


@pytest.mark.parametrize(
    "kernel_size, form, message",
    [
        (4, "strided", "`kernel_size` must be odd and positive. Got: 4."),
        (-1, "strided", "`kernel_size` must be odd and positive. Got: -1."),
        (3, "atrous", "`form` must be one of .*. Got: 'atrous'."),
    ],
)
def test_bad_arguments_are_named(kernel_size, form, message):
    with pytest.raises(ValueError, match=message):
        _convolution(1, 2, kernel_size, 5, form)
