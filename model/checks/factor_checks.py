"""Checks of each factor's values: wrong units, impossible and constant values, outliers, and class codes."""

from __future__ import annotations

from collections.abc import Iterator

from ..factors.definitions import FACTORS, is_terrain_factor
from ..inputs.unit_checks import suspect_value_unit
from ..texts import join_names
from .band_statistics import CategoricalBand, ContinuousBand
from .findings import (
    ERROR,
    FEW_CELLS,
    MAX_CLASSES,
    NOTE,
    WARNING,
    Finding,
    format_percent,
    number_text,
    plausible_range,
)

SAME_VALUE_SHARE = 0.99  # share of the cells with the same value from which a band is called nearly constant
KELVIN = 273.15
MIN_ANNUAL_RAIN = 150.0
"""mm a year under which landslides hardly matter, and under which inches and months of most wet land lie."""
_CONVERT = " with the Raster calculator, and rebuild the stack."
_LET_SCARP = "Let scarp:buildfactorstack compute the {}."


def check_band(band: ContinuousBand | CategoricalBand) -> list[Finding]:
    """Report what is doubtful in the values of a band, from what was counted of it."""
    if not band.finite:
        return []
    if isinstance(band, ContinuousBand):
        return _check_continuous(band)
    return [*_check_codes(band), *_check_variety(band), *_check_small(band)]


def _check_continuous(band: ContinuousBand) -> list[Finding]:
    range_findings = list(_check_range(band))
    if not band.varies:
        learned = f"Every cell holds {number_text(band.minimum)}: nothing can be learned from it"
        message = f"{learned}, and a model trained with it cannot be used where the factor differs."
        constant = band.finding(WARNING, "constant", message, "Leave the factor out, or check its source.", band.finite)
        return [constant, *range_findings]
    if any(finding.check == "unit" for finding in range_findings):
        return range_findings  # What is much or little is known in the right unit only.
    findings = [*range_findings, *_check_spread(band)]
    if not findings:
        findings += _check_outliers(band)
    return findings + list(_check_distinct(band))


def _check_range(band: ContinuousBand) -> Iterator[Finding]:
    unit = _UNIT_CHECKS.get(band.name, _check_user_layer)(band)
    if unit is not None:
        yield unit
        return
    limits, sentinels = plausible_range(band.name), band.sentinels()
    if band.below + band.above:
        parts = []
        if band.below:
            parts.append(f"{band.below:,} below {number_text(limits.low)} (down to {number_text(band.minimum)})")
        if band.above:
            parts.append(f"{band.above:,} above {number_text(limits.high)} (up to {number_text(band.maximum)})")
        hint = "".join(f" {number_text(value)} is often an undeclared nodata value." for value in sentinels)
        unit_name = f"is in {band.factor.unit}" if band.factor.unit else "has the right unit"
        message = f"Impossible values: {' and '.join(parts)}; {limits.why}.{hint}"
        remedy = f"Check that the source {unit_name} and declares its nodata value, and rebuild the stack."
        yield band.finding(ERROR, "range", message, remedy, band.below + band.above)
        return
    for value in sentinels:
        message = f"Cells hold {number_text(value)}, far from all others: it looks like an undeclared nodata value."
        remedy = "Declare it (Raster > Conversion > Translate, Assign a nodata value), and rebuild the stack."
        cells = band.at_minimum if value == band.minimum else band.at_maximum
        yield band.finding(ERROR, "undeclared nodata", message, remedy, cells)


def _unit(band: ContinuousBand, message: str, remedy: str, severity: str = ERROR) -> Finding:
    return band.finding(severity, "unit", message, remedy, band.finite)


def _check_user_layer(band: ContinuousBand) -> Finding | None:
    """Ask about a user layer whose name says what it is; its unit is the user's to choose."""
    if is_terrain_factor(band.name):
        return None  # A mean slope of flat land is no slope in radians.
    question = suspect_value_unit(band.name, band.minimum, band.maximum)
    remedy = (
        "Nothing, if the unit is intended: models accept any unit. It must be the same wherever the model is used, "
        "so state it in the name of the layer."
    )
    return _unit(band, question, remedy, WARNING) if question else None


def _check_temperature(band: ContinuousBand) -> Finding | None:
    """Distinguish kelvin, tenths of a degree and Fahrenheit from degrees Celsius by the median and the spread."""
    median, low, high = band.quantile(0.5), band.quantile(0.01), band.quantile(0.99)
    celsius, from_tenths = f"{median - KELVIN:.1f} °C", f"{median / 10:.1f} °C"
    if 245 <= median <= 310 and high - low <= 60:
        # 30 °C is about the warmest annual mean on land, so a median over 300 cannot be tenths.
        if median > 300:
            message = f"The values look like kelvin, not °C (median {median:.1f}, which is {celsius})."
            return _unit(band, message, f"Subtract 273.15{_CONVERT}")
        message = f"The values look like kelvin (median {celsius}) or like tenths of a degree (median {from_tenths})."
        return _unit(band, message, f"Subtract 273.15 or divide by 10, whichever is right,{_CONVERT}")
    if 40 < high <= 360 and low >= -350:
        fahrenheit = " or degrees Fahrenheit" if low >= 20 and high <= 105 else ""
        unit = f"The values look like tenths of a degree{fahrenheit}, not °C"
        message = f"{unit} (median {median:.1f}; as tenths {from_tenths}). WorldClim 1.4 uses tenths."
        return _unit(band, message, f"Divide by 10{_CONVERT}")
    if high - low > 45 and not band.below + band.above:
        span = f"Temperature spans {high - low:.0f} degrees, as over 7 km of elevation"
        message = f"{span}: the values may be tenths of a degree."
        return _unit(band, message, f"If so, divide by 10{_CONVERT}", WARNING)
    return None


def _check_precipitation(band: ContinuousBand) -> Finding | None:
    median, high = band.quantile(0.5), band.quantile(0.99)
    remedy = f"Convert to mm a year{_CONVERT}"
    dry = f"99 % of the cells have less than {high:.3g} mm a year"
    if band.minimum >= 0 and 20 <= high < MIN_ANNUAL_RAIN:
        message = f"{dry}, as in deserts: the values may be in inches, or for a month."
        return _unit(band, message, f"If the land is not that dry, convert to mm a year{_CONVERT}", WARNING)
    if band.minimum >= 0 and 0 < high < 20:
        return _unit(band, f"{dry}: the values may be in metres, in cm, or for a day.", remedy, WARNING)
    if median > 15000:
        most = f"The median is {median:,.0f} mm a year, more than anywhere on Earth"
        return _unit(band, f"{most}: the values may be in tenths of a millimetre.", remedy)
    return None


def _check_slope(band: ContinuousBand) -> Finding | None:
    median, remedy = band.quantile(0.5), _LET_SCARP.format("slope in degrees")
    if band.minimum >= 0 and median > 80 and band.maximum <= 90.01:
        steep = f"Half of the cells are steeper than {median:.1f} degrees"
        message = f"{steep}: the slope was computed with horizontal distances in degrees and elevations in metres."
        return _unit(band, message, remedy)
    if band.minimum >= 0 and 0.05 < band.maximum <= 1.5709:
        message = f"The largest slope is {band.maximum:.3g}: the values may be radians, or a tangent."
        remedy = "If the land is not that flat, let scarp:buildfactorstack compute the slope in degrees."
        return _unit(band, message, remedy, WARNING)
    if band.minimum >= 0 and band.above > 0.01 * band.finite and band.maximum <= 2000:
        return _unit(band, f"Slopes go up to {band.maximum:.1f}: the values look like percent, not degrees.", remedy)
    return None


def _check_curvature(band: ContinuousBand) -> Finding | None:
    low, high = band.quantile(0.05), band.quantile(0.95)
    if high - low <= 0.5 or band.below + band.above:
        return None
    message = (
        f"Nine in ten cells lie between {low:.3g} and {high:.3g} 1/m, about a hundred times what terrain has: ArcGIS "
        "gives profile curvature times 100, with the opposite sign."
    )
    return _unit(band, message, "Divide by −100, or let scarp:buildfactorstack compute it.")


def _check_density(band: ContinuousBand) -> Finding | None:
    if band.minimum >= 0 and band.quantile(0.99) > 50:
        dense = f"Densities go up to {band.maximum:,.0f} km/km²; lines so dense do not exist"
        message = f"{dense}. The values may be metres per km²."
        return _unit(band, message, "Divide by 1000, or let scarp:buildfactorstack compute the density.")
    if band.minimum >= 0 and 0 < band.maximum < 0.01:
        largest = f"The largest density is {band.maximum:.2g} km/km²"
        message = f"{largest}: the values may be metres per m² (ArcGIS's Line Density in map units)."
        return _unit(band, message, "Multiply by 1000, or let scarp:buildfactorstack compute the density.", WARNING)
    return None


_UNIT_CHECKS = {
    "temperature": _check_temperature,
    "precipitation": _check_precipitation,
    "slope": _check_slope,
    "profile_curvature": _check_curvature,
    "river_density": _check_density,
    "fault_density": _check_density,
}


def _check_spread(band: ContinuousBand) -> Iterator[Finding]:
    value, cells = band.quantiles.most_common()
    low, high = band.quantile(0.01), band.quantile(0.99)
    least = plausible_range(band.name).min_spread or 1e-5 * max(abs(low), abs(high))
    if cells >= SAME_VALUE_SHARE * band.finite:
        share = format_percent(cells / band.finite)
        hold = f"{share} of the cells hold {number_text(value)}"
        message = f"{hold}; the factor only says something about the few others."
        yield band.finding(WARNING, "nearly constant", message, "Leave it out, or check its source and radius.", cells)
    elif high - low < least:
        between = f"{number_text(low)} and {number_text(high)}{_unit_suffix(band)}"
        lie = f"98 % of the cells lie between {between}"
        message = f"{lie}: almost no variation to learn from, and training normalises it to full size."
        remedy = "Leave it out, or use a source with more detail."
        yield band.finding(WARNING, "nearly constant", message, remedy, band.finite)


def _check_outliers(band: ContinuousBand) -> Iterator[Finding]:
    low, high = band.quantile(0.05), band.quantile(0.95)
    if not band.low_outliers + band.high_outliers or high <= low:
        return
    # 3.29 standard deviations lie between the two percentiles of a normal distribution.
    inflated = band.standard_deviation / ((high - low) / 3.29)
    down, up = f"down to {number_text(band.minimum)}", f"up to {number_text(band.maximum)}"
    parts = [part for part, cells in ((down, band.low_outliers), (up, band.high_outliers)) if cells]
    bulk = f"nine in ten cells lie between {number_text(low)} and {number_text(high)}"
    message = f"Far outliers, {' and '.join(parts)}{_unit_suffix(band)}, while {bulk}."
    if inflated > 3:
        message += (
            f" They make the standard deviation {inflated:.1f} times that of the bulk of the cells, so that "
            "normalisation squeezes the bulk together."
        )
    remedy = "Look at these cells on the map: pits, voids and seams of the DEM, or a wrong value in the source."
    cells = band.low_outliers + band.high_outliers
    yield band.finding(WARNING if inflated > 3 else NOTE, "outliers", message, remedy, cells)


def _check_distinct(band: ContinuousBand) -> Iterator[Finding]:
    """Report a continuous band with few different values: classes, or a coarse raster in stair steps."""
    if band.distinct is None or len(band.distinct) < 3 or band.finite < 50 * len(band.distinct):
        return
    few = f"Only {len(band.distinct)} different values in {band.finite:,} cells"
    if band.integer_cells == band.finite:
        message = f"{few}, all whole numbers: these look like class codes."
        remedy = "If they are classes, add the layer under EXTRA_CATEGORICAL."
        yield band.finding(WARNING, "few values", message, remedy)
    else:
        message = f"{few}: stair steps, as of a coarse raster without interpolation."
        remedy = "Rebuild the stack from the original raster; scarp:buildfactorstack interpolates it."
        yield band.finding(NOTE, "few values", message, remedy)


def _unit_suffix(band: ContinuousBand) -> str:
    return f" {band.factor.unit}" if band.factor.unit else ""


def _check_codes(band: CategoricalBand) -> Iterator[Finding]:
    if band.invalid_code_cells:
        examples = sorted(band.invalid_codes, key=lambda value: -band.invalid_codes[value])
        fractions = any(value != int(value) for value in examples if abs(value) < 1e15)
        why = "interpolation of classes gives such values" if fractions else "codes are whole numbers from 1"
        degrees = " Aspect in degrees must be classified into 1 to 9." if band.name == "aspect" else ""
        values = join_names([number_text(value) for value in examples], 5)
        message = f"Values that are not class codes: {values}; {why}.{degrees}"
        remedy = "Rebuild the stack with scarp:buildfactorstack, which takes the nearest class."
        yield band.finding(ERROR, "class code", message, remedy, band.invalid_code_cells)
    unknown = [index for index, code in enumerate(band.codes) if code not in band.factor.classes]
    if unknown and band.factor.classes:
        unknown.sort(key=lambda index: -band.counts[index])
        codes = join_names([f"{band.codes[index]} ({band.counts[index]:,} cells)" for index in unknown], 6)
        remedy = "Give these codes a label in the source, or set them to nodata, and rebuild the stack."
        if band.name == "aspect":
            remedy = "Aspect codes are 1 to 9 (flat, N, NE, … NW), not degrees. " + _LET_SCARP.format("aspect")
        message = f"Codes that are not in the class table: {codes}."
        yield band.finding(ERROR, "class code", message, remedy, int(band.counts[unknown].sum()))


def _check_variety(band: CategoricalBand) -> Iterator[Finding]:
    if not band.codes:
        return
    most = int(band.counts.argmax())
    name, share = band.label(band.codes[most]), band.counts[most] / band.finite
    if len(band.codes) > MAX_CLASSES:
        message = f"{len(band.codes):,} different codes: these look like amounts or identifiers, not classes."
        remedy = "Add the layer under EXTRA_CONTINUOUS, or classify it first."
        yield band.finding(ERROR, "class code", message, remedy)
    elif len(band.codes) == 1 and not band.invalid_code_cells:
        every = f'Every cell has the class "{name}"'
        message = f"{every}: nothing can be learned from it, and a model trained with it knows no other class."
        yield band.finding(WARNING, "constant", message, "Leave the factor out, or check its source.", band.finite)
    elif share >= SAME_VALUE_SHARE:
        message = f'{format_percent(share)} of the cells have the class "{name}".'
        remedy = "Leave the factor out, or add a neighbouring area that has more classes."
        yield band.finding(WARNING, "nearly constant", message, remedy, int(band.counts[most]))


def _check_small(band: CategoricalBand) -> Iterator[Finding]:
    few = [index for index, cells in enumerate(band.counts) if cells < FEW_CELLS]
    if few and len(band.codes) > 1:
        names = join_names([f"{band.label(band.codes[index])} ({band.counts[index]:,})" for index in few])
        message = f"Classes with fewer than {FEW_CELLS} cells: {names}. What a model learns of them is chance."
        remedy = "Merge them with a similar class, or set them to nodata."
        yield band.finding(WARNING, "small class", message, remedy, int(band.counts[few].sum()))
    # The table of aspect is always the same; the absence of flat ground is not worth a note.
    fixed = band.name in FACTORS and FACTORS[band.name].classes
    table = {} if fixed else band.factor.classes
    absent = [label for code, label in sorted(table.items()) if code not in band.codes]
    if absent:
        message = f"Classes of the table without any cell: {join_names(absent)}. A model trained here cannot know them."
        remedy = "Nothing, if the table is shared with other areas on purpose."
        yield band.finding(NOTE, "absent class", message, remedy)
