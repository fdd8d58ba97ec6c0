"""Several susceptibility maps on the same points and the same ground: sources, ranks, agreement, paired tests.

One subject a file; ``jobs/compare_models`` joins them.
"""
