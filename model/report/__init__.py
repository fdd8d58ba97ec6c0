"""Self-contained HTML reports that print well on A4, and the style that their figures share."""
