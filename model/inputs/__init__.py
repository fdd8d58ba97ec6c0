"""Input data: rasters on disk, and vector layers as plain arrays."""
