"""The whole demo, made subject by subject; every subject has its own random stream from the one seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from ..inputs.vectors import Lines, Points, Polygons
from ..progress import Progress, SubProgress, stop_if_cancelled
from . import DemoOptions, truth
from .climate import make_climate
from .drainage import draw_rivers
from .frame import DemoFrame, class_polygons, clip_lines
from .geology import INTENSITIES, ROCKS, make_bedrock
from .land_cover import LANDFORMS, make_cover, make_infrastructure
from .regions import REGIONS, make_layout
from .terrain import evolve_terrain, finish_terrain, make_forcing
from .truth import Land, TrueProbability

Layer = Union[Points, Lines, Polygons]


@dataclass
class World:
    """Everything there is to know about a demo area."""

    frame: DemoFrame
    land: Land
    truth: TrueProbability
    detection_chance: np.ndarray  # chance that a landslide is recorded, shape (size, size)
    landslides: Points


def make_world(options: DemoOptions, progress: Progress) -> World:
    """Make a study area from a seed; the same options give the same area."""
    size, seed = options.size, options.seed
    frame = DemoFrame(size)
    streams = iter(np.random.default_rng([seed, subject]) for subject in range(20))
    progress.report(0.0, f"Synthetic study area of {size} × {size} cells, {frame.area_km2:.0f} km², seed {seed}.")
    layout = make_layout(frame, options.regions, next(streams))
    bedrock = make_bedrock(layout, next(streams))
    forcing = make_forcing(layout, bedrock, next(streams))
    progress.report(0.02, "Carving mountains and valleys.")
    height = evolve_terrain(layout, forcing, next(streams), SubProgress(progress, 0.02, 0.6))
    terrain = finish_terrain(layout, forcing, height, next(streams), SubProgress(progress, 0.6, 0.8))
    progress.report(0.8, "Deposits, landforms, climate and roads.")
    stop_if_cancelled(progress)
    cover = make_cover(layout, bedrock, terrain, next(streams), progress)
    stop_if_cancelled(progress)
    infrastructure = make_infrastructure(layout, cover, next(streams))
    stop_if_cancelled(progress)
    climate = make_climate(layout, terrain, cover, next(streams), progress)
    progress.report(0.88, "True landslide probability and the inventory drawn from it.")
    land = Land(layout, bedrock, terrain, cover, infrastructure, climate)
    true = truth.compute_truth(land, SubProgress(progress, 0.88, 0.96))
    stop_if_cancelled(progress)
    detection_chance = truth.detection_probability(frame, terrain, infrastructure)
    stop_if_cancelled(progress)
    landslides = truth.draw_inventory(frame, true.probability * detection_chance, cover.slope, next(streams))
    progress.report(1.0)
    return World(frame, land, true, detection_chance, landslides)


def vector_layers(world: World) -> dict[str, Layer]:
    """Return the vector layers of a demo area in map coordinates, by name."""
    frame, land = world.frame, world.land
    layout, cover, bounds = land.layout, land.cover, frame.grid.bounds

    def lines(name: str, parts: list[np.ndarray]) -> Lines:
        return Lines(name, parts=clip_lines([frame.to_map(line) for line in parts], bounds))

    def attributes(items: Sequence[Any], **names: str) -> dict[str, list[Any]]:
        return {field: [getattr(item, name) for item in items] for field, name in names.items()}

    homes = frame.to_map(land.infrastructure.settlements)
    intensity, zone, region = map(frame.classes, (land.bedrock.intensity, layout.climate, layout.region))
    rocks = attributes(ROCKS, lithology="name")
    zones = attributes(layout.climates, zone="name", alpha="alpha", beta="beta", rainy_days="rainy_days")
    regions = attributes(layout.regions, region="number", name="name", cause="title")
    left, bottom, right, top = bounds
    ring = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
    outline = {"type": "Polygon", "coordinates": [ring]}
    layers: list[Layer] = [
        world.landslides,
        draw_rivers(frame, land.terrain.flow, land.terrain.area),
        lines("faults", land.bedrock.faults),
        lines("roads", land.infrastructure.roads),
        Points("settlements", fields={"number": list(range(1, len(homes) + 1))}, xy=homes),
        class_polygons(cover.rock, frame, "lithology", rocks),
        class_polygons(cover.landform, frame, "landform", {"landform": list(LANDFORMS)}),
        class_polygons(intensity, frame, "seismic", {"intensity": list(INTENSITIES)}),
        class_polygons(zone, frame, "climate", zones, merge=True),
        class_polygons(region, frame, "regions", regions, merge=True),
        Polygons("study_area", fields={"name": ["synthetic study area"]}, geometries=[outline]),
    ]
    return {layer.name: layer for layer in layers}


def describe_demo(summary: Mapping[str, Any]) -> str:
    """Return the text that lies beside the demo data and says what they are."""
    regions = "\n".join(
        f"  {region.number}  {region.name}: {region.title}; weight {region.weight:g}, mean probability "
        f"{region.mean_probability:g}, climate zone {region.climate}"
        for region in REGIONS[: summary["regions"]]
    )
    sharpness, body, background = truth.SHARPNESS, truth.LANDSLIDE_SIZE, truth.BACKGROUND_WEIGHT
    rain, shaking, density = truth.RAIN_WEIGHT, truth.SHAKING_WEIGHT, truth.LANDSLIDES_PER_KM2
    lowest, reach = truth.MIN_DETECTION, truth.DETECTION_DISTANCE
    unsized, twice = truth.UNSIZED_SHARE, truth.DUPLICATE_SHARE
    return f"""\
These data are synthetic. They show no real place, although they carry a real map projection.
Made by Scarp, "Create demo data": {summary["size"]} x {summary["size"]} cells of 30 m, seed {summary["seed"]}.

Layer              fields or unit
dem                m
precipitation      mm a year, cells of 1 km
temperature        annual mean, degrees C, cells of 1 km
true_probability   the truth: chance of a landslide, 0 to 1
landslides         scale: giant, large, medium, small or empty
rivers             upstream_km2, strahler
faults, roads      -
settlements        number
lithology          lithology
landform           landform, the five classes of table 3 of the paper
seismic            intensity
climate            zone, alpha, beta, rainy_days
regions            region, name, cause
study_area         name

The truth
The factor of safety of an infinite slope, F = c/(g z sin a cos a) + (1 - m gw/g) tan(phi)/tan(a), is divided by
1 + the sum of weight x index over the causes, and becomes a probability 1/(1 + exp((ln F - t)/{sharpness:g})) that is
averaged over {body:g} m. A cause has its full weight in the region where it dominates and {background:g} elsewhere;
rain above the warning threshold weighs {rain:g} and shaking {shaking:g} everywhere. t is set a region
such that the mean probability is the one listed.
{regions}

The inventory
About {density:g} landslides a square kilometre are drawn with chance proportional to the true probability times the
chance of being recorded. That chance falls from 1 at roads and large valleys to {lowest:g} far from them, over
{reach:g} m. {unsized:.0%} of the points have no size, {twice:.1%} are entered twice. The true probability
knows nothing of these flaws.
"""
