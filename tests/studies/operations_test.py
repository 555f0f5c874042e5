"""Counts of operations and sums of tensors, against counts by hand."""

import pytest
import tensorflow as tf

from tfdeblur.models.wrfn import WRFNConfig
from tfdeblur.stack import keras
from tfdeblur.studies.operations import count_macs, network_macs, tensor_bytes


def _traced(function, *shapes):
    return tf.function(function).get_concrete_function(*map(tf.TensorSpec, shapes))


def _network(shape, *layers) -> keras.Model:
    image = keras.Input(shape)
    x = image
    for layer in layers:
        x = layer(x)
    return keras.Model(image, x)


def _training_macs(network, shape) -> int:
    """Count a pass and the gradients of all weights."""

    def step(images):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(images) ** 2)
        return tape.gradient(loss, network.trainable_variables)

    return count_macs(_traced(step, shape))


def test_convolutions_and_their_gradients():
    """5x7 px of 2 channels: 3x3 to 4 channels, then 2x2 with stride 2 to 3 channels on 2x3 px."""
    first, second = (5 * 7 * 4) * (3 * 3 * 2), (2 * 3 * 3) * (2 * 2 * 4)
    network = _network(
        (None, None, 2), keras.layers.Conv2D(4, 3, padding="same"), keras.layers.Conv2D(3, 2, 2)
    )
    assert network_macs(network, (1, 5, 7, 2)) == first + second
    assert network_macs(network, (6, 5, 7, 2)) == 6 * (first + second)
    # Nobody asks for the gradient of the image.
    assert _training_macs(network, (1, 5, 7, 2)) == 2 * first + 3 * second


def test_transposed_convolutions_and_their_gradients():
    """Each of 5x3 px of 2 channels spreads over 4x4 px of 3 channels, of which 3x3 emit one."""
    first, second = (5 * 3 * 2) * (4 * 4 * 3), (10 * 6 * 1) * (3 * 3 * 3)
    layers = keras.layers.Conv2DTranspose(3, 4, 2, "same"), keras.layers.Conv2D(1, 3, 1, "same")
    network = _network((None, None, 2), *layers)
    assert network_macs(network, (1, 5, 3, 2)) == first + second
    assert _training_macs(network, (1, 5, 3, 2)) == 2 * first + 3 * second


def test_depthwise_convolutions_and_their_gradients():
    first = second = (5 * 7 * 4) * (3 * 3)
    layers = (
        keras.layers.DepthwiseConv2D(3, 1, "same", 2),
        keras.layers.DepthwiseConv2D(3, 1, "same"),
    )
    network = _network((None, None, 2), *layers)
    assert network_macs(network, (1, 5, 7, 2)) == first + second
    assert _training_macs(network, (1, 5, 7, 2)) == 2 * first + 3 * second


@pytest.mark.parametrize(
    "shapes, transposed, macs",
    [
        (((3, 4), (4, 5)), (False, False), 60),
        (((4, 3), (5, 4)), (True, True), 60),
        (((2, 3, 4), (2, 4, 5)), (False, False), 120),
        (((2, 4, 3), (2, 4, 5)), (True, False), 120),
    ],
)
def test_matrix_products(shapes, transposed, macs):
    product = _traced(lambda a, b: tf.matmul(a, b, *transposed), *shapes)
    assert count_macs(product) == macs


def test_functions_count_as_often_as_they_are_called():
    inner = tf.function(lambda x: tf.matmul(x, x))
    outer = tf.function(lambda x: inner(inner(x)))
    assert count_macs(_traced(lambda x: outer(outer(x)) + inner(x), (3, 3))) == 5 * 27


def test_what_nothing_depends_on_is_free():
    kept = tf.Variable(tf.zeros((3, 3)))

    def run(x):
        tf.matmul(x, x)
        kept.assign(tf.matmul(x, x))

    assert count_macs(_traced(run, (3, 3))) == 27


def test_a_branch_without_products_is_free():
    def run(x):
        return tf.cond(x[0, 0] > 0, lambda: x + 1.0, lambda: x) @ x

    assert count_macs(_traced(run, (3, 3))) == 27


@pytest.mark.parametrize(
    "run, rule",
    [
        (
            lambda x: tf.cond(x[0, 0] > 0, lambda: x @ x, lambda: x),
            "known number of times. Got: StatelessIf",
        ),
        (
            lambda x: tf.while_loop(lambda y: y[0, 0] > 0, lambda y: (y @ y,), (x,)),
            "Got: StatelessWhile",
        ),
        (lambda x: tf.einsum("ij,jk->ik", x, x), "to be counted. Got: Einsum"),
    ],
)
def test_what_cannot_be_counted_is_refused(run, rule):
    function = tf.function(run, autograph=False).get_concrete_function(tf.TensorSpec((3, 3)))
    with pytest.raises(ValueError, match=rule) as caught:
        count_macs(function)
    assert "must" in str(caught.value)


def test_an_unknown_shape_is_refused():
    network = _network((None, None, 2), keras.layers.Conv2D(4, 3))
    with pytest.raises(ValueError, match=r"must be known. Got: \(1, None, 5, 4\) in Conv2D"):
        network_macs(network, (1, None, 7, 2))


def test_wrfn_is_what_its_kernels_say():
    """Its 1,427,712 weights, of which 19,008 see every pixel and the others every 25th."""
    generator = WRFNConfig().build_generator()
    macs = (1_427_712 - 19_008) * 64 * 64 + 19_008 * 320 * 320
    assert network_macs(generator, (1, 320, 320, 1)) == macs == pytest.approx(7.7e9, rel=3e-3)


def _bytes(run, *shapes) -> int:
    return tensor_bytes(tf.function(run).get_concrete_function(*map(tf.TensorSpec, shapes)))


def test_bytes_are_those_of_what_is_made():
    """[3, 4] times [4, 5] in float32, the same in float16, its sum; what is given is not made."""
    made = 3 * 5 * 4 + 3 * 5 * 2 + 2
    assert _bytes(lambda a, b: tf.reduce_sum(tf.cast(a @ b, tf.float16)), (3, 4), (4, 5)) == made


@pytest.mark.parametrize(
    "run, made",
    [
        (lambda x: tf.reshape(tf.identity(tf.exp(x)), (4, 3)), 48),  # Another view of the same.
        (lambda x: tf.concat(tf.split(x, 2), 1), 2 * 24 + 48),  # Each part is a tensor.
        (lambda x: (tf.exp(x), x @ tf.transpose(x))[0], 48),  # The product is asked for by nobody.
        (lambda x: tf.cond(tf.reduce_all(x > 0), lambda: tf.exp(x), lambda: -x), 12 + 1 + 2 * 48),
    ],
)
def test_bytes_of_what_is_needed(run, made):
    """Of 4x3 float32: 48 bytes. Both branches count, as either may be taken."""
    assert _bytes(run, (4, 3)) == made


def test_bytes_of_a_function_count_as_often_as_it_is_called():
    inner = tf.function(lambda x: tf.exp(x) + 1.0)
    outer = tf.function(lambda x: inner(inner(x)))
    assert _bytes(lambda x: outer(outer(x)) + inner(x), (3, 4)) == 5 * (2 * 48) + 48


def test_bytes_of_variables_are_not_those_of_a_step():
    """Reading and assigning make nothing; the product does."""
    kept = tf.Variable(tf.zeros((3, 4)))

    def run(x):
        kept.assign_add(x * kept)

    assert _bytes(run, (3, 4)) == 48


def test_bytes_in_a_loop_count_once():
    """Besides, the loop's own scalars."""

    def run(times):
        return lambda x: tf.while_loop(lambda k, y: k < times, lambda k, y: (k + 1, -y), (0, x))[1]

    large, small = (_bytes(run(5), shape) for shape in ((300, 4), (3, 4)))
    assert large - small == 297 * 4 * 4
    assert _bytes(run(50), (3, 4)) == small


def test_bytes_of_unknown_shape_are_left_out():
    assert _bytes(lambda x: tf.reduce_sum(tf.exp(x)), (None, 4)) == 4


def test_bytes_grow_with_the_batch():
    """3x3 and 1x1 on 5x7 px of 2 channels, each with its bias; no tensor of the weights' size."""
    network = _network(
        (None, None, 2), keras.layers.Conv2D(4, 3, padding="same"), keras.layers.Conv2D(3, 1)
    )
    for count in (1, 6):
        made = count * 5 * 7 * (2 * 4 + 2 * 3) * 4
        assert _bytes(lambda x: network(x, training=False), (count, 5, 7, 2)) == made
