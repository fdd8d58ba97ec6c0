"""Where a model may be trusted: distance of land to the training cells, and the AUC to expect there."""
