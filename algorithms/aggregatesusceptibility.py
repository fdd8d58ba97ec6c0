"""``scarp:aggregatesusceptibility``: a susceptibility map by slope unit, municipality or catchment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from qgis.core import QgsGeometry

from ..model.aggregation.settings import UNIT_FIELDS, AggregationOptions
from .base import parameters as p
from .base.algorithm import CORE, MAP, ScarpAlgorithm
from .base.arguments import Arguments
from .base.sinks import shapes_of, type_of, write_sink

_FEATURE_ID = "fid"  # GeoPackages give their own


class AggregateSusceptibility(ScarpAlgorithm):
    ID = "aggregatesusceptibility"
    TITLE = "Aggregate susceptibility"
    PLACE = 4
    GROUP = MAP
    TAGS = ("slope unit", "municipality", "catchment", "zonal statistics", "maup", "mapping unit")
    REQUIRED_MODULES = (*CORE, "scipy", "matplotlib", "jinja2")
    STYLES = {"OUTPUT": "units"}
    SUMMARY = (
        "Brings a susceptibility map to polygons: slope units, municipalities, catchments. Each gets mean, maximum, "
        "share of its area above a threshold, number of landslides, uncertainty and zone.\n"
        "With LANDSLIDES, units are judged beside cells on the same land: how well the mean of a unit tells units with "
        "landslides from those without. Such numbers depend on the size of the units (the modifiable areal unit "
        "problem); log and report state by how much."
    )
    NUMBERS = {
        "UNITS": "units with data",
        "AUC": "area under the ROC curve of units with landslides against those without, by their mean",
        "AUC_LOW": "lower end of its 95 % interval",
        "AUC_HIGH": "upper end of its 95 % interval",
        "AUC_CELLS": "AUC of the cells of landslides against all other cells in units",
        "AUC_SPREAD": "difference between the highest and the lowest AUC by squares of a quarter to 16 times the mean "
        "area of a unit",
    }
    HELP = {
        "SUSCEPTIBILITY": 'Map from "Predict susceptibility", or any raster in which more means more susceptible. For '
        "a test of a model that all landslides trained, give its out-of-fold map.",
        "UNITS": 'Polygons, such as those of "Build slope units". They may overlap. A cell belongs to the units that '
        "hold its centre; a unit without any has the cell of a point inside it.",
        "UNIT_FIELD": "Field with the name of each unit, for table and report. Without it they are numbered.",
        "BREAKS_FROM": "Zone raster, its record (.run.json) or its zone table: units are cut at the same values as the "
        "cells. Without it at 30, 20, 20, 20 and 10 % of the area of the cells of the map.",
        "LANDSLIDES": "The inventory, points or polygons, for the number in each unit and the AUC. A landslide belongs "
        "to the unit of its cell, a polygon to that of a point well inside it.",
        "UNCERTAINTY": "Raster on the grid of the map, such as its standard error. Units get its mean.",
        "OUTPUT": "The polygons with their own fields and: unit, cells, susc_mean, susc_max, susc_share (of the area "
        "above THRESHOLD, 0 to 1), landslides, susc_unc (uncertainty), zone, zone_name. Empty where there is no data.",
        "OUTPUT_TABLE": "The same numbers as a table, a row a unit.",
        "OUTPUT_HTML": "One file with units by zone, the most susceptible ones, AUC by unit and by cell and by squares "
        "of other sizes, to open in any browser, print or send by e-mail.",
    }

    def define(self) -> None:
        self.declare(p.raster("SUSCEPTIBILITY", "Susceptibility"))
        self.declare(p.vector("UNITS", "Units", p.POLYGON))
        self.declare(p.field("UNIT_FIELD", "Name field", "UNITS"))
        self.declare(p.input_file("BREAKS_FROM", "Breaks of zones", p.ZONES_FILTER))
        self.declare_options(AggregationOptions, "threshold")
        self.declare(p.vector("LANDSLIDES", "Landslides", p.POINT, p.POLYGON, optional=True))
        self.declare(p.raster("UNCERTAINTY", "Uncertainty", optional=True))
        self.declare_options(AggregationOptions, "repeats", "seed")
        self.declare(p.vector_output("OUTPUT", "Susceptibility by unit", p.POLYGON, UNIT_FIELDS))
        self.declare(p.file_output("OUTPUT_TABLE", "Table of units", p.CSV, optional=True))
        self.declare(p.file_output("OUTPUT_HTML", "Report", p.HTML, optional=True))
        self.declare_document()

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        susceptibility, field = str(arguments.raster("SUSCEPTIBILITY")), arguments.field("UNIT_FIELD")
        crs = arguments.grid_crs(susceptibility, "susceptibility")
        reader = arguments.vector("UNITS", crs)
        own = {name.lower() for name, _ in UNIT_FIELDS} | {_FEATURE_ID}
        kept = [name for name in reader.source.fields().names() if name.lower() not in own]
        # A layer that this algorithm wrote may be given again.
        named = [] if field is None or field in kept else [field]
        units = reader.polygons([*kept, *named])
        core_units = replace(units, fields={} if field is None else {field: units.column(field)})
        more = {
            "unit_field": field,
            "breaks_from": arguments.file("BREAKS_FROM"),
            "landslides": arguments.landslides("LANDSLIDES", crs),
            "uncertainty": arguments.raster("UNCERTAINTY"),
        }
        options = arguments.options(AggregationOptions)
        summary = self.call(arguments, "aggregate_susceptibility", susceptibility, core_units, options=options, **more)
        fields = [(name, type_of(units.fields[name])) for name in kept] + list(UNIT_FIELDS)
        kind, shapes = shapes_of(units)
        columns = [units.fields[name] for name in kept] + [summary.columns[name] for name, _ in UNIT_FIELDS]
        layer = write_sink(arguments, "OUTPUT", fields, kind, crs, _rows(shapes, columns))
        names = ("AUC", "AUC_LOW", "AUC_HIGH", "AUC_CELLS", "AUC_SPREAD")
        numbers = {name: getattr(summary, name.lower()) for name in names}
        return {"OUTPUT": layer, "UNITS": summary.units - summary.empty_units, **numbers}


def _rows(
    shapes: Iterator[QgsGeometry], columns: Sequence[Sequence[Any]]
) -> Iterator[tuple[QgsGeometry, Sequence[Any]]]:
    yield from zip(shapes, zip(*columns))
