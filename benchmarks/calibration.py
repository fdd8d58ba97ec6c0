"""How a model is best calibrated: Brier score and log loss on the land for test, at its true share of landslide cells.

    ./run python benchmarks/calibration.py AREA.json --kinds pcum,random_forest --seeds 1,2,3

AREA.json is that of ``training_folds.py``. For each kind and seed a model is trained with PROBABILITY as
``scarp:trainpcum`` and ``scarp:traincomparisonmodel`` do it. From the same out-of-fold predictions an isotonic
regression is fitted too.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression

from scarp.model.artifact import load_model
from scarp.model.jobs import calibrate
from scarp.model.jobs.train_comparison_model import train_comparison_model
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.progress import NullProgress
from scarp.model.training.settings import PCUM, settings_of_kind
from scarp.model.validation.probability import ProbabilityCounts

EDGE = 1e-6  # an isotonic share of 0 would make the log loss infinite


def train(area: dict[str, Any], kind: str, seed: int) -> tuple[Any, ProbabilityCounts, ProbabilityCounts]:
    """Return the calibration, the counts out of fold before it, and those of the land for test after it."""
    kept: dict[str, ProbabilityCounts] = {}

    def keeping(name: str) -> Any:
        function = getattr(calibrate, name)

        def call(*arguments: Any) -> ProbabilityCounts:
            kept[name] = function(*arguments)
            return kept[name]

        return function, call

    functions = {name: keeping(name) for name in ("out_of_fold_counts", "count_test_land")}
    for name, (_, call) in functions.items():
        setattr(calibrate, name, call)
    settings = settings_of_kind(kind, "recommended", {**area.get("settings", {}), "seed": seed, "probability": True})
    with tempfile.TemporaryDirectory() as folder:
        files = area["stack"], area["labels"], os.path.join(folder, "m.safetensors")
        if kind == PCUM:
            train_pcum(*files, safety_factor=area.get("safety"), settings=settings, progress=NullProgress())
        else:
            train_comparison_model(kind, *files, settings=settings, progress=NullProgress())
        calibration = load_model(files[2]).calibration
    for name, (function, _) in functions.items():
        setattr(calibrate, name, function)
    return calibration, kept["out_of_fold_counts"], kept["count_test_land"]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("area")
    parser.add_argument("--kinds", default="pcum,random_forest")
    parser.add_argument("--seeds", default="1")
    given = parser.parse_args()
    with open(given.area, encoding="utf-8") as stream:
        area = json.load(stream)
    print("| kind | seed | calibration | share, % | mean, % | Brier | skill | log loss | AP | s |\n|" + "---|" * 10)
    for kind in given.kinds.split(","):
        for seed in map(int, given.seeds.split(",")):
            began = time.perf_counter()
            found, known, test = train(area, kind, seed)
            cells, slides = known.counts.sum(axis=0), known.counts[1]
            used = cells > 0
            isotonic = IsotonicRegression(out_of_bounds="clip", y_min=EDGE, y_max=1 - EDGE)
            isotonic.fit(known.logits[used], slides[used] / cells[used], sample_weight=cells[used])
            seconds = time.perf_counter() - began

            def plain(logit: np.ndarray, line: Any = found) -> np.ndarray:
                return (logit - line.offset) / line.slope

            def by_steps(logit: np.ndarray, steps: Any = isotonic, before: Any = plain) -> np.ndarray:
                share = steps.predict(before(logit))
                return np.log(share / (1 - share))

            def same(logit: np.ndarray, line: Any = found) -> np.ndarray:
                return np.full_like(logit, np.log(line.share / (1 - line.share)))

            for name, change in (("none", plain), ("Platt", np.array), ("isotonic", by_steps), ("same share", same)):
                score, total = test.scores(change), test.counts.sum()
                mean = (test.counts.sum(axis=0) / (1 + np.exp(-change(test.logits)))).sum() / total
                numbers = f"{100 * score.share:.2f} | {100 * mean:.2f} | {score.brier:.5f} | {score.skill:.3f} | "
                rest = f"{score.log_loss:.5f} | {score.average_precision:.3f} | {seconds:.0f}"
                print(f"| {kind} | {seed} | {name} | {numbers}{rest} |", flush=True)


if __name__ == "__main__":
    main()
