"""Provenance of results: what has changed since they were made, and whether a run can be reproduced."""
