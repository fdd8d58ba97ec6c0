"""Outputs are complete or absent, and the run record has what is needed to repeat a run."""

from __future__ import annotations

import errno
import hashlib
import json

import numpy as np
import pytest

from scarp.model.errors import Cancelled, OutputNotWritable, ScarpError
from scarp.model.outputs.atomic import atomic_output, atomic_output_folder, check_writable, write_text
from scarp.model.outputs.run_record import RunRecord, read_record, scarp_version
from scarp.model.outputs.transaction import RECORD_SUFFIX, remove_orphans, temp_path_beside
from scarp.model.progress import SubProgress, stop_if_cancelled
from scarp.tests.core.conftest import Listener


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_file_appears_only_when_the_block_succeeds(tmp_path):
    output = tmp_path / "map.tif"
    with atomic_output(output) as temporary:
        temporary.write_bytes(b"whole")
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".tif"
        assert not output.exists()
    assert output.read_bytes() == b"whole"
    assert names(tmp_path) == ["map.tif"]


@pytest.mark.parametrize("failure", [Cancelled(), ValueError("x"), KeyboardInterrupt()])
def test_failure_keeps_the_older_file_and_leaves_nothing_else(tmp_path, failure):
    output = tmp_path / "map.tif"
    output.write_bytes(b"old")
    with pytest.raises(type(failure)), atomic_output(output) as temporary:
        temporary.write_bytes(b"half")
        temporary.with_name(temporary.name + ".aux.xml").write_text("side")
        raise failure
    assert output.read_bytes() == b"old"
    assert names(tmp_path) == ["map.tif"]


def test_a_folder_is_moved_into_place_and_keeps_other_files(tmp_path):
    output = tmp_path / "demo"
    output.mkdir()
    (output / "mine.txt").write_text("mine")
    with atomic_output_folder(output) as temporary:
        (temporary / "dem.tif").write_text("dem")
        assert names(output) == ["mine.txt"]
    assert names(output) == ["dem.tif", "mine.txt"]
    with pytest.raises(Cancelled), atomic_output_folder(tmp_path / "other") as temporary:
        (temporary / "dem.tif").write_text("dem")
        raise Cancelled()
    assert names(tmp_path) == ["demo"]


def test_full_disk_is_an_output_failure_but_a_missing_input_is_not(tmp_path):
    with pytest.raises(OutputNotWritable, match="could not be written"), atomic_output(tmp_path / "map.tif"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(FileNotFoundError), atomic_output(tmp_path / "map.tif"):
        (tmp_path / "input.csv").read_text()


def test_record_names_inputs_with_hash_and_outputs(tmp_path):
    source, output = tmp_path / "dem.tif", tmp_path / "out.tif"
    source.write_bytes(b"dem")
    output.write_bytes(b"out")
    layer, uri = "memory layer", f"{source}|layername=a"
    inputs = {"DEM": source, "AREA": None, "MODEL": [source], "POINTS": layer, "LINES": uri}
    record = RunRecord("trainpcum", {"SEED": 1, "RADII": {"small": 300.0}}, inputs)
    record.write({"OUTPUT": output, "OUTPUT_HTML": None}, auc=np.float32(0.5), shares=np.arange(3))
    content = json.loads((tmp_path / ("out.tif" + RECORD_SUFFIX)).read_text(encoding="utf-8"))
    digest, modified = hashlib.sha256(b"dem").hexdigest(), source.stat().st_mtime_ns
    known = {"source": str(source), "bytes": 3, "modified_ns": modified, "sha256": digest}
    lines = {**known, "source": uri}
    assert content["inputs"] == {"DEM": known, "MODEL": [known], "POINTS": {"source": layer}, "LINES": lines}
    assert content["outputs"]["OUTPUT"]["sha256"] == hashlib.sha256(b"out").hexdigest()
    assert (content["algorithm"], content["shares"], content["auc"]) == ("scarp:trainpcum", [0, 1, 2], 0.5)
    assert content["versions"]["scarp"] == scarp_version() != "unknown"
    assert content["parameters"] == {"SEED": 1, "RADII": {"small": 300.0}}


def test_subprogress_scales_and_forwards():
    whole = Listener()
    part = SubProgress(SubProgress(whole, 0.5, 1.0), 0.0, 0.5)
    for fraction, text in ((0.0, "start"), (1.0, ""), (7.0, "")):
        part.report(fraction, text)
    part.warn("careful")
    assert (whole.fractions, whole.texts, whole.warnings) == ([0.5, 0.75, 0.75], ["start"], ["careful"])
    stop_if_cancelled(part)
    whole.cancel_after = 0
    assert issubclass(Cancelled, ScarpError)
    with pytest.raises(Cancelled):
        stop_if_cancelled(part)


@pytest.mark.parametrize("name", ["x" * 250 + ".tif", "滑" * 84 + ".tif", "x" * 3000, "a\0b.tif"])
def test_an_impossible_name_or_folder_is_reported_before_the_work(tmp_path, name):
    """The first one has its own name, but its run record would not."""
    with pytest.raises(OutputNotWritable):
        check_writable(tmp_path / name)
    for write in (check_writable, lambda path: write_text(path, "x")):
        with pytest.raises(OutputNotWritable, match="does not exist"):
            write(tmp_path / "nowhere" / "map.tif")
    assert not list(tmp_path.iterdir())


def test_a_name_of_maximum_length_leaves_room_for_the_record(tmp_path):
    output = tmp_path / ("x" * (255 - len(".tif.run.json")) + ".tif")
    write_text(output, "x")
    RunRecord("classifyzones", {}, {}).write({"OUTPUT": output})
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("source", ["Point?crs=EPSG:4326&field=" + "x" * 400, "dbname='a' host=" + "c" * 5000, "a\0b"])
def test_a_layer_source_that_is_no_file_is_kept(source):
    """Sources of databases are longer than any file's name may be."""
    assert RunRecord("classifyzones", {}, {"LAYER": source}).inputs() == {"LAYER": {"source": source}}


@pytest.mark.parametrize("text", ["[]", "1", "{", '{"a": 1, "a": 2}', "[" * 1000, ""])
def test_an_invalid_record_raises(tmp_path, text):
    (tmp_path / "a.tif.run.json").write_text(text)
    with pytest.raises(ValueError):
        read_record(tmp_path / "a.tif")
    with pytest.raises(OSError):
        read_record(tmp_path / "none.tif")


def test_nested_temp_file_is_removed_with_its_output(tmp_path):
    final = tmp_path / "map.tif"
    outer = temp_path_beside(final, ".part.tif")
    inner = temp_path_beside(outer, ".part.tif")
    for path in (outer, inner):
        path.write_text("begun by a run that was killed")
    remove_orphans(tmp_path / "other.tif")
    assert outer.exists() and inner.exists()
    remove_orphans(final)
    assert not list(tmp_path.iterdir())
