"""Processing algorithms, one a file: parameters in, one call to ``model.jobs``, layers out. They compute nothing."""
