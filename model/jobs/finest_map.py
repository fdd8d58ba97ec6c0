"""Which of several maps has the smallest cells: layers are read in its CRS."""

from __future__ import annotations

import os
from typing import Sequence

from ..comparison.mosaic import finest_of_files


def finest_map(paths: Sequence[str | os.PathLike], names: Sequence[str]) -> int:
    """Return the number of the map with the smallest cells, the first one of equals.

    Args:
        paths: of the maps.
        names: one a map, for messages.

    Raises:
        CrsMissing, GridUnsupported, InputMissing, InputCorrupt: a raster cannot be used.
    """
    return finest_of_files(paths, names)
