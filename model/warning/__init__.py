"""Landslide warning: rain of seven days against the threshold of the landform, on the slopes that may fail."""
