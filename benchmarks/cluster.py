"""What a Dask cluster costs and brings on one computer: two worker processes against one process on two cores.

Run with ``./run python benchmarks/cluster.py [--what scheduler,factors,prediction] [--side 3072]``. ``scheduler``: jobs
that do nothing, so all their time is the scheduler's. ``factors``: the ten-factor stack. ``prediction``: a map in bf16.
Scheduler, workers and this process share the computer and its disk; on a real cluster only the workers compute.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

EMPTY_JOBS = 3000


class Quiet:
    """A progress that says nothing."""

    def report(self, fraction: float, text: str = "") -> None:
        """Say nothing."""

    def warn(self, text: str) -> None:
        """Say nothing."""

    def cancelled(self) -> bool:
        """Never."""
        return False


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[str]:
    """Start worker processes of one thread each, and give the address of their scheduler."""
    import distributed

    with distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        memory_limit=0,
    ) as started:
        yield started.scheduler_address


def measure_scheduler(folder: Path, side: int) -> None:
    """Print what a job costs that does nothing."""
    from scarp.model.cluster.connection import connect

    for workers in (1, 2):
        with cluster(workers) as address, connect(address, Quiet()) as connected:
            list(connected.run(os.path.basename, [("x",)] * 50, Quiet()))
            for ordered in (False, True):
                started = time.perf_counter()
                list(connected.run(os.path.basename, [("x",)] * EMPTY_JOBS, Quiet(), ordered=ordered))
                each = (time.perf_counter() - started) / EMPTY_JOBS
                print(
                    f"empty jobs, {workers} workers, {'in order' if ordered else 'as done':8}: {1000 * each:5.2f} ms "
                    f"a job, {1 / each:,.0f} jobs a second"
                )


def measure_factors(folder: Path, side: int) -> None:
    """Print the time of a ten-factor stack without and with a cluster."""
    from factors_scene import ten_factors

    from scarp.model.factors.settings import StackOptions
    from scarp.model.jobs.build_factor_stack import build_factor_stack

    inputs = ten_factors(folder, side)

    def build(scheduler: str) -> None:
        build_factor_stack(inputs, folder / "stack.tif", StackOptions(scheduler=scheduler), Quiet())

    _compare("ten factors", side, build)


def measure_prediction(folder: Path, side: int) -> None:
    """Print the time of a map without and with a cluster."""
    from prediction import make_model, make_stack

    from scarp.model.jobs.predict_susceptibility import predict_susceptibility
    from scarp.model.prediction.settings import PredictionOptions

    make_stack(folder / "stack.tif", side)
    for net in ("default", "w32d4"):
        make_model(folder / f"{net}.safetensors", net)

        def predict(scheduler: str, net: str = net) -> None:
            predict_susceptibility(
                folder / "stack.tif",
                [folder / f"{net}.safetensors"],
                folder / "map.tif",
                PredictionOptions(device="cpu", precision="bf16", scheduler=scheduler),
                progress=Quiet(),
            )

        _compare(f"prediction, {net}", side, predict)


def _compare(what: str, side: int, run: Callable[[str], None]) -> None:
    """Run without and with a cluster, each twice so that nothing is imported in the second, and print the times."""
    with cluster(2) as address:
        for name, scheduler in (("one process", ""), ("two workers", address)) * 2:
            started = time.perf_counter()
            run(scheduler)
            seconds = time.perf_counter() - started
            print(
                f"{what}, {side}² cells, {name}: {seconds:6.1f} s, {side * side / seconds / 1e6:5.2f} million cells "
                "a second",
                flush=True,
            )


MEASURES: dict[str, Callable[[Path, int], None]] = {
    "scheduler": measure_scheduler,
    "factors": measure_factors,
    "prediction": measure_prediction,
}


def main() -> None:
    """Print the rows asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--what", default=",".join(MEASURES), help=f"some of {', '.join(MEASURES)}")
    parser.add_argument("--side", type=int, default=3072, help="cells")
    options = parser.parse_args()
    for what in options.what.split(","):
        with tempfile.TemporaryDirectory(prefix="scarp-bench-") as folder:
            MEASURES[what](Path(folder), options.side)


if __name__ == "__main__":
    main()
