"""A synthetic study area whose truth is known, made from a seed: for trying Scarp and for judging its models."""
