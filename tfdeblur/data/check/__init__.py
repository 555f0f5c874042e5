"""Checking data sets: what is wrong with pairs before a model is trained on them."""
