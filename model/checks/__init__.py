"""Checks of a factor stack before training: what is wrong or doubtful in it, and how to fix it.

``stack_checks`` reads what the bands state, ``stack_statistics`` reads all cells twice by windows into the counts of
``band_statistics``; ``stack_checks``, ``factor_checks``, ``correlation`` and ``landslide_density`` assess what was
counted. Every problem is a ``Finding``; none stops the run.
"""
