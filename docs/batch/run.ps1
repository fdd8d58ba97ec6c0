# The same as run.sh for PowerShell: .\run.ps1 -Folder C:\work\five-regions
# Not tried on Windows yet. Start it from the OSGeo4W Shell, or name qgis_process by its path:
#   .\run.ps1 -Folder C:\work\five-regions -QgisProcess "C:\Program Files\QGIS 3.44.0\bin\qgis_process-qgis.bat"
param(
    [Parameter(Mandatory = $true)][string]$Folder,
    [string]$QgisProcess = "qgis_process-qgis.bat",
    [double]$Distance = 300
)
$ErrorActionPreference = "Stop"
$Folder = (Resolve-Path $Folder).Path

function Step([string]$Algorithm, [string[]]$Values) {
    & $QgisProcess run "scarp:$Algorithm" -- @Values *> "$Folder\$Algorithm.log"
    if ($LASTEXITCODE -ne 0) {
        Get-Content "$Folder\$Algorithm.log"
        throw "scarp:$Algorithm failed."
    }
}

$Maps = @()
$Names = @()
foreach ($Stack in Get-ChildItem -Path $Folder -Filter "factors_*.tif") {
    $Region = $Stack.BaseName.Substring("factors_".Length)
    Write-Output "$Region ..."
    $Map = "$Folder\susceptibility_$Region.tif"
    Step "predictsusceptibility" @("STACK=$($Stack.FullName)", "MODEL=$Folder\model.safetensors", "REGION=$Region",
        "OUTPUT=$Map")
    Step "classifyzones" @("SUSCEPTIBILITY=$Map", "BREAKS_FROM=$Folder\training_zones.csv",
        "OUTPUT=$Folder\zones_$Region.tif", "OUTPUT_TABLE=$Folder\zones_$Region.csv")
    Step "validatewithpoints" @("SUSCEPTIBILITY=$Map", "ZONES=$Folder\zones_$Region.tif",
        "LANDSLIDES=$Folder\landslides.gpkg", "DISTANCE=$Distance",
        "OUTPUT_HTML=$Folder\report_$Region.html", "OUTPUT_TABLE=$Folder\numbers_$Region.csv",
        "OUTPUT_POINTS=$Folder\points_$Region.gpkg")
    $Maps += "SUSCEPTIBILITY=$Map"
    $Names += "PCUM"
}

# Maps of one name are pieces of one map; each states its region, so the summary has a row for it.
Step "comparemodels" ($Maps + @("NAMES=$($Names -join ',')", "LANDSLIDES=$Folder\landslides.gpkg",
    "DISTANCE=$Distance", "OUTPUT_HTML=$Folder\summary.html",
    "OUTPUT_TABLE=$Folder\summary_numbers.csv", "OUTPUT_SUMMARY=$Folder\summary.csv"))
Write-Output "$Folder\summary.csv"
