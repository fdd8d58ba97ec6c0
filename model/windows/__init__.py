"""Training windows: where they lie, to which subset they belong, and what they hold."""
