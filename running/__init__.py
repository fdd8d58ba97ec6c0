"""Where the core runs: inside QGIS or in a process of its own, and the way there, the same for every algorithm."""
