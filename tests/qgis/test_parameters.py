"""Ids, parameter names, help and help pages of all algorithms."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
from qgis.core import QgsProcessingParameterDefinition

from scarp.algorithms.base.algorithm import PAGES
from scarp.tests.qgis.child import ROOT

FROZEN = """
createdemodata: SIZE [REGIONS] SEED [DAILY_RAIN] OUTPUT
buildfactorstack: DEM [AREA] [LANDFORM] [LANDFORM_FIELD] [RIVERS] [RIVER_RADIUS] [PRECIPITATION] [TEMPERATURE] [FAULTS]
    [FAULT_RADIUS] [LITHOLOGY] [LITHOLOGY_FIELD] [SEISMIC] [SEISMIC_FIELD] [EXTRA_CONTINUOUS] [EXTRA_CATEGORICAL]
    [TERRAIN] [SCHEDULER] [EMBEDDINGS] [EMBEDDINGS_KIND] [EMBEDDINGS_YEAR] [LANDSLIDE_YEAR] OUTPUT
checkfactors: STACK OUTPUT_HTML OUTPUT_TABLE
buildbufferedlabels: LANDSLIDES [SCALE_FIELD] [AREA_FIELD] PRESET [RADII] [RING] REFERENCE [AREA] [STABLE] OUTPUT
buildsafetyfactor: REFERENCE PRECIPITATION ALPHA BETA RAINY_DAYS [CLIMATE] [ALPHA_FIELD] [BETA_FIELD] [RAINY_DAYS_FIELD]
    [TOPOGRAPHY] [TOPOGRAPHY_FIELD] [K_TABLE] [LANDSLIDES] [EVENT_RAIN_FIELD] [PRESET] [PERCENTILE] OUTPUT
    [OUTPUT_RAINFALL] [OUTPUT_TABLE]
buildslopeunits: DEM [MIN_AREA] [MAX_AREA] [ASPECT_VARIANCE] FLAT_SLOPE DEM_UNIT [OUTPUT] [OUTPUT_RASTER]
trainpcum: STACK LABELS [SAFETY_FACTOR] PHYSICS LAMBDA P_LOW FS_CRITICAL WEIGHT_LANDSLIDE WEIGHT_STABLE WINDOW SPLIT
    BLOCK EPOCHS PATIENCE LEARNING_RATE BATCH AUGMENT ENCODING WIDTH DEPTH DROPOUT PROBABILITY SEED DEVICE PRECISION
    [PRESET] [START_FROM] [CHECKPOINT] [MORE_STACKS] [MORE_LABELS] [MORE_SAFETY_FACTORS] OUTPUT [OUTPUT_WINDOWS]
    [OUTPUT_HTML] [OUTPUT_OUT_OF_FOLD] [MONOTONE] [MONOTONE_ANGLE] [PRIOR] [TARGET] [TARGET_SAFETY_FACTOR]
    [EMBEDDING_COMPONENTS]
trainbestmodel: STACK LABELS [SAFETY_FACTOR] [MORE_STACKS] [MORE_LABELS] [MORE_SAFETY_FACTORS] [BLOCK] [BUFFER]
    [EMBEDDING_COMPONENTS] PROBABILITY SEED DEVICE OUTPUT [OUTPUT_WINDOWS] [OUTPUT_HTML] [OUTPUT_TABLE]
    [OUTPUT_OUT_OF_FOLD]
traincomparisonmodel: KIND STACK LABELS WEIGHT_LANDSLIDE WEIGHT_STABLE WINDOW SPLIT BLOCK EPOCHS PATIENCE LEARNING_RATE
    BATCH AUGMENT ENCODING WIDTH DEPTH DROPOUT PROBABILITY SEED DEVICE PRECISION [CHECKPOINT] OUTPUT
    [OUTPUT_WINDOWS] [OUTPUT_HTML] [EMBEDDING_COMPONENTS]
predictsusceptibility: STACK MODEL [AREA] TILE DEVICE PRECISION [SAMPLES] [SAFETY_FACTOR] OUTPUT [OUTPUT_UNCERTAINTY]
    [OUTPUT_APPLICABILITY] [OUTPUT_HTML] [OUTPUT_DISAGREEMENT]
    [OUTPUT_BIVARIATE] [OUTPUT_DISSIMILARITY]
classifyzones: SUSCEPTIBILITY METHOD SHARES [BREAKS] [BREAKS_FROM] [LANDSLIDES] OUTPUT [OUTPUT_TABLE]
aggregatesusceptibility: SUSCEPTIBILITY UNITS [UNIT_FIELD] [BREAKS_FROM] [THRESHOLD] [LANDSLIDES] [UNCERTAINTY] REPEATS
    SEED [OUTPUT] [OUTPUT_TABLE] [OUTPUT_HTML] [OUTPUT_DOCUMENT]
auditmap: SUSCEPTIBILITY INVERTED LANDSLIDES [LANDSLIDES_TRAINING] [ZONES] [AREA] [DEM] [STACK] [REGIONS] [REGION_FIELD]
    [STATED_AUC] [DISTANCE] REPEATS SEED OUTPUT_HTML [OUTPUT_TABLE] [OUTPUT_DOCUMENT]
rainfallthresholds: LANDSLIDES [DATE_FIELD] [RAIN_TABLE] [RAIN_DATE_FIELD] [RAIN_STATION_FIELD] [RAIN_FIELD]
    [RAIN_STATIONS] [STATION_FIELD] [RAIN_RASTERS] [ZONES] DRY_RAIN DRY_DAYS [PROBABILITIES] [HOLD_OUT_YEARS]
    MIN_LANDSLIDES GAUGE_DISTANCE RAIN_UNIT MISSING_DAYS DATE_ORDER [START_DATE] REPEATS SEED OUTPUT_THRESHOLDS
    [OUTPUT_EVENTS] [OUTPUT_TABLE] [OUTPUT_HTML] [OUTPUT_DOCUMENT] [DETAILS]
rainfallwarning: SUSCEPTIBILITY RAIN [K] [TOPOGRAPHY] [TOPOGRAPHY_FIELD] [K_TABLE] P_LOW FS_CRITICAL [REGIONS]
    [REGION_FIELD] [MORE_RAIN] [P_HIGH] [FS_WATCH] [ZONES] [SAFETY_FACTOR] [HIT_RATE] [METHOD] [THRESHOLDS]
    [EVENT_DAYS] [WATCH_PROBABILITY] [WARNING_PROBABILITY] [SEVERE_PROBABILITY] OUTPUT OUTPUT_TABLE
crossvalidate: KIND STACK LABELS LANDSLIDES [SAFETY_FACTOR] FOLDS RANDOM_SPLIT [REGIONS] [REGION_FIELD] [SPLIT_FIELD]
    [DATE_FIELD] [SPLIT_DATE] [MORE_STACKS] [MORE_LABELS] [MORE_SAFETY_FACTORS] [BUFFER] BLOCK SEED [PROCESSES]
    [SCHEDULER] OUTPUT [OUTPUT_MORE] [OUTPUT_HTML] OUTPUT_TABLE
    [OUTPUT_FOLDS] [EMBEDDING_COMPONENTS]
validatewithpoints: SUSCEPTIBILITY LANDSLIDES [STABLE] [ZONES] [REGIONS] [REGION_FIELD] [WINDOWS] [SUBSET] THRESHOLD
    DISTANCE REPEATS SEED [OUT_OF_FOLD] [STACK] [SAFETY_FACTOR] [BUILDINGS] [ROADS] [EXPOSURE] OUTPUT_HTML OUTPUT_TABLE
    [OUTPUT_POINTS]
exposurebyzone: ZONES [BUILDINGS] [BUILDINGS_FIELD] [ROADS] [ROADS_FIELD] [EXPOSURE] [REGIONS] [REGION_FIELD] COUNT_IN
    [OUTPUT] OUTPUT_TABLE
explainsusceptibility: STACK MODEL LABELS SEED OUTPUT_HTML OUTPUT_TABLE [OUTPUT_LEADING]
comparemodels: SUSCEPTIBILITY LANDSLIDES [STABLE] [REGIONS] [REGION_FIELD] [WINDOWS] [SUBSET] REPEATS SEED [NAMES]
    [THRESHOLD] [DISTANCE] [SHARES] [POLYGON_MODE] OUTPUT_HTML OUTPUT_TABLE [OUTPUT_DIFFERENCE]
"""
FROZEN = dict(row.split(": ") for row in FROZEN.replace("\n    ", " ").strip().split("\n"))
"""What is not in brackets is required or has a default; nothing is ever renamed."""

REQUIRED = """
buildbufferedlabels: LANDSLIDES RING REFERENCE
buildfactorstack: DEM RIVER_RADIUS FAULT_RADIUS SLOPE_METHOD
buildsafetyfactor: REFERENCE PRECIPITATION ALPHA BETA RAINY_DAYS
checkfactors: STACK
classifyzones: SUSCEPTIBILITY METHOD
comparemodels: SUSCEPTIBILITY LANDSLIDES POLYGON_MODE SUBSET THRESHOLD DISTANCE REPEATS SEED
createdemodata: SIZE REGIONS SEED
crossvalidate: KIND STACK LABELS LANDSLIDES FOLDS RANDOM_SPLIT BLOCK AUGMENT SEED DEVICE PRECISION
explainsusceptibility: STACK MODEL LABELS BLOCK BLOCKS REPEATS REFERENCES SEED DEVICE
predictsusceptibility: STACK MODEL TILE DEVICE PRECISION SAMPLES
rainfallwarning: SUSCEPTIBILITY RAIN P_LOW P_HIGH FS_CRITICAL
rerun: RECORD
traincomparisonmodel: KIND STACK LABELS BLOCK AUGMENT SEED DEVICE PRECISION
trainpcum: STACK LABELS BLOCK AUGMENT SEED DEVICE PRECISION
validatewithpoints: SUSCEPTIBILITY LANDSLIDES POLYGON_MODE SUBSET THRESHOLD DISTANCE REPEATS SEED
"""
REQUIRED = dict(row.split(": ") for row in REQUIRED.strip().split("\n"))
"""Inputs that are not optional in version 0.1. QGIS calls a graphical model invalid that lacks another one."""

CHOICES = """
buildfactorstack TERRAIN: none elevation direction curvature position relief mean_slope roughness mean_curvature flow
buildfactorstack EMBEDDINGS_KIND: auto alphaearth linear none
buildsafetyfactor PRESET: recommended paper
trainpcum PRESET: recommended windows paper
trainpcum PHYSICS: hinge indicator none stability
trainpcum SPLIT: spatial_blocks random
trainpcum MONOTONE: none slope factor_of_safety both
trainpcum ENCODING: codes one_hot
trainpcum PRECISION: auto fp32 bf16 fp16
traincomparisonmodel KIND: unet bpnn resnet logistic_regression random_forest frequency_ratio weights_of_evidence \
    gradient_boosting gam
predictsusceptibility PRECISION: auto fp32 bf16 fp16
exposurebyzone COUNT_IN: largest_part highest_zone
rainfallwarning METHOD: rain_index event_thresholds
rainfallthresholds MISSING_DAYS: unknown dry
rainfallthresholds DATE_ORDER: auto day_first month_first
classifyzones METHOD: area_shares equal_interval natural_breaks landslide_share breaks
validatewithpoints SUBSET: all train validation test
comparemodels SUBSET: all train validation test
comparemodels POLYGON_MODE: representative cells
""".strip().split("\n")
OPTIONAL = QgsProcessingParameterDefinition.Flag.FlagOptional


@pytest.fixture(scope="module")
def algorithms(plugin):
    return {algorithm.name(): algorithm for algorithm in plugin.provider.algorithms()}


@pytest.mark.parametrize("name", FROZEN)
def test_ids_and_names_are_as_frozen(algorithms, name):
    found = {item.name(): item for item in algorithms[name].parameterDefinitions()}
    for word in FROZEN[name].split():
        parameter = word.strip("[]")
        assert parameter in found
        if word.startswith("["):
            assert found[parameter].flags() & OPTIONAL or found[parameter].defaultValue() is not None, parameter


@pytest.mark.parametrize("name", FROZEN)
def test_everything_has_help(algorithms, name):
    algorithm = algorithms[name]
    assert "<img" not in algorithm.shortHelpString(), "on the command line it is plain"
    assert algorithm.displayName() and algorithm.tags() and not algorithm.icon().isNull()
    assert algorithm.group()[0].isdigit()
    for item in algorithm.parameterDefinitions():
        assert len(item.help()) > 20 and item.help().rstrip().endswith("."), item.name()
        assert item.description() not in ("", item.name())
        assert item.help() in algorithm.shortHelpString() and f"[{item.name()}]" in algorithm.shortHelpString()


def test_every_algorithm_has_an_icon_of_its_own_and_a_help_page(algorithms):
    icons = [algorithm.svgIconPath() for algorithm in algorithms.values()]
    assert len(set(icons)) == len(icons) and set(PAGES) == set(algorithms)


def test_defaults_are_acceptable(algorithms):
    for algorithm in algorithms.values():
        for item in algorithm.parameterDefinitions():
            if item.defaultValue() is not None and not item.isDestination():
                assert item.checkValueIsAcceptable(item.defaultValue()), (algorithm.name(), item.name())


@pytest.mark.parametrize("row", CHOICES)
def test_choices_are_static_words(algorithms, row):
    algorithm, parameter, *words = row.replace(":", "").split()
    definition = algorithms[algorithm].parameterDefinition(parameter)
    assert definition.options() == words and definition.usesStaticStrings()
    default = definition.defaultValue()
    if definition.allowMultiple():
        assert default and set(default) < set(words)
        return
    assert default in definition.options() or (default is None and definition.flags() & OPTIONAL)


def test_groups_follow_the_workflow(algorithms):
    order = sorted({(algorithms[name].group(), algorithms[name].groupId()) for name in FROZEN})
    assert [group for _, group in order] == ["prepare", "train", "map", "validate"]


def test_expert_settings_are_advanced(algorithms):
    advanced = QgsProcessingParameterDefinition.Flag.FlagAdvanced
    shown = [item.name() for item in algorithms["trainpcum"].parameterDefinitions() if not item.flags() & advanced]
    assert "STACK" in shown and "LEARNING_RATE" not in shown and len(shown) <= 11


def anchors(page: Path) -> set[str]:
    """Return the sections of a page by the names that links to them have."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_the_help_button_opens_a_section_that_is_there(algorithms, name, monkeypatch):
    monkeypatch.setattr("scarp.algorithms.base.algorithm.has_window", lambda: False)
    metadata = configparser.ConfigParser(interpolation=None)
    metadata.read(ROOT / "metadata.txt", encoding="utf-8")
    start = metadata["general"]["repository"] + "/blob/main/"
    # A fresh object, as a dialog has it: QGIS asks that one.
    address = algorithms[name].create().helpUrl()
    assert address.startswith(start)
    page, _, section = address[len(start) :].partition("#")
    monkeypatch.setattr("scarp.algorithms.base.algorithm.has_window", lambda: True)
    inside = algorithms[name].create().helpUrl()
    assert inside == (address.replace(start, "scarp:") if page.startswith("docs/") else address), "without the Internet"
    assert (ROOT / page).is_file() and (not section or section in anchors(ROOT / page))


@pytest.mark.parametrize("name", REQUIRED)
def test_graphical_models_of_version_0_1_stay_valid(plugin, name):
    inputs = [item for item in plugin.provider.algorithm(name).parameterDefinitions() if not item.isDestination()]
    required = {item.name() for item in inputs if not item.flags() & QgsProcessingParameterDefinition.Flag.FlagOptional}
    assert required <= set(REQUIRED[name].split())
