"""What the values of a factor can be, by the factor's name, and the limits from which a check speaks up."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..training.settings import default

CORRELATION_LIMIT = 0.7
"""Absolute Pearson correlation, or Cramér's V, from which a pair is flagged (Dormann et al. 2013 for the former)."""

VIF_LIMIT = 10.0
"""Variance inflation factor from which a factor is flagged (Marquardt 1970)."""

COPY_LIMIT = 0.9999
"""Correlation or Cramér's V from which one factor is called a copy of another."""

SAME_VALUE_SHARE = 0.99
"""Share of the cells with one and the same value from which a band is called nearly constant."""

FENCE = 3.0
"""Outliers lie farther beyond the 5th or 95th percentile than this many times the distance between the two.

That is 11.5 standard deviations of a normal distribution; of a Laplace distribution, which curvature resembles, one
cell in ten million lies there. A common fence such as 1.5 interquartile ranges would flag every curvature raster.
"""

FEW_CELLS = 100
"""A class with fewer cells is hardly there: it is a twentieth of one training window of 50 × 50 cells."""

FEW_LANDSLIDE_CELLS = 500
"""Fewer landslide cells than this teach a network little: half a square kilometre at 30 m."""

TRAINING_WINDOW = default("window")
"""Default side of a training window in metres."""

SMALLEST_WINDOW = 8
"""Cells a side below which a training window shows less than what the default network sees around a cell."""

MOST_CLASSES = 500
"""A band with more class codes than this is no categorical factor; its associations are not computed."""


@dataclass(frozen=True)
class Expected:
    """What can be said of a continuous factor's values beforehand."""

    low: float = -math.inf
    """Values below are impossible."""
    high: float = math.inf
    """Values above are impossible."""
    why: str = ""
    """Why values outside are impossible."""
    mend: str = ""
    """What to look at when there are some."""
    least_spread: float = 0.0
    """A distance between the 1st and 99th percentile below this is next to nothing, in the factor's unit."""


_DENSITY = Expected(0.0, math.inf, "a density of lines is never negative",
                    "Build the density again, and look for a nodata value that was not declared.", 0.001)

EXPECTED = {
    "slope": Expected(0.0, 90.0, "a slope gradient lies between 0 and 90 degrees",
                      "Build the slope in degrees, not in percent, and look for a nodata value that was not declared.",
                      0.5),
    "profile_curvature": Expected(-10.0, 10.0, "a curvature beyond 10 1/m is a radius below 10 cm",
                                  "Build the curvature again in 1/m, and look for a nodata value of the DEM that was "
                                  "not declared.", 1e-6),
    "river_density": _DENSITY,
    "fault_density": _DENSITY,
    "precipitation": Expected(0.0, 15000.0, "annual precipitation lies between 0 and 15,000 mm",
                              "Declare the nodata value of the rain raster, check that it is in mm a year, and build "
                              "the stack again.", 1.0),
    "temperature": Expected(-60.0, 40.0, "annual mean temperature lies between −60 and 40 °C",
                            "Declare the nodata value of the temperature raster, check that it is in °C, and build "
                            "the stack again.", 0.05),
}

_NEVER_NEGATIVE = Expected(0.0, math.inf, "a density or a distance is never negative",
                           "Declare the nodata value of the layer, and build the stack again.")

SENTINELS = (-9999.0, -99999.0, -32768.0, -32767.0, -2147483648.0, -3.4028234663852886e38, -999.0, -1e20, 9999.0,
             32767.0, 65535.0, 99999.0, 1e20, 3.4028234663852886e38)
"""Numbers that rasters hold in place of data, often without saying so."""


def expected(name: str) -> Expected:
    """Return what is known of a factor's values by its name; nothing for most factors of the user's own."""
    if name in EXPECTED:
        return EXPECTED[name]
    if "density" in name or "distance" in name:
        return _NEVER_NEGATIVE
    return Expected()
