"""What a map says of one place and why: value, zone, factors, contributions, and training land like it.

Made for clicks on a map: what does not depend on the place is kept between calls, in the process that answers them. No
file stays open, so that all can be written again meanwhile.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rasterio.errors import CRSError
from rasterio.warp import transform

from ..artifact import TrainedModel, load_model
from ..errors import ScarpError
from ..explanation import cell as cells
from ..explanation.dominant_factor import BaselineInputs
from ..explanation.explained_model import ExplainedModel
from ..explanation.sample import Cells
from ..grid import Block, Grid
from ..inputs.bands import open_band
from ..inputs.rasters import GDAL_ERRORS, open_raster, read_block
from ..labels import LANDSLIDE, STABLE
from ..prediction.uncertainty_layers import bounds
from ..progress import NullProgress, Progress, stop_if_cancelled
from ..provenance.origin import ZONES, MapOrigin, is_made_from, map_origin
from ..provenance.records import PROBABILITY_TAG, changes_since, recorded_checksum
from ..provenance.training_area import SAME_LAND, SAME_STACK, training_area
from ..safe_json import parse_json
from ..stack import open_stack
from ..uncertainty import jackknife_factor

FOUND, OUTSIDE, NO_DATA = "found", "outside", "no data"
NEIGHBOURS = 3
_EARTH = 6371008.8  # mean radius in metres
_SAME_SLOPE = 5  # cells: landslide cells nearer to each other count as one landslide


@dataclass(frozen=True)
class FactorAtCell:
    """One factor of the model at a place."""

    name: str
    title: str
    unit: str
    value: float  # physical value, or class code
    label: str  # of a class
    percentile: float  # share of the land with a lower value, 0 to 1; of a class, share of the land; NaN if unknown
    outside: bool  # whether training did not have such a value or class
    contribution: float  # to the logit, against typical land; NaN without a model
    importance: float  # in the whole land, as the applicability index has it; NaN without one


@dataclass(frozen=True)
class TrainingNeighbour:
    """A landslide that the model was trained on."""

    x: float  # in the CRS of the map
    y: float
    metres: float  # from the place
    bearing: float  # degrees from north, clockwise
    dissimilarity: float  # of its land from that of the place, in mean distances of training cells; NaN if unknown


@dataclass
class CellExplanation:
    """What a map says of a place."""

    state: str  # one of the words above
    map: str
    x: float = math.nan  # centre of the cell, in the CRS of the map
    y: float = math.nan
    corners: list[tuple[float, float]] = field(default_factory=list)  # of the cell
    susceptibility: float = math.nan
    is_share: bool = False  # whether it is a calibrated share of landslide cells
    rank: float = math.nan  # share of the map that is less susceptible, 0 to 1
    low: float = math.nan
    high: float = math.nan
    coverage: float = math.nan
    standard_error: float = math.nan
    out_of_fold: float = math.nan  # by a model that did not see the land
    zone: str = ""
    zones: str = ""  # the zone map, if one is known
    label: str = ""  # "landslide" or "stable" in the labels of the training
    model: str = ""
    factors: list[FactorAtCell] = field(default_factory=list)  # the largest contribution first
    difference: float = math.nan  # from typical land, logit; what all contributions add up to
    percentiles_of: str = ""  # "training", "land" of the map, or "" if there are none
    likeness: dict[str, float] = field(default_factory=dict)
    nearest: list[TrainingNeighbour] = field(default_factory=list)  # on the map
    alike: list[TrainingNeighbour] = field(default_factory=list)  # by what matters to the model
    trained_on: str = ""  # how the land of the map relates to that of the training, a sentence
    notes: list[str] = field(default_factory=list)  # what is missing, and why


def explain_cell(
    path: str | os.PathLike,
    x: float | None = None,
    y: float | None = None,
    *,
    zones: Sequence[str | os.PathLike] = (),
    progress: Progress,
) -> CellExplanation:
    """Explain one place of a map; without a place only prepare, so that the first answer comes soon.

    Model, stack and labels are found by the run records beside the files. What cannot be found is missing in the
    answer, and its notes say why.

    Args:
        path: susceptibility map, or zones of one.
        x: coordinate in the CRS of the map.
        zones: rasters among which the zones of the map are looked for, beside those in its folder.

    Raises:
        InputMissing: there is no run record beside the map.
        ParameterInvalid: the file is no map of susceptibility.
    """
    origin = map_origin(path)
    prepared = _prepare(origin, _stamps(origin))
    stop_if_cancelled(progress)
    result = CellExplanation(OUTSIDE, origin.map, notes=[*origin.missing, *prepared.notes])
    if x is None or y is None:
        return result
    with open_raster(origin.map, "susceptibility") as dataset:
        grid = Grid.from_dataset(dataset, "susceptibility")
        row, column, inside = (one[0] for one in grid.cell_indices(np.array([[x, y]], dtype=float)))
        if not inside:
            return result
        place = Block(int(row), int(column), 1, 1)
        value = float(read_block(dataset, place)[0, 0])
        result.is_share = PROBABILITY_TAG in dataset.tags()
    result.corners = [grid.transform * (column + dx, row + dy) for dx, dy in ((0, 0), (1, 0), (1, 1), (0, 1))]
    result.x, result.y = grid.transform * (column + 0.5, row + 0.5)
    result.state = FOUND if math.isfinite(value) else NO_DATA
    if result.state == FOUND:
        result.susceptibility, result.rank = value, cells.percentile(prepared.values, value)
        _fill_zone(result, origin, zones)
        result.out_of_fold = _value_at(origin.out_of_fold, result.x, result.y)
    if prepared.model is not None and origin.stack:
        _fill_from_model(result, origin, prepared)
    return result


@dataclass(frozen=True)
class _Prepared:
    """What does not depend on the place."""

    values: np.ndarray  # of the map, sorted
    model: TrainedModel | None
    land: Cells | None  # of the stack
    baselines: BaselineInputs | None
    same_land: bool  # whether the map is of the land of the training
    relation: str
    landslides: cells.TrainingLandslides | None
    longitude: np.ndarray  # of the landslides, degrees
    latitude: np.ndarray
    labels_grid: Grid | None
    notes: list[str]


def _stamps(origin: MapOrigin) -> tuple[tuple[str, int, int], ...]:
    """Return size and time of the files, by which it is seen that one was written again."""
    paths = [origin.map, origin.stack, *origin.models, origin.labels, origin.trained_on]
    found = [(path, os.stat(path)) for path in paths if path]
    return tuple((path, status.st_size, status.st_mtime_ns) for path, status in found)


@functools.lru_cache(maxsize=4)
def _prepare(origin: MapOrigin, stamps: tuple[tuple[str, int, int], ...]) -> _Prepared:
    notes = [
        f"{Path(change.path).name} has changed since the map was made; what is shown of it is as it is now."
        for change in changes_since(origin.map)
    ]
    with open_raster(origin.map, "susceptibility") as dataset:
        values = cells.sample_map(dataset, Grid.from_dataset(dataset, "susceptibility"))
    empty = np.zeros(0)
    nothing = _Prepared(values, None, None, None, False, "", None, empty, empty, None, notes)
    if not origin.models or not origin.stack:
        return nothing
    if len(origin.models) > 1:
        notes.append(
            f"The map is the mean of {len(origin.models)} models. Factors and training land are those of "
            f"{Path(origin.models[0]).name}; there is no interval."
        )
    try:
        return _with_model(origin, values, notes)
    except (ScarpError, OSError) as error:
        notes.append(f"The factors cannot be weighed: {error}")
        return nothing


def _with_model(origin: MapOrigin, values: np.ndarray, notes: list[str]) -> _Prepared:
    model, name = load_model(origin.models[0]), Path(origin.models[0]).name
    with contextlib.ExitStack() as opened:
        stack = opened.enter_context(open_stack(origin.stack))
        explained = ExplainedModel(stack, model, name, NullProgress())
        labels, labels_grid = None, None
        if origin.labels:
            labels = opened.enter_context(open_band(origin.labels, "label", NullProgress()))
            labels_grid = Grid.from_dataset(labels, "label")
        area = training_area(model.training, stack.grid, recorded_checksum(origin.map, "STACK"))
        same_land = area.relation in (SAME_STACK, SAME_LAND)
        of_labels = labels if labels_grid is not None and _is_same(labels_grid, stack.grid) else None
        land = cells.sample_land(explained, stack.grid, of_labels)
        baselines = cells.baselines_for(explained, land)
        landslides, longitude, latitude = None, np.zeros(0), np.zeros(0)
        if labels is not None and labels_grid is not None:
            trained = explained
            if of_labels is None and origin.trained_on:
                other = opened.enter_context(open_stack(origin.trained_on))
                if _is_same(labels_grid, other.grid):
                    trained = ExplainedModel(other, model, name, NullProgress())
            if of_labels is not None or trained is not explained:
                landslides = cells.training_landslides(labels, labels_grid, trained)
                longitude, latitude = _degrees(labels_grid, landslides.row, landslides.column)
    relation = "" if same_land else area.text
    parts = (same_land, relation, landslides, longitude, latitude, labels_grid, notes)
    return _Prepared(values, model, land, baselines, *parts)


def _fill_from_model(result: CellExplanation, origin: MapOrigin, prepared: _Prepared) -> None:
    model, land = prepared.model, prepared.land
    if model is None or land is None or prepared.baselines is None:
        return
    result.model, result.trained_on = origin.models[0], prepared.relation
    with open_stack(origin.stack) as stack:
        explained = ExplainedModel(stack, model, Path(result.model).name, NullProgress())
        row, column, inside = (one[0] for one in stack.grid.cell_indices(np.array([[result.x, result.y]])))
        if not inside:
            result.notes.append("The place lies outside the factor stack.")
            return
        raw = explained.read(Block(int(row), int(column), 1, 1))
        values = raw[:, 0, 0].astype(np.float64)
        parts = np.full(len(explained.members), np.nan)
        if np.isfinite(values).all():
            parts, result.difference = cells.contributions_of_cell(explained, int(row), int(column), prepared.baselines)
        _fill_factors(result, explained, values, parts, prepared)
    lacking = dict.fromkeys(explained.of_row[~np.isfinite(values)].tolist())
    missing = [explained.titles[one] for one in lacking]
    if missing:
        result.notes.append(f"Without data here: {', '.join(missing)}.")
        return
    if result.state == FOUND and len(origin.models) == 1:
        _fill_interval(result, model, raw, explained.is_cellwise)
    own = None
    if model.applicability is not None:
        found = cells.likeness(model.applicability, model.encoder, values)
        own = cells.factor_coordinates(model.applicability, model.encoder, values[None])[0]
        names = ("dissimilarity", "threshold", "bound", "training_cells", "expected_auc")
        result.likeness = {name: float(getattr(found, name)) for name in names}
    else:
        result.notes.append(
            "The model has no applicability index, so it is not known how unlike its training land this place is. "
            "Models of the recommended training have one."
        )
    _fill_neighbours(result, model, own, prepared)
    result.label = _label_at(origin, result, prepared)


def _fill_factors(
    result: CellExplanation, explained: ExplainedModel, values: np.ndarray, parts: np.ndarray, prepared: _Prepared
) -> None:
    land, index = prepared.land, explained.model.applicability
    result.percentiles_of = "training" if prepared.same_land else "land"
    for number, (spec, rows) in enumerate(zip(explained.specs, explained.members)):
        value, sample = float(values[rows[0]]), land.values[rows[0]] if land is not None else np.zeros(0)
        label, share, outside = "", math.nan, False
        if not math.isfinite(value):
            pass
        elif explained.is_embedding(number):
            own = [explained.model.factors[row] for row in rows]
            outside = any(not one.minimum <= values[row] <= one.maximum for one, row in zip(own, rows))
            value = float(len(rows))
        elif spec.is_categorical:
            label = explained.labels(number).get(int(value), "")
            share, outside = float(np.mean(sample == value)), value not in spec.seen
        else:
            share, outside = cells.percentile(sample, value), not spec.minimum <= value <= spec.maximum
        unit = explained.factors[number].unit or spec.unit
        weight = math.nan if index is None else float(np.sqrt((index.importances[list(rows)] ** 2).sum()))
        about = (spec.name, explained.titles[number], unit, value, label, share, outside)
        result.factors.append(FactorAtCell(*about, float(parts[number]), weight))
    result.factors.sort(key=lambda one: -abs(one.contribution) if math.isfinite(one.contribution) else 0.0)


def _fill_interval(result: CellExplanation, model: TrainedModel, raw: np.ndarray, is_cellwise: bool) -> None:
    interval = model.interval
    if interval is None:
        result.notes.append(
            "There is no interval: the model has none. Models of the recommended training have one, unless the area is "
            "too small."
        )
    else:
        width = interval.half_width * (1.0 if model.calibration is None else model.calibration.slope)
        low, high = bounds(np.array(result.susceptibility), width)
        result.low, result.high, result.coverage = float(low), float(high), interval.coverage
    if len(model.folds) > 1 and is_cellwise:
        image = torch.from_numpy(model.encoder.encode(raw)[0])[None]
        found = []
        for fold in model.folds:
            with torch.inference_mode():
                logits = fold.network.eval()(image)[0].float()
            found.append(float(torch.sigmoid(model.calibrated(logits[1] - logits[0]))[0, 0]))
        result.standard_error = jackknife_factor(len(found)) * float(np.std(found, ddof=1))


def _fill_neighbours(result: CellExplanation, model: TrainedModel, own: np.ndarray | None, prepared: _Prepared) -> None:
    landslides, grid = prepared.landslides, prepared.labels_grid
    if landslides is None or grid is None or not len(landslides.row):
        return
    crs = Grid.from_file(result.map, "susceptibility").crs
    (longitude,), (latitude,) = _transform(crs, "EPSG:4326", [result.x], [result.y])
    metres, bearing = _from_place(longitude, latitude, prepared.longitude, prepared.latitude)
    likeness = np.full(len(metres), np.nan)
    index = model.applicability
    if own is not None and index is not None and len(landslides.compared):
        apart = np.sqrt(((landslides.coordinates - own) ** 2).sum(axis=1)) / index.mean_distance
        likeness[landslides.compared] = apart

    def described(rows: Sequence[int]) -> list[TrainingNeighbour]:
        at = [grid.transform * (landslides.column[one] + 0.5, landslides.row[one] + 0.5) for one in rows]
        xs, ys = _transform(grid.crs, crs, [one[0] for one in at], [one[1] for one in at]) if at else ((), ())
        return [
            TrainingNeighbour(x, y, float(metres[one]), float(bearing[one]), float(likeness[one]))
            for x, y, one in zip(xs, ys, rows)
        ]

    if prepared.same_land and landslides.complete:
        result.nearest = described(_apart(np.argsort(metres, kind="stable"), landslides))
    alike = np.argsort(np.where(np.isfinite(likeness), likeness, np.inf), kind="stable")
    result.alike = described(_apart(alike[: int(np.isfinite(likeness).sum())], landslides))


def _apart(order: np.ndarray, landslides: cells.TrainingLandslides) -> list[int]:
    """Return the first landslides of an order; of cells of labels only those that are not of one slope."""
    chosen: list[int] = []
    for one in order[: 100 * NEIGHBOURS].tolist():
        far = (
            max(
                abs(landslides.row[one] - landslides.row[other]), abs(landslides.column[one] - landslides.column[other])
            )
            for other in chosen
        )
        if landslides.are_points or all(distance > _SAME_SLOPE for distance in far):
            chosen.append(one)
        if len(chosen) == NEIGHBOURS:
            break
    return chosen


def _label_at(origin: MapOrigin, result: CellExplanation, prepared: _Prepared) -> str:
    if not prepared.same_land or not origin.labels:
        return ""
    value = _value_at(origin.labels, result.x, result.y)
    return {LANDSLIDE: "landslide", STABLE: "stable"}.get(int(value), "") if math.isfinite(value) else ""


def _fill_zone(result: CellExplanation, origin: MapOrigin, given: Sequence[str | os.PathLike]) -> None:
    """Fill in the zone by the zone map that was made from the map, the newest of several."""
    beside = [path for path in Path(origin.map).parent.glob("*.tif") if path.is_file()][:200]
    found = {os.path.abspath(path): path for path in (*given, *beside)}
    own = [path for path in found.values() if is_made_from(path, ZONES, "SUSCEPTIBILITY", origin.map)]
    if not own:
        return
    newest = max(own, key=lambda path: os.stat(path).st_mtime_ns)
    with contextlib.suppress(ScarpError, OSError, ValueError), open_raster(newest, "zones") as dataset:
        grid = Grid.from_dataset(dataset, "zones")
        row, column, inside = (one[0] for one in grid.cell_indices(np.array([[result.x, result.y]])))
        value = float(read_block(dataset, Block(int(row), int(column), 1, 1))[0, 0]) if inside else math.nan
        if math.isfinite(value) and value:
            classes = parse_json(dataset.tags(1).get("classes", "{}"))
            names = classes if isinstance(classes, dict) else {}
            result.zone = str(names.get(str(int(value)), int(value)))[:100]
            result.zones = str(newest)


def _value_at(path: str, x: float, y: float) -> float:
    """Return the value of a raster in the same CRS as the map; NaN outside, without data or if it cannot be read."""
    if not path:
        return math.nan
    with contextlib.suppress(ScarpError, OSError), open_raster(path, "raster") as dataset:
        grid = Grid.from_dataset(dataset, "raster")
        row, column, inside = (one[0] for one in grid.cell_indices(np.array([[x, y]])))
        return float(read_block(dataset, Block(int(row), int(column), 1, 1))[0, 0]) if inside else math.nan
    return math.nan


def _is_same(grid: Grid, other: Grid) -> bool:
    try:
        grid.require_same(other, "", "")
    except ScarpError:
        return False
    return True


def _degrees(grid: Grid, row: np.ndarray, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    xs, ys = grid.transform * (column + 0.5, row + 0.5)  # type: ignore[operator]  # not in its annotations
    longitude, latitude = _transform(grid.crs, "EPSG:4326", xs, ys)
    return np.asarray(longitude, dtype=float), np.asarray(latitude, dtype=float)


def _transform(crs: Any, to: Any, xs: Sequence[float], ys: Sequence[float]) -> tuple[Any, Any]:
    if not len(xs):
        return [], []
    try:
        there = transform(crs, to, xs, ys)
        return there[0], there[1]
    except (*GDAL_ERRORS, CRSError):
        return [math.nan] * len(xs), [math.nan] * len(xs)


def _from_place(
    longitude: float, latitude: float, others: np.ndarray, other_latitudes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return distances in metres and bearings in degrees from a place to others, on a sphere."""
    east, south, north = np.radians(others - longitude), np.radians(latitude), np.radians(other_latitudes)
    half = np.sin((north - south) / 2) ** 2 + np.cos(south) * np.cos(north) * np.sin(east / 2) ** 2
    metres = 2 * _EARTH * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    along = np.cos(south) * np.sin(north) - np.sin(south) * np.cos(north) * np.cos(east)
    bearing = np.degrees(np.arctan2(np.sin(east) * np.cos(north), along)) % 360
    return metres, bearing
