"""How often 95 % intervals cover the truth where landslides lie in clusters: of land blocks and of single landslides.

Run with ``./run python benchmarks/interval_coverage.py [--areas 1000]``. An area is 20 km wide. Clusters of landslides
lie anywhere in it, the landslides of a cluster about 200 m around its middle; their susceptibility (a normal score) has
a part in common, whose share of the variance is the correlation within a cluster, and in some scenes a part that varies
smoothly over 4 km, whose share is much smaller. Other land is standard normal. The
truth is known: the AUC, and the frequency ratio of the most susceptible tenth of the land. Everything is simulated as a
validation does it, the estimate of the range included.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, norm

from scarp.model.statistics import Estimate
from scarp.model.validation.metrics import difference_variance, normal_interval, placements
from scarp.model.validation.spatial_blocks import MIN_BLOCKS, AucOfWeights, BlockResamples, SpatialBlocks

EXTENT, SPREAD, SHIFT, TOP = 20_000.0, 200.0, 1.0, 0.1
LAND_CELLS, REPEATS = 2000, 200
TRUE_AUC, TRUE_SHARE = norm.cdf(SHIFT / np.sqrt(2)), norm.sf(norm.ppf(1 - TOP) - SHIFT)
FIELD_RANGE = 4000.0
SCENES = (
    *((280, 1, 0.0, 0.0), (28, 10, 0.3, 0.0), (28, 10, 0.6, 0.0), (15, 19, 0.3, 0.0), (15, 19, 0.6, 0.0)),
    *((60, 5, 0.3, 0.0), (60, 5, 0.6, 0.0), (60, 5, 0.3, 0.1), (200, 5, 0.3, 0.1)),
)
"""Clusters, landslides in each, correlation within a cluster, and share of the variance of a field over the area."""


@dataclass
class Covered:
    """Whether the intervals of one area cover the truth: of AUC, frequency ratio, and difference in AUC of two maps."""

    blocks: tuple[bool, bool, bool]
    single: tuple[bool, bool, bool]  # DeLong's, Wilson's and DeLong's, which take landslides for independent
    independent: int
    range_m: float
    side_m: float


def simulate(clusters: int, size: int, correlation: float, field: float, seed: int) -> Covered:
    """Make one area with two equally good maps, and look whether the intervals cover the truth.

    Half the variance of each map is its own.
    """
    rng = np.random.default_rng([seed, clusters, int(100 * correlation), int(100 * field)])
    number = clusters * size
    x, y = np.repeat(rng.uniform(0, EXTENT, (2, clusters)), size, axis=1) + rng.normal(0, SPREAD, (2, number))
    parts = np.sqrt(correlation) * np.repeat(rng.standard_normal((3, clusters)), size, axis=1)
    if field:
        near = np.minimum(np.hypot(x[:, None] - x, y[:, None] - y) / FIELD_RANGE, 1)
        covariance = 1 - 1.5 * near + 0.5 * near**3 + 1e-8 * np.eye(number)
        parts += np.sqrt(field) * (np.linalg.cholesky(covariance) @ rng.standard_normal((number, 3))).T
    parts += np.sqrt(1 - correlation - field) * rng.standard_normal((3, number))
    scores, lands = (np.sqrt(0.5) * (one[:1] + one[1:]) for one in (parts, rng.standard_normal((3, LAND_CELLS))))
    scores += SHIFT
    places, cells = np.stack([x, y]), rng.uniform(0, EXTENT, (2, LAND_CELLS))
    # All land is normal, so the placement of a landslide is known, as it is where all cells of a map are counted.
    placed, top = norm.cdf(scores), (scores[0] > norm.ppf(1 - TOP)).astype(float)
    blocks = SpatialBlocks.estimate(x, y, placed[0], seed)
    resamples, on_landslide, on_land = _resample(blocks, places, cells, rng)
    with np.errstate(invalid="ignore"):
        shares = on_landslide @ top / on_landslide.sum(axis=1)
    auc = resamples.estimate(float(placed[0].mean()), _aucs(scores[0], lands[0], on_landslide, on_land), "share")
    share = resamples.estimate(float(top.mean()), shares, "share")
    of_both = SpatialBlocks.estimate_for_maps(x, y, placed, seed)
    paired, *weights = _resample(of_both, places, cells, rng)
    differences = np.subtract(*(_aucs(*one, *weights) for one in zip(scores, lands)))
    lead = float(np.subtract(*placed.mean(axis=1)))
    difference = paired.estimate(lead, differences, "difference")
    alone = placements(scores[0], lands[0, :number])
    ends = normal_interval(alone.auc, alone.variance)
    wilson = binomtest(int(top.sum()), number).proportion_ci(method="wilson")
    error = np.sqrt(difference_variance(scores[0], lands[0], scores[1], lands[1]))
    return Covered(
        (_holds(auc, TRUE_AUC), _holds(share, TRUE_SHARE), _holds(difference, 0.0)),
        (ends[0] <= TRUE_AUC <= ends[1], wilson.low <= TRUE_SHARE <= wilson.high, abs(lead) <= 1.96 * error),
        resamples.independent,
        blocks.range_m,
        blocks.side_m,
    )


def _resample(
    blocks: SpatialBlocks, landslides: np.ndarray, land: np.ndarray, rng: np.random.Generator
) -> tuple[BlockResamples, np.ndarray, np.ndarray]:
    of_landslide, of_land = blocks.index(*landslides), blocks.index(*land)
    resamples = BlockResamples(of_landslide, [of_land], REPEATS, rng)
    return resamples, *(resamples.weights[:, resamples.places(one)] for one in (of_landslide, of_land))


def _aucs(score: np.ndarray, land: np.ndarray, on_landslide: np.ndarray, on_land: np.ndarray) -> np.ndarray:
    ranked = AucOfWeights(score, land)
    return np.array([ranked.auc(*pair) for pair in zip(on_landslide, on_land)])


def _holds(interval: Estimate, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--areas", type=int, default=1000)
    areas = parser.parse_args().areas
    titles = ["clusters × landslides", "correlation", "field", "AUC (DeLong)", "frequency ratio (Wilson)"]
    titles += ["difference of two maps (DeLong)", "range, km", "side, km", "blocks", "areas with a test"]
    print(f"| {' | '.join(titles)} |")
    print("|---" * len(titles) + "|")
    for clusters, size, correlation, field in SCENES:
        found = [simulate(clusters, size, correlation, field, seed) for seed in range(areas)]
        blocks, single = (100 * np.mean([getattr(one, kind) for one in found], 0) for kind in ("blocks", "single"))
        counts = np.array([one.independent for one in found])
        testable = counts >= MIN_BLOCKS
        of_testable = 100 * np.mean([one.blocks[0] for one, able in zip(found, testable) if able])
        lengths = np.median([(one.range_m, one.side_m) for one in found], axis=0) / 1000
        cells = [f"{clusters} × {size}", correlation, field]
        cells += [f"{one:.1f} ({other:.1f})" for one, other in zip(blocks, single)]
        cells += [*(f"{one:.1f}" for one in lengths), f"{np.median(counts):.0f}"]
        cells.append(f"{100 * testable.mean():.0f} %, AUC {of_testable:.1f}")
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
