"""The report of a validation: what was found, how sure it is, and what to be careful with."""

from __future__ import annotations

import os
from typing import Any, Mapping

import numpy as np

from ..files import versions
from ..progress import Progress
from ..validation.measures import ScopeResult
from ..validation.scopes import REGION_PREFIX
from .figures import style
from .page import MISSING, Page
from .validation_input import ReportInput
from .validation_maps import add_map, add_regions
from .validation_measures import add_curves, add_more_curves, add_confusion, add_zones
from .wording import interval_text, part_of, percent, range_sentence, ratio_text, scope_title


def validation_page(content: ReportInput, progress: Progress) -> Page:
    """Make the report.

    Args:
        content: what it says.
        progress: asked whether to stop.

    Raises:
        Cancelled: by the user.
    """
    main = content.main
    page = Page("Validation of a map of relative landslide susceptibility",
                f"Map: {content.map_name}. Landslides: {content.landslide_name}. {part_of(main.scope.name)}.", progress)
    for text in content.warnings:
        page.warning(text)
    with style():
        _summary(page, content)
        _used_points(page, content)
        _subsets(page, content)
        add_zones(page, content)
        add_curves(page, content)
        add_map(page, content)
        add_confusion(page, content)
        add_more_curves(page, content)
        add_regions(page, content)
    _method(page, content)
    page.settings("Settings of this run", content.settings)
    _record(page, content.inputs)
    return page


def _summary(page: Page, content: ReportInput) -> None:
    main, first = content.main, content.main.first
    name, landslides, area = _top_zones(main)
    recall, kappa = main.measures["recall"], main.measures["kappa"]
    page.key_numbers([
        ("AUC", f"{main.auc.value:.3f}",
         f"{range_sentence(main.auc)}Chance that a landslide has a higher susceptibility than a stable point: 0.5 is a "
         "coin toss, 1 is perfect."),
        ("Recall", f"{recall.value:.3f}", f"{range_sentence(recall)}Share of the landslides on cells with a "
                                          f"susceptibility of {content.threshold:g} or more."),
        ("Kappa", f"{kappa.value:.3f}",
         f"{range_sentence(kappa)}Agreement of map and points beyond chance: 0 is none, 1 is full."),
        (f"In the {name}", percent(landslides, 0), f"of the landslides, on {percent(area, 0)} of the area."),
    ])
    sentences = [f"At a susceptibility of {content.threshold:g} the map finds {first.hits:,.0f} of {main.landslides:,} "
                 f"{content.unit} and gives a false alarm at {first.false_alarms:,.0f} of {main.stable:,} stable "
                 "points."]
    test = next((result for result in content.results if result.scope.name == "test"), None)
    if test is not None and test is not main:
        sentences.append(f"In the test windows, which the model did not learn from, it finds {test.first.hits:,.0f} of "
                         f"{test.landslides:,} {content.unit}; the AUC there is {test.auc.value:.3f}"
                         + (f" ({interval_text(test.auc)})." if test.auc.has_interval else "."))
    page.text("In short", " ".join(sentences))


def _used_points(page: Page, content: ReportInput) -> None:
    main = content.main
    rows: list[list[object]] = []
    for name, counts in (("Landslides", content.landslides), ("Stable points", content.stable)):
        if counts is not None:
            spare = counts.doubled + counts.thinned
            rows.append([name, counts.features, counts.off_map, counts.on_nodata, spare,
                         counts.places - counts.on_nodata - spare])
    if content.stable is None:
        source = (f"Stable points were drawn at random, {main.stable:,} at a time and {main.repeats:,} times over, "
                  f"from all cells of the tested part of the map that are at least {content.distance:g} m away from "
                  "every landslide; larger cells have a larger chance. The farther from landslides, the easier the "
                  "test: compare AUC values only between runs with the same distance.")
    else:
        source = (f"Stable points are the {main.stable:,} that were given. Precision, accuracy, F1 and kappa depend "
                  "on how many there are beside the landslides; AUC and recall do not.")
    page.table("Points that were used", ["", "In the layer", "Off the map", "Without a value", "In an occupied cell",
                                         "Cells used"], rows, source)


def _subsets(page: Page, content: ReportInput) -> None:
    if not content.subset_counts:
        return
    rows = []
    for result in content.results:
        if not result.scope.name.startswith(REGION_PREFIX):
            rows.append([scope_title(result.scope.name), result.landslides, f"{result.auc.value:.3f}",
                         interval_text(result.auc), f"{result.measures['recall'].value:.3f}",
                         f"{result.measures['kappa'].value:.3f}", ratio_text(result.zones[-1].frequency_ratio.value)])
    inside = sum(content.subset_counts.values())
    total = content.results[0].landslides
    page.table("Fit or test", ["Part of the map", "Landslides", "AUC", "95 % interval", "Recall", "Kappa",
                               "Top ratio"], rows,
               f"{content.subset_counts.get('train', 0):,} of {total:,} landslides lie in training windows, where the "
               "map shows what the model was taught. Only the test windows show how it does on new ground. Stable "
               f"points are drawn within the same windows. {total - inside:,} landslides lie in no window. A landslide "
               "in overlapping windows counts as training if one of them is a training window. Top ratio: frequency "
               "ratio of the highest zone.")


def _method(page: Page, content: ReportInput) -> None:
    main = content.main
    paragraphs = [
        "A cell of the map counts once, however many landslides are in it.",
        (f"Intervals named 95 % come from {main.repeats:,} repeats. In each, the stable points are drawn anew and the "
         "landslides resampled with replacement (bootstrap): the interval shows what another inventory of the same "
         "size could have given. Recall and the zone table have Wilson's interval of a share." if main.drawn else
         f"Intervals named 95 % come from {main.repeats:,} repeats, in each of which landslides and stable points are "
         "resampled with replacement (bootstrap). Recall and the zone table have Wilson's interval of a share."),
        f"AUC {main.auc.value:.4f}: bootstrap {interval_text(main.auc, 4)}; in closed form for one draw (DeLong) "
        f"{interval_text(main.auc_delong, 4)}"
        + (f"; by the luck of the draw of stable points alone {interval_text(main.auc_draws, 4)}."
           if main.drawn else "."),
        "No interval knows about landslides that were never mapped, or mapped only near roads.",
    ]
    if main.repeats < 20:
        paragraphs.insert(2, "With fewer than 20 repeats no interval is taken from them; set REPEATS to 200.")
    page.text("How the numbers were made", *paragraphs)


def _record(page: Page, inputs: Mapping[str, Any]) -> None:
    """Add the inputs with size and checksum, and the versions, as the run record has them."""
    rows = []
    for name, value in inputs.items():
        checksum = value.get("sha256")
        rows.append([name, os.path.basename(str(value["source"]).partition("|")[0]), value.get("bytes"),
                     f"{checksum[:16]}…" if checksum else MISSING])
    page.table("Run record", ["Input", "File or layer", "Bytes", "SHA-256"], rows,
               "Made with " + ", ".join(f"{name} {version}" for name, version in versions().items()
                                        if name != "platform") + ".")


def _top_zones(main: ScopeResult) -> tuple[str, float, float]:
    """Return a name, the share of landslides and the share of area of the highest zones: two of five, else one."""
    rows = main.zones[-2:] if len(main.zones) >= 4 else main.zones[-1:]
    name = f"{len(rows)} highest zones" if len(rows) > 1 else "highest zone"
    return name, sum(row.landslide_share.value for row in rows), float(np.nansum([row.area_share for row in rows]))
