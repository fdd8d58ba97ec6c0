"""A synthetic study area whose true landslide probability is known, generated from a seed."""
