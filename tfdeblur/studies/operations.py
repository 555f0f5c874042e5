"""How many multiplications a network costs, counted before anything runs.

The graph of a function of fixed shapes is walked; its operations are not executed. Counted are the
multiply-accumulates (MACs) of convolutions, transposed or not, of their gradients and of matrix
products, taps that fall on a zero border included; two floating point operations each. Everything
else, norms and activations above all, is left out, and so is what no result depends on, such as the
gradient of a first layer's input: TensorFlow does not compute it either.

TensorFlow's own profiler does not serve here: it does not look into functions that a graph calls,
and takes operations of unknown shape for free.
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
COSTLY = ("Conv", "MatMul", "Einsum")  # In the name of what must not be taken for free.
ALIASES = ("Identity", "ReadVariableOp", "Reshape", "StopGradient", "Placeholder", "Const")
CALLS = ("PartitionedCall", "StatefulPartitionedCall")


def network_macs(network: keras.Model, shape: Sequence[int]) -> int:
    """Count the MACs of one pass of a network, without training.

    Args:
      network: of one input.
      shape: of that input, all of it known: `(B, H, W, C)`.

    Raises:
      ValueError: the shape of a counted operation cannot be known.
    """
    run = tf.function(lambda images: network(images, training=False), autograph=False)
    return count_macs(run.get_concrete_function(tf.TensorSpec(tuple(shape), tf.float32)))


def count_macs(function: Any) -> int:
    """Count the MACs of a concrete function: what its outputs and its side effects need.

    Args:
      function: a `tf.types.experimental.ConcreteFunction`. A function that it calls several times
        counts as often, and whole.

    Raises:
      ValueError: the shape of a counted operation is not known; or there is one in a loop or in a
        branch, whose number of runs is not known; or one of a kind that this does not count.
    """
    return _graph_macs(function.graph, {})


def tensor_bytes(function: Any) -> int:
    """Add up all tensors that a concrete function makes, as if none were freed or shared.

    Tensors of unknown shape count nothing, those in a loop once.
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
    """Count a function's graph; `known` keeps what was counted of others, by their names."""
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
        # A graph's functions have no public way in that keeps the shapes.
        known[name] = _graph_macs(graph._get_function(name).graph, known)
    return known[name]


def _convolution_macs(operation: tf.Operation) -> int:
    """Each value that a convolution's kernel makes, or a gradient at its place, costs the taps."""
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
