"""Fuzzes what reads GeoTIFFs: ``./run python tests/reliability/fuzz_rasters.py [--inputs 5000] [--seed 1]``."""

from __future__ import annotations

import sys

from scarp.tests.reliability.fuzzing import campaign
from scarp.tests.reliability.raster_target import RasterTarget


def main() -> int:
    """Run the campaign; the exit status tells whether all was well."""
    return campaign("fuzz_rasters", __doc__, {RasterTarget.name: RasterTarget}, 5000)


if __name__ == "__main__":
    sys.exit(main())
