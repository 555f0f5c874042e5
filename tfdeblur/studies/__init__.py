"""Questions about experiments and trained models: ablations, trials, sizes, cost, readability."""
