"""Slope units: half-basins between ridges and streams whose slopes face one way."""
