"""Synthetic study area whose landslide probability is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import options

_RASTERS = "dem precipitation temperature true_probability"
_VECTORS = "landslides rivers faults roads settlements lithology landform seismic climate regions study_area"
FILES = (*(f"{name}.tif" for name in _RASTERS.split()), *(f"{name}.gpkg" for name in _VECTORS.split()), "about.txt")
"""Names of the files of a demo folder."""
RAIN_FILES = ("daily_rain.csv", "storm.tif", "gauges.gpkg", "dated_landslides.gpkg")
"""Names of those that it has with DAILY_RAIN."""

_SIZE = (
    "Rows and columns of the DEM, whose cells are 30 m. 600 cells are 18 km, which trains in a few "
    "minutes. Fewer than about 200 leave too few landslides for a useful model."
)
_REGIONS = (
    "How many of the five regions there are, from 1 to 5: river erosion, incised valleys, till and "
    "faults, freeze and thaw, human activity."
)
_RAIN = (
    'Also write 15 years of daily rain of four gauges and a day for each landslide, to try "Rainfall thresholds", and '
    "the rain of a storm as a raster: daily_rain.csv, gauges.gpkg, dated_landslides.gpkg, storm.tif."
)
_SEED = "Another seed gives another area; the same seed always gives the same one."


@dataclass(frozen=True)
class DemoOptions(options.Options):
    """Size and content of the demo area."""

    size: int = options.number(600, 64, 4096, "Side of the area (cells)", _SIZE)
    regions: int = options.number(5, 1, 5, "Number of regions", _REGIONS)
    seed: int = options.number(1, 0, 2147483647, "Seed", _SEED)
    daily_rain: bool = options.flag(False, "Daily rain and dated landslides", _RAIN, added=True)

    def record(self) -> dict[str, Any]:
        """Return the values by parameter name, without DAILY_RAIN if it is off."""
        values = super().record()
        return values if self.daily_rain else {name: value for name, value in values.items() if name != "DAILY_RAIN"}
