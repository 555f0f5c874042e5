"""Run a shipped or exported model; works where TensorFlow is not installed."""
