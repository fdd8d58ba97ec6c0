"""Draw the results of ``training_folds.py``: one line a model, one dot a region (or fold figure) and seed.

./run python benchmarks/training_figure.py RESULTS.csv … --plan kinds --output FIGURE.png
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from scarp.model.report.charts import BLUE, SOFT, VERMILION, new_figure, style


def main() -> None:
    """Draw the figure."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("results", type=Path, nargs="+")
    arguments.add_argument("--plan", required=True)
    arguments.add_argument("--output", type=Path, required=True)
    given = arguments.parse_args()
    rows = []
    for path in given.results:
        with path.open(encoding="utf-8", newline="") as stream:
            rows += [row for row in csv.DictReader(stream) if row["plan"] in given.plan.split(",")]
    areas = list(dict.fromkeys(row["area"] for row in rows))
    with style():
        models = list(dict.fromkeys(row["model"] for row in rows))
        figure = new_figure(0.6 + 0.32 * len(models))
        for axis, area in zip(np.atleast_1d(figure.subplots(1, len(areas), sharey=True)), areas):
            for place, model in enumerate(models):
                some = [row for row in rows if row["model"] == model and row["area"] == area]
                regions = [name for name in rows[0] if name.startswith("region ")] or ["worst_fold"]
                dots = [float(row[name]) for row in some for name in regions if row.get(name)]
                means = [
                    np.mean([float(row[name]) for name in regions]) if len(regions) > 1 else float(row["auc"])
                    for row in some
                ]
                axis.plot(dots, [place] * len(dots), ".", color=SOFT, label="regions" if place == 0 else None)
                axis.plot(
                    means,
                    [place] * len(means),
                    "|",
                    color=VERMILION,
                    markersize=11,
                    markeredgewidth=2,
                    label="mean, one line a seed" if place == 0 else None,
                )
            axis.axvline(0.5, color=BLUE, linewidth=0.5, linestyle=":")
            axis.set_title(area)
            axis.set_xlabel("AUC on blocks never seen")
            axis.set_yticks(range(len(models)), models)
        np.atleast_1d(figure.axes)[0].invert_yaxis()
        figure.savefig(given.output, dpi=110)


if __name__ == "__main__":
    main()
