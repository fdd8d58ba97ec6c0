"""Exposure: buildings, roads and other things by susceptibility zone and region."""
