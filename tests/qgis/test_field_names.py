"""Guesses of fields and layers by their names."""

from __future__ import annotations

import re

import pytest

from scarp.gui.suggestions import (
    KEYWORDS,
    LINE,
    POINT,
    POLYGON,
    SUGGESTED_WHEN_OPTIONAL,
    LayerInfo,
    guess_field,
    guess_layer,
    is_other_product,
    matches_keyword,
)

FIELDS = """
SCALE_FIELD: fid, scale, note = scale
SCALE_FIELD: 编号, 规模, 日期 = 规模
SCALE_FIELD: 编号, 滑坡规模等级 = 滑坡规模等级
SCALE_FIELD: SlideSize, year = SlideSize
LITHOLOGY_FIELD: OBJECTID, ROCK_TYPE = ROCK_TYPE
LITHOLOGY_FIELD: id, 岩性描述 = 岩性描述
LANDFORM_FIELD: fid, 地貌类型 = 地貌类型
TOPOGRAPHY_FIELD: fid, landform = landform
SEISMIC_FIELD: zone, 烈度 = 烈度
SEISMIC_FIELD: Intensity_MMI, name = Intensity_MMI
REGION_FIELD: fid, region, name, cause = name
REGION_FIELD: fid, 县 = 县
ALPHA_FIELD: zone, alpha, beta, rainy_days = alpha
BETA_FIELD: zone, alpha, beta, rainy_days = beta
RAINY_DAYS_FIELD: zone, alpha, beta, rainy_days = rainy_days
RAINY_DAYS_FIELD: 年雨日数 = 年雨日数
PRECIPITATION_FIELD: station, PRECIPITAT = PRECIPITAT
PRECIPITATION_FIELD: 站点, 年降水量 = 年降水量
TEMPERATURE_FIELD: station, temp_c = temp_c
""".strip().split("\n")


@pytest.mark.parametrize("row", FIELDS)
def test_the_field_is_found_by_name(row):
    parameter, names, expected = re.split("[:=]", row)
    fields = [name.strip() for name in names.split(",")]
    assert guess_field(parameter, fields) == expected.strip()
    assert guess_field(parameter, fields[::-1]) == expected.strip()


@pytest.mark.parametrize("parameter", sorted(KEYWORDS))
def test_every_keyword_finds_itself_in_any_case_and_nothing_else_is_chosen(parameter):
    for keyword in KEYWORDS[parameter]:
        for name in (keyword, keyword.upper(), keyword.replace(" ", "_"), keyword.title().replace(" ", "")):
            assert guess_field(parameter, ["fid", name, "geom_x"]) == name
    assert guess_field(parameter, ["fid", "geom_x", "remark", "备注"]) is None
    assert guess_field(parameter, []) is None


def test_fields_that_fit_alike_leave_the_choice_to_the_user():
    assert guess_field("REGION_FIELD", ["NAME_1", "NAME_2"]) is None
    assert guess_field("REGION_FIELD", ["NAME_1", "NAME_2", "name"]) == "name"
    assert guess_field("UNKNOWN_FIELD", ["name"]) is None


def test_a_short_word_does_not_find_a_longer_one_by_chance():
    assert guess_field("REGION_FIELD", ["小区划代码"]) is None
    assert guess_field("PRECIPITATION_FIELD", ["comment"]) is None
    assert not matches_keyword(["dem"], "demography")
    assert matches_keyword(["dem"], "DEM 30 m")
    assert matches_keyword(["高程"], "西藏高程数据")


def raster(key, *bands, name=""):
    return LayerInfo(key, name or key, bands=bands)


PROJECT = [
    raster("hills", "", name="hillshade"),
    raster("stack", "slope", "aspect", "lithology", "roads"),
    raster("labels", "landslide label"),
    raster("safety", "safety factor"),
    raster("map", "relative landslide susceptibility", name="anything"),
    raster("zones", "susceptibility zone"),
    raster("ground", "", name="dem_30m"),
    LayerInfo("slides", "Landslides 2020", POINT, fields=("fid", "scale")),
    LayerInfo("rivers", "rivers", LINE),
    LayerInfo("rocks", "岩性图", POLYGON),
    LayerInfo("windows", "training", POLYGON, fields=("subset", "kind", "landslide_share", "seed")),
    LayerInfo("climate", "zones of rain", POLYGON, fields=("Alpha", "Beta")),
]


EXPECTED = {
    "STACK": "stack",
    "REFERENCE": "stack",
    "LABELS": "labels",
    "SAFETY_FACTOR": "safety",
    "SUSCEPTIBILITY": "map",
    "ZONES": "zones",
    "DEM": "ground",
    "LANDSLIDES": "slides",
    "RIVERS": "rivers",
    "LITHOLOGY": "rocks",
    "WINDOWS": "windows",
    "CLIMATE": "climate",
    **dict.fromkeys(["FAULTS", "REGIONS", "AREA", "STABLE", "UNKNOWN"]),
}


@pytest.mark.parametrize("parameter", EXPECTED)
def test_layers_are_found_by_their_contents(parameter):
    assert guess_layer(parameter, PROJECT) == EXPECTED[parameter]
    assert guess_layer(parameter, PROJECT[::-1]) == EXPECTED[parameter]


def test_products_of_scarp_are_recognised_as_other_inputs():
    another = {item.key for item in PROJECT if is_other_product("PRECIPITATION", item)}
    assert another == {"stack", "labels", "safety", "map", "zones", "windows"}
    assert not any(is_other_product("UNKNOWN", item) for item in PROJECT)


def test_two_candidates_leave_the_choice_to_qgis():
    assert guess_layer("LABELS", [*PROJECT, raster("more", "landslide label")]) is None


def test_inputs_that_change_what_a_run_is_about_are_never_filled_when_they_may_be_empty():
    assert not SUGGESTED_WHEN_OPTIONAL & {"AREA", "MAPPED_AREA", "STABLE", "LANDSLIDES", "DEM"}
