"""The text that lies beside the demo data and says what they are.
The whole demo, made subject by subject; every subject has its own stream of chance from the one seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ParameterInvalid
from ..inputs.vectors import Lines, Points, Polygons
from ..progress import Progress, SubProgress, stop_if_cancelled
from .climate import ClimateFields, make_climate
from .frame import DemoFrame, box, clip_lines, polygons_of
from .geology import INTENSITIES, ROCKS, Bedrock, make_bedrock
from .landslides import (
    DETECTION_DISTANCE,
    DUPLICATE_SHARE,
    LANDSLIDES_PER_KM2,
    MIN_DETECTION,
    UNSIZED_SHARE,
    detection_probability,
    draw_inventory,
)
from .regions import REGIONS, Layout, make_layout, sample
from .rivers import draw_rivers
from .settlements_roads import Infrastructure, make_infrastructure
from .surface import finish_terrain
from .surficial_cover import LANDFORMS, Cover, cover
from .terrain import Terrain, evolve_terrain, make_forcing
from .truth import BACKGROUND_WEIGHT, LANDSLIDE_SIZE, RAIN_WEIGHT, SHAKING_WEIGHT, SHARPNESS, Truth, compute_truth


def about(summary: Mapping[str, Any]) -> str:
    """Return the text for a demo with this summary."""
    regions = "\n".join(
        f"  {region.number}  {region.name}: {region.title}; weight {region.weight:g}, mean probability "
        f"{region.mean_probability:g}, climate zone {region.climate}"
        for region in REGIONS[: summary["regions"]]
    )
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
1 + the sum of weight x index over the causes, and becomes a probability 1/(1 + exp((ln F - t)/{SHARPNESS:g})) that is
averaged over {LANDSLIDE_SIZE:g} m. A cause has its full weight in the region where it dominates and {BACKGROUND_WEIGHT:g} elsewhere;
rain above the warning threshold weighs {RAIN_WEIGHT:g} and shaking {SHAKING_WEIGHT:g} everywhere. t is set a region
such that the mean probability is the one listed.
{regions}

The inventory
About {LANDSLIDES_PER_KM2:g} landslides a square kilometre are drawn with chance proportional to the true probability times the
chance of being recorded. That chance falls from 1 at roads and large valleys to {MIN_DETECTION:g} far from them, over
{DETECTION_DISTANCE:g} m. {UNSIZED_SHARE:.0%} of the points have no size, {DUPLICATE_SHARE:.1%} are entered twice. The true probability
knows nothing of these flaws.
"""


MIN_SIZE, MAX_SIZE = 64, 4096
"""Cells on a side that the demo can have."""


@dataclass
class World:
    """Everything there is to know about a demo area."""

    frame: DemoFrame
    layout: Layout
    bedrock: Bedrock
    terrain: Terrain
    cover: Cover
    climate_fields: ClimateFields
    people: Infrastructure
    truth: Truth
    detection_chance: np.ndarray
    """Chance that a landslide is recorded, shape (size, size)."""
    landslides: Points


def check_parameters(size: int, regions: int, seed: int) -> None:
    """Raise :class:`ParameterInvalid` if a number of :func:`make_world` is out of its range."""
    for name, value, least, most in (
        ("SIZE", size, MIN_SIZE, MAX_SIZE),
        ("REGIONS", regions, 1, len(REGIONS)),
        ("SEED", seed, 0, 2**63 - 1),
    ):
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
    check_parameters(size, regions, seed)
    frame = DemoFrame.around(int(size))
    streams = iter(np.random.default_rng([int(seed), subject]) for subject in range(20))
    progress.report(0.0, f"Synthetic study area of {size} × {size} cells, {frame.area_km2:.0f} km², seed {seed}.")
    layout = make_layout(frame, int(regions), next(streams))
    bedrock = make_bedrock(frame, layout, next(streams))
    forcing = make_forcing(frame, layout, bedrock, next(streams))
    progress.report(0.02, "Carving mountains and valleys.")
    height = evolve_terrain(frame, layout, forcing, next(streams), SubProgress(progress, 0.02, 0.6))
    terrain = finish_terrain(frame, layout, forcing, height, next(streams), SubProgress(progress, 0.6, 0.8))
    progress.report(0.8, "Deposits, landforms, climate and roads.")
    stop_if_cancelled(progress)
    ground = cover(frame, layout, bedrock, terrain, next(streams), progress)
    stop_if_cancelled(progress)
    people = make_infrastructure(frame, layout, terrain, ground, next(streams))
    stop_if_cancelled(progress)
    climate_fields = make_climate(frame, layout, terrain, ground, next(streams), progress)
    progress.report(0.88, "True landslide probability and the inventory drawn from it.")
    truth = compute_truth(
        frame, layout, bedrock, terrain, ground, climate_fields, people, SubProgress(progress, 0.88, 0.96)
    )
    stop_if_cancelled(progress)
    detection_chance = detection_probability(frame, terrain, people)
    stop_if_cancelled(progress)
    landslides = draw_inventory(frame, truth.probability, detection_chance, ground.slope, next(streams))
    progress.report(1.0)
    return World(frame, layout, bedrock, terrain, ground, climate_fields, people, truth, detection_chance, landslides)


def layers(world: World) -> dict[str, Points | Lines | Polygons]:
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
        "climate": polygons_of(
            zone,
            frame,
            "climate",
            {
                "zone": [climate.name for climate in layout.climates],
                "alpha": [climate.alpha for climate in layout.climates],
                "beta": [climate.beta for climate in layout.climates],
                "rainy_days": [climate.rainy_days for climate in layout.climates],
            },
            merge=True,
        ),
        "regions": polygons_of(
            region,
            frame,
            "regions",
            {
                "region": [home.number for home in layout.regions],
                "name": [home.name for home in layout.regions],
                "cause": [home.title for home in layout.regions],
            },
            merge=True,
        ),
        "study_area": Polygons(
            "study_area", fields={"name": ["synthetic study area"]}, geometries=[box(frame.grid.bounds)]
        ),
    }
