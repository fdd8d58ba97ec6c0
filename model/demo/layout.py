"""What is there before rivers cut the land: regions in which different causes of landslides dominate (paper, 5.4), the
climate zones they lie in, the course of the main river, rocks, faults and seismic intensity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .frame import DemoFrame, distance_to, resample, smooth_borders, smooth_classes


@dataclass(frozen=True)
class Climate:
    """A climate zone: what equation 4 and table 2 of the paper need."""

    name: str
    alpha: float  # share of the rainy season in annual rainfall (table 2)
    beta: float  # maximum over mean rainfall in the rainy season (table 2)
    rainy_days: float  # in the rainy season; the paper does not print them, these are plausible
    rainfall: float  # annual rainfall of the valleys in mm, before the fit to the thresholds


CLIMATES = {
    "Nyingchi": Climate("Nyingchi", 0.8, 2.5, 125, 600),
    "Nedong": Climate("Nedong", 0.8, 2.2, 80, 385),
    "Lhasa": Climate("Lhasa", 0.9, 2.0, 80, 395),
    "Qamdo": Climate("Qamdo", 0.75, 2.3, 95, 480),
}


@dataclass(frozen=True)
class Region:
    """A region: its dominant cause, and how its land differs."""

    number: int
    name: str
    cause: str
    title: str
    climate: str
    place: tuple[float, float]  # rough centre as shares of the area: along the main river from above, and across
    uplift: float  # relative to the mean; more makes higher and steeper land
    hillslope: float  # degrees added to the angle that hillslopes stand at
    floor: float  # factor on the width of valley floors
    glacial: float  # how far ice shaped the valleys, 0 to 1
    weight: float  # the dominant cause at its strongest divides the safety of a slope by 1 + weight
    mean_probability: float  # mean landslide probability in the region


REGIONS = (
    Region(1, "Great bend", "river", "river erosion", "Nyingchi", (0.76, 0.78), 1.15, 0, 0.8, 0, 2.2, 0.07),
    Region(2, "Gorges", "incision", "deeply incised valleys", "Qamdo", (0.82, 0.22), 1.5, 4, 0.2, 0, 1.6, 0.075),
    Region(
        3, "Till valleys", "till_and_faults", "glacial till and faults", "Nyingchi", (0.5, 0.2), 1, -1, 1, 1, 1.8, 0.06
    ),
    Region(4, "High ranges", "frost", "freeze-thaw", "Nedong", (0.18, 0.22), 1.75, -1, 0.7, 0.5, 1.8, 0.08),
    Region(5, "Settled valley", "human", "human activity", "Lhasa", (0.24, 0.78), 0.75, -3, 3, 0, 3, 0.055),
)


@dataclass
class Layout:
    """Where the regions and climate zones lie, and the course of the main river."""

    frame: DemoFrame
    regions: tuple[Region, ...]
    region: np.ndarray  # index into ``regions``, uint8, on the base grid
    climate: np.ndarray  # index into ``climates``, uint8, on the base grid
    climates: tuple[Climate, ...]
    river: np.ndarray  # course of the main river from its upper end, positions in the frame, shape (vertices, 2)
    unevenness: np.ndarray  # random field on the base grid that varies the width of valley floors
    strike: float  # direction of folds and of the first family of faults, radians

    def blend(self, values: list[float], width: float = 600.0, classes: np.ndarray | None = None) -> np.ndarray:
        """Spread one value per region, or class, over the base grid, with soft borders of about ``width`` metres."""
        field = np.asarray(values, dtype=np.float32)[self.region if classes is None else classes]
        return ndimage.gaussian_filter(field, width / (self.frame.extent / self.frame.base_side), mode="nearest")

    def full(self, name: str, side: int = 0) -> np.ndarray:
        """Return a property of the regions, such as ``glacial``, on the frame at full resolution or another."""
        return resample(self.blend([getattr(region, name) for region in self.regions]), side or self.frame.side)


def make_layout(frame: DemoFrame, count: int, rng: np.random.Generator) -> Layout:
    """Divide the frame into the first ``count`` regions of about equal area and lead the main river through it."""
    regions = REGIONS[:count]
    turn = int(rng.integers(8))
    river = _main_river(frame, rng)
    # Cell centres as shares of the study area: 0 to 1, beyond in the margin.
    centres = (np.arange(frame.base_side, dtype=np.float32) + 0.5) * frame.side / frame.base_side
    centres = (centres - frame.pad) / frame.size
    x, y = centres[None, :], centres[:, None]
    warp = [0.03 * frame.noise(rng, frame.extent / 3, exponent=2.8) for _ in range(4)]
    along, across = _reorient(x + 0 * y, y + 0 * x, turn)
    course = np.column_stack(_reorient(river[:, 0], river[:, 1], turn, back=True))
    places = np.array([region.place for region in regions]) + rng.normal(0, 0.02, (count, 2))
    distances = [(along + warp[0] - u) ** 2 + (across + warp[1] - v) ** 2 for u, v in places]
    inside = np.flatnonzero((centres > 0) & (centres < 1))
    shift = _equal_areas([d[inside][:, inside] for d in distances])
    region = np.argmin([d - s for d, s in zip(distances, shift)], axis=0).astype(np.uint8)
    names = list(dict.fromkeys(r.climate for r in regions))
    far = [(along + warp[2] - u) ** 2 + (across + warp[3] - v) ** 2 - s for (u, v), s in zip(places, shift)]
    climate = np.array([names.index(r.climate) for r in regions], dtype=np.uint8)[np.argmin(far, axis=0)]
    width = max(1.0, 0.015 * frame.extent / (frame.extent / frame.base_side))
    region, climate = smooth_borders(region, width), smooth_borders(climate, width)
    climates = tuple(CLIMATES[name] for name in names)
    course = (course * frame.size + frame.pad) * frame.extent / frame.side
    uneven = frame.noise(rng, 3000, 800)
    return Layout(frame, regions, region, climate, climates, course, uneven, float(rng.uniform(0, np.pi)))


def _reorient(u: np.ndarray, v: np.ndarray, turn: int, back: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Turn and mirror the unit square in one of its eight ways, or undo it."""
    if back and turn & 4:
        u, v = v, u
    u, v = (1 - u if turn & 1 else u), (1 - v if turn & 2 else v)
    return (v, u) if turn & 4 and not back else (u, v)


def _main_river(frame: DemoFrame, rng: np.random.Generator) -> np.ndarray:
    """Draw the course from the upper to the lower border as shares of the area, with bends of several sizes."""
    margin = frame.pad / frame.size
    along = np.linspace(-margin, 1 + margin, max(4 * frame.side, 200))
    kilometres = frame.size * 0.03
    across = np.full(along.size, 0.78)
    for wavelength in (18.0, 9.0, 4.0, 1.8, 0.8):
        waves = kilometres / wavelength
        size = min(0.008 * wavelength**1.1 * 18 / kilometres, 0.1)
        steps = np.interp(along * max(waves, 0.8) * 2, np.arange(-40, 640), rng.normal(size=680))
        smooth = ndimage.gaussian_filter1d(steps, along.size / (max(waves, 0.8) * 2 * (1 + 2 * margin)) * 0.35)
        across += size * smooth
    across = 0.78 + 0.13 * np.tanh((across - 0.78) / 0.13)  # it stays inside the area
    bend = 0.016 * np.sin(2 * np.pi * along * kilometres / 2.6 + across * 9)
    return np.column_stack([along + bend * min(1.0, 6 / kilometres), across])


def _equal_areas(distances: list[np.ndarray]) -> np.ndarray:
    """Find what to take from each squared distance so that all regions get about the same area."""
    shift, count = np.zeros(len(distances)), len(distances)
    skip = max(distances[0].shape[0] // 64, 1)
    small = np.stack([d[::skip, ::skip] for d in distances])
    for step in range(200):
        nearest = np.argmin(small - shift[:, None, None], axis=0)
        share = np.bincount(nearest.ravel(), minlength=count) / nearest.size
        shift += 0.15 * (1 / count - share) / (1 + 0.02 * step)
    return shift


@dataclass(frozen=True)
class Rock:
    """A lithological unit and its strength."""

    name: str
    erodibility: float  # factor on the speed at which rivers cut it
    angle: float  # friction angle in degrees
    cohesion: float  # of the weathered cover, kPa


ROCKS = (
    Rock("granite", 0.75, 39.0, 14.0),
    Rock("gneiss", 0.8, 37.5, 13.0),
    Rock("limestone", 0.9, 37.0, 13.0),
    Rock("sandstone and shale", 1.15, 33.0, 9.0),
    Rock("slate", 1.25, 32.0, 8.5),
    Rock("schist", 1.3, 31.0, 8.0),
    Rock("glacial till", 1.4, 31.5, 5.0),
    Rock("alluvium", 1.4, 32.0, 4.0),
)
FOLDED = ("gneiss", "schist", "slate", "sandstone and shale", "limestone", "slate", "sandstone and shale", "schist")
"""The folded sequence, across the strike."""
INTENSITIES = ("VII", "VIII", "IX")


@dataclass
class Bedrock:
    """Rocks and faults before the land surface exists, on the frame's base grid."""

    rock: np.ndarray  # index into ``ROCKS``, uint8
    faults: list[np.ndarray]  # traces, positions in the frame
    intensity: np.ndarray  # index into ``INTENSITIES``, uint8


def make_bedrock(layout: Layout, rng: np.random.Generator) -> Bedrock:
    """Fold the sequence, put plutons into it and cut it by faults."""
    faults = _faults(layout, rng)
    return Bedrock(_rocks(layout, rng), faults, _intensity(layout, faults, rng))


def rock_number(name: str) -> int:
    """Return the index of a rock in ``ROCKS``."""
    return next(index for index, rock in enumerate(ROCKS) if rock.name == name)


def rock_property(name: str) -> np.ndarray:
    """Return a property of all rocks, such as ``cohesion``, float32, to be indexed by rock."""
    return np.array([getattr(rock, name) for rock in ROCKS], dtype=np.float32)


def _rocks(layout: Layout, rng: np.random.Generator) -> np.ndarray:
    frame = layout.frame
    side, extent = frame.base_side, frame.extent
    width = float(np.clip(extent / 8, 500, 5000))
    along, down = (np.arange(side) + 0.5)[None, :] * extent / side, (np.arange(side) + 0.5)[:, None] * extent / side
    across = -np.sin(layout.strike) * along + np.cos(layout.strike) * down
    folds = across / width + 0.9 * frame.noise(rng, 5 * width, width / 3, 2.2) + rng.uniform(0, len(FOLDED))
    folded = np.array([rock_number(name) for name in FOLDED])[np.floor(folds).astype(np.int64) % len(FOLDED)]
    plutons = frame.noise(rng, 3.5 * width, width / 2, 2.2)
    rock = np.where(plutons > np.quantile(plutons, 0.8), rock_number("granite"), folded)
    return smooth_classes(rock.astype(np.uint8), max(1.0, 90 / (extent / side)), 40)


def _faults(layout: Layout, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw long, slightly curved traces of two families; half of them where ice and faults are the cause."""
    frame = layout.frame
    count = int(np.clip(round(frame.area_km2 / 36), 3, 60))
    home = [index for index, region in enumerate(layout.regions) if region.cause == "till_and_faults"]
    faults = []
    for number in range(count):
        start = rng.uniform(0.08, 0.92, 2) * frame.extent
        at_home = bool(home) and number % 2 == 0
        if at_home:
            rows, columns = np.nonzero(layout.region == home[0])
            pick = int(rng.integers(rows.size))
            start = (np.array([columns[pick], rows[pick]]) + 0.5) * frame.extent / frame.base_side
        length = rng.uniform(0.35, 0.8) * min(frame.extent, 50_000)
        if at_home:
            length *= 0.55
        heading = layout.strike + (0 if number % 3 else np.radians(62)) + rng.normal(0, np.radians(7))
        steps = max(int(length / 150), 8)
        half = steps // 2
        bend = np.cumsum(rng.normal(0, 0.018, steps)) + np.linspace(-1, 1, steps) * rng.normal(0, 0.2)
        angle = heading + bend - bend[half]
        trace = np.cumsum(150 * np.column_stack([np.cos(angle), np.sin(angle)]), axis=0)
        faults.append(trace - trace[half] + start)
    return faults


def _intensity(layout: Layout, faults: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Set zones by the distance to faults: the nearest 16 % are IX, the next 42 % VIII, the rest VII."""
    frame, side = layout.frame, layout.frame.base_side
    near = np.exp(-distance_to(faults, frame, side) / (0.07 * min(frame.extent, 40_000)))
    near = ndimage.gaussian_filter(near, 0.03 * side) + 0.05 * frame.noise(rng, frame.extent / 3)
    low, high = np.quantile(near, [0.42, 0.84])
    return smooth_classes((near > low).astype(np.uint8) + (near > high).astype(np.uint8), 2.0, 120)
