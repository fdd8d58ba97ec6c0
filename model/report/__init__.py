"""Self-contained HTML reports that print well on A4."""
