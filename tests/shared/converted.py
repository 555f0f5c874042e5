"""A network or layer as a TensorFlow Lite file that LiteRT runs, for tests of what converts."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tfdeblur.export.tflite import list_operators


class Converted:
    """A converted function of images; each call resizes the same interpreter.

    Attributes:
      operators: names of LiteRT's operators in the file.
    """

    def __init__(
        self,
        function: Callable[[tf.Tensor], tf.Tensor],
        shape: Sequence[int | None],
        weights: Iterable[tf.Variable] = (),
    ):
        """Convert, and check that the file needs only LiteRT's own operators.

        Args:
          function: float32 images -> a tensor.
          shape: of the images, None where it is open.
          weights: the function's variables. A Keras model in their place would be traced again,
            layer by layer, which takes five times as long.
        """
        run = tf.function(lambda images: {"result": function(images)})
        traced = run.get_concrete_function(tf.TensorSpec(shape, tf.float32, "images"))
        module = tf.Module()
        module.weights = list(weights)
        content = tf.lite.TFLiteConverter.from_concrete_functions([traced], module).convert()
        self.operators, foreign = list_operators(content)
        assert foreign == []
        self._run = Interpreter(model_content=content).get_signature_runner()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Run LiteRT."""
        return self._run(images=np.asarray(images))["result"]
