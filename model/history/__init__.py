"""The history of a training while it runs: written epoch by epoch, followed by whoever wants to see the curves."""
