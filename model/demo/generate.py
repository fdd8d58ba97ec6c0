"""The whole demo, made subject by subject; every subject has its own random stream from the one seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

import numpy as np

from ..inputs.vectors import Lines, Points, Polygons
from ..progress import Progress, SubProgress, stop_if_cancelled
from . import DemoOptions, truth
from .drainage import draw_rivers
from .frame import DemoFrame, class_polygons, clip_lines
from .layout import INTENSITIES, REGIONS, ROCKS, make_bedrock, make_layout
from .surface import LANDFORMS, make_climate, make_cover, make_infrastructure
from .terrain import evolve_terrain, finish_terrain, make_forcing
from .truth import Land, TrueProbability

Layer = Union[Points, Lines, Polygons]
TEMPLATE = Path(__file__).parent.parent.parent / "resources" / "templates" / "demo.txt"


@dataclass
class World:
    """Everything there is to know about a demo area."""

    frame: DemoFrame
    land: Land
    truth: TrueProbability
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
    return World(frame, land, true, landslides)


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
    return TEMPLATE.read_text(encoding="utf-8").format(
        size=summary["size"],
        seed=summary["seed"],
        regions=regions,
        sharpness=truth.SHARPNESS,
        body=truth.LANDSLIDE_SIZE,
        background=truth.BACKGROUND_WEIGHT,
        rain=truth.RAIN_WEIGHT,
        shaking=truth.SHAKING_WEIGHT,
        density=truth.LANDSLIDES_PER_KM2,
        lowest=truth.MIN_DETECTION,
        reach=truth.DETECTION_DISTANCE,
        unsized=truth.UNSIZED_SHARE,
        twice=truth.DUPLICATE_SHARE,
    )
