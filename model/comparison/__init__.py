"""Several susceptibility maps on the same points and the same ground: sources, agreement, paired tests."""
