"""Cross validation over blocks of land: predicting each fold by a model that never saw it, and judging the result."""
