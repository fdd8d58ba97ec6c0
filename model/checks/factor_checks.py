"""Recognising a factor that came in another unit than the one expected.
Judging the values of continuous factors: constant, impossible, in another unit, far out.
Judging class codes: whole, in the class table, and with enough cells.
"""

from __future__ import annotations

from ..factors.definitions import FACTORS
from ..factors.unit_checks import suspect_value_unit
from .band_statistics import CategoricalBand, ContinuousBand
from .findings import (
    ERROR,
    FEW_CELLS,
    MOST_CLASSES,
    NOTE,
    SAME_VALUE_SHARE,
    WARNING,
    Finding,
    format_percent,
    join_names,
    number,
    plausible_range,
)

KELVIN = 273.15
MIN_ANNUAL_RAIN = 150.0
"""mm a year under which landslides hardly matter, and under which inches and months of most wet land lie."""


def unit_finding(band: ContinuousBand) -> Finding | None:
    """Return what points to a wrong unit of a factor that is known by name, or ``None``."""
    check = {
        "temperature": _temperature,
        "precipitation": _precipitation,
        "slope": _slope,
        "profile_curvature": _curvature,
        "river_density": _density,
        "fault_density": _density,
    }.get(band.name)
    return check(band) if check is not None else _check_user_layer(band)


def _check_user_layer(band: ContinuousBand) -> Finding | None:
    """Ask about a layer of the user's own whose name says what it is; its unit is the user's to choose."""
    question = suspect_value_unit(band.name, band.minimum, band.maximum)
    if not question:
        return None
    return _unit_mismatch(
        band,
        question,
        "If the unit is meant, nothing: models take any. It must be the same wherever the "
        "model is used, so name the unit in the layer's name.",
        WARNING,
    )


def _temperature(band: ContinuousBand) -> Finding | None:
    """Tell kelvin, tenths of a degree and Fahrenheit from degrees Celsius by the middle and the spread."""
    median, low, high = band.quantile(0.5), band.quantile(0.01), band.quantile(0.99)
    kelvin = 245 <= median <= 310 and high - low <= 60
    tenths = 40 < high <= 360 and low >= -350
    # 30 °C is about the warmest annual mean on land, so a median over 300 cannot be tenths.
    if kelvin and median <= 300:
        return _unit_mismatch(
            band,
            f"The values look like kelvin, so that the median is {median - KELVIN:.1f} °C, or like "
            f"tenths of a degree, so that it is {median / 10:.1f} °C.",
            "Subtract 273.15 or divide by 10, whichever is right (Raster calculator), and build again.",
        )
    if kelvin:
        return _unit_mismatch(
            band,
            f"The values look like kelvin, not °C (median {median:.1f}, so {median - KELVIN:.1f} °C).",
            "Subtract 273.15 (Raster calculator), and build the stack again.",
        )
    if tenths:
        fahrenheit = " or degrees Fahrenheit" if low >= 20 and high <= 105 else ""
        return _unit_mismatch(
            band,
            f"The values look like tenths of a degree{fahrenheit}, not °C (median {median:.1f}; as "
            f"tenths {median / 10:.1f} °C). WorldClim 1.4 comes so.",
            "Divide by 10 (Raster calculator), and build the stack again.",
        )
    if high - low > 45 and not band.below + band.above:
        return _unit_mismatch(
            band,
            f"Temperature spans {high - low:.0f} degrees, as over 7 km of height: the values may be "
            "tenths of a degree.",
            "If so, divide by 10 (Raster calculator), and build the stack again.",
            WARNING,
        )
    return None


def _precipitation(band: ContinuousBand) -> Finding | None:
    median, high = band.quantile(0.5), band.quantile(0.99)
    if band.minimum >= 0 and 20 <= high < MIN_ANNUAL_RAIN:
        return _unit_mismatch(
            band,
            f"99 % of the cells have less than {high:.3g} mm a year, as in deserts: the values may be "
            "in inches, or for a month.",
            "If the land is not that dry, convert to mm a year (Raster calculator) and build the stack again.",
            WARNING,
        )
    if band.minimum >= 0 and 0 < high < 20:
        return _unit_mismatch(
            band,
            f"99 % of the cells have less than {high:.3g} mm a year: the values may be in metres, in cm, or for a day.",
            "Convert to mm a year (Raster calculator), and build the stack again.",
            WARNING,
        )
    if median > 15000:
        return _unit_mismatch(
            band,
            f"The median is {median:,.0f} mm a year, more than anywhere on Earth: the values may be in "
            "tenths of a millimetre.",
            "Convert to mm a year (Raster calculator), and build the stack again.",
        )
    return None


def _slope(band: ContinuousBand) -> Finding | None:
    median = band.quantile(0.5)
    if band.minimum >= 0 and median > 80 and band.maximum <= 90.01:
        return _unit_mismatch(
            band,
            f"Half of the cells are steeper than {median:.1f} degrees: the slope was computed with "
            "horizontal distances in degrees and heights in metres.",
            "Let scarp:buildfactorstack compute the slope; it knows the metres of a degree.",
        )
    if band.minimum >= 0 and 0.05 < band.maximum <= 1.5709:
        return _unit_mismatch(
            band,
            f"The largest slope is {band.maximum:.3g}: the values may be radians, or a tangent.",
            "If the land is not that flat, let scarp:buildfactorstack compute the slope in degrees.",
            WARNING,
        )
    if band.minimum >= 0 and band.above > 0.01 * band.finite and band.maximum <= 2000:
        return _unit_mismatch(
            band,
            f"Slopes go up to {band.maximum:.1f}: the values look like percent, not degrees.",
            "Let scarp:buildfactorstack compute the slope in degrees.",
        )
    return None


def _curvature(band: ContinuousBand) -> Finding | None:
    low, high = band.quantile(0.05), band.quantile(0.95)
    if high - low > 0.5 and not band.below + band.above:
        return _unit_mismatch(
            band,
            f"Nine in ten cells lie between {low:.3g} and {high:.3g} 1/m, about a hundred times what "
            "terrain has: ArcGIS gives profile curvature times 100, with the opposite sign.",
            "Divide by −100, or let scarp:buildfactorstack compute it.",
        )
    return None


def _density(band: ContinuousBand) -> Finding | None:
    high = band.quantile(0.99)
    if band.minimum >= 0 and high > 50:
        return _unit_mismatch(
            band,
            f"Densities go up to {band.maximum:,.0f} km/km²; lines so dense do not exist. The values "
            "may be metres per km².",
            "Divide by 1000, or let scarp:buildfactorstack compute the density.",
        )
    if band.minimum >= 0 and 0 < band.maximum < 0.01:
        return _unit_mismatch(
            band,
            f"The largest density is {band.maximum:.2g} km/km²: the values may be metres per m² "
            "(ArcGIS's Line Density in map units).",
            "Multiply by 1000, or let scarp:buildfactorstack compute the density.",
            WARNING,
        )
    return None


def _unit_mismatch(band: ContinuousBand, message: str, remedy: str, severity: str = ERROR) -> Finding:
    return Finding(severity, "unit", band.name, message, remedy, band.finite, band.finite)


def check_continuous(band: ContinuousBand) -> list[Finding]:
    """Report everything doubtful in the values of one continuous factor, from what was counted of it."""
    if not band.finite:
        return []
    if not band.varies:
        return [
            Finding(
                ERROR,
                "constant",
                band.name,
                f"Every cell holds {number(band.minimum)}: nothing can be learned from it, "
                "and a model trained with it cannot be used where the factor differs.",
                "Leave the factor out, or check its source.",
                band.finite,
                band.finite,
            ),
            *_check_range(band),
        ]
    findings = _check_range(band)
    if any(finding.check == "unit" for finding in findings):
        # What is much or little is known in the right unit only.
        return findings
    findings += _check_spread(band)
    findings += _check_outliers(band, bool(findings))
    findings += _check_distinct(band)
    return findings


def _check_range(band: ContinuousBand) -> list[Finding]:
    """Report a wrong unit, or else values that cannot be."""
    unit = unit_finding(band)
    if unit is not None:
        return [unit]
    limits = plausible_range(band.name)
    findings = []
    if band.below + band.above:
        extremes = []
        if band.below:
            extremes.append(f"{band.below:,} below {number(limits.low)} (down to {number(band.minimum)})")
        if band.above:
            extremes.append(f"{band.above:,} above {number(limits.high)} (up to {number(band.maximum)})")
        hint = " ".join(f"{number(value)} is often an undeclared nodata value." for value in band.sentinels())
        findings.append(
            Finding(
                ERROR,
                "range",
                band.name,
                f"Impossible values: {' and '.join(extremes)}; {limits.why}. {hint}".strip(),
                limits.remedy,
                band.below + band.above,
                band.finite,
            )
        )
        return findings
    for value in band.sentinels():
        cells = band.at_minimum if value == band.minimum else band.at_maximum
        findings.append(
            Finding(
                ERROR,
                "undeclared nodata",
                band.name,
                f"Cells hold {number(value)}, far from all others: it looks like a nodata value that was not declared.",
                "Declare it (Raster > Conversion > Translate, Assign a nodata value), and build the stack again.",
                cells,
                band.finite,
            )
        )
    return findings


def _check_spread(band: ContinuousBand) -> list[Finding]:
    """Report a band that is constant but for a few cells, or varies by next to nothing."""
    value, cells = band.quantiles.most_common()
    if cells >= SAME_VALUE_SHARE * band.finite:
        return [
            Finding(
                WARNING,
                "nearly constant",
                band.name,
                f"{format_percent(cells / band.finite)} of the cells hold "
                f"{number(value)}; the factor says something about the few others only.",
                "Leave it out, or check its source and radius.",
                cells,
                band.finite,
            )
        ]
    low, high = band.quantile(0.01), band.quantile(0.99)
    least = plausible_range(band.name).min_spread or 1e-5 * max(abs(low), abs(high))
    if high - low < least:
        return [
            Finding(
                WARNING,
                "nearly constant",
                band.name,
                f"98 % of the cells lie between {number(low)} and {number(high)}"
                f"{_unit_suffix(band)}: next to no variation to learn from, and the training stretches it to full size.",
                "Leave it out, or use a source with more detail.",
                band.finite,
                band.finite,
            )
        ]
    return []


def _check_outliers(band: ContinuousBand, explained: bool) -> list[Finding]:
    """Report cells far from all others, unless impossible values explain them."""
    cells = band.low_outliers + band.high_outliers
    spread = band.quantile(0.95) - band.quantile(0.05)
    if not cells or explained or spread <= 0:
        return []
    # 3.29 standard deviations lie between the two percentiles of a normal distribution.
    inflated = band.standard_deviation / (spread / 3.29)
    parts = []
    if band.low_outliers:
        parts.append(f"down to {number(band.minimum)}")
    if band.high_outliers:
        parts.append(f"up to {number(band.maximum)}")
    message = (
        f"Far outliers, {' and '.join(parts)}{_unit_suffix(band)}, while nine in ten cells lie between "
        f"{number(band.quantile(0.05))} and {number(band.quantile(0.95))}."
    )
    if inflated > 3:
        message += (
            f" They make the standard deviation {inflated:.1f} times what the bulk of the cells has, so the "
            "normalised bulk is squeezed together."
        )
    return [
        Finding(
            WARNING if inflated > 3 else NOTE,
            "outliers",
            band.name,
            message,
            "Look at these cells on the map: pits, voids and seams of the DEM, or a wrong value in the source.",
            cells,
            band.finite,
        )
    ]


def _check_distinct(band: ContinuousBand) -> list[Finding]:
    """Report a continuous band with few different values: classes, or a coarse raster in stair steps."""
    if band.distinct is None or len(band.distinct) < 3:
        return []
    many = f"Only {len(band.distinct)} different values in {band.finite:,} cells"
    if band.finite < 50 * len(band.distinct):
        return []
    if band.integer_cells == band.finite:
        return [
            Finding(
                WARNING,
                "few values",
                band.name,
                f"{many}, all whole numbers: these look like class codes.",
                "If they are classes, add the layer under EXTRA_CATEGORICAL.",
            )
        ]
    return [
        Finding(
            NOTE,
            "few values",
            band.name,
            f"{many}: stair steps, as of a coarse raster without interpolation.",
            "Build the stack from the original raster; scarp:buildfactorstack interpolates it.",
        )
    ]


def _unit_suffix(band: ContinuousBand) -> str:
    return f" {band.factor.unit}" if band.factor.unit else ""


def check_categorical(band: CategoricalBand) -> list[Finding]:
    """Report everything doubtful in the class codes of one categorical factor, from what was counted of it."""
    if not band.finite:
        return []
    return [*_check_invalid_codes(band), *_check_unknown(band), *_check_variety(band), *_check_small(band)]


def _check_invalid_codes(band: CategoricalBand) -> list[Finding]:
    """Report values that no class code can be."""
    if not band.invalid_code_cells:
        return []
    examples = sorted(band.invalid_codes, key=lambda value: -band.invalid_codes[value])
    fractions = any(value != int(value) for value in examples if abs(value) < 1e15)
    why = "they come of classes that were interpolated" if fractions else "codes are whole numbers from 1"
    degrees = " Aspect in degrees has to be classed into 1 to 9." if band.name == "aspect" else ""
    return [
        Finding(
            ERROR,
            "class code",
            band.name,
            f"Values that are no class code: {join_names([number(value) for value in examples], 5)}; {why}.{degrees}",
            "Build the stack again with scarp:buildfactorstack, which takes the nearest class.",
            band.invalid_code_cells,
            band.finite,
        )
    ]


def _check_unknown(band: CategoricalBand) -> list[Finding]:
    """Report codes that the class table lacks."""
    if not band.factor.classes:
        return []
    unknown = [place for place, code in enumerate(band.codes) if code not in band.factor.classes]
    if not unknown:
        return []
    unknown.sort(key=lambda place: -band.counts[place])
    cells = int(band.counts[unknown].sum())
    codes = join_names([f"{band.codes[place]} ({band.counts[place]:,} cells)" for place in unknown], 6)
    if band.name == "aspect":
        remedy = "Aspect codes are 1 to 9 (flat, N, NE, … NW), not degrees. Let scarp:buildfactorstack compute them."
    else:
        remedy = "Give these codes a label in the source, or set them to nodata, and build the stack again."
    return [
        Finding(
            ERROR,
            "class code",
            band.name,
            f"Codes that are not in the class table: {codes}.",
            remedy,
            cells,
            band.finite,
        )
    ]


def _check_variety(band: CategoricalBand) -> list[Finding]:
    """Report a band of one class, or nearly, or of far too many."""
    if len(band.codes) > MOST_CLASSES:
        return [
            Finding(
                ERROR,
                "class code",
                band.name,
                f"{len(band.codes):,} different codes: this looks like amounts or identifiers, not classes.",
                "Add the layer under EXTRA_CONTINUOUS, or class it first.",
            )
        ]
    if len(band.codes) == 1 and not band.invalid_code_cells:
        return [
            Finding(
                ERROR,
                "constant",
                band.name,
                f'Every cell is of the class "{band.label(band.codes[0])}": nothing can be '
                "learned from it, and a model trained with it knows no other class.",
                "Leave the factor out, or check its source.",
                band.finite,
                band.finite,
            )
        ]
    if not band.codes:
        return []
    most = int(band.counts.argmax())
    share = band.counts[most] / band.finite
    if share >= SAME_VALUE_SHARE:
        return [
            Finding(
                WARNING,
                "nearly constant",
                band.name,
                f'{format_percent(share)} of the cells are of the class "{band.label(band.codes[most])}".',
                "Leave the factor out, or join a neighbouring area that has more classes.",
                int(band.counts[most]),
                band.finite,
            )
        ]
    return []


def _check_small(band: CategoricalBand) -> list[Finding]:
    """Report classes with hardly any cells, or none."""
    findings = []
    few = [place for place, cells in enumerate(band.counts) if cells < FEW_CELLS]
    if few and len(band.codes) > 1:
        names = join_names([f"{band.label(band.codes[place])} ({band.counts[place]:,})" for place in few])
        findings.append(
            Finding(
                WARNING,
                "small class",
                band.name,
                f"Classes with fewer than {FEW_CELLS} cells: {names}. What a model learns of them is chance.",
                "Join them with a similar class, or set them to nodata.",
                int(band.counts[few].sum()),
                band.finite,
            )
        )
    # The table of aspect is always the same; no flat ground is nothing to speak of.
    fixed = band.name in FACTORS and FACTORS[band.name].classes
    table = {} if fixed else band.factor.classes
    absent = [label for code, label in sorted(table.items()) if code not in band.codes]
    if absent:
        findings.append(
            Finding(
                NOTE,
                "absent class",
                band.name,
                f"Classes of the table that no cell has: {join_names(absent)}. A model trained here will not know them.",
                "Nothing, if the table is shared with other areas on purpose.",
            )
        )
    return findings
