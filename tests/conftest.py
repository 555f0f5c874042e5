"""A small exported model, made with plain TensorFlow, for whatever test needs one."""

import hashlib
import json

import numpy as np
import pytest


def pytest_addoption(parser):
    parser.addoption("--experiment", help="file of an experiment, for tests/conformance")


@pytest.fixture
def eagerly(monkeypatch):
    """Run what is a `tf.function` as Python, for claims about values: graphs take longest to make.

    Functions that a test module decorated when it was imported, and `fit`, are left alone.
    """
    import tensorflow as tf

    monkeypatch.setattr(tf, "function", lambda function=None, **_: function or (lambda each: each))


@pytest.fixture(scope="module")
def quick_layers():
    """Keras traces each layer for its output's shape, which takes most of a build; rules do not.

    It lasts to the end of the module.
    """
    import tensorflow as tf

    from tfdeblur.layers.instance_norm import instance_normalization
    from tfdeblur.stack import keras

    layers = keras.layers
    norm = type(instance_normalization("norm"))
    ruled = (layers.Conv2D, layers.Conv2DTranspose, layers.Concatenate, layers.Add, layers.ReLU)
    ruled += (layers.LeakyReLU, layers.BatchNormalization, layers.Rescaling, layers.Dense, norm)
    ruled += (layers.Activation, layers.ZeroPadding2D)
    engine = keras.src.engine
    trace = engine.base_layer.Layer._infer_output_signature

    def infer(self, inputs, args, kwargs, masks):
        if not isinstance(self, ruled):
            return trace(self, inputs, args, kwargs, masks)
        with tf.name_scope(self._name_scope()):
            self._maybe_build(inputs)
        shapes = tf.nest.map_structure(lambda each: each.shape, inputs)
        shape = shapes if isinstance(self, norm) else self.compute_output_shape(shapes)
        return engine.keras_tensor.KerasTensor(tf.TensorSpec(shape, self.compute_dtype))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.base_layer.Layer, "_infer_output_signature", infer)
        yield


HALO = 3  # a 5x5 and a 3x3 convolution: 2 + 1


def _network(images):
    """Two convolutions and a doubling, `[B, H, W, 3] uint8` -> `[B, 2H, 2W, 3] uint8`."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    first = rng.normal(0, 0.12, (5, 5, 3, 8)).astype(np.float32)
    second = rng.normal(0, 0.2, (3, 3, 8, 12)).astype(np.float32)
    features = tf.cast(images, tf.float32) / 255.0
    features = tf.nn.relu(tf.nn.conv2d(features, first, 1, "SAME"))
    features = tf.nn.conv2d(features, second, 1, "SAME")
    restored = tf.nn.depth_to_space(features, 2) + 0.5
    return tf.cast(tf.clip_by_value(tf.round(restored * 255.0), 0.0, 255.0), tf.uint8)


def _convert(module, function):
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    return converter.convert()


def write_metadata(folder, **changes):
    """Write a version folder's metadata.json; a change to None leaves the field out."""
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("metadata.json", "model_card.md")
    }
    metadata = {
        "format_version": 1,
        "name": "toy",
        "version": 1,
        "task": "super_resolution_and_deblurring",
        "scale": 2,
        "channels": 3,
        "value_range": [0, 255],
        "dtype": "uint8",
        "halo": HALO,
        "size_multiple": 1,
        "minimum_size": 1,
        "files": files,
    }
    metadata.update(changes)
    (folder / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory):
    """A model's folder with version 1, and beside it fixed.tflite with a baked output size."""
    import tensorflow as tf

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "images")])
        def serve(self, images):
            return {"restored": _network(images)}

        @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3], tf.uint8, "images")])
        def serve_one(self, images):
            return {"restored": _network(images)}

        @tf.function(input_signature=[tf.TensorSpec([1, 16, 16, 3], tf.uint8, "images")])
        def serve_fixed(self, images):
            resized = tf.image.resize(tf.cast(images, tf.float32), (32, 32))
            return {"restored": tf.cast(tf.round(resized), tf.uint8)}

    base = tmp_path_factory.mktemp("models") / "toy"
    folder = base / "1"
    module = Module()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    for name, function in (("model_float16", module.serve_one), ("fixed", module.serve_fixed)):
        target = folder if name == "model_float16" else base
        content = _convert(module, function.get_concrete_function())
        (target / f"{name}.tflite").write_bytes(content)
    (folder / "model_card.md").write_text("# toy\n\nDoubles.\n", encoding="utf-8")
    write_metadata(folder)
    return base


@pytest.fixture
def toy_network():
    """The toy network itself: image -> restored image."""

    def run(image):
        return _network(image[None])[0].numpy()

    return run


@pytest.fixture(scope="session")
def write_prepared():
    """Return a function that writes TFRecords, and the files beside them, as TFDS does.

    write(folder, features, splits, metadata, name) takes of each split a list of files, each a list
    of examples, and returns the folder of the data.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core import example_serializer

    def write(folder, features, splits, metadata=None, name="toy_pairs"):
        features = tfds.features.FeaturesDict({"id": tfds.features.Text(), **features})
        serializer = example_serializer.ExampleSerializer(features.get_serialized_info())
        data_dir = folder / name / "1.0.0"
        data_dir.mkdir(parents=True)
        template = tfds.core.ShardedFileTemplate(
            data_dir=data_dir, dataset_name=name, filetype_suffix="tfrecord"
        )
        infos = []
        for split, files in splits.items():
            for number, examples in enumerate(files):
                path = data_dir / f"{name}-{split}.tfrecord-{number:05d}-of-{len(files):05d}"
                with tf.io.TFRecordWriter(str(path)) as writer:
                    for example in examples:
                        encoded = features.encode_example(example)
                        writer.write(serializer.serialize_example(encoded))
            lengths = [len(examples) for examples in files]
            infos.append(
                tfds.core.SplitInfo(
                    name=split, shard_lengths=lengths, num_bytes=0, filename_template=template
                )
            )
        tfds.folder_dataset.write_metadata(
            data_dir=data_dir,
            features=features,
            split_infos=infos,
            filename_template=template,
            check_data=False,
            metadata=None if metadata is None else tfds.core.MetadataDict(metadata),
        )
        return data_dir

    return write
