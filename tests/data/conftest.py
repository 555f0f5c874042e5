"""Prepared data of any shape, written without a builder."""

import pytest


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
