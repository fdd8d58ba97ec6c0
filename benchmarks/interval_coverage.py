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

from scarp.model.validation.metrics import normal_interval, placements
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
    """Whether the intervals of one area cover the truth: of the AUC and of the frequency ratio."""

    blocks: tuple[bool, bool]
    single: tuple[bool, bool]  # DeLong's and Wilson's, which take landslides for independent
    independent: int
    range_m: float
    side_m: float


def simulate(clusters: int, size: int, correlation: float, field: float, seed: int) -> Covered:
    """Make one area, and look whether its intervals cover the truth."""
    rng = np.random.default_rng([seed, clusters, int(100 * correlation), int(100 * field)])
    number = clusters * size
    x, y = np.repeat(rng.uniform(0, EXTENT, (2, clusters)), size, axis=1) + rng.normal(0, SPREAD, (2, number))
    common = np.sqrt(correlation) * np.repeat(rng.standard_normal(clusters), size)
    if field:
        near = np.minimum(np.hypot(x[:, None] - x, y[:, None] - y) / FIELD_RANGE, 1)
        covariance = 1 - 1.5 * near + 0.5 * near**3 + 1e-8 * np.eye(number)
        common += np.sqrt(field) * (np.linalg.cholesky(covariance) @ rng.standard_normal(number))
    score = SHIFT + common + np.sqrt(1 - correlation - field) * rng.standard_normal(number)
    land, (land_x, land_y) = rng.standard_normal(LAND_CELLS), rng.uniform(0, EXTENT, (2, LAND_CELLS))
    # All land is normal, so the placement of a landslide is known, as it is where all cells of a map are counted.
    placed, top = norm.cdf(score), (score > norm.ppf(1 - TOP)).astype(float)
    blocks = SpatialBlocks.estimate(x, y, placed, seed)
    of_landslide, of_land = blocks.index(x, y), blocks.index(land_x, land_y)
    resamples = BlockResamples(of_landslide, [of_land], REPEATS, rng)
    ranked = AucOfWeights(score, land)
    on_landslide = resamples.weights[:, resamples.places(of_landslide)]
    on_land = resamples.weights[:, resamples.places(of_land)]
    aucs = np.array([ranked.auc(*pair) for pair in zip(on_landslide, on_land)])
    with np.errstate(invalid="ignore"):
        shares = on_landslide @ top / on_landslide.sum(axis=1)
    auc = resamples.estimate(float(placed.mean()), aucs, "share")
    share = resamples.estimate(float(top.mean()), shares, "share")
    alone = placements(score, land[:number])
    ends = (
        normal_interval(alone.auc, alone.variance),
        binomtest(int(top.sum()), number).proportion_ci(method="wilson"),
    )
    return Covered(
        (auc.low <= TRUE_AUC <= auc.high, share.low <= TRUE_SHARE <= share.high),
        (ends[0][0] <= TRUE_AUC <= ends[0][1], ends[1][0] <= TRUE_SHARE <= ends[1][1]),
        resamples.independent,
        blocks.range_m,
        blocks.side_m,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--areas", type=int, default=1000)
    areas = parser.parse_args().areas
    print(
        "| clusters × landslides | correlation | field | AUC, blocks (DeLong) | frequency ratio, blocks (Wilson) | ",
        end="",
    )
    print("range, km | side, km | blocks | areas with a test |")
    print("|---|---|---|---|---|---|---|---|---|")
    for clusters, size, correlation, field in SCENES:
        found = [simulate(clusters, size, correlation, field, seed) for seed in range(areas)]
        blocks, single = (100 * np.mean([getattr(one, kind) for one in found], 0) for kind in ("blocks", "single"))
        counts = np.array([one.independent for one in found])
        testable = counts >= MIN_BLOCKS
        of_testable = 100 * np.mean([one.blocks[0] for one, able in zip(found, testable) if able])
        print(
            f"| {clusters} × {size} | {correlation} | {field} | {blocks[0]:.1f} ({single[0]:.1f}) | {blocks[1]:.1f} "
            f"({single[1]:.1f}) | {np.median([one.range_m for one in found]) / 1000:.1f} | "
            f"{np.median([one.side_m for one in found]) / 1000:.1f} | {np.median(counts):.0f} | "
            f"{100 * testable.mean():.0f} %, AUC {of_testable:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
