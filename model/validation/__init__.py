"""How well a susceptibility map tells landslides from stable ground: samples, measures, curves and tables.

One subject a file; ``jobs/validate_with_points`` joins them.
"""
