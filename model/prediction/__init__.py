"""Prediction: trained models over a factor stack, tile by tile, with a result that does not depend on the tiles."""
