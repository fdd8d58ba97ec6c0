"""The whole demo, made subject by subject; every subject has its own stream of chance from the one seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

import numpy as np

from ..errors import ParameterInvalid
from ..inputs.vectors import Lines, Points, Polygons
from ..progress import Part, Progress, stop_if_cancelled
from .climate import Weather, make_weather
from .cover import LANDFORMS, Cover, cover
from .frame import Frame, box, clip_lines
from .geology import INTENSITIES, ROCKS, Bedrock, lay_bedrock
from .landslides import detection, draw_inventory
from .people import People, settle_people
from .polygons import polygons_of
from .regions import REGIONS, Layout, lay_out, sample
from .rivers import draw_rivers
from .surface import finish
from .terrain import Terrain, carve, force
from .truth import Truth, find_truth

SMALLEST, LARGEST = 64, 4096
"""Cells on a side that the demo can have."""


@dataclass
class World:
    """Everything there is to know about a demo area."""

    frame: Frame
    layout: Layout
    bedrock: Bedrock
    terrain: Terrain
    cover: Cover
    weather: Weather
    people: People
    truth: Truth
    seen: np.ndarray
    """Chance that a landslide is recorded, shape (size, size)."""
    landslides: Points


def check_numbers(size: int, regions: int, seed: int) -> None:
    """Raise :class:`ParameterInvalid` if a number of :func:`make_world` is out of its range."""
    for name, value, least, most in (("SIZE", size, SMALLEST, LARGEST), ("REGIONS", regions, 1, len(REGIONS)),
                                     ("SEED", seed, 0, 2 ** 63 - 1)):
        if int(value) != value or not least <= value <= most:
            raise ParameterInvalid(f"{name} is {value}, but the demo takes a whole number from {least} to {most}.")


def make_world(size: int, regions: int, seed: int, progress: Progress) -> World:
    """Make a study area of ``size`` × ``size`` cells of 30 m from a seed.

    Args:
        size: cells on a side, 64 to 4096.
        regions: how many of the five regions, 1 to 5.
        seed: any whole number from 0; the same one gives the same area.
        progress: where to report.

    Raises:
        ParameterInvalid: a number is out of its range.
    """
    check_numbers(size, regions, seed)
    frame = Frame.around(int(size))
    streams = iter(np.random.default_rng([int(seed), subject]) for subject in range(20))
    progress.report(0.0, f"Synthetic study area of {size} × {size} cells, {frame.area_km2:.0f} km², seed {seed}.")
    layout = lay_out(frame, int(regions), next(streams))
    bedrock = lay_bedrock(frame, layout, next(streams))
    forcing = force(frame, layout, bedrock, next(streams))
    progress.report(0.02, "Carving mountains and valleys.")
    height = carve(frame, layout, forcing, next(streams), Part(progress, 0.02, 0.6))
    terrain = finish(frame, layout, forcing, height, next(streams), Part(progress, 0.6, 0.8))
    progress.report(0.8, "Deposits, landforms, climate and roads.")
    stop_if_cancelled(progress)
    ground = cover(frame, layout, bedrock, terrain, next(streams), progress)
    stop_if_cancelled(progress)
    people = settle_people(frame, layout, terrain, ground, next(streams))
    stop_if_cancelled(progress)
    weather = make_weather(frame, layout, terrain, ground, next(streams), progress)
    progress.report(0.88, "True landslide probability and the inventory drawn from it.")
    truth = find_truth(frame, layout, bedrock, terrain, ground, weather, people, Part(progress, 0.88, 0.96))
    stop_if_cancelled(progress)
    seen = detection(frame, terrain, people)
    stop_if_cancelled(progress)
    landslides = draw_inventory(frame, truth.probability, seen, ground.slope, next(streams))
    progress.report(1.0)
    return World(frame, layout, bedrock, terrain, ground, weather, people, truth, seen, landslides)


def layers(world: World) -> dict[str, Union[Points, Lines, Polygons]]:
    """Return the vector layers of a demo area in map coordinates, by name."""
    frame, layout = world.frame, world.layout
    region = frame.crop(sample(layout.region, frame.side))
    zone = frame.crop(sample(layout.climate, frame.side))
    intensity = frame.crop(sample(world.bedrock.intensity, frame.side))
    faults = clip_lines([frame.to_map(line) for line in world.bedrock.faults], frame.grid.bounds)
    roads = clip_lines([frame.to_map(line) for line in world.people.roads], frame.grid.bounds)
    homes = frame.to_map(world.people.settlements)
    return {
        "landslides": world.landslides,
        "rivers": draw_rivers(frame, world.terrain),
        "faults": Lines("faults", parts=faults),
        "roads": Lines("roads", parts=roads),
        "settlements": Points("settlements", fields={"number": list(range(1, len(homes) + 1))}, xy=homes),
        "lithology": polygons_of(world.cover.rock, frame, "lithology", {"lithology": [rock.name for rock in ROCKS]}),
        "landform": polygons_of(world.cover.landform, frame, "landform", {"landform": list(LANDFORMS)}),
        "seismic": polygons_of(intensity, frame, "seismic", {"intensity": list(INTENSITIES)}),
        "climate": polygons_of(zone, frame, "climate", {
            "zone": [climate.name for climate in layout.climates],
            "alpha": [climate.alpha for climate in layout.climates],
            "beta": [climate.beta for climate in layout.climates],
            "rainy_days": [climate.rainy_days for climate in layout.climates]}, merge=True),
        "regions": polygons_of(region, frame, "regions", {
            "region": [home.number for home in layout.regions],
            "name": [home.name for home in layout.regions],
            "cause": [home.title for home in layout.regions]}, merge=True),
        "study_area": Polygons("study_area", fields={"name": ["synthetic study area"]},
                               geometries=[box(frame.grid.bounds)]),
    }
