"""Where results come from: what has changed since they were made, and whether a run gives the same again."""
