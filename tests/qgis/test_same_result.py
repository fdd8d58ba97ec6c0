"""The same results, bit by bit, in a worker process and on a cluster as inside QGIS; and the numbers of today."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from qgis.core import QgsVectorLayer

from scarp.tests.core.local_cluster import local_cluster
from scarp.tests.golden.chain import VALUES, measure, surroundings
from scarp.tests.golden.comparing import differences
from scarp.tests.qgis.child import child_environment, run_python
from scarp.tests.qgis.results import record_of
from scarp.tests.qgis.test_start import START
from scarp.tests.qgis.tiny import stack_inputs
from scarp.tests.reliability.steps import OUTPUTS, named_files, steps

WAYS = ("inside", "process")
BLOCKED = "torch,rasterio,sklearn,scipy,safetensors,matplotlib,jinja2,affine,PIL"
IN_A_PROCESS = """
import json
from qgis.core import QgsProject
context, feedback = QgsProcessingContext(), QgsProcessingFeedback(False)
context.setProject(QgsProject.instance())
for name, parameters in json.loads(sys.argv[2]):
    algorithm = provider.algorithm(name).create()
    accepted, message = algorithm.checkParameterValues(parameters, context)
    results, ok = algorithm.run(parameters, context, feedback) if accepted else ({}, message)
    print(json.dumps([name, results if ok is True else f"{ok} {feedback.textLog()[-2000:]}"]))
print(json.dumps(["imported", sorted({module.split(".")[0] for module in sys.modules} & BLOCKED)]))
"""
"""Runs the chain in a QGIS whose own Python has nothing but NumPy."""


@pytest.fixture(scope="module")
def both(area, chain, run, tmp_path_factory) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Folder and results of every algorithm, by where it ran."""
    folder = tmp_path_factory.mktemp("both")
    made, regions = steps(area, chain, run, folder), area / "regions.gpkg"
    # More layers than the campaigns on reliability give; what holds times is left out.
    made["predictsusceptibility"].inputs.update(AREA=regions, DEVICE="cpu")
    made["rainfallwarning"].inputs.update(REGIONS=regions, REGION_FIELD="region")
    made["validatewithpoints"].inputs.update(WINDOWS=chain["windows"], SEED=1)
    del made["trainpcum"].outputs["CHECKPOINT"], made["rerun"]
    todo = {way: [(name, step.parameters(folder / way / name)) for name, step in made.items()] for way in WAYS}
    for way in WAYS:
        for name in made:
            (folder / way / name).mkdir(parents=True)
    inside = {name: run(name, **parameters) for name, parameters in todo["inside"]}
    asked = json.dumps(todo["process"], default=str)
    environment = child_environment(SCARP_RUN="auto", SCARP_PYTHON=sys.executable)
    said = run_python(START + IN_A_PROCESS, BLOCKED, asked, environment=environment, seconds=900)
    results = dict(json.loads(line) for line in said.splitlines())
    assert not [result for result in results.values() if isinstance(result, str)]
    return {"inside": (folder / "inside", inside), "process": (folder / "process", results)}


def test_qgis_itself_needs_none_of_the_libraries(both):
    assert both["process"][1]["imported"] == []


@pytest.mark.parametrize("algorithm", [name for name in OUTPUTS if name != "rerun"])
def test_every_output_and_number_is_the_same(both, algorithm):
    folders = [both[way][0] / algorithm for way in WAYS]
    expected = set(named_files(OUTPUTS[algorithm]).values()) - {"state.ckpt"}
    assert {path.name for path in folders[0].iterdir()} >= expected
    files = [{path.relative_to(folder.parent) for path in folder.rglob("*.*")} for folder in folders]
    assert files[0] == files[1]
    for path in files[0]:
        same(*(both[way][0] / path for way in WAYS))
    one, other = (both[way][1][algorithm] for way in WAYS)
    assert set(one) == set(other)
    for name, value in one.items():
        if not isinstance(value, str) or "/" not in value:
            assert other[name] == value or (value != value and other[name] != other[name]), name


def same(one: Path, other: Path) -> None:
    """Compare two files: layers by their features, reports and records without times and paths, the rest by bytes."""
    if one.suffix == ".gpkg":
        assert features(one) == features(other)
    elif one.suffix == ".pdf":
        assert abs(one.stat().st_size - other.stat().st_size) < 2000
    elif one.suffix in (".html", ".json"):
        assert plain(one) == plain(other)
    else:
        assert one.read_bytes() == other.read_bytes()


def features(path: Path) -> list[tuple[str, list[Any]]]:
    layer = QgsVectorLayer(str(path))
    assert layer.featureCount() > 0
    return [(feature.geometry().asWkt(), feature.attributes()) for feature in layer.getFeatures()]


def plain(path: Path) -> str:
    """Return a text without what differs from run to run."""
    text = path.read_text(encoding="utf-8").replace(str(path.parent), "FOLDER")
    if path.suffix == ".json":
        content = json.loads(text)
        if isinstance(content, dict):
            for name in ("started", "seconds", "inputs", "outputs"):
                content.pop(name, None)
        return json.dumps(content)
    # Hashes of GeoPackages differ, because there is a time in them.
    return re.sub("[0-9a-f]{16}…", "HASH", "\n".join(line for line in text.splitlines() if "seconds" not in line))


def test_the_record_describes_the_process_that_computed(both):
    one, other = (record_of(both[way][0] / "trainpcum" / "m.safetensors") for way in both)
    assert (one["device"], one["versions"]) == (other["device"], other["versions"]) and one["versions"]["torch"]


def test_a_stack_from_a_cluster_is_the_same(run, area, tmp_path):
    pytest.importorskip("distributed")
    run("buildfactorstack", OUTPUT=tmp_path / "here.tif", **stack_inputs(area))
    with local_cluster(2) as cluster:
        address = cluster.scheduler_address.replace("tcp://", " ")
        output = tmp_path / "stack.tif"
        run("buildfactorstack", OUTPUT=output, SCHEDULER=address, **stack_inputs(area))
    with rasterio.open(output) as got, rasterio.open(tmp_path / "here.tif") as expected:
        assert got.descriptions == expected.descriptions
        np.testing.assert_array_equal(got.read(), expected.read())
    names = [path.name for path in tmp_path.iterdir() if not path.name.startswith("here")]
    assert sorted(names) == ["stack.tif", "stack.tif.run.json"]


def test_the_demo_chain_gives_its_golden_values(run, tmp_path):
    golden = json.loads(VALUES.read_text(encoding="utf-8"))
    moved = differences(golden["values"], measure(run, tmp_path))
    made_with = {name: (golden["made_with"].get(name), value) for name, value in surroundings().items()}
    others = {name: f"{then} then, {now} now" for name, (then, now) in made_with.items() if then != now}
    assert not moved, "\n".join([*moved, f"made with something else: {others}", "See tools/make_golden.py."])
