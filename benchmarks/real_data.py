"""Judge a map on the test blocks of its own spatial split, beside logistic regression and a random forest there.

    ./run python benchmarks/real_data.py STACK LABELS SUSCEPTIBILITY [--block 4000] [--seed 1]

All three are trained on the labels of the training blocks and judged on the same points: the landslide cells of the
test blocks against stable cells drawn at random there, ten draws. Landslides count once a connected patch of landslide
cells, so that one large buffer does not outvote the small ones.
"""

from __future__ import annotations

import argparse

import numpy as np
import rasterio
from scipy import ndimage
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from scarp.model.grid import Block
from scarp.model.inputs.rasters import open_raster, read_window
from scarp.model.progress import Silent
from scarp.model.stack import open_stack
from scarp.model.windows.split import SHARES, Blocks, BlockSplit, assign_blocks
from scarp.model.windows.survey import survey

DRAWS = 10
TRAINING_CELLS = 40000


def main() -> None:
    """Print a table of AUC by model."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("stack", "labels", "susceptibility"):
        arguments.add_argument(name)
    arguments.add_argument("--block", type=float, default=4000.0)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()

    with open_stack(given.stack) as stack, open_raster(given.labels, "label") as label_raster:
        grid = stack.grid
        whole = Block(0, 0, grid.height, grid.width)
        factors = stack.read(whole)
        categorical = [index for index, factor in enumerate(stack.factors) if factor.kind == "categorical"]
        names = [factor.name for factor in stack.factors]
        labels = read_window(label_raster, 0, 0, grid.height, grid.width, bands=[1], fill=255)[0]
        blocks = Blocks.of(grid, given.block)
        found = survey(stack, label_raster, blocks, blocks, given.seed, Silent())
    split = BlockSplit(blocks, assign_blocks(found.landslide, found.labelled, SHARES, given.seed))
    subset = split.of_cells(0, 0, grid.height, grid.width)
    with rasterio.open(given.susceptibility) as dataset:
        susceptibility = dataset.read(1)
    valid = np.isfinite(factors).all(axis=0) & np.isfinite(susceptibility)

    generator = np.random.default_rng(given.seed)
    train = np.flatnonzero((subset == 0) & valid & (labels <= 1))
    slides = train[labels.ravel()[train] == 1]
    stable = generator.permutation(train[labels.ravel()[train] == 0])[:TRAINING_CELLS]
    cells = np.concatenate([slides, stable])
    table = factors.reshape(len(names), -1).T
    x, y = table[cells], (labels.ravel()[cells] == 1).astype(int)
    print(f"Factors: {', '.join(names)}")
    print(f"Training cells: {len(slides)} landslide, {len(stable)} stable. "
          f"Blocks of {given.block:g} m, seed {given.seed}.")

    patches, count = ndimage.label(labels == 1, structure=np.ones((3, 3)))
    test = (subset == 2) & valid
    inside = np.flatnonzero(test & (labels == 1))
    # One cell a patch: the first in a random order.
    order = generator.permutation(inside)
    _, first = np.unique(patches.ravel()[order], return_index=True)
    positives = order[first]
    pool = np.flatnonzero(test & (labels == 0))
    print(f"Test: {len(positives)} landslide patches of {count} in the area, "
          f"{DRAWS} draws of as many stable cells out of {len(pool)}.")

    others = [index for index in range(len(names)) if index not in categorical]
    scaled = make_column_transformer((StandardScaler(), others),
                                     (OneHotEncoder(handle_unknown="ignore"), categorical))
    models = {
        "logistic regression": make_pipeline(scaled, LogisticRegressionCV(Cs=5, class_weight="balanced", max_iter=2000,
                                                                          scoring="roc_auc")),
        "random forest": RandomForestClassifier(300, min_samples_leaf=20, class_weight="balanced", n_jobs=-1,
                                                random_state=given.seed),
    }
    values = {"Scarp": susceptibility.ravel()}
    for name, model in models.items():
        model.fit(x, y)
        values[name] = np.full(len(table), np.nan)
        wanted = np.concatenate([positives, pool])
        values[name][wanted] = model.predict_proba(table[wanted])[:, 1]
    draws = [generator.choice(pool, len(positives), replace=False) for _ in range(DRAWS)]
    truth = np.repeat([1, 0], len(positives))
    print(f"{'model':<24}{'AUC':>8}{'lowest':>9}{'highest':>9}")
    for name, value in values.items():
        scores = [roc_auc_score(truth, value[np.concatenate([positives, draw])]) for draw in draws]
        print(f"{name:<24}{np.mean(scores):>8.3f}{min(scores):>9.3f}{max(scores):>9.3f}")


if __name__ == "__main__":
    main()
