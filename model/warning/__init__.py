"""Rainfall warning: rain of seven days against the threshold of the terrain, by susceptibility."""
