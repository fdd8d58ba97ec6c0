"""What a report of a comparison says of regions, and of a map that stands alone."""

from __future__ import annotations

import numpy as np

from ..comparison.summary import AT_THRESHOLD, region_labels, summary_columns, summary_rows
from ..validation.scopes import REGION_PREFIX
from .comparison_input import ComparisonInput
from .page import Page
from .wording import range_sentence


def show_numbers(page: Page, content: ComparisonInput) -> None:
    """Add the key numbers of a map that stands alone."""
    main = content.results[content.main][0]
    numbers = [("AUC", f"{main.auc.value:.3f}", f"{range_sentence(main.auc)}0.5 is a coin toss, 1 is perfect."),
               ("Landslides", f"{main.landslides:,}", f"on {content.area_km2:,.1f} km².")]
    regions = region_labels(content.results)
    if regions:
        values = [content.results[f"{REGION_PREFIX}{label}"][0].auc.value for label in regions]
        worst = int(np.argmin(values))
        numbers += [("Mean of the regions", f"{np.mean(values):.3f}", f"AUC over {len(regions)} regions."),
                    ("Worst region", f"{values[worst]:.3f}", f"AUC of {regions[worst]}.")]
    page.key_numbers(numbers)


def show_regions(page: Page, content: ComparisonInput) -> None:
    """Add the summary over regions, as the table OUTPUT_SUMMARY has it, without what stands in the table above."""
    if not region_labels(content.results):
        return
    probabilities = [one.probability for one in content.maps]
    columns = summary_columns(content.names, probabilities)
    rows = summary_rows(content.results, content.tests, content.main, content.names, probabilities)
    for number, name in enumerate(content.names if any(probabilities) else []):
        if not probabilities[number]:
            continue
        chosen = [columns.index(f"{name} {measure}") for measure in AT_THRESHOLD]
        page.table("At the threshold, by region" if number == 0 else "",
                   ["Region", "Landslides", "Area, km²", *[measure.capitalize() for measure in AT_THRESHOLD]],
                   [[row[0], row[2], f"{row[4]:,.1f}" if row[4] is not None else None,
                     *[f"{row[place]:.3f}" for place in chosen]] for row in rows],
                   f"{name}, from {content.threshold:g} on called landslide. The same numbers of all maps side by side "
                   "are in the summary table (OUTPUT_SUMMARY).")
