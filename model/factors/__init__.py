"""Conditioning factors, each computed on the study grid block by block."""
