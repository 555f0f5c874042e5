"""Reading data: training batches and evaluation pairs; `build` makes data, `check` checks it."""
