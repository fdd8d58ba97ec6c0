"""Map and ROC curve of each region side by side, as in the paper's figures 13 to 17."""

from __future__ import annotations

from typing import Iterator, Sequence

import numpy as np
from matplotlib.figure import Figure

from ..validation.curves import Curve
from .charts import draw_curves
from .figures import SOFT, new_figure, plain, shorten
from .maps import MapImage, PointGroup, draw_outline, draw_points, draw_scale_bar, draw_zones

Region = tuple[str, MapImage, Sequence[np.ndarray], Sequence[PointGroup], Curve, float]
"""Name, zones, outline, landslides, ROC curve and AUC."""


def region_figures(regions: Sequence[Region], zone_count: int) -> Iterator[Figure]:
    """Draw map and ROC curve of each region, one figure a region.

    Args:
        regions: what to draw.
        zone_count: how many zones there are.
    """
    for name, zones, rings, groups, curve, auc in regions:
        figure = new_figure(2.3)
        left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": (1.25, 1)})
        draw_zones(left, zones, zone_count)
        draw_outline(left, rings)
        for group in groups:
            draw_points(left, group, 1.2)
        draw_scale_bar(left, zones)
        left.set_title(plain(shorten(name, 44)))
        right.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
        draw_curves(right, [(f"AUC {auc:.3f}", curve)])
        right.set_xticks([0, 0.5, 1])
        right.set_yticks([0, 0.5, 1])
        right.set_xlabel("False alarms")
        right.set_ylabel("Landslides found")
        right.set_aspect("equal")
        yield figure
