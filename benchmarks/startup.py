"""What Scarp adds to the start of QGIS: a real window under Xvfb, with the plugin and without it, in turns.

    ./run python benchmarks/startup.py [--rounds 9]

Both profiles are fresh but for the plugin's zip and one start to warm up. A start is measured from the process's first
moment to QGIS's own signal that it is complete: on the clock, and as processor time, which other work on the machine
disturbs less. ``plugin`` is what QGIS's own list of plugin times says. The last column is the longest time that the
window stood still in its first two seconds: what a plugin puts off until then has to be paid there. The last line says
what every run pays before it begins: choosing where to run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ORDERS = "SCARP_STARTUP"
"""Environment variable with the file that the script in the window writes."""
TICK = 5
"""Milliseconds between two looks at the clock in the window."""
LIMIT = 120
"""Seconds after which a start counts as hung."""
WATCHED = 2.0
"""Seconds after the start in which the window is watched."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        profiles = {name: Path(folder) / name for name in ("without", "with")}
        package = Path(folder) / "scarp.zip"
        # Here and not above: the window runs this file as code that has no file's name.
        packing = Path(__file__).resolve().parent.parent / "tools" / "package.py"
        subprocess.run([sys.executable, str(packing), str(package)], check=True, capture_output=True)
        install(package, profiles["with"])
        found: dict[str, list[dict[str, float]]] = {name: [] for name in profiles}
        with screen() as display:
            for round_ in range(options.rounds + 1):
                # In turns, and the order turned as well: whatever else the machine does meets both alike.
                for name in sorted(profiles, reverse=bool(round_ % 2)):
                    times = start(profiles[name], display)
                    if round_:
                        found[name].append(times)
    print(table(found))


@contextlib.contextmanager
def screen() -> Iterator[str]:
    """Give the name of a virtual screen; the server itself finds a free number."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1500x950x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as numbers:
            yield f":{numbers.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


def install(package: Path, profile: Path) -> None:
    """Put the plugin into a fresh profile and enable it."""
    plugins = profile / "profiles" / "default" / "python" / "plugins"
    plugins.mkdir(parents=True)
    with zipfile.ZipFile(package) as archive:
        archive.extractall(plugins)
    subprocess.run(
        [os.environ["SCARP_QGIS_PROCESS"], "plugins", "enable", "scarp"],
        check=True,
        capture_output=True,
        env=variables(profile, QT_QPA_PLATFORM="offscreen"),
    )


def variables(profile: Path, **more: str) -> dict[str, str]:
    """Return the environment of a QGIS with this profile, with nothing of the checkout in it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SCARP_", "PYTHON")) and name not in ("QT_QPA_PLATFORM", "QGIS_PLUGINPATH")
    }
    return {**kept, "QGIS_CUSTOM_CONFIG_PATH": str(profile), **more}


def start(profile: Path, display: str) -> dict[str, float]:
    """Start QGIS once; return what :func:`watch` wrote."""
    program = shutil.which("qgis.bin") or shutil.which("qgis")
    if program is None:
        raise SystemExit("QGIS's window is not installed.")
    target = profile / "times.json"
    target.unlink(missing_ok=True)
    process = subprocess.Popen(
        [program, "--nologo", "--noversioncheck"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Not by --code: a start with a script is longer, see docs/packaging.md.
        env=variables(
            profile, DISPLAY=display, SCARP_STARTED=str(time.time()), PYQGIS_STARTUP=__file__, **{ORDERS: str(target)}
        ),
    )
    try:
        process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        raise SystemExit(
            f"QGIS was not complete after {LIMIT} s. A plugin that fails at the start shows a message "
            "that nobody answers here."
        ) from None
    return json.loads(target.read_text(encoding="utf-8"))


def watch(iface: Any, target: Path) -> None:
    """In the window: note when QGIS is complete, then look at the clock for two seconds, write, and leave."""
    from qgis import utils
    from qgis.core import QgsApplication
    from qgis.PyQt.QtCore import QTimer

    times: dict[str, float] = {"gap": 0.0}
    timer = QTimer(iface.mainWindow())
    last = [0.0]

    def tick() -> None:
        now = time.perf_counter()
        times["gap"] = max(times["gap"], now - last[0] - TICK / 1000)
        last[0] = now
        if now - times["began"] > WATCHED:
            registry = QgsApplication.processingRegistry()
            provider = registry.providerById("scarp")
            times["algorithms"] = len(provider.algorithms()) if provider else 0
            times["choosing"] = choosing() if provider else 0.0
            target.write_text(json.dumps(times), encoding="utf-8")
            os._exit(0)

    def complete() -> None:
        times["clock"] = time.time() - float(os.environ["SCARP_STARTED"])
        times["processor"] = time.process_time()
        times["plugin"] = float(str(utils.plugin_times.get("scarp", "0s")).rstrip("s"))
        times["began"] = last[0] = time.perf_counter()
        timer.timeout.connect(tick)
        timer.start(TICK)

    iface.initializationCompleted.connect(complete)


def choosing() -> float:
    """Return the seconds that choosing where to run takes, the first time apart."""
    from scarp.running.core import choose_runtime

    needs = ["torch", "rasterio", "sklearn", "scipy", "safetensors", "matplotlib", "jinja2"]
    choose_runtime(needs)
    began = time.perf_counter()
    for _ in range(20):
        choose_runtime(needs)
    return (time.perf_counter() - began) / 20


def table(found: dict[str, list[dict[str, float]]]) -> str:
    """Return the medians, and the difference of each round's pair."""
    columns = {"clock": "clock, ms", "processor": "processor, ms", "plugin": "plugin, ms", "gap": "longest gap, ms"}
    lines = [
        f"| {len(found['with'])} rounds, median | " + " | ".join(columns.values()) + " |",
        "|---|" + "---:|" * len(columns),
    ]
    for name, rows in found.items():
        values = [statistics.median(row[column] for row in rows) * 1000 for column in columns]
        lines.append(f"| {name} Scarp | " + " | ".join(f"{value:.0f}" for value in values) + " |")
    differences = [
        [(one[column] - other[column]) * 1000 for one, other in zip(found["with"], found["without"])]
        for column in columns
    ]
    lines.append(
        "| difference | "
        + " | ".join(f"{statistics.median(values):.0f} ({min(values):.0f}…{max(values):.0f})" for values in differences)
        + " |"
    )
    chosen = statistics.median(row["choosing"] for row in found["with"]) * 1000
    lines.append(
        f"\n{found['with'][0]['algorithms']:.0f} algorithms and models were there. Choosing where to run took "
        f"{chosen:.1f} ms."
    )
    return "\n".join(lines)


def when_there(target: Path) -> None:
    """In the window: wait for QGIS's interface, which is not there yet when the script is run."""
    from qgis import utils
    from qgis.PyQt.QtCore import QTimer

    if utils.iface is None:
        QTimer.singleShot(TICK, lambda: when_there(target))
    else:
        watch(utils.iface, target)


if os.environ.get(ORDERS):
    when_there(Path(os.environ.pop(ORDERS)))
# QGIS runs the script twice, as code that has no file.
elif __name__ == "__main__" and "__file__" in globals():
    main()
