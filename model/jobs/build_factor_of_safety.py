"""Compute the factor of safety of an infinite slope from slope, soil and water."""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict, dataclass

import numpy as np

from ..errors import TooFewData
from ..inputs.rasters import create_raster
from ..outputs.atomic import check_writable
from ..outputs.run_record import RunRecord
from ..progress import Progress, SubProgress, WarningLog
from ..safety import infinite_slope
from ..safety.kinds import FACTOR_OF_SAFETY, FACTOR_OF_SAFETY_MEANING, PROBABILITY_MEANING
from ..safety.soil_layers import SlopeLayers, open_slope_layers
from ..safety.stability_settings import INFINITE_SLOPE, StabilityInputs, StabilityOptions
from ..texts import join_names
from . import sources_of

MUCH = 0.5  # share of unstable land above which the parameters are doubtful: most land stands


@dataclass
class StabilitySummary:
    """What a factor of safety holds and what it comes from."""

    sources: dict[str, str]  # of slope, contributing area, soil and water, by name
    ranges: list[str]  # what was given as a range
    draws: int  # values of each range; 1 without a range
    cells: int = 0  # cells with a factor of safety
    m2: float = 0.0  # their area
    share_warned: float = 0.0  # share of the area with a factor of safety below 1
    mean_probability: float = 0.0  # mean of P(Fs < 1) over the area
    lowest: float = np.inf
    highest: float = -np.inf


def build_factor_of_safety(
    inputs: StabilityInputs,
    output: str | os.PathLike,
    options: StabilityOptions,
    progress: Progress,
    *,
    output_probability: str | os.PathLike | None = None,
) -> StabilitySummary:
    """Write the factor of safety Fs of an infinite slope; with ranges exp of the mean of log Fs, the geometric mean.

    Args:
        output: path of the float32 GeoTIFF, 0.01 to 100, NaN nodata.
        output_probability: likewise the share of the draws from the ranges in which Fs is below 1.

    Raises:
        TooFewData: no cell has data in all inputs; others as in ``open_slope_layers``.
    """
    outputs = {"OUTPUT": output, "OUTPUT_PROBABILITY": output_probability}
    check_writable(*outputs.values())
    progress = warning_log = WarningLog(progress)
    given = {name: value for name, value in vars(inputs).items() if name != "rasters"}
    rasters = {f"{name}_raster": path for name, path in inputs.rasters.items()}
    parameters = {"METHOD": INFINITE_SLOPE, **options.record()}
    record = RunRecord("buildsafetyfactor", parameters, sources_of(**given, **rasters))
    with open_slope_layers(inputs, options, SubProgress(progress, 0.0, 0.3)) as layers:
        places = infinite_slope.draw(len(layers.varying))
        summary = StabilitySummary(layers.sources, layers.varying, len(places))
        _warn_of_defaults(options, inputs, layers, progress)
        columns = dict(zip(layers.varying, places.T))
        _write(layers, columns, output, output_probability, summary, SubProgress(progress, 0.3, 0.97))
    _report(summary, progress)
    record.write(outputs, summary=asdict(summary), warnings=warning_log.warnings)
    progress.report(1.0)
    return summary


def _write(
    layers: SlopeLayers,
    places: dict[str, np.ndarray],
    output: str | os.PathLike,
    output_probability: str | os.PathLike | None,
    summary: StabilitySummary,
    progress: Progress,
) -> None:
    storage = layers.grid, "float32", np.nan
    with contextlib.ExitStack() as opened:
        tags = {"MEANING": FACTOR_OF_SAFETY_MEANING}
        target = opened.enter_context(create_raster(output, *storage, [FACTOR_OF_SAFETY], tags=tags))
        chance = None
        if output_probability is not None:
            tags = {"MEANING": PROBABILITY_MEANING}
            chance = opened.enter_context(
                create_raster(output_probability, *storage, ["probability of failure"], tags=tags)
            )
        for block in layers.grid.blocks_with_progress(progress):
            values = layers.read(block)
            known = np.isfinite(values.slope)
            soil = {name: (_of(low, known), _of(high, known)) for name, (low, high) in values.soil.items()}
            area = None if values.area is None else values.area[known]
            factor, probability = np.full((2, *block.shape), np.nan, dtype=np.float32)
            mean, probability[known] = infinite_slope.stability(
                values.slope[known], soil, area, values.width[known], places
            )
            factor[known] = np.exp(mean)
            target.write(factor, 1, window=block.window)
            if chance is not None:
                chance.write(probability, 1, window=block.window)
            row_area = layers.grid.cell_area(block.row, block.height)
            valid = np.isfinite(factor)
            summary.cells += int(valid.sum())
            summary.m2 += float(valid.sum(axis=1) @ row_area)
            summary.share_warned += float((factor < infinite_slope.CRITICAL).sum(axis=1) @ row_area)
            summary.mean_probability += float(np.nansum(probability, axis=1, dtype=np.float64) @ row_area)
            summary.lowest = float(np.fmin.reduce(factor, axis=None, initial=summary.lowest))
            summary.highest = float(np.fmax.reduce(factor, axis=None, initial=summary.highest))
        if not summary.cells:
            raise TooFewData(
                "No cell has a factor of safety: REFERENCE, slope, soil and water have no cell with data in common. "
                "Look at them in QGIS for the one without."
            )
    summary.share_warned /= summary.m2
    summary.mean_probability /= summary.m2


def _of(values: infinite_slope.Values, cells: np.ndarray) -> infinite_slope.Values:
    return values[cells] if isinstance(values, np.ndarray) else values


def _warn_of_defaults(
    options: StabilityOptions, inputs: StabilityInputs, layers: SlopeLayers, progress: Progress
) -> None:
    names = [name for name in options.defaults() if name in layers.soil and name not in inputs.rasters]
    names = [name.upper() for name in names if name != "seismic_coefficient"]
    if names:
        progress.warn(
            f"These have their default, a usual value that was not measured in this area: {join_names(names)}. The "
            "order of the cells may still be of use; the land below 1 is not known before they are measured."
        )


def _report(summary: StabilitySummary, progress: Progress) -> None:
    sources = "; ".join(f"{name} {source}" for name, source in summary.sources.items())
    progress.report(0.98, f"Infinite slope: {sources}.")
    if summary.ranges:
        progress.report(
            0.98,
            f"Ranges of {join_names(summary.ranges)}: {summary.draws} draws, the same in every cell and run (Sobol's "
            "sequence); every value within a range is equally likely. OUTPUT is exp of the mean of log Fs.",
        )
    progress.report(
        0.98,
        f"Factor of safety {summary.lowest:.3g} to {summary.highest:.3g}; {summary.share_warned:.1%} of the land is "
        f"below 1. Mean probability of failure {summary.mean_probability:.3f}.",
    )
    if summary.share_warned > MUCH:
        progress.warn(
            f"{summary.share_warned:.0%} of the land has a factor of safety below 1, but most land stands. Check "
            "COHESION, SOIL_DEPTH and the wetness: the soil may be stronger, thinner or drier."
        )
    if not summary.share_warned:
        progress.warn(
            "No cell has a factor of safety below 1, so as a constraint in training it has no effect. The order of the "
            "cells may still be of use."
        )
