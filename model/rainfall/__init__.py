"""Rainfall thresholds: daily rain, rain events, cumulated rain against duration, and how well the thresholds warn."""
