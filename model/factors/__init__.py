"""The factors: what a landslide may depend on, each computed on the study grid window by window."""
