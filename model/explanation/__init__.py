"""What a trained model's map depends on: permutation importance, response curves, dominant factors."""
