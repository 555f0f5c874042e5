"""The shipped models, in TensorFlow Serving's folder layout."""
