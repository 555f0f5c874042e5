"""Count a network's multiplications before anything runs.

We walk the graph of a function with fixed shapes without executing it, and count the
multiply-accumulates (MACs, two floating point operations each) of convolutions, transposed or not,
of their gradients and of matrix products, including taps on a zero border. Everything else, mainly
norms and activations, is left out, as are operations that no result depends on, such as the
gradient of a first layer's input, which TensorFlow does not compute either.

TensorFlow's own profiler is unsuitable: it skips functions that a graph calls, and counts
operations of unknown shape as free.
"""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfdeblur.stack import keras

FLOP_PER_MAC = 2
CONVOLUTIONS = tuple(
    f"{kind}{gradient}"
    for kind in ("Conv2D", "DepthwiseConv2dNative")
    for gradient in ("", "BackpropInput", "BackpropFilter")
)
PRODUCTS = ("MatMul", "BatchMatMul", "BatchMatMulV2")
COSTLY = ("Conv", "MatMul", "Einsum")  # In the names of operations that must not count as free.
ALIASES = ("Identity", "ReadVariableOp", "Reshape", "StopGradient", "Placeholder", "Const")
CALLS = ("PartitionedCall", "StatefulPartitionedCall")


def network_macs(network: keras.Model, shape: Sequence[int]) -> int:
    """Count the MACs of one pass of a network, without training.

    Args:
      network: takes one input.
      shape: of that input, fully known: `(B, H, W, C)`.

    Raises:
      ValueError: the shape of a counted operation cannot be known.
    """
    run = tf.function(lambda images: network(images, training=False), autograph=False)
    return count_macs(run.get_concrete_function(tf.TensorSpec(tuple(shape), tf.float32)))


def count_macs(function: Any) -> int:
    """Count the MACs that a concrete function's outputs and side effects need.

    Args:
      function: a `tf.types.experimental.ConcreteFunction`. Functions that it calls count in full,
        once per call.

    Raises:
      ValueError: a counted operation has an unknown shape, or is in a loop or branch that runs an
        unknown number of times; or a costly operation is of a kind not counted here.
    """
    return _graph_macs(function.graph, {})


def tensor_bytes(function: Any) -> int:
    """Add up the bytes of all tensors in a concrete function, as if none were freed or shared.

    Tensors of unknown shape are not counted, those in a loop once.
    """
    return _graph_bytes(function.graph, {})


def _graph_bytes(graph: Any, known: dict[str, int]) -> int:
    total = 0
    for operation in _needed(graph):
        functions = _functions(operation)
        for name in functions:
            if name not in known:
                known[name] = _graph_bytes(graph._get_function(name).graph, known)
            total += known[name]
        if not functions and operation.type not in ALIASES:
            total += sum(_bytes(tensor) for tensor in operation.outputs)
    return total


def _bytes(tensor: tf.Tensor) -> int:
    known = tensor.shape.is_fully_defined() and tensor.dtype.size
    return math.prod(tensor.shape.as_list()) * tensor.dtype.size if known else 0


def _graph_macs(graph: Any, known: dict[str, int]) -> int:
    """Count a function's graph; `known` caches the counts of called functions by name."""
    return sum(_operation_macs(operation, known) for operation in _needed(graph))


def _needed(graph: Any) -> list[tf.Operation]:
    """List the operations that a function's outputs or side effects depend on."""
    waiting = [*(output.op for output in graph.outputs), *graph.control_outputs]
    found: dict[str, tf.Operation] = {}
    while waiting:
        operation = waiting.pop()
        if operation.name not in found:
            found[operation.name] = operation
            waiting += [tensor.op for tensor in operation.inputs]
            waiting += operation.control_inputs
    return list(found.values())


def _operation_macs(operation: tf.Operation, known: dict[str, int]) -> int:
    kind = operation.type
    if kind in CONVOLUTIONS:
        return _convolution_macs(operation)
    if kind in PRODUCTS:
        return _product_macs(operation)
    if any(part in kind for part in COSTLY):
        raise ValueError(
            f"An operation must be one of {', '.join((*CONVOLUTIONS, *PRODUCTS))} to be counted. "
            f"Got: {kind} ({operation.name})."
        )
    called = sum(_function_macs(operation.graph, name, known) for name in _functions(operation))
    if called and kind not in CALLS:
        raise ValueError(
            "What is counted must run a known number of times. "
            f"Got: {kind} ({operation.name}) with {called} MACs inside."
        )
    return called


def _functions(operation: tf.Operation) -> list[str]:
    """Name the functions that an operation runs, or may run."""
    names = []
    for attribute in operation.op_def.attr:
        if attribute.type == "func":
            names.append(operation.get_attr(attribute.name).name)
        elif attribute.type == "list(func)":
            names += [function.name for function in operation.get_attr(attribute.name)]
    return names


def _function_macs(graph: Any, name: str, known: dict[str, int]) -> int:
    if name not in known:
        # There is no public access to a graph's functions that keeps the shapes.
        known[name] = _graph_macs(graph._get_function(name).graph, known)
    return known[name]


def _convolution_macs(operation: tf.Operation) -> int:
    """Count a convolution or gradient: each value that the kernel makes costs its taps."""
    inputs, outputs = operation.inputs, operation.outputs
    if operation.type.endswith("BackpropInput"):
        features, kernel = inputs[2], inputs[1]
    elif operation.type.endswith("BackpropFilter"):
        features, kernel = inputs[2], outputs[0]
    else:
        features, kernel = outputs[0], inputs[1]
    depthwise = operation.type.startswith("Depthwise")
    taps = _sides(operation, kernel)[: 2 if depthwise else 3]
    return math.prod(_sides(operation, features)) * math.prod(taps)


def _product_macs(operation: tf.Operation) -> int:
    transposed = operation.get_attr("transpose_a" if operation.type == "MatMul" else "adj_x")
    summed = _sides(operation, operation.inputs[0])[-2 if transposed else -1]
    return math.prod(_sides(operation, operation.outputs[0])) * summed


def _sides(operation: tf.Operation, tensor: tf.Tensor) -> list[int]:
    if not tensor.shape.is_fully_defined():
        raise ValueError(
            "The shapes of what is counted must be known. "
            f"Got: {tensor.shape} in {operation.type} ({operation.name})."
        )
    return tensor.shape.as_list()
