"""A trained generator as one TensorFlow Lite file: float16 weights, uint8 images.

The graph is traced with batch 1, which keeps the shape arithmetic of transposed convolutions short,
and with open height and width if the model accepts more than one size. A file with sizes fixed at
conversion can be resized and run, yet return the baked-in size, so the gate runs several sizes
through one interpreter.
"""

import tempfile
from pathlib import Path

import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from tfdeblur.export.saved_model import image_spec, make_servable_restore
from tfdeblur.models.config import ModelConfig
from tfdeblur.stack import keras

FILE_NAME = "model_float16.tflite"


def list_operators(content: bytes) -> tuple[list[str], list[str]]:
    """Return the names of (builtin, other) operators of a TensorFlow Lite file, each sorted.

    Others are custom and TensorFlow ("Flex") operators, which plain LiteRT cannot run.
    """
    model = schema.Model.GetRootAs(content, 0)
    names = {code: name for name, code in vars(schema.BuiltinOperator).items()}
    builtin, other = set(), set()
    for index in range(model.OperatorCodesLength()):
        operator = model.OperatorCodes(index)
        # Codes below 127 are also in the old one-byte field, and in old files only there.
        code = max(operator.BuiltinCode(), operator.DeprecatedBuiltinCode())
        if code == schema.BuiltinOperator.CUSTOM:
            other.add(operator.CustomCode().decode())
        else:
            builtin.add(names[code])
    return sorted(builtin), sorted(other)


def convert(generator: keras.Model, model_config: ModelConfig) -> bytes:
    """Convert to TensorFlow Lite with the signature `serving_default(images) -> restored`.

    Operators that LiteRT lacks are allowed here, so that the gate can name them all.

    Args:
      generator: computes in float32 (see `saved_model.rebuild_in_float32`).
      model_config: its scale and legal sizes become part of the graph.

    Returns:
      The file: images uint8 `[1, H, W, 3]` -> restored uint8 `[1, sH, sW, 3]`. H and W are open
      unless the model accepts only one size, which the file then states.
    """
    restore = make_servable_restore(generator, model_config)

    @tf.function(input_signature=[image_spec(model_config, batch=1)])
    def serving_default(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"restored": restore(images)}

    module = tf.Module()
    module.weights = list(generator.weights)
    # Inputs and outputs keep their names only via a SavedModel.
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": serving_default})
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=["serving_default"]
        )
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS,
            tf.lite.OpsSet.SELECT_TF_OPS,
        ]
        return converter.convert()


def export_tflite(generator: keras.Model, model_config: ModelConfig, path: Path) -> None:
    """Write `convert`'s file to `path`, not yet checked."""
    Path(path).write_bytes(convert(generator, model_config))
