#!/usr/bin/env bash
# Maps, classifies and validates every region of a folder, then sums up over all: ./run.sh FOLDER
# FOLDER holds factors_REGION.tif, one a region, and model.safetensors, training_zones.csv, landslides.gpkg.
# QGIS_PROCESS names another qgis_process (Debian 12: qgis_process.bin).
set -euo pipefail

folder=$(cd "${1:?usage: $0 FOLDER}" && pwd)
qgis=${QGIS_PROCESS:-qgis_process}

step() {
    "$qgis" run "scarp:$1" -- "${@:2}" >"$folder/$1.log" 2>&1 || { cat "$folder/$1.log" >&2; exit 1; }
}

maps=() names=()
for stack in "$folder"/factors_*.tif; do
    region=$(basename "$stack" .tif)
    region=${region#factors_}
    echo "$region ..."
    map=$folder/susceptibility_$region.tif
    step predictsusceptibility STACK="$stack" MODEL="$folder/model.safetensors" REGION="$region" OUTPUT="$map"
    step classifyzones SUSCEPTIBILITY="$map" BREAKS_FROM="$folder/training_zones.csv" \
        OUTPUT="$folder/zones_$region.tif" OUTPUT_TABLE="$folder/zones_$region.csv"
    step validatewithpoints SUSCEPTIBILITY="$map" ZONES="$folder/zones_$region.tif" \
        LANDSLIDES="$folder/landslides.gpkg" DISTANCE="${DISTANCE:-300}" \
        OUTPUT_HTML="$folder/report_$region.html" OUTPUT_TABLE="$folder/numbers_$region.csv" \
        OUTPUT_POINTS="$folder/points_$region.gpkg"
    maps+=(SUSCEPTIBILITY="$map")
    names+=(PCUM)
done

# Maps of one name are pieces of one map; each states its region, so the summary has a row for it.
step comparemodels "${maps[@]}" NAMES="$(IFS=,; echo "${names[*]}")" LANDSLIDES="$folder/landslides.gpkg" \
    DISTANCE="${DISTANCE:-300}" OUTPUT_HTML="$folder/summary.html" \
    OUTPUT_TABLE="$folder/summary_numbers.csv" OUTPUT_SUMMARY="$folder/summary.csv"
echo "$folder/summary.csv"
