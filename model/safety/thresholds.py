"""Seven-day rainfall, the rain index, and the coefficient k of each landform class.

k = 1 / Rc, where Rc in mm is the critical seven-day rainfall (Zhang & Deng 2026, equation 3), a percentile of the
seven-day rainfall at the historical landslides of a class. The paper prints the 95th, which nineteen of twenty
landslides stay below. Thresholds are otherwise set at the lower edge of the rain that triggered landslides, such as its
5th percentile (Brunetti et al. 2010, doi:10.5194/nhess-10-447-2010).
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import FieldUnusable, NoOverlap, ParameterInvalid, ScarpError, TooFewData
from ..factors.polygons import PolygonBurner
from ..grid import Block, Grid
from ..inputs.vectors import Polygons
from ..progress import NullProgress, Progress
from ..safe_json import parse_json
from ..texts import clean_label, join_names
from .kinds import FACTOR_OF_SAFETY_MEANING
from .settings import CLIMATOLOGICAL, RECOMMENDED_PERCENTILE, UNKNOWN, SafetyOptions

ZONE_LIMITS = {"alpha": 1.0, "beta": 1000.0, "rainy_days": 366.0}  # largest values in the fields of climate zones
CRITICAL_SAFETY_FACTOR = 0.5
"""The rain index is below it exactly where the seven-day rainfall exceeds the critical rainfall."""
MIN_PLAUSIBLE_RAINFALL, MAX_PLAUSIBLE_RAINFALL = 5.0, 1500.0
"""mm in the wettest week of a year, between which most land on Earth lies."""
PERCENTILES = (5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0)  # that the table of hit rates compares
HIGH_PERCENTILE = 50.0  # above it the threshold misses most of the landslides that it comes from
MIN_LANDSLIDES = 10  # landslides with rainfall that a class needs for a percentile of its own
FALLBACK_ROW = "all"
"""Row of K_TABLE for every class without a row of its own, and for the whole area without TOPOGRAPHY."""
FALLBACK_SOURCE = f'K_TABLE, row "{FALLBACK_ROW}"'  # source of k that comes from that row
UNCLASSIFIED = "no class"  # name of cells outside all classes in tables
WHOLE_AREA = "whole area"  # name of all cells in tables when there is no TOPOGRAPHY

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
    # Order matters: a lacustrine plain is not a lake, a glacial terrace not a glacier.
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
"""Rows of the paper's table by the labels of landform maps; the first match counts."""


def suspect_rainfall_unit(highest: float) -> str:
    """Return a question about the unit of the rainfall by its highest seven-day sum in mm, empty if plausible."""
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
    """Return R7 = α · β · (7 / n) · R_annual in mm, NaN where the annual rainfall is NaN.

    Zhang & Deng (2026), equation 4, with the factor β of the text and table 2, which the printed equation omits;
    β = 1 is the printed form. The annual rainfall is in mm, alpha the share of the rainy season in it, beta the ratio
    of the maximum to the mean rainfall in the season, and n its rainy days.
    """
    return alpha * beta * (7.0 / rainy_days) * annual


def safety_factor(rainfall: np.ndarray, k: np.ndarray | float) -> np.ndarray:
    """Return the rain index Fs = 1 / (1 + k · R7), 0 to 1, of R7 in mm and k in 1/mm (Zhang & Deng 2026, equation 2).

    The paper calls it a safety factor. It is a function of rain alone, without strength or stress of a slope.
    """
    return 1.0 / (1.0 + k * rainfall)


def under_warning(rainfall: np.ndarray, k: np.ndarray | float) -> np.ndarray:
    """Return where the rain index, as it is stored in a raster, is critical; rain in mm, k in 1/mm, either NaN."""
    return safety_factor(rainfall, k).astype(np.float32) < CRITICAL_SAFETY_FACTOR


class RainySeason:
    """Parameters of the rainy season by cell: single values, overridden by the fields of climate zones."""

    def __init__(self, options: SafetyOptions, zones: Polygons | None, grid: Grid, progress: Progress) -> None:
        """Read the fields of the climate zones, if any. Raises ``ParameterInvalid`` if CLIMATE comes without any field;
        ``FieldUnusable`` if a field is missing, or a value in it is not a number or out of range; ``NoOverlap`` if no
        climate zone intersects the grid.
        """
        self._values = {name: getattr(options, name) for name in ("alpha", "beta", "rainy_days")}
        self._burner = None if zones is None else PolygonBurner(zones, grid)
        if options.rainy_days < 7:
            few = f"RAINY_DAYS is {options.rainy_days:g}: with fewer than 7 rainy days"
            progress.warn(f"{few} the formula gives more rain in a week than in the whole season.")
        if zones is None or self._burner is None:
            return
        fields = {name: getattr(options, f"{name}_field") for name in self._values}
        if not any(fields.values()):
            missing = "CLIMATE is given, but none of ALPHA_FIELD, BETA_FIELD and RAINY_DAYS_FIELD"
            raise ParameterInvalid(f"{missing}. Choose the fields that hold the values of each zone.")
        if not self._burner.touching(grid.whole).any():
            outside = f'No polygon of the layer "{zones.name}" given as CLIMATE overlaps the reference raster'
            raise NoOverlap(f"{outside}. Check the CRS of both.")
        given = {name: field for name, field in fields.items() if field}
        self._columns = {name: self._read_field(zones, name, field, progress) for name, field in given.items()}

    def read(self, block: Block) -> tuple[np.ndarray | float, np.ndarray | float, np.ndarray | float, np.ndarray]:
        """Return alpha, beta and rainy days of a block's cells, and which cells lie in a climate zone.

        Where zones overlap, the later one counts; outside them and where a field is empty, the single value holds.
        """
        if self._burner is None:
            return (*self._values.values(), np.ones(block.shape, dtype=bool))
        chosen = self._burner.intersecting(block)
        zone = self._burner.last(block, chosen, range(1, len(chosen) + 1))
        found = dict(self._values)
        for name, column in self._columns.items():
            found[name] = np.array([self._values[name], *column[chosen]])[zone]
        return found["alpha"], found["beta"], found["rainy_days"], zone > 0

    def _read_field(self, zones: Polygons, name: str, field: str, progress: Progress) -> np.ndarray:
        unit = "days" if name == "rainy_days" else ""
        values, high, single = zones.numbers(field, progress, unit), ZONE_LIMITS[name], self._values[name]
        layer, parameter = f'The field "{field}" of the layer "{zones.name}"', name.upper()
        with np.errstate(invalid="ignore"):
            wrong = values[(values <= 0) | (values > high)]
        if len(wrong):
            limits = f"it must be above 0 and at most {high:g}"
            raise FieldUnusable(f"{layer} holds {wrong[0]:g} for {parameter}, but {limits}.")
        empty = np.isnan(values)
        if empty.any():
            progress.warn(f"{layer} is empty in {int(empty.sum())} polygons; {parameter} is {single:g} there.")
        return np.where(empty, single, values)


@dataclass
class ClassCoefficient:
    """k of one class and its source; the counts are filled while the raster is written."""

    label: str
    k: float  # 1/mm; NaN where there is no coefficient and none is needed
    source: str
    landslides: int = 0  # historical landslides of the class that have rainfall
    hits: int | None = None  # those of them with a rain index below 0.5; None without LANDSLIDES
    cells: int = 0  # cells with a rain index
    m2: float = 0.0  # their area
    warned_m2: float = 0.0  # area with a rain index below 0.5

    @property
    def critical_rainfall(self) -> float:
        """Rc in mm."""
        return 1 / self.k if self.k > 0 else float("nan")

    @property
    def share_warned(self) -> float | None:
        """Share of the area with a rain index below 0.5; None without cells."""
        return self.warned_m2 / self.m2 if self.m2 else None

    @property
    def hit_rate(self) -> float | None:
        """Share of the landslides with a rain index below 0.5; None if it is unknown."""
        return self.hits / self.landslides if self.hits is not None and self.landslides else None


def match_paper_class(label: str) -> str | None:
    """Return the row of the paper's table 3 that a landform label stands for, ``None`` when it is unclear."""
    text = " ".join(re.split(r"[\s_\-/]+", label.casefold().strip()))
    if text in PAPER_K:
        return text
    return next((row for row, pattern in _LANDFORM_PATTERNS if re.search(pattern, text)), None)


def choose_coefficients(
    labels: Sequence[str],
    table: Mapping[str, float],
    rainfall: np.ndarray | None,
    classes: np.ndarray | None,
    progress: Progress,
    parameter_hint: str = "LANDSLIDES or K_TABLE",
    percentile: float = RECOMMENDED_PERCENTILE,
) -> tuple[list[ClassCoefficient], ClassCoefficient | None]:
    """Return k of each class, and k of cells without a class.

    In this order: the class's row of the table, the percentile of the rainfall at its landslides, that of all
    landslides when the class has fewer than :data:`MIN_LANDSLIDES`, the table's row ``all``, the paper's table by name.

    Args:
        labels: class names; empty without topography.
        table: K_TABLE, k in 1/mm by class name.
        rainfall: seven-day rainfall in mm at the historical landslides, without NaN; ``None`` without landslides.
        classes: class of each landslide, an index into ``labels``, −1 for none.
        parameter_hint: parameters with which the user can set coefficients, for messages.
        percentile: of the rainfall at landslides that is the critical rainfall.

    Without labels there is a single coefficient; cells without a class have one if it has a source.

    Raises ``ParameterInvalid`` if K_TABLE names an unknown class or holds a k that is not positive, or some classes
    have no k; ``TooFewData`` if there are landslides, but too few for a pooled percentile, and no other source.
    """
    given = _read_table(labels, table)
    pooled = _critical_rainfall(rainfall, percentile)
    if rainfall is not None and pooled is None:
        why = f"Only {len(rainfall)} landslides lie on cells with rainfall; a percentile needs {MIN_LANDSLIDES}"
        if len(rainfall) >= MIN_LANDSLIDES:
            dry = f"The {percentile:g}th percentile of the rain at {len(rainfall)} landslides is 0 mm"
            why = f"{dry}, which is no threshold; a higher PERCENTILE may be one"
        progress.warn(f"{why}. LANDSLIDES is not used.")
    fallback = _fallback_coefficient(given, rainfall, classes, pooled, percentile)
    if not labels:
        if fallback is None:
            raise (ParameterInvalid if rainfall is None else TooFewData)(
                f"There is no source for the coefficient k. Give LANDSLIDES (at least {MIN_LANDSLIDES} inside the "
                f'rainfall raster), or TOPOGRAPHY with the landform, or K_TABLE with the row "{FALLBACK_ROW}", for '
                f'example "{FALLBACK_ROW}, 0.0129", the value of the paper for mountains in southeastern Tibet.'
            )
        fallback.label = WHOLE_AREA
        return [fallback], None
    found = []
    for index, label in enumerate(labels):
        own = np.empty(0) if rainfall is None or classes is None else rainfall[classes == index]
        found.append(_class_coefficient(label, given, own, pooled, percentile))
    missing = [label for label, coefficient in zip(labels, found) if coefficient is None]
    if missing:
        without = f"These landform classes have no coefficient k: {join_names(missing)}"
        rows = f'in K_TABLE a row for each, or one row "{FALLBACK_ROW}" for all of them'
        raise ParameterInvalid(f"{without}. Give {parameter_hint}: {rows}.")
    coefficients = [coefficient for coefficient in found if coefficient is not None]
    from_paper = [one.label for one in coefficients if one.source.startswith("paper")]
    if from_paper:
        paper = f"k of these classes is the paper's, for southeastern Tibet: {join_names(from_paper)}"
        progress.warn(f"{paper}. Elsewhere give {parameter_hint}.")
    pooling = [f"{one.label} ({one.landslides})" for one in coefficients if one.source.startswith("all landslides")]
    if pooling:
        few = f"These classes have fewer than {MIN_LANDSLIDES} landslides with rainfall"
        progress.warn(f"{few} and take k from all landslides: {join_names(pooling)}.")
    return coefficients, fallback


def _read_table(labels: Sequence[str], table: Mapping[str, float]) -> dict[str, float]:
    """Return k by plain label, and check that each row names a class."""
    known = {plain_label(label) for label in labels} | {FALLBACK_ROW}
    given: dict[str, float] = {}
    for label, k in table.items():
        if not 0 < k < float("inf"):
            raise ParameterInvalid(
                f'K_TABLE gives {k} for "{label}", but k is a number above 0 in 1/mm. Write 1 '
                "divided by the critical rainfall in mm, such as 0.0129."
            )
        if plain_label(label) not in known:
            raise ParameterInvalid(
                f'K_TABLE has a row "{label}", but the landform classes are: '
                f"{join_names(labels) or 'none, since TOPOGRAPHY is empty'}. Name a class as it "
                f'is written there, or use the row "{FALLBACK_ROW}".'
            )
        given[plain_label(label)] = float(k)
    return given


def _class_coefficient(
    label: str, given: Mapping[str, float], own: np.ndarray, pooled: float | None, percentile: float
) -> ClassCoefficient | None:
    count = len(own)
    if plain_label(label) in given:
        return ClassCoefficient(label, given[plain_label(label)], "K_TABLE", count)
    critical = _critical_rainfall(own, percentile)
    if critical is not None:
        return ClassCoefficient(label, 1 / critical, f"{percentile:g}th percentile at {count} landslides", count)
    if pooled is not None:
        return ClassCoefficient(label, 1 / pooled, f"all landslides, since the class has only {count}", count)
    if FALLBACK_ROW in given:
        return ClassCoefficient(label, given[FALLBACK_ROW], FALLBACK_SOURCE, count)
    row = match_paper_class(label)
    return None if row is None else ClassCoefficient(label, PAPER_K[row], f'paper, table 3, "{row}"', count)


def _fallback_coefficient(
    given: Mapping[str, float],
    rainfall: np.ndarray | None,
    classes: np.ndarray | None,
    pooled: float | None,
    percentile: float,
) -> ClassCoefficient | None:
    """Return the coefficient of cells without a class, which is that of all cells when there are no classes."""
    count = 0 if rainfall is None or classes is None else int((classes < 0).sum())
    if FALLBACK_ROW in given:
        return ClassCoefficient(UNCLASSIFIED, given[FALLBACK_ROW], FALLBACK_SOURCE, count)
    if pooled is not None:
        return ClassCoefficient(UNCLASSIFIED, 1 / pooled, f"{percentile:g}th percentile at all landslides", count)
    return None


def _critical_rainfall(rainfall: np.ndarray | None, percentile: float) -> float | None:
    if rainfall is None or len(rainfall) < MIN_LANDSLIDES:
        return None
    critical = float(np.percentile(rainfall, percentile))
    return critical if critical > 0 else None


def coefficients_by_class(
    labels: Sequence[str], coefficients: Sequence[ClassCoefficient], fallback: ClassCoefficient | None
) -> np.ndarray:
    """Return k by class number in 1/mm, NaN for none; the last entry is for class −1."""
    last = fallback if labels else coefficients[0]
    return np.array([np.nan if one is None else one.k for one in (*(coefficients if labels else ()), last)])


@dataclass
class PercentileRow:
    """What a threshold at one percentile of the rain at landslides would do."""

    percentile: float
    hit_rate: float  # share of the landslides whose rain exceeds it
    share_warned: float  # share of the land whose rain of the wettest week exceeds it


def coefficients_by_percentile(
    labels: Sequence[str], table: Mapping[str, float], rainfall: np.ndarray, classes: np.ndarray
) -> dict[float, np.ndarray]:
    """Return :func:`coefficients_by_class` for each of :data:`PERCENTILES` that gives a threshold. Arguments as of
    :func:`choose_coefficients`.
    """
    found = {}
    for percentile in PERCENTILES:
        # A low percentile may be 0 mm, which is no threshold.
        with contextlib.suppress(ScarpError):
            chosen = choose_coefficients(labels, table, rainfall, classes, NullProgress(), percentile=percentile)
            found[percentile] = coefficients_by_class(labels, *chosen)
    return found


@dataclass
class Thresholds:
    """Thresholds as they travel in the tags of a rain index."""

    table: dict[str, float]  # k in 1/mm by class label, row ``all`` for land without another
    hit_rate: float | None  # share of the past landslides above the threshold; None if it is unknown
    weeks: str  # CLIMATOLOGICAL, REAL or UNKNOWN: the weeks that the thresholds come from
    percentile: float | None = None  # of the rain at landslides; None if k does not come from one

    def tags(self) -> dict[str, str]:
        """Return them as tags of a raster."""
        return {
            "THRESHOLDS": json.dumps(self.table, ensure_ascii=False),
            "HIT_RATE": UNKNOWN if self.hit_rate is None else f"{self.hit_rate:.6g}",
            "THRESHOLD_WEEKS": self.weeks,
            "PERCENTILE": "none" if self.percentile is None else f"{self.percentile:g}",
        }

    @classmethod
    def from_tags(cls, tags: Mapping[str, str], name: str) -> Thresholds:
        """Read the tags of a raster; raises ``ParameterInvalid`` if it has none."""
        if tags.get("MEANING") == FACTOR_OF_SAFETY_MEANING:
            raise ParameterInvalid(
                f"SAFETY_FACTOR: the raster {name} is a factor of safety of a slope, which has no rain threshold. Give "
                "a rain index, or K or K_TABLE instead."
            )
        try:
            table = {str(label): float(k) for label, k in parse_json(tags["THRESHOLDS"]).items()}
            hit_rate = None if tags["HIT_RATE"] == UNKNOWN else float(tags["HIT_RATE"])
            return cls(table, hit_rate, tags["THRESHOLD_WEEKS"])
        except (KeyError, ValueError, AttributeError, TypeError) as error:
            raise ParameterInvalid(
                f'SAFETY_FACTOR: the raster {name} holds no thresholds. Give a rain index of "Build safety factor" of '
                "this version of Scarp, or K or K_TABLE instead."
            ) from error

    def known(self, labels: Sequence[str]) -> dict[str, float]:
        """Return the rows of these classes, and that of all others."""
        wanted = {plain_label(label) for label in labels} | {FALLBACK_ROW}
        return {label: k for label, k in self.table.items() if plain_label(label) in wanted}


def thresholds_of(
    coefficients: Sequence[ClassCoefficient],
    fallback: ClassCoefficient | None,
    hit_rate: float | None,
    weeks: str,
    percentile: float,
) -> Thresholds:
    """Return the thresholds for the tags; ``weeks`` are those of the landslides, UNKNOWN without landslides."""
    every = [*coefficients, *([] if fallback is None else [fallback])]
    if any(one.source.startswith("paper") for one in every):
        weeks = CLIMATOLOGICAL  # the paper's equation 4
    elif all(one.source in ("K_TABLE", FALLBACK_SOURCE) for one in every):
        weeks = UNKNOWN
    elsewhere = (UNCLASSIFIED, WHOLE_AREA)
    table = {FALLBACK_ROW if one.label in elsewhere else one.label: one.k for one in every}
    from_landslides = any("landslides" in one.source for one in every)
    return Thresholds(table, hit_rate, weeks, percentile if from_landslides else None)


def plain_label(label: str) -> str:
    """Return a class label without the differences in case and spaces that do not count."""
    return clean_label(str(label)).casefold()
