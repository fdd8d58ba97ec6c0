"""Zones: from a susceptibility map to classes from very low to very high."""
