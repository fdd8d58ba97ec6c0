"""Seven-day rainfall and the safety factor that follows from it.
The regional coefficient k of each landform class: given, from historical landslides, or from the paper.

k = 1 / Rc, where Rc in mm is the critical seven-day rainfall (Zhang & Deng 2026, equation 3), the 95th percentile of
the seven-day rainfall at the historical landslides of a class.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rasterio.features import rasterize

from ..errors import FieldUnusable, NoOverlap, ParameterInvalid, TooFewData
from ..factors.polygons import extents_intersect, polygon_extents
from ..grid import Block, Grid
from ..inputs.vectors import Polygons
from ..progress import Progress

CRITICAL_SAFETY_FACTOR = 0.5
"""Safety factor under which a warning stands: exactly where the seven-day rainfall exceeds the critical one."""

_LIMITS = {"ALPHA": (0.0, 1.0), "BETA": (0.0, 1000.0), "RAINY_DAYS": (0.0, 366.0)}


MIN_PLAUSIBLE_RAINFALL, MAX_PLAUSIBLE_RAINFALL = 5.0, 1500.0
"""mm in the wettest week of a year between which most land on Earth lies."""


def suspect_rainfall_unit(highest: float) -> str:
    """Return a question about the unit of the rain by its highest seven days in mm, empty when they are plausible."""
    if highest < MIN_PLAUSIBLE_RAINFALL:
        return (
            f"The seven-day rainfall is nowhere above {highest:.3g} mm. Is PRECIPITATION in metres, in inches or "
            "for a month, or ALPHA too small? PRECIPITATION is in mm a year."
        )
    if highest > MAX_PLAUSIBLE_RAINFALL:
        return (
            f"The seven-day rainfall is up to {highest:,.0f} mm, more than nearly anywhere. Is PRECIPITATION in "
            "tenths of a millimetre, or RAINY_DAYS too small? PRECIPITATION is in mm a year."
        )
    return ""


def seven_day_rainfall(
    annual: np.ndarray, alpha: np.ndarray | float, beta: np.ndarray | float, rainy_days: np.ndarray | float
) -> np.ndarray:
    """Return R7 = α · β · (7 / n) · R_annual in mm, NaN where the annual rainfall is.

    Zhang & Deng (2026), equation 4, with the factor β that the text and table 2 give and the printed equation leaves
    out; β = 1 is the printed form.

    Args:
        annual: annual rainfall in mm.
        alpha: share of the rainy season in the annual rainfall, above 0 and up to 1.
        beta: ratio of the maximum to the mean rainfall in the season.
        rainy_days: rainy days in the season.
    """
    return alpha * beta * (7.0 / rainy_days) * annual


def safety_factor(rainfall: np.ndarray, k: np.ndarray | float) -> np.ndarray:
    """Return Fs = 1 / (1 + k · R7) (Zhang & Deng 2026, equation 2), between 0 and 1.

    Args:
        rainfall: seven-day rainfall R7 in mm, not negative.
        k: regional coefficient in 1/mm.
    """
    return 1.0 / (1.0 + k * rainfall)


@dataclass
class RainySeason:
    """Parameters of the rainy season: one value each, or polygons of climate zones that override them."""

    alpha: float
    beta: float
    rainy_days: float
    zones: Polygons | None = None
    alpha_field: str | None = None
    beta_field: str | None = None
    rainy_days_field: str | None = None

    def prepare(self, grid: Grid, progress: Progress) -> None:
        """Check the values and read the fields.

        Raises:
            ParameterInvalid: a value is out of its range, or CLIMATE comes without any field.
            FieldUnusable: a field is missing, or a value in it is no number or out of range.
            NoOverlap: no climate zone reaches into the grid.
        """
        for name, value in (("ALPHA", self.alpha), ("BETA", self.beta), ("RAINY_DAYS", self.rainy_days)):
            low, high = _LIMITS[name]
            if not low < value <= high:
                percent = " A percentage is divided by 100 first." if name == "ALPHA" and 1 < value <= 100 else ""
                raise ParameterInvalid(
                    f"{name} is {value:g}, but it must lie above {low:g} and not above {high:g}.{percent}"
                )
        if self.rainy_days < 7:
            progress.warn(
                f"RAINY_DAYS is {self.rainy_days:g}: with fewer than 7 rainy days the formula gives more "
                "rain in a week than in the whole season."
            )
        self._fields = {
            name: field
            for name, field in (
                ("ALPHA", self.alpha_field),
                ("BETA", self.beta_field),
                ("RAINY_DAYS", self.rainy_days_field),
            )
            if field
        }
        if self.zones is None:
            return
        if not self._fields:
            raise ParameterInvalid(
                "CLIMATE is given, but none of ALPHA_FIELD, BETA_FIELD and RAINY_DAYS_FIELD. Choose "
                "the fields that hold the values of each zone."
            )
        self._grid = grid
        self._extent = polygon_extents(grid, self.zones) if len(self.zones) else np.empty((0, 4))
        if not extents_intersect(self._extent, Block(0, 0, grid.height, grid.width)).any():
            raise NoOverlap(
                f'No polygon of the layer "{self.zones.name}" given as CLIMATE overlaps the reference '
                "raster. Check the CRS of both."
            )
        self._values = {name: self._read_field(name, field, progress) for name, field in self._fields.items()}

    def read(self, block: Block) -> tuple[np.ndarray | float, np.ndarray | float, np.ndarray | float, np.ndarray]:
        """Return alpha, beta and rainy days of a block's cells, and which cells lie in a climate zone.

        Where zones overlap the later one counts; outside them, and where a field is empty, the single value does.
        """
        defaults = {"ALPHA": self.alpha, "BETA": self.beta, "RAINY_DAYS": self.rainy_days}
        shape = (block.height, block.width)
        if self.zones is None:
            return (*defaults.values(), np.ones(shape, dtype=bool))
        chosen = np.flatnonzero(extents_intersect(self._extent, block))
        zone = np.zeros(shape, dtype=np.int32)
        if len(chosen):
            shapes = ((self.zones.geometries[index], number) for number, index in enumerate(chosen, 1))
            zone = rasterize(
                shapes, out_shape=shape, fill=0, dtype=np.int32, transform=self._grid.block_transform(block)
            )
        read = []
        for name, value in defaults.items():
            table = np.array([value, *(self._values[name][chosen] if name in self._values else ())])
            read.append(table[zone] if name in self._values else value)
        return read[0], read[1], read[2], zone > 0

    def _read_field(self, name: str, field: str, progress: Progress) -> np.ndarray:
        values = self.zones.numbers(field)
        low, high = _LIMITS[name]
        with np.errstate(invalid="ignore"):
            wrong = values[(values <= low) | (values > high)]
        if len(wrong):
            raise FieldUnusable(
                f'The field "{field}" of the layer "{self.zones.name}" holds {wrong[0]:g} for {name}, '
                f"but it must lie above {low:g} and not above {high:g}."
            )
        empty = np.isnan(values)
        if empty.any():
            defaults = {"ALPHA": self.alpha, "BETA": self.beta, "RAINY_DAYS": self.rainy_days}[name]
            progress.warn(
                f'The field "{field}" of the layer "{self.zones.name}" is empty in {int(empty.sum())} '
                f"polygons; {name} is {defaults:g} there."
            )
        return np.where(empty, {"ALPHA": self.alpha, "BETA": self.beta, "RAINY_DAYS": self.rainy_days}[name], values)


PERCENTILE = 95.0
"""Of the seven-day rainfall at landslides, taken as the critical rainfall."""

MIN_LANDSLIDES = 10
"""Landslides with rainfall that a class needs for a percentile of its own."""

FALLBACK_ROW = "all"
"""Row of K_TABLE that stands for every class without a row of its own, and for the whole area without TOPOGRAPHY."""

FALLBACK_SOURCE = f'K_TABLE, row "{FALLBACK_ROW}"'
"""Where k comes from when it is that row's."""

UNCLASSIFIED = "no class"
"""Name of cells outside all classes in tables."""

WHOLE_AREA = "whole area"
"""Name of all cells without TOPOGRAPHY in tables."""

PAPER_K = {
    "lakes": 0.0119,
    "glaciers": 0.0263,
    "plains or terraces formed by sedimentary or glacial deposits": 0.0260,
    "plains or terraces formed by alluvial, fluvial, or lacustrine deposits": 0.0225,
    "mountainous": 0.0129,
}
"""Table 3 of Zhang & Deng (2026), southeastern Tibet, in 1/mm."""

_LAND = "plain|terrace|flat|valley|fan|basin"
_LANDFORM_PATTERNS = (
    # Order matters: a lacustrine plain is no lake, a glacial terrace no glacier.
    (
        "plains or terraces formed by alluvial, fluvial, or lacustrine deposits",
        rf"({_LAND}).*(alluvi|fluvi|lacustr)|(alluvi|fluvi|lacustr).*({_LAND}|deposit)|冲积|洪积|湖积",
    ),
    (
        "plains or terraces formed by sedimentary or glacial deposits",
        rf"({_LAND}).*(sediment|glaci|morain|till)|(sediment|glaci|morain).*({_LAND}|deposit)|沉积|冰碛|冰水|冰川堆积",
    ),
    ("glaciers", r"\b(glacier|glaciers|ice ?field|ice cap)\b|^(glacial|ice)$|冰川"),
    ("lakes", r"\b(lake|lakes|reservoir|water bod(y|ies))\b|^water$|湖"),
    ("mountainous", r"\b(mountain|mountains|mountainous|montane)\b|山"),
)
"""What labels of landform maps mean in terms of the paper's table; the first pattern found counts."""


@dataclass
class ClassCoefficient:
    """k of one class and where it comes from; the counts are filled while the raster is written."""

    label: str
    k: float
    """1/mm; NaN where no coefficient could be found and none is needed."""

    source: str
    landslides: int = 0
    """Historical landslides of the class that have rainfall."""

    cells: int = 0
    """Cells with a safety factor."""

    warned: int = 0
    """Cells with a safety factor under 0.5."""

    @property
    def critical_rainfall(self) -> float:
        """Rc in mm."""
        return 1 / self.k if self.k > 0 else float("nan")


def match_paper_class(label: str) -> str | None:
    """Return the row of the paper's table 3 that a landform label means, ``None`` when it is not clear."""
    text = " ".join(re.split(r"[\s_\-/]+", label.casefold().strip()))
    if text in PAPER_K:
        return text
    for row, pattern in _LANDFORM_PATTERNS:
        if re.search(pattern, text):
            return row
    return None


def choose_coefficients(
    labels: Sequence[str],
    table: Mapping[str, float],
    rainfall: np.ndarray | None,
    classes: np.ndarray | None,
    progress: Progress,
    parameter_hint: str = "LANDSLIDES or K_TABLE",
) -> tuple[list[ClassCoefficient], ClassCoefficient | None]:
    """Return k of each class, and k of cells without a class.

    In this order: the class's row of the table, the 95th percentile of the rainfall at its landslides, that of all
    landslides when the class has fewer than :data:`MIN_LANDSLIDES`, the table's row ``all``, the paper's table by name.

    Args:
        labels: class names; empty without topography.
        table: K_TABLE, k in 1/mm by class name.
        rainfall: seven-day rainfall at the historical landslides in mm, shape (landslides,), without NaN; ``None``
            without landslides.
        classes: for each landslide the number of its class, an index into ``labels``, −1 for none.
        progress: hears what may mislead.
        ways: parameters that can give coefficients of the user's own, for messages.

    Returns:
        One coefficient a label (one in all without labels), and the one outside all classes, ``None`` when there is
        nothing to take it from.

    Raises:
        ParameterInvalid: K_TABLE names an unknown class or holds a k that is not positive, or some classes have no k.
        TooFewData: there are landslides, but too few for a pooled percentile, and nothing else to go by.
    """
    given = _read_table(labels, table)
    pooled = _percentile(rainfall)
    if rainfall is not None and pooled is None:
        progress.warn(
            f"Only {len(rainfall)} landslides lie on cells with rainfall; a percentile needs {MIN_LANDSLIDES}, so "
            "LANDSLIDES is not used."
        )
    fallback = _fallback_coefficient(given, rainfall, classes, pooled)
    if not labels:
        if fallback is None:
            raise (ParameterInvalid if rainfall is None else TooFewData)(
                "There is nothing to take the coefficient k from. Give LANDSLIDES (at least "
                f"{MIN_LANDSLIDES} inside the rainfall raster), or TOPOGRAPHY with the landform, or K_TABLE with the row "
                f'"{FALLBACK_ROW}", for example "{FALLBACK_ROW}, 0.0129", the value of the paper for mountains in '
                "southeastern Tibet."
            )
        fallback.label = WHOLE_AREA
        return [fallback], None
    found = [_class_coefficient(number, label, given, rainfall, classes, pooled) for number, label in enumerate(labels)]
    missing = [label for label, coefficient in zip(labels, found) if coefficient is None]
    if missing:
        raise ParameterInvalid(
            f"These landform classes have no coefficient k: {', '.join(missing)}. Give {parameter_hint}: in K_TABLE a row for "
            f'each, or one row "{FALLBACK_ROW}" for all of them.'
        )
    coefficients = [coefficient for coefficient in found if coefficient is not None]
    _warn_about_sources(coefficients, progress, parameter_hint)
    return coefficients, fallback


def _read_table(labels: Sequence[str], table: Mapping[str, float]) -> dict[str, float]:
    """Return k by plain label, and check that each row names a class."""
    known = {_normalise_label(label) for label in labels} | {FALLBACK_ROW}
    given: dict[str, float] = {}
    for label, k in table.items():
        if not 0 < k < float("inf"):
            raise ParameterInvalid(
                f'K_TABLE gives {k} for "{label}", but k is a number above 0 in 1/mm. Write 1 '
                "divided by the rain of the threshold in mm, such as 0.0129."
            )
        if _normalise_label(label) not in known:
            raise ParameterInvalid(
                f'K_TABLE has a row "{label}", but the landform classes are: '
                f"{', '.join(labels) or 'none, since TOPOGRAPHY is empty'}. Name a class as it "
                f'is written there, or use the row "{FALLBACK_ROW}".'
            )
        given[_normalise_label(label)] = float(k)
    return given


def _class_coefficient(
    number: int,
    label: str,
    given: Mapping[str, float],
    rainfall: np.ndarray | None,
    classes: np.ndarray | None,
    pooled: float | None,
) -> ClassCoefficient | None:
    own = rainfall[classes == number] if rainfall is not None and classes is not None else np.empty(0)
    count = len(own)
    if _normalise_label(label) in given:
        return ClassCoefficient(label, given[_normalise_label(label)], "K_TABLE", count)
    critical = _percentile(own)
    if critical is not None:
        return ClassCoefficient(label, 1 / critical, f"{PERCENTILE:g}th percentile at {count} landslides", count)
    if pooled is not None:
        return ClassCoefficient(label, 1 / pooled, f"all landslides, since the class has only {count}", count)
    if FALLBACK_ROW in given:
        return ClassCoefficient(label, given[FALLBACK_ROW], FALLBACK_SOURCE, count)
    row = match_paper_class(label)
    return None if row is None else ClassCoefficient(label, PAPER_K[row], f'paper, table 3, "{row}"', count)


def _fallback_coefficient(
    given: Mapping[str, float], rainfall: np.ndarray | None, classes: np.ndarray | None, pooled: float | None
) -> ClassCoefficient | None:
    """Return the coefficient of cells without a class, or of all cells when there are no classes."""
    count = 0 if rainfall is None or classes is None else int((classes < 0).sum())
    if FALLBACK_ROW in given:
        return ClassCoefficient(UNCLASSIFIED, given[FALLBACK_ROW], FALLBACK_SOURCE, count)
    if pooled is not None:
        return ClassCoefficient(UNCLASSIFIED, 1 / pooled, f"{PERCENTILE:g}th percentile at all landslides", count)
    return None


def _percentile(rainfall: np.ndarray | None) -> float | None:
    if rainfall is None or len(rainfall) < MIN_LANDSLIDES:
        return None
    critical = float(np.percentile(rainfall, PERCENTILE))
    return critical if critical > 0 else None


def _warn_about_sources(coefficients: Sequence[ClassCoefficient], progress: Progress, parameter_hint: str) -> None:
    from_paper = [one.label for one in coefficients if one.source.startswith("paper")]
    if from_paper:
        progress.warn(
            f"k of these classes is the paper's, for southeastern Tibet: {', '.join(from_paper)}. Elsewhere "
            f"give {parameter_hint}."
        )
    pooled = [f"{one.label} ({one.landslides})" for one in coefficients if one.source.startswith("all landslides")]
    if pooled:
        progress.warn(
            f"These classes have fewer than {MIN_LANDSLIDES} landslides with rainfall and take k from all "
            f"landslides: {', '.join(pooled)}."
        )


def _normalise_label(label: str) -> str:
    return " ".join(str(label).split()).casefold()
