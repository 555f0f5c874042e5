"""Operations across replicas, so that their number does not change results."""

import tensorflow as tf


def roll_over_batch(values: tf.Tensor) -> tf.Tensor:
    """Shift values by one sample within the global batch; the first sample gets the last's.

    Args:
      values: `[B, ...]` of this replica; B is equal on all replicas.

    Returns:
      The same shape. Gradients flow back to the replica that a value came from.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return tf.roll(values, 1, axis=0)
    everywhere = tf.roll(context.all_gather(values, axis=0), 1, axis=0)
    start = tf.cast(context.replica_id_in_sync_group, tf.int32) * tf.shape(values)[0]
    return everywhere[start : start + tf.shape(values)[0]]
