"""The rain index of the physics constraint, from seven-day rainfall and rainfall thresholds."""
