"""Reading data: training batches and pairs to evaluate on; `build` makes it, `check` checks it."""
