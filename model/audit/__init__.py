"""Audit of a susceptibility map from any tool: what its numbers support, and what they owe to easy questions."""
