"""The dock with the six steps from data to report: what they call, in which state they are, how they run."""
