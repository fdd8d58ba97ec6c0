"""Zones and layers of buildings, roads and other things in, table of what lies in each zone out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..exposure.count import Exposure, count_exposure
from ..exposure.settings import FIELDS, ExposureLayers, ExposureOptions
from ..grid import Grid
from ..inputs.bands import open_band
from ..memory import retain_freed_memory
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord
from ..progress import Progress, SubProgress, WarningLog
from ..provenance.records import warn_stale_inputs
from ..tables import write_table
from ..validation.map_layers import ZoneSource
from . import sources_of


@dataclass
class ExposureSummary:
    """What was counted."""

    rows: list[list[Any]]  # of the table, see ``exposure.settings.FIELDS``
    warnings: list[str]


def exposure_by_zone(
    zones: str | os.PathLike,
    layers: ExposureLayers,
    *,
    options: ExposureOptions | None = None,
    output_table: str | os.PathLike | None = None,
    progress: Progress,
) -> ExposureSummary:
    """Count points, lines and polygons in the zones of a map, in metres on the ground.

    Args:
        zones: zone raster of any number of zones, first band.
        layers: in the CRS of the raster.
        output_table: path of a CSV with a row for each layer, kind, region and zone.

    Raises:
        InputCorrupt: the raster holds no zones.
        LayerEmpty, NoOverlap, ParameterInvalid: see ``count_exposure``.
    """
    check_writable(output_table)
    options = options or ExposureOptions()
    parameters = {**options.record(), "REGION_FIELD": layers.region_field}
    sources = sources_of(zones=zones, regions=layers.regions)
    sources["EXPOSURE"] = [layer.source_or_name for layer in layers.exposed]
    record = RunRecord("exposurebyzone", parameters, sources)
    progress = warning_log = WarningLog(progress)
    warn_stale_inputs({"zone raster": zones}, progress)
    with retain_freed_memory(), open_band(zones, "zone", progress) as dataset:
        grid = Grid.from_dataset(dataset, "zones")
        source = ZoneSource.from_raster(dataset, grid, SubProgress(progress, 0.0, 0.2))
        part = SubProgress(progress, 0.2, 0.98)
        found = count_exposure(
            grid, lambda block: source.read(block, np.empty(0)), source.names, layers, options.count_in, part
        )
    rows = list(found.rows())
    if output_table is not None:
        write_table(output_table, [name for name, _ in FIELDS], rows)
    _log(found, progress)
    outputs = {"OUTPUT_TABLE": output_table}
    summary = {"layers": [layer.name for layer in found.layers], "regions": found.regions[1:]}
    record.write(outputs, summary=summary, warnings=warning_log.warnings)
    progress.report(1.0)
    return ExposureSummary(rows, warning_log.warnings)


def _log(found: Exposure, progress: Progress) -> None:
    for layer in found.layers:
        for zone in reversed(found.zones):
            text = layer.amount(slice(zone, zone + 1))
            progress.report(0.98, f"{layer.name}, {found.zones[zone]}: {text}")
