"""The layer of training windows, the same from all algorithms that train."""

from __future__ import annotations

from typing import Any, Iterable

from .arguments import Arguments
from .styles import style_output
from .writing import INTEGER, REAL, TEXT, WkbType, rectangle, write_sink

FIELDS = (("subset", TEXT), ("kind", TEXT), ("landslide_share", REAL), ("seed", INTEGER))


def write_windows(arguments: Arguments, windows: Iterable[Any], crs: Any) -> Any:
    """Write the windows (``WindowFeature``) to OUTPUT_WINDOWS, styled, and return the output's value."""
    output = write_sink(
        arguments, "OUTPUT_WINDOWS", FIELDS, WkbType.Polygon, crs,
        ((rectangle(window.left, window.bottom, window.right, window.top),
          [window.subset, window.kind, window.landslide_share, window.seed]) for window in windows))
    style_output(arguments.context, output, "windows")
    return output
