"""Questions about trained models, and the programs that answer them."""
