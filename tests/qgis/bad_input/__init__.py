"""Bad and unusual input as data: what is given, and what must come of it. ``test_bad_inputs.py`` runs all of it."""

from __future__ import annotations

from . import (
    classes,
    embeddings,
    encodings,
    foreign,
    geometries,
    grids,
    labels,
    lines,
    models,
    outputs,
    places,
    points,
    rain,
    rasters,
    training,
    validation,
    values,
    warnings,
    written,
)
from .case import Case

CASES: tuple[Case, ...] = (
    *rasters.CASES,
    *grids.CASES,
    *embeddings.CASES,
    *foreign.CASES,
    *classes.CASES,
    *points.CASES,
    *lines.CASES,
    *geometries.CASES,
    *encodings.CASES,
    *written.CASES,
    *labels.CASES,
    *values.CASES,
    *training.CASES,
    *models.CASES,
    *warnings.CASES,
    *validation.CASES,
    *rain.CASES,
    *places.CASES,
    *outputs.CASES,
)
"""In the order of ``docs/reliability.md``."""
