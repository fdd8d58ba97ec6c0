"""Judging the values of continuous factors: constant, impossible, in another unit, far out."""

from __future__ import annotations

from .bands import ContinuousBand
from .expectations import SAME_VALUE_SHARE, expected
from .findings import ERROR, NOTE, WARNING, Finding, number, percent
from .units import unit_finding


def check_continuous(band: ContinuousBand) -> list[Finding]:
    """Report everything doubtful in the values of one continuous factor, from what was counted of it."""
    if not band.finite:
        return []
    if not band.varies:
        return [Finding(
            ERROR, "constant", band.name, f"Every cell holds {number(band.minimum)}: nothing can be learned from it, "
            "and a model trained with it cannot be used where the factor differs.",
            "Leave the factor out, or check its source.", band.finite, band.finite), *_check_range(band)]
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
    limits = expected(band.name)
    findings = []
    if band.below + band.above:
        extremes = []
        if band.below:
            extremes.append(f"{band.below:,} below {number(limits.low)} (down to {number(band.minimum)})")
        if band.above:
            extremes.append(f"{band.above:,} above {number(limits.high)} (up to {number(band.maximum)})")
        hint = " ".join(f"{number(value)} is often an undeclared nodata value." for value in band.sentinels())
        findings.append(Finding(
            ERROR, "range", band.name, f"Impossible values: {' and '.join(extremes)}; {limits.why}. {hint}".strip(),
            limits.mend, band.below + band.above, band.finite))
        return findings
    for value in band.sentinels():
        cells = band.at_minimum if value == band.minimum else band.at_maximum
        findings.append(Finding(
            ERROR, "undeclared nodata", band.name, f"Cells hold {number(value)}, far from all others: it looks like a "
            "nodata value that was not declared.", "Declare it (Raster > Conversion > Translate, Assign a nodata "
            "value), and build the stack again.", cells, band.finite))
    return findings


def _check_spread(band: ContinuousBand) -> list[Finding]:
    """Report a band that is constant but for a few cells, or varies by next to nothing."""
    value, cells = band.quantiles.commonest()
    if cells >= SAME_VALUE_SHARE * band.finite:
        return [Finding(
            WARNING, "nearly constant", band.name, f"{percent(cells / band.finite)} of the cells hold "
            f"{number(value)}; the factor says something about the few others only.",
            "Leave it out, or check its source and radius.", cells, band.finite)]
    low, high = band.quantile(0.01), band.quantile(0.99)
    least = expected(band.name).least_spread or 1e-5 * max(abs(low), abs(high))
    if high - low < least:
        return [Finding(
            WARNING, "nearly constant", band.name, f"98 % of the cells lie between {number(low)} and {number(high)}"
            f"{_unit(band)}: next to no variation to learn from, and the training stretches it to full size.",
            "Leave it out, or use a source with more detail.", band.finite, band.finite)]
    return []


def _check_outliers(band: ContinuousBand, explained: bool) -> list[Finding]:
    """Report cells far from all others, unless impossible values explain them."""
    cells = band.low_outliers + band.high_outliers
    spread = band.quantile(0.95) - band.quantile(0.05)
    if not cells or explained or spread <= 0:
        return []
    # 3.29 standard deviations lie between the two percentiles of a normal distribution.
    inflated = band.deviation / (spread / 3.29)
    parts = []
    if band.low_outliers:
        parts.append(f"down to {number(band.minimum)}")
    if band.high_outliers:
        parts.append(f"up to {number(band.maximum)}")
    what = (f"Far outliers, {' and '.join(parts)}{_unit(band)}, while nine in ten cells lie between "
            f"{number(band.quantile(0.05))} and {number(band.quantile(0.95))}.")
    if inflated > 3:
        what += (f" They make the standard deviation {inflated:.1f} times what the bulk of the cells has, so the "
                 "normalised bulk is squeezed together.")
    return [Finding(WARNING if inflated > 3 else NOTE, "outliers", band.name, what,
                    "Look at these cells on the map: pits, voids and seams of the DEM, or a wrong value in the source.",
                    cells, band.finite)]


def _check_distinct(band: ContinuousBand) -> list[Finding]:
    """Report a continuous band with few different values: classes, or a coarse raster in stair steps."""
    if band.distinct is None or len(band.distinct) < 3:
        return []
    many = f"Only {len(band.distinct)} different values in {band.finite:,} cells"
    if band.finite < 50 * len(band.distinct):
        return []
    if band.whole == band.finite:
        return [Finding(WARNING, "few values", band.name, f"{many}, all whole numbers: these look like class codes.",
                        "If they are classes, add the layer under EXTRA_CATEGORICAL.")]
    return [Finding(NOTE, "few values", band.name, f"{many}: stair steps, as of a coarse raster without interpolation.",
                    "Build the stack from the original raster; scarp:buildfactorstack interpolates it.")]


def _unit(band: ContinuousBand) -> str:
    return f" {band.factor.unit}" if band.factor.unit else ""
