"""What comes in: rasters on disk, vector layers as plain arrays, and tables typed by the user."""
