"""Recognising a factor that came in another unit than the one expected."""

from __future__ import annotations

from ..factors.questions import about_values
from .bands import ContinuousBand
from .findings import ERROR, WARNING, Finding

KELVIN = 273.15
LEAST_YEAR = 150.0
"""mm a year under which landslides hardly matter, and under which inches and months of most wet land lie."""


def unit_finding(band: ContinuousBand) -> Finding | None:
    """Return what points to a wrong unit of a factor that is known by name, or ``None``."""
    judge = {"temperature": _temperature, "precipitation": _precipitation, "slope": _slope,
             "profile_curvature": _curvature, "river_density": _density, "fault_density": _density}.get(band.name)
    return judge(band) if judge is not None else _of_own_layer(band)


def _of_own_layer(band: ContinuousBand) -> Finding | None:
    """Ask about a layer of the user's own whose name says what it is; its unit is the user's to choose."""
    question = about_values(band.name, band.minimum, band.maximum)
    if not question:
        return None
    return _unit(band, question, "If the unit is meant, nothing: models take any. It must be the same wherever the "
                 "model is used, so name the unit in the layer's name.", WARNING)


def _temperature(band: ContinuousBand) -> Finding | None:
    """Tell kelvin, tenths of a degree and Fahrenheit from degrees Celsius by the middle and the spread."""
    middle, low, high = band.quantile(0.5), band.quantile(0.01), band.quantile(0.99)
    kelvin = 245 <= middle <= 310 and high - low <= 60
    tenths = 40 < high <= 360 and low >= -350
    # 30 °C is about the warmest annual mean on land, so a median over 300 cannot be tenths.
    if kelvin and middle <= 300:
        return _unit(band, f"The values look like kelvin, so that the median is {middle - KELVIN:.1f} °C, or like "
                     f"tenths of a degree, so that it is {middle / 10:.1f} °C.",
                     "Subtract 273.15 or divide by 10, whichever is right (Raster calculator), and build again.")
    if kelvin:
        return _unit(band, f"The values look like kelvin, not °C (median {middle:.1f}, so {middle - KELVIN:.1f} °C).",
                     "Subtract 273.15 (Raster calculator), and build the stack again.")
    if tenths:
        fahrenheit = " or degrees Fahrenheit" if low >= 20 and high <= 105 else ""
        return _unit(band, f"The values look like tenths of a degree{fahrenheit}, not °C (median {middle:.1f}; as "
                     f"tenths {middle / 10:.1f} °C). WorldClim 1.4 comes so.",
                     "Divide by 10 (Raster calculator), and build the stack again.")
    if high - low > 45 and not band.below + band.above:
        return _unit(band, f"Temperature spans {high - low:.0f} degrees, as over 7 km of height: the values may be "
                     "tenths of a degree.",
                     "If so, divide by 10 (Raster calculator), and build the stack again.", WARNING)
    return None


def _precipitation(band: ContinuousBand) -> Finding | None:
    middle, high = band.quantile(0.5), band.quantile(0.99)
    if band.minimum >= 0 and 20 <= high < LEAST_YEAR:
        return _unit(band, f"99 % of the cells have less than {high:.3g} mm a year, as in deserts: the values may be "
                     "in inches, or for a month.",
                     "If the land is not that dry, convert to mm a year (Raster calculator) and build the stack again.",
                     WARNING)
    if band.minimum >= 0 and 0 < high < 20:
        return _unit(band, f"99 % of the cells have less than {high:.3g} mm a year: the values may be in metres, in "
                     "cm, or for a day.",
                     "Convert to mm a year (Raster calculator), and build the stack again.", WARNING)
    if middle > 15000:
        return _unit(band, f"The median is {middle:,.0f} mm a year, more than anywhere on Earth: the values may be in "
                     "tenths of a millimetre.", "Convert to mm a year (Raster calculator), and build the stack again.")
    return None


def _slope(band: ContinuousBand) -> Finding | None:
    middle = band.quantile(0.5)
    if band.minimum >= 0 and middle > 80 and band.maximum <= 90.01:
        return _unit(band, f"Half of the cells are steeper than {middle:.1f} degrees: the slope was computed with "
                     "horizontal distances in degrees and heights in metres.",
                     "Let scarp:buildfactorstack compute the slope; it knows the metres of a degree.")
    if band.minimum >= 0 and 0.05 < band.maximum <= 1.5709:
        return _unit(band, f"The largest slope is {band.maximum:.3g}: the values may be radians, or a tangent.",
                     "If the land is not that flat, let scarp:buildfactorstack compute the slope in degrees.", WARNING)
    if band.minimum >= 0 and band.above > 0.01 * band.finite and band.maximum <= 2000:
        return _unit(band, f"Slopes go up to {band.maximum:.1f}: the values look like percent, not degrees.",
                     "Let scarp:buildfactorstack compute the slope in degrees.")
    return None


def _curvature(band: ContinuousBand) -> Finding | None:
    low, high = band.quantile(0.05), band.quantile(0.95)
    if high - low > 0.5 and not band.below + band.above:
        return _unit(band, f"Nine in ten cells lie between {low:.3g} and {high:.3g} 1/m, about a hundred times what "
                     "terrain has: ArcGIS gives profile curvature times 100, with the opposite sign.",
                     "Divide by −100, or let scarp:buildfactorstack compute it.")
    return None


def _density(band: ContinuousBand) -> Finding | None:
    high = band.quantile(0.99)
    if band.minimum >= 0 and high > 50:
        return _unit(band, f"Densities go up to {band.maximum:,.0f} km/km²; lines so dense do not exist. The values "
                     "may be metres per km².", "Divide by 1000, or let scarp:buildfactorstack compute the density.")
    if band.minimum >= 0 and 0 < band.maximum < 0.01:
        return _unit(band, f"The largest density is {band.maximum:.2g} km/km²: the values may be metres per m² "
                     "(ArcGIS's Line Density in map units).",
                     "Multiply by 1000, or let scarp:buildfactorstack compute the density.", WARNING)
    return None


def _unit(band: ContinuousBand, what: str, mend: str, severity: str = ERROR) -> Finding:
    return Finding(severity, "unit", band.name, what, mend, band.finite, band.finite)
