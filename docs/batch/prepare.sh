#!/usr/bin/env bash
# Makes five regions to try the batch on: ./prepare.sh FOLDER. Demo data, a model, and a factor stack for each region.
# QGIS_PROCESS names another qgis_process (Debian 12: qgis_process.bin), SIZE another area.
set -euo pipefail

folder=${1:?usage: $0 FOLDER}
qgis=${QGIS_PROCESS:-qgis_process}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
data=$folder/demo

step() {
    echo "scarp:$1 ..."
    "$qgis" run "scarp:$1" -- "${@:2}" >"$folder/$1.log" 2>&1 || { cat "$folder/$1.log" >&2; exit 1; }
}

layers=(DEM="$data/dem.tif" RIVERS="$data/rivers.gpkg" FAULTS="$data/faults.gpkg" FAULT_RADIUS=3000
        PRECIPITATION="$data/precipitation.tif" TEMPERATURE="$data/temperature.tif"
        LANDFORM="$data/landform.gpkg" LANDFORM_FIELD=landform LITHOLOGY="$data/lithology.gpkg" LITHOLOGY_FIELD=lithology)

step createdemodata SIZE="${SIZE:-400}" SEED=1 OUTPUT="$data"
cp "$data/landslides.gpkg" "$folder/landslides.gpkg"

# One model for all regions. Its zones give the values at which the maps of the regions are cut.
step factorstozones "${layers[@]}" LANDSLIDES="$data/landslides.gpkg" SCALE_FIELD=scale \
    SEED=1 DISTANCE=300 \
    stack:STACK="$folder/training_factors.tif" labels:LABELS="$folder/labels.tif" \
    safety:SAFETY_FACTOR="$folder/safety.tif" training:MODEL="$folder/model.safetensors" \
    training:OUT_OF_FOLD="$folder/out_of_fold.tif" map:SUSCEPTIBILITY="$folder/training_map.tif" \
    zones:ZONES="$folder/training_zones.tif" zones:ZONE_TABLE="$folder/training_zones.csv" \
    validation:REPORT="$folder/training_report.html" validation:NUMBERS="$folder/training_numbers.csv"

# One polygon file a region, then one stack a region.
"$qgis" run native:splitvectorlayer -- INPUT="$data/regions.gpkg" FIELD=name OUTPUT="$folder/areas" >"$folder/split.log"
for area in "$folder"/areas/name_*.gpkg; do
    region=$(basename "$area" .gpkg)
    step buildfactorstack "${layers[@]}" AREA="$area" OUTPUT="$folder/factors_${region#name_}.tif"
done
