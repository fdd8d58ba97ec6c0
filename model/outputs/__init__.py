"""Outputs: complete or absent, in one transaction, with a run record."""
