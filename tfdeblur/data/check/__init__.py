"""Checking data sets: find what is wrong with pairs before training on them."""
