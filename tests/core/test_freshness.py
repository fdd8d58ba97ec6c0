"""Whether an input is what a run read: by size, time and content, and for databases by the time of their last edit."""

from __future__ import annotations

import os
import shutil
import sqlite3
from datetime import datetime, timezone

import pytest

from scarp.model.outputs.run_record import describe_input
from scarp.model.provenance.freshness import Freshness

STARTED = "2026-03-01T12:00:00Z"


def write(path, text="abc"):
    path.write_text(text, encoding="utf-8")
    return str(path)


def same(current, recorded, entry=None, started=STARTED):
    return Freshness().is_same(current, recorded, [] if entry is None else [entry], started)


def geopackage(path, edited, rows=1):
    """A database with the one table of a GeoPackage that tells when its layers were edited."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE gpkg_contents (table_name TEXT, last_change TEXT)")
        database.execute("INSERT INTO gpkg_contents VALUES ('landslides', ?)", [edited])
        database.execute("INSERT INTO gpkg_contents VALUES ('layer_styles', '2099-01-01T00:00:00.000Z')")
        database.execute("CREATE TABLE landslides (id INTEGER)")
        database.executemany("INSERT INTO landslides VALUES (?)", [[row] for row in range(rows)])
    database.close()
    return str(path)


def test_an_untouched_file_is_the_same(tmp_path):
    path = write(tmp_path / "dem.tif")
    assert same(path, path, describe_input(path))


def test_a_file_with_other_content_is_another(tmp_path):
    path = write(tmp_path / "dem.tif")
    entry = describe_input(path)
    write(tmp_path / "dem.tif", "abd")
    os.utime(path, ns=(0, 5))
    assert not same(path, path, entry)
    write(tmp_path / "dem.tif", "abcd")
    assert not same(path, path, entry)


def test_only_a_new_time_is_no_change(tmp_path):
    path = write(tmp_path / "dem.tif")
    entry = describe_input(path)
    os.utime(path, ns=(0, 5))
    assert same(path, path, entry)


def test_a_moved_file_is_the_same_and_another_one_is_not(tmp_path):
    path = write(tmp_path / "dem.tif")
    entry = describe_input(path)
    moved = shutil.move(path, tmp_path / "elsewhere.tif")
    assert same(str(moved), path, entry)
    assert not same(write(tmp_path / "other.tif", "xyz"), path, entry)


def test_a_missing_file_is_another(tmp_path):
    path = write(tmp_path / "dem.tif")
    entry = describe_input(path)
    os.remove(path)
    assert not same(path, path, entry)


@pytest.mark.parametrize("current, recorded", [(None, "/a/dem.tif"), ("/a/dem.tif", None), ("/a/x.tif", "/a/y.tif")])
def test_an_input_that_came_or_went_is_a_change(current, recorded):
    assert not same(current, recorded)


@pytest.mark.parametrize("value", [None, {"temporary": "points"}, "postgres://dbname='gis' table=\"slides\""])
def test_what_is_no_file_is_known_by_its_name(value):
    assert same(value, value)
    assert not same(value, {"temporary": "others"})


def test_a_selection_of_a_file_is_compared_by_the_file(tmp_path):
    path = write(tmp_path / "a.tif")
    assert same(path, {"source": path, "selected_only": True}, describe_input(path))


def test_another_layer_of_a_file_is_another_input(tmp_path):
    path = geopackage(tmp_path / "a.gpkg", "2026-01-01T00:00:00.000Z")
    entry = describe_input(path)
    assert same(f"{path}|layername=a", path, entry)
    assert not same(f"{path}|layername=a", f"{path}|layername=b", entry)


@pytest.mark.parametrize(
    "edited, is_same",
    [("2026-03-01T11:59:59.123Z", True), ("2026-03-01T12:00:00.900Z", True), ("2026-03-01T12:00:01.000Z", False)],
)
def test_a_geopackage_tells_its_last_edit_itself(tmp_path, edited, is_same):
    path = geopackage(tmp_path / "a.gpkg", edited)
    entry = describe_input(path)
    # As QGIS does when it only opens one: other bytes of the header, the same size.
    content = bytearray((tmp_path / "a.gpkg").read_bytes())
    content[24:28] = b"\x00\x00\x00\x63"
    content[92:96] = b"\x00\x00\x00\x63"
    (tmp_path / "a.gpkg").write_bytes(content)
    assert describe_input(path)["sha256"] != entry["sha256"]
    assert same(path, path, entry) == is_same


def test_a_geopackage_of_another_size_is_another(tmp_path):
    path = geopackage(tmp_path / "a.gpkg", "2026-01-01T00:00:00.000Z")
    entry = describe_input(path)
    os.remove(path)
    geopackage(tmp_path / "a.gpkg", "2026-01-01T00:00:00.000Z", rows=5000)
    assert not same(path, path, entry)


def test_edited_attributes_of_a_shapefile_are_a_change(tmp_path):
    path = write(tmp_path / "a.shp")
    entry, attributes = describe_input(path), tmp_path / "a.dbf"
    write(attributes)
    began = datetime(2026, 3, 1, 12, tzinfo=timezone.utc).timestamp()
    for seconds, is_same in ((-60, True), (60, False)):
        os.utime(attributes, (began + seconds, began + seconds))
        assert same(path, path, entry) == is_same


def test_checksums_are_kept(tmp_path, monkeypatch):
    from scarp.model.provenance import freshness

    path = write(tmp_path / "dem.tif")
    entry = describe_input(path)
    os.utime(path, ns=(0, 5))
    read, original = [], freshness.sha256
    monkeypatch.setattr(freshness, "sha256", lambda path: read.append(path) or original(path))
    kept = Freshness()
    assert kept.is_same(path, path, [entry], STARTED) and kept.is_same(path, path, [entry], STARTED)
    assert read == [path]
