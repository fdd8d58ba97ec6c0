"""How far the label of each landslide and the ring around it reach: as given, as in the paper, or automatic.

Automatic radii are the mapped size of a landslide, and no more than a few cells: the farther from its point, the less a
cell is like the place that failed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..errors import ParameterInvalid
from ..inputs.unit_checks import suspect_area_unit, suspect_distance_unit
from ..inputs.vectors import Landslides, PointsAndPolygons, Polygons
from ..progress import Progress
from .radii import DEFAULT_RADII, UNRECORDED, assign_radii
from .settings import PAPER, LabelOptions

LEAST_LIMIT, LIMIT_CELLS = 15.0, 1.5  # metres; cells: automatic radii are limited to the larger of the two
RING_CELLS = 2  # width of the automatic ring
AREA = "area"
"""Row of landslides whose radius comes from their area."""


@dataclass
class Extents:
    """Radius and outer edge of the ring of each landslide, in metres from its point or its polygon."""

    radius: np.ndarray  # float64 (landslides,); 0 is the own cell, or the polygon without a buffer
    ring: np.ndarray  # float64 (landslides,); 0 for none
    beyond: float  # metres from radius to ring where the ring is automatic, else 0
    table: dict[str, float]  # radius by size, as RADII has it
    counts: dict[str, int]  # landslides by row of the table, and by AREA
    automatic: dict[str, str] = field(default_factory=dict)  # what was chosen, by parameter

    @property
    def settings(self) -> dict[str, object]:
        """The effective values by parameter, for the run record."""
        return {"RADII": self.table, "RING": float(self.ring.max(initial=0.0))}


def find_extents(landslides: Landslides, options: LabelOptions, cell_size: float, progress: Progress) -> Extents:
    """Return radius and ring of each landslide, and report them; ``cell_size`` is in metres.

    Raises:
        ParameterInvalid: the radii or areas cannot be used.
        FieldUnusable: a field is missing, or that of areas holds no numbers.
    """
    extents = _find_radii(landslides, options, cell_size, progress)
    ring = options.ring
    if ring is None and options.preset == PAPER:
        ring = 0.0
    if ring is None:
        extents.beyond = RING_CELLS * cell_size
        extents.ring = extents.radius + extents.beyond
        wide = " beyond the radius of each landslide" if extents.radius.any() else ""
        extents.automatic["RING"] = f"{extents.beyond:.3g} m{wide}"
    else:
        extents.ring = np.full(len(landslides), float(ring))
        _question_ring(extents, ring, cell_size, progress)
    for name, chosen in extents.automatic.items():
        progress.report(0.02, f"{name} is automatic: {chosen}.")
    return extents


def _find_radii(landslides: Landslides, options: LabelOptions, cell_size: float, progress: Progress) -> Extents:
    given = {name: float(metres) for name, metres in options.radii.items()}
    # The paper's radii are for landslides drawn as points, not for outlines.
    outlines = len(landslides) if isinstance(landslides, Polygons) and given in ({}, DEFAULT_RADII) else 0
    if isinstance(landslides, PointsAndPolygons):
        outlines = len(landslides.polygons)
        progress.report(
            0.0,
            f'"{landslides.name}" holds {len(landslides.points):,} points and {outlines:,} polygons: '
            "points get the radius of RADII, polygons are used as they are.",
        )
    points = len(landslides) - outlines
    automatic = not given and options.preset != PAPER
    if options.area_field and not (automatic and points):
        reason = "RADII is given" if given else "PRESET is paper" if points else "polygons show their own size"
        progress.report(0.0, f"AREA_FIELD is not used: {reason}.")
    if not points:
        if given:
            default = "The landslides are polygons and RADII has its default: the polygons are used without a buffer"
            progress.report(0.0, f"{default}. Change RADII to put a buffer around them.")
        chosen = {"RADII": "polygons are used as they are, without a buffer"} if automatic else {}
        radius = np.zeros(len(landslides))
        return Extents(radius, radius, 0.0, {UNRECORDED: 0.0}, {UNRECORDED: len(landslides)}, chosen)
    if automatic:
        return _automatic_radii(landslides, points, options, cell_size, progress)
    table, scale = given or dict(DEFAULT_RADII), options.scale_field
    # Without any buffer the sizes do not matter, so codes that RADII does not list are no error then.
    values = landslides.column(scale)[:points] if scale and any(table.values()) else None
    assigned = assign_radii(values, points, table, scale or "", progress)
    rows = ", ".join(f"{name} {metres:g} m ({assigned.counts[name]})" for name, metres in assigned.metres.items())
    is_buffer = isinstance(landslides, Polygons)
    if not is_buffer or any(assigned.metres.values()):
        progress.report(0.02, f"{'Buffers' if is_buffer else 'Radii'} (landslides): {rows}.")
    if not is_buffer:
        # Around outlines a narrow buffer may be intended.
        question = suspect_distance_unit("The largest radius of RADII", max(assigned.radius), cell_size)
        if question:
            progress.warn(question)
    radius = np.array([*assigned.radius, *[0.0] * outlines])
    return Extents(radius, np.zeros_like(radius), 0.0, assigned.metres, assigned.counts)


def _automatic_radii(
    landslides: Landslides, points: int, options: LabelOptions, cell_size: float, progress: Progress
) -> Extents:
    """Return the mapped radius of each of the first ``points`` landslides up to a limit; 0 for all others."""
    limit = max(LEAST_LIMIT, LIMIT_CELLS * cell_size)
    radius, rest, counts = np.zeros(len(landslides)), np.arange(points), {}
    if options.area_field:
        areas = _areas(landslides, options.area_field, progress)[:points]
        radius[:points] = np.minimum(np.sqrt(areas / np.pi), limit)
        rest = np.flatnonzero(radius[:points] == 0)
        counts = {AREA: points - len(rest)}
    scale, table = options.scale_field, {UNRECORDED: 0.0}
    values = None
    if scale:
        table = {**{name: min(metres, limit) for name, metres in DEFAULT_RADII.items()}, **table}
        column = landslides.column(scale)
        values = [column[index] for index in rest]
    assigned = assign_radii(values, len(rest), table, scale or "", progress, automatic=True)
    radius[rest] = assigned.radius
    sized = int(np.count_nonzero(radius))
    chosen = "the own cell of each landslide, because no size is known"
    if sized:
        most = f"{limit:.3g} m ({limit / cell_size:.3g} cells) at most"
        own = f"; {points - sized:,} without a size have their own cell" if sized < points else ""
        chosen = f"{sized:,} landslides have the radius of their size, {most}{own}"
    return Extents(radius, np.zeros_like(radius), 0.0, table, {**counts, **assigned.counts}, {"RADII": chosen})


def _areas(landslides: Landslides, field_name: str, progress: Progress) -> np.ndarray:
    """Return the area of each landslide in m², 0 where it is not known."""
    areas = landslides.numbers(field_name, progress, "m²")
    areas[~np.isfinite(areas)] = 0
    known = areas[areas != 0]
    wrong = known[known < 0]
    if len(wrong):
        raise ParameterInvalid(
            f'The field "{field_name}" has negative areas, {wrong[0]:g} in {(wrong == wrong[0]).sum():,} landslides. '
            "AREA_FIELD takes m². Leave the field empty where no area is known."
        )
    if len(known) < len(areas):
        progress.report(0.0, f'{len(areas) - len(known):,} landslides have no area in "{field_name}".')
    question = suspect_area_unit(field_name, float(np.median(known))) if len(known) else ""
    if question:
        raise ParameterInvalid(question)
    return areas


def _question_ring(extents: Extents, ring: float, cell_size: float, progress: Progress) -> None:
    """Warn of a ring that ends within the radius, and of one that seems to be in another unit."""
    within = int((extents.radius >= ring).sum())
    if ring and within:
        short = f"RING is {ring:g} m, which is not beyond the radius of {within:,} landslides: they get no ring"
        progress.warn(f"{short}. RING is measured from the landslide, not from the edge of its buffer.")
    question = suspect_distance_unit("RING", ring, cell_size)
    if question:
        progress.warn(question)
