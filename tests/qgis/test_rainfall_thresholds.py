"""``scarp:rainfallthresholds`` and the warning by its thresholds, through ``processing.run``."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from qgis.core import QgsProcessingException

from scarp.tests.core.rain_study import make_study
from scarp.tests.qgis.results import read_band, record_of, rows_of
from scarp.tests.qgis.tiny import CELL, CRS, LEFT, SIZE, TOP, Listener, daily_rain, memory_layer

STUDY = make_study(years=6, gauges=2, seed=5)


@pytest.fixture
def fit(run, area, chain, tmp_path):
    """Return a function that fits with the rain of the area, or other inputs in its place."""

    def fit_with(name="thresholds", feedback=None, **more):
        files = {"OUTPUT_THRESHOLDS": tmp_path / f"{name}.csv", "OUTPUT_TABLE": tmp_path / f"{name}-test.csv"}
        values = {**daily_rain(area), "ZONES": chain["zones"], "REPEATS": 50, **files, **more}
        return run("rainfallthresholds", feedback, **{key: one for key, one in values.items() if one is not None})

    return fit_with


def test_outputs_numbers_and_record(fit, tmp_path):
    files = {
        f"OUTPUT_{name.upper()}": tmp_path / f"report.{kind}" for name, kind in (("html", "html"), ("document", "docx"))
    }
    log = Listener()
    result = fit(feedback=log, OUTPUT_EVENTS=tmp_path / "events.csv", **files)
    rows = rows_of(tmp_path / "thresholds.csv")
    assert {int(row["zone"]) for row in rows} == {1, 2, 3, 4, 5} and len(rows) == 25
    assert result["GAMMA"] == pytest.approx(float(rows[0]["gamma"])) and result["LANDSLIDE_DAYS"] > 20
    assert 0 <= result["POD"] <= 1 and 0 <= result["POFA"] <= 1 and result["TSS_DAILY"] <= 1 and result["ALPHA"] > 0
    assert sum(int(row["landslides"]) for row in rows_of(tmp_path / "events.csv")) == len(STUDY.day)
    assert all(path.stat().st_size > 1000 for path in files.values())
    record = record_of(tmp_path / "thresholds.csv")
    assert record["call"]["parameters"]["STATION_FIELD"] == "name" and record["automatic"]["HOLD_OUT_YEARS"]
    assert any("Slope γ" in line for line in log.lines)


def test_layers_of_other_kinds_give_the_same(fit, started, monkeypatch, area, tmp_path):
    """Memory layers with date fields and long tables, in another CRS, in a process of its own."""
    expected = fit()
    monkeypatch.setenv("SCARP_RUN", "process")
    days = [str(day) for day in STUDY.days]
    rows = [
        ("", [f"G{gauge}", days[day], float(f"{STUDY.rain[gauge, day]:.2f}")])
        for gauge in range(2)
        for day in range(len(days))
    ]
    long = memory_layer("None", "station:string,day:date,mm:double", rows, name="long")
    found = fit("other", RAIN_TABLE=long)
    assert (
        started
        and found["GAMMA"] == pytest.approx(expected["GAMMA"])
        and found["TSS"] == pytest.approx(expected["TSS"])
    )


def test_rasters_give_the_same_as_the_table(fit, tmp_path):
    expected = fit()
    path = tmp_path / "days.tif"
    transform = rasterio.transform.from_origin(LEFT, TOP, CELL * SIZE / 2, CELL * SIZE)
    profile = {"driver": "GTiff", "width": 2, "height": 1, "dtype": "float32", "crs": CRS, "transform": transform}
    with rasterio.open(path, "w", count=STUDY.rain.shape[1], **profile) as dataset:
        dataset.write(np.round(STUDY.rain.T, 2)[:, None, :].astype("float32"))
        for band, day in enumerate(STUDY.days, 1):
            dataset.set_band_description(band, str(day))
    found = fit("raster", RAIN_TABLE=None, RAIN_STATIONS=None, STATION_FIELD=None, RAIN_RASTERS=[str(path)])
    assert found["GAMMA"] == pytest.approx(expected["GAMMA"], rel=1e-4)
    assert found["LANDSLIDE_DAYS"] == expected["LANDSLIDE_DAYS"] and found["POD"] == pytest.approx(expected["POD"])


def test_from_landslides_to_a_warning_map(fit, step, chain, tmp_path):
    fit()
    rain = np.zeros((10, 1, 2), dtype="float32")
    rain[4:, 0, 0], rain[4:, 0, 1] = 2.0, 60.0
    path = tmp_path / "last_days.tif"
    transform = rasterio.transform.from_origin(LEFT - 10000, TOP, CELL * SIZE / 2 + 10000, CELL * SIZE)
    profile = {"driver": "GTiff", "width": 2, "height": 1, "dtype": "float32", "crs": CRS, "transform": transform}
    with rasterio.open(path, "w", count=10, **profile) as dataset:
        dataset.write(rain)
    given = {
        "METHOD": "event_thresholds",
        "THRESHOLDS": tmp_path / "thresholds.csv",
        "ZONES": chain["zones"],
        "RAIN": path,
    }
    log = Listener()
    result = step("rainfallwarning", log, OUTPUT=tmp_path / "w.tif", OUTPUT_TABLE=tmp_path / "w.csv", **given)
    classes, zones = read_band(tmp_path / "w.tif"), read_band(chain["zones"])
    assert set(np.unique(classes.compressed())) <= {1, 2, 3, 4} and result["HIGHEST_RAIN"] <= 360
    assert (classes[:, :20] == 1).all() and (classes[:, -20:][zones[:, -20:] == 5] == 4).all()
    record = record_of(tmp_path / "w.tif")
    assert record["parameters"]["METHOD"] == "event_thresholds" and "THRESHOLDS" in record["inputs"]
    with pytest.raises(QgsProcessingException, match="THRESHOLDS is missing"):
        step("rainfallwarning", **{**given, "THRESHOLDS": None})
    with pytest.raises(QgsProcessingException, match="OUTPUT_SAFETY_FACTOR is not written by METHOD=event_thresholds"):
        step("rainfallwarning", OUTPUT_SAFETY_FACTOR=tmp_path / "fs.tif", **given)
