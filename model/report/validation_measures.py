"""Zones, calls and curves of a validation report."""

from __future__ import annotations

from typing import Sequence

from ..validation.measures import ScopeResult
from ..validation.scopes import ALL, REGION_PREFIX
from ..validation.zone_table import falls, unsure_rises
from ..zones.schemes import zone_colours
from . import charts
from .page import MISSING, Page
from .validation_input import ReportInput
from .wording import css_colour, interval_text, percent, ratio_text, short_title


def add_zones(page: Page, content: ReportInput) -> None:
    """Add table 4 of the paper with intervals, what is to be said of it, and its picture."""
    main = content.main
    colours = [css_colour(colour) for zone, colour in zone_colours(len(main.zones)).items() if zone]
    rows = [[row.name, row.landslides, percent(row.landslide_share.value), f"{row.area_km2:,.1f}",
             percent(row.area_share), ratio_text(row.frequency_ratio.value), interval_text(row.frequency_ratio, 2)]
            for row in main.zones]
    verdict = _verdict(main)
    made = ("Zones were cut here by area, as no zone raster was given; breaks at "
            + ", ".join(f"{limit:.4g}" for limit in content.breaks) + "." if content.breaks else
            "Zones are those of the given zone raster.")
    page.table("Landslides by zone", ["Zone", "Landslides", "Share of landslides", "Area, km²", "Share of area",
                                      "Frequency ratio", "95 % interval"], rows,
               f"Frequency ratio = share of landslides ÷ share of area; 1 is as many landslides as by chance. "
               f"{verdict} {made} The area is known and the landslides are a sample, hence the interval (Wilson).",
               colours)
    page.figure("", charts.zone_chart(main.zones, colours))


def _verdict(main: ScopeResult) -> str:
    wrong, unsure = falls(main.zones), unsure_rises(main.zones)
    if wrong:
        return "The ratio should rise from zone to zone, but does not from " + _pairs(wrong) + "."
    if unsure:
        return (f"The ratio rises from zone to zone, as it should; but with so few landslides the rise from "
                f"{_pairs(unsure)} may be chance (one-sided binomial test, 5 %).")
    return "The ratio rises from zone to zone, as it should, and by more than chance would make (binomial test, 5 %)."


def _pairs(pairs: Sequence[tuple[str, str]]) -> str:
    return " and from ".join(f"{low} to {high}" for low, high in pairs)


def add_confusion(page: Page, content: ReportInput) -> None:
    """Add table 5 of the paper, and the measures that follow from it."""
    main, first = content.main, content.main.first
    page.table(f"Calls at a threshold of {content.threshold:g}", ["Map says", "Landslides", "Stable points"],
               [["landslide", f"{first.hits:,.0f} found", f"{first.false_alarms:,.0f} false alarms"],
                ["stable", f"{first.misses:,.0f} missed", f"{first.correct_rejections:,.0f} recognised"]],
               "Counts of the first draw, the one in the point layer." if main.drawn else "")
    texts = {"recall": "Share of the landslides that were found.",
             "kappa": "Agreement of map and points beyond chance.",
             "accuracy": "Share of all points called right.",
             "precision": "Share of landslides among the points called landslide.",
             "f1": "Harmonic mean of precision and recall.",
             "specificity": "Share of the stable points that were recognised."}
    names = {"f1": "F1 score"}
    rows: list[list[object]] = [[names.get(name, name.capitalize()), f"{main.measures[name].value:.3f}",
                                 interval_text(main.measures[name]), text] for name, text in texts.items()]
    rows.append(["Best threshold", f"{main.youden:.3g}", MISSING,
                 "Where recall plus specificity is largest (Youden 1950)."])
    page.table("", ["Measure", "Value", "95 % interval", "What it says"], rows,
               ("Means over the draws. " if main.drawn else "")
               + "Kappa, accuracy, precision and F1 depend on the ratio of landslides to stable points, "
               + ("here one to one; on the map, stable ground is far more common." if main.landslides == main.stable
                  else f"here {main.landslides:,} to {main.stable:,}."))


def add_curves(page: Page, content: ReportInput) -> None:
    """Add the ROC curve, and success-rate and prediction-rate curves."""
    main = content.main
    others = [result for result in content.results
              if result is not main and not result.scope.name.startswith(REGION_PREFIX)]
    chosen = [main, *others][:4]
    page.figure("How well the map tells landslides from stable ground", charts.roc_chart(
        [(f"{short_title(item.scope.name)}, AUC {item.auc.value:.3f}", item.roc) for item in chosen]),
        "ROC curve: lowering the bar finds more landslides and gives more false alarms. The nearer to the upper left "
        "corner, the better; the dashed diagonal is chance. Mean over the draws, band 95 %.", half=True)
    page.figure("", charts.success_chart(
        [(f"{_rate_of(item, content)} {item.success_area.value:.3f}", item.success) for item in chosen]),
        f"{_rate_name(content)}: share of the landslides caught in the most susceptible part of the area, buffers "
        "included. It needs no stable points. The number is the area under the curve.", half=True)


def add_more_curves(page: Page, content: ReportInput) -> None:
    """Add precision over recall, and the calibration."""
    main = content.main
    chance = main.landslides / (main.landslides + main.stable)
    page.figure("Precision and calibration", charts.precision_chart(
        [(f"average precision {main.average_precision.value:.3f}", main.precision)], chance),
        f"Precision over recall. The dashed line is a map without skill, {percent(chance, 0)}: the share of landslides "
        "among the points.", half=True)
    page.figure("", charts.calibration_chart(main.calibration),
                "Share of landslides by susceptibility. On the diagonal the number could be read as a probability "
                "among these points.", half=True)
    page.text("", f"Brier score {main.brier.value:.3f} (mean squared error, 0 is best), expected calibration error "
                  f"{main.calibration.ece:.3f} (mean distance from the diagonal). Susceptibility is relative: it "
                  "orders places. The share of landslides among the test points was chosen and not observed, so a "
                  "susceptibility of 0.7 does not mean that 7 of 10 such places will slide.")


def _rate_name(content: ReportInput) -> str:
    if not content.subset_counts:
        return "Success-rate curve (prediction-rate curve if the model has not seen these landslides)"
    return ("Success-rate curve of the landslides that the model learned from, prediction-rate curve of those that it "
            "has not seen")


def _rate_of(item: ScopeResult, content: ReportInput) -> str:
    """Return the name of a curve in the legend: what it shows depends on whether the model has seen the landslides."""
    name = item.scope.name
    if not content.subset_counts or name == ALL:
        return short_title(name)
    return f"{'success' if name == 'train' else 'prediction'} rate, {short_title(name)}"
