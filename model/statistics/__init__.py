"""Quantiles, ranks, moments and intervals."""
