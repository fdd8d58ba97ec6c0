"""What a report of a comparison is made of.
What a report of a comparison says of regions, and of a map that stands alone.
The report of a comparison: which map is the best, whether that could be chance, and where the maps differ.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..comparison.agreement import Agreement
from ..comparison.paired_tests import PairTest
from ..comparison.settings import SIGNIFICANCE_LEVEL
from ..comparison.summary import (
    THRESHOLD_METRICS,
    find_pair_test,
    rank_by_auc,
    region_labels,
    summary_columns,
    summary_rows,
)
from ..statistics.intervals import Estimate
from ..validation.measures import ScopeResult
from ..validation.sampling import SampleCounts
from ..validation.scopes import ALL, REGION_PREFIX
from .charts import shorten, style
from .comparison_figures import ComparisonImages, difference_map, roc_panel, zone_panels
from .page import MISSING, Page, interval_sentence, interval_text, percent, ratio_text, scope_title, subset_phrase


@dataclass(frozen=True)
class MapFacts:
    """One of the maps."""

    name: str
    pieces: int
    """Rasters it is made of."""
    cell_size: float
    """Metres."""
    range: tuple[float, float]
    """Lowest and highest value on the compared ground."""
    probability: bool
    """Whether the values are from 0 to 1."""
    area_km2: float
    without: int
    """Landslides where it has no data."""


@dataclass(frozen=True)
class ComparisonReportInput:
    """What a report is made of."""

    maps: Sequence[MapFacts]
    landslide_name: str
    landslides: SampleCounts
    given_stable: bool
    results: Mapping[str, Sequence[ScopeResult]]
    """By part of the ground, one of each map."""
    tests: Mapping[str, Sequence[PairTest]]
    agreements: Sequence[Agreement]
    main: str
    """Name of the part that the main numbers are for."""
    zone_names: dict[int, str]
    images: ComparisonImages
    by_rank: bool
    """Whether differences are of ranks."""
    threshold: float
    distance: float
    common_cells: str
    """The common grid in words."""
    area_km2: float
    """Area that all maps have."""
    warnings: Sequence[str]
    settings: Mapping[str, object]

    @property
    def names(self) -> list[str]:
        """Names of the maps."""
        return [one.name for one in self.maps]


def add_key_numbers(page: Page, content: ComparisonReportInput) -> None:
    """Add the key numbers of a map that stands alone."""
    main = content.results[content.main][0]
    numbers = [
        ("AUC", f"{main.auc.value:.3f}", f"{interval_sentence(main.auc)}0.5 is a coin toss, 1 is perfect."),
        ("Landslides", f"{main.landslides:,}", f"on {content.area_km2:,.1f} km²."),
    ]
    regions = region_labels(content.results)
    if regions:
        values = [content.results[f"{REGION_PREFIX}{label}"][0].auc.value for label in regions]
        worst = int(np.argmin(values))
        numbers += [
            ("Mean of the regions", f"{np.mean(values):.3f}", f"AUC over {len(regions)} regions."),
            ("Worst region", f"{values[worst]:.3f}", f"AUC of {regions[worst]}."),
        ]
    page.key_numbers(numbers)


def add_region_summary(page: Page, content: ComparisonReportInput) -> None:
    """Add the summary over regions, as the table OUTPUT_SUMMARY has it, without what stands in the table above."""
    if not region_labels(content.results):
        return
    probabilities = [one.probability for one in content.maps]
    columns = summary_columns(content.names, probabilities)
    rows = summary_rows(content.results, content.tests, content.main, content.names, probabilities)
    for number, name in enumerate(content.names if any(probabilities) else []):
        if not probabilities[number]:
            continue
        chosen = [columns.index(f"{name} {measure}") for measure in THRESHOLD_METRICS]
        page.table(
            "At the threshold, by region" if number == 0 else "",
            ["Region", "Landslides", "Area, km²", *[measure.capitalize() for measure in THRESHOLD_METRICS]],
            [
                [
                    row[0],
                    row[2],
                    f"{row[4]:,.1f}" if row[4] is not None else None,
                    *[f"{row[place]:.3f}" for place in chosen],
                ]
                for row in rows
            ],
            f"{name}, from {content.threshold:g} on called landslide. The same numbers of all maps side by side "
            "are in the summary table (OUTPUT_SUMMARY).",
        )


MAX_PANELS, MAX_MATRICES = 12, 6
WIDE = 3
"""With more maps than this, tables have one row a map instead of one column."""


class Bold(str):
    """A cell of a table that stands out."""

    def __html__(self) -> str:
        """Return the escaped text as the template shows it."""
        return f"<b>{html.escape(self)}</b>"


def comparison_page(content: ComparisonReportInput) -> Page:
    """Make the report."""
    several = len(content.maps) > 1
    title = (
        "Comparison of maps of relative landslide susceptibility"
        if several
        else "Relative landslide susceptibility by region"
    )
    page = Page(
        title,
        f"{'Maps' if several else 'Map'}: {', '.join(content.names)}. Landslides: "
        f"{content.landslide_name}. {subset_phrase(content.main)}.",
    )
    for text in content.warnings:
        page.warning(text)
    with style():
        if several:
            _summary(page, content)
        else:
            add_key_numbers(page, content)
        _auc(page, content)
        add_region_summary(page, content)
        if several:
            _tests(page, content)
        _roc(page, content)
        _maps(page, content)
        if several:
            _agreement(page, content)
        _zones(page, content)
        _threshold(page, content)
    _inputs(page, content)
    _method(page, content)
    page.settings("Settings of this run", content.settings)
    return page


def describe_test(test: PairTest, names: Sequence[str]) -> str:
    """Return what a paired test says, the better map first."""
    first, second = names[test.first], names[test.second]
    found = test.estimate
    low, high = found.low, found.high
    if found.value < 0:
        first, second, low, high = second, first, -high, -low
    difference = abs(found.value)
    if found.value == 0:
        return f"{first} and {second} have the same AUC on these points."
    interval = f" ({low:.3f} to {high:.3f})" if found.has_interval else ""
    text = f"The AUC of {first} is {difference:.3f}{interval} higher than that of {second}, {_p(test.p_corrected)}: "
    if test.p_corrected != test.p_corrected:
        return f"{text}too few points or repeats to tell whether that is chance."
    return text + ("more than chance." if test.p_corrected < SIGNIFICANCE_LEVEL else "this could be chance.")


def _summary(page: Page, content: ComparisonReportInput) -> None:
    main = content.results[content.main]
    best, second = rank_by_auc(main)[:2]
    test = find_pair_test(content.tests[content.main], best, second)
    pair = next(one for one in content.agreements if {one.first, one.second} == {best, second})
    numbers = [
        (
            "Highest AUC",
            f"{main[best].auc.value:.3f}",
            f"{content.names[best]}. {interval_sentence(main[best].auc)}0.5 is a coin toss, 1 is perfect.",
        ),
        (
            "Ahead of the next",
            f"{abs(test.estimate.value):.3f}",
            f"{content.names[second]}. "
            + ("More than chance" if test.p_corrected < SIGNIFICANCE_LEVEL else "Could be chance")
            + f", {_p(test.p_corrected)}.",
        ),
        ("In the same zone", percent(pair.same, 0), f"of the ground, in these two maps; kappa {pair.kappa:.2f}."),
        (
            "Rank correlation",
            f"{pair.spearman:.2f}" if np.isfinite(pair.spearman) else MISSING,
            "of these two maps (Spearman): 1 is the same order of all cells, 0 none.",
        ),
    ]
    page.key_numbers(numbers)


def _auc(page: Page, content: ComparisonReportInput) -> None:
    regions = [f"{REGION_PREFIX}{label}" for label in region_labels(content.results)]
    values = {name: [result.auc.value for result in maps] for name, maps in content.results.items()}
    rows: list[list[object]] = []

    def add(title: str, landslides: int | None, cells: Sequence[str], best: int | None) -> None:
        shown = [Bold(cell) if number == best and len(cells) > 1 else cell for number, cell in enumerate(cells)]
        if len(content.maps) <= WIDE:
            rows.append([title, landslides, *shown])
        else:
            rows.extend([title, landslides, name, cell] for name, cell in zip(content.names, shown))

    for name, maps in content.results.items():
        add(
            scope_title(name),
            maps[0].landslides,
            [_with_interval(result.auc) for result in maps],
            int(np.argmax(values[name])),
        )
    worst_regions = ""
    if len(regions) > 1:
        table = np.array([values[name] for name in regions])
        mean, worst = table.mean(axis=0), table.min(axis=0)
        add("Mean of the regions", None, [f"{value:.3f}" for value in mean], int(np.argmax(mean)))
        add("Worst region", None, [f"{value:.3f}" for value in worst], int(np.argmax(worst)))
        worst_regions = (
            " Worst region: "
            + ", ".join(
                f"{scope_title(regions[int(number)])} for {name}"
                for name, number in zip(content.names, table.argmin(axis=0))
            )
            + "."
        )
    columns = ["Part of the ground", "Landslides", *(content.names if len(content.maps) <= WIDE else ["Map", "AUC"])]
    page.table(
        "AUC of each map",
        columns,
        rows,
        "Area under the ROC curve with its 95 % interval (bootstrap: other stable points, landslides "
        "resampled)"
        + (
            "; the highest of each row is bold. All maps are judged on the same points. Intervals "
            "of two maps may overlap though the maps differ: the tests below compare them point by "
            "point."
            if len(content.maps) > 1
            else "."
        )
        + worst_regions,
    )


def _tests(page: Page, content: ComparisonReportInput) -> None:
    tests = content.tests[content.main]
    page.text("Better, or chance?", *[describe_test(test, content.names) for test in tests])
    if content.main == ALL and "test" in content.tests:
        page.text(
            "",
            "In the test windows alone: "
            + " ".join(describe_test(test, content.names) for test in content.tests["test"]),
        )
    judged = tests[0]
    how = (
        "the paired bootstrap, which resamples whole landslides"
        if judged.clustered
        else "DeLong's paired test on the same points"
    )
    many = (
        f" With {len(tests)} pairs, one of them may look different by chance alone, so the p-values are corrected "
        "after Holm for all pairs."
        if len(tests) > 1
        else ""
    )
    page.table(
        "",
        ["Pair", "Difference", "95 %, DeLong", "95 %, bootstrap", "p, DeLong", "p, bootstrap", "p, corrected"],
        [
            [
                f"{content.names[test.first]} – {content.names[test.second]}",
                f"{test.delong.value:+.4f}",
                interval_text(test.delong),
                interval_text(test.bootstrap),
                _p_cell(test.p_delong),
                _p_cell(test.p_bootstrap),
                _p_cell(test.p_corrected),
            ]
            for test in tests
        ],
        f"First minus second. p is the probability of a difference this large between maps that are equally "
        f"good; under {SIGNIFICANCE_LEVEL:g} it is called more than chance. Judged by {how}.{many} The "
        "intervals are for each pair alone. The tests of regions and windows are in the table of numbers.",
    )


def _roc(page: Page, content: ComparisonReportInput) -> None:
    scopes = list(content.results)
    chosen = [content.main, *[name for name in scopes if name != content.main]][:MAX_PANELS]
    for number, scope in enumerate(chosen):
        curves = [
            (f"{shorten(name, 20)}, {result.auc.value:.3f}", result.roc)
            for name, result in zip(content.names, content.results[scope])
        ]
        page.figure("ROC curves" if number == 0 else "", roc_panel(scope_title(scope), curves), half=True)
    page.text(
        "",
        "Lowering the bar finds more landslides and gives more false alarms; the nearer to the upper left "
        "corner, the better. The number is the AUC, the dashed diagonal is chance."
        + (f" The first {len(chosen)} of {len(scopes)} parts are drawn." if len(chosen) < len(scopes) else ""),
    )


def _maps(page: Page, content: ComparisonReportInput) -> None:
    title = "The maps side by side" if len(content.maps) > 1 else "The map"
    page.figure(
        title,
        zone_panels(content.names, content.images.zones, content.zone_names),
        "Zones of each map, cut by share of the common ground, so that equal colours mean equal ranks and not "
        "equal values. A map of as many classes as there are zones keeps its own.",
    )
    if content.images.difference is None:
        return
    first, second = content.names[:2]
    what = "Difference of ranks" if content.by_rank else "Difference of susceptibility"
    page.figure(
        "Where they differ",
        difference_map(content.images.difference, what),
        f"{first} minus {second}. Orange: {first} is higher; purple: {second} is higher. "
        + (
            "The values of the two do not mean the same, so ranks are compared: the share of the ground that "
            "is less susceptible."
            if content.by_rank
            else "A map can be higher everywhere and rank the cells alike; see the rank correlation."
        ),
    )


def _agreement(page: Page, content: ComparisonReportInput) -> None:
    rows = [
        [
            f"{content.names[pair.first]} – {content.names[pair.second]}",
            percent(pair.same, 1),
            percent(pair.same_or_adjacent, 1),
            f"{pair.kappa:.3f}",
            f"{pair.weighted_kappa:.3f}",
            f"{pair.spearman:.3f}" if np.isfinite(pair.spearman) else MISSING,
            f"{pair.mean_difference:+.3f}" if np.isfinite(pair.mean_difference) else MISSING,
            f"{pair.mean_absolute_difference:.3f}" if np.isfinite(pair.mean_absolute_difference) else MISSING,
        ]
        for pair in content.agreements
    ]
    page.table(
        "Do they say the same of the same ground?",
        [
            "Pair",
            "Same zone",
            "Same or next",
            "Kappa",
            "Weighted kappa",
            "Rank correlation",
            "Mean difference",
            "Mean distance",
        ],
        rows,
        f"Over {content.area_km2:,.1f} km², cell by cell and by area. Kappa is agreement beyond chance; "
        "weighted kappa counts a disagreement by the square of the zones it reaches over. Rank correlation is "
        "Spearman's. Mean difference (first minus second) and mean distance are of the values, where both run "
        "from 0 to 1. Two maps can have the same AUC and agree little: then it matters which one is used.",
    )
    for pair in content.agreements[:MAX_MATRICES]:
        total = pair.matrix_km2.sum()
        first, second = content.names[pair.first], content.names[pair.second]
        rows = [
            [name, *[f"{value:,.1f} ({100 * value / total:.1f} %)" for value in pair.matrix_km2[zone - 1]]]
            for zone, name in content.zone_names.items()
        ]
        page.table(
            "",
            [f"{shorten(first, 24)} ↓ {shorten(second, 24)} →", *content.zone_names.values()],
            [
                [cell if number != row + 1 else Bold(cell) for number, cell in enumerate(cells)]
                for row, cells in enumerate(rows)
            ],
            f"Area in km² and share of the ground, by zone of {first} (rows) and of {second} (columns).",
        )
    if len(content.agreements) > MAX_MATRICES:
        page.text(
            "", f"The first {MAX_MATRICES} of {len(content.agreements)} pairs are shown; the table of numbers has all."
        )


def _zones(page: Page, content: ComparisonReportInput) -> None:
    maps = content.results.get(ALL)
    if not maps or not maps[0].zones:
        return
    rows = [
        [
            name,
            *[
                f"{ratio_text(row.frequency_ratio.value)} ({percent(row.landslide_share.value, 1)})"
                for row in result.zones
            ],
        ]
        for name, result in zip(content.names, maps)
    ]
    page.table(
        "Landslides in the zones of each map",
        ["Map", *content.zone_names.values()],
        rows,
        "Frequency ratio, and in brackets the share of the landslides. The ratio is that share over the share "
        "of the ground: 1 is as many landslides as by chance. It should rise from zone to zone.",
    )


def _threshold(page: Page, content: ComparisonReportInput) -> None:
    judged = [(one.name, result) for one, result in zip(content.maps, content.results[content.main]) if one.probability]
    if not judged:
        return
    names = ("recall", "specificity", "precision", "f1", "accuracy", "kappa")
    without = [one.name for one in content.maps if not one.probability]
    page.table(
        f"At a threshold of {content.threshold:g}",
        ["Map", *[{"f1": "F1"}.get(name, name.capitalize()) for name in names], "Brier score"],
        [
            [name, *[f"{result.measures[key].value:.3f}" for key in names], f"{result.brier.value:.3f}"]
            for name, result in judged
        ],
        "Means over the draws; from the threshold on a point is called landslide. These numbers depend on the "
        "height of the values: a map of the same order with lower values has a lower recall and the same AUC."
        + (f" Not for {', '.join(without)}, whose values are not from 0 to 1." if without else ""),
    )


def _inputs(page: Page, content: ComparisonReportInput) -> None:
    page.table(
        "The maps and the points",
        ["Map", "Rasters", "Cells, m", "Values", "Area with data, km²", "Landslides without"],
        [
            [
                one.name,
                f"{one.pieces:,}",
                f"{one.cell_size:.4g}",
                f"{one.range[0]:.4g} – {one.range[1]:.4g}",
                f"{one.area_km2:,.1f}",
                f"{one.without:,}",
            ]
            for one in content.maps
        ],
        f"Everything is compared on cells of {content.common_cells}; of the other maps the nearest cell "
        "is read. Area and landslides are counted within the ground of that map. Of a map in several rasters "
        "the first one with data counts.",
    )
    counts, main = content.landslides, content.results[content.main][0]
    used = counts.places - counts.on_nodata - counts.duplicates - counts.thinned
    page.text(
        "",
        f"Of {counts.features:,} landslides, {counts.off_map:,} lie off the map, {counts.on_nodata:,} where "
        f"a map has no data, and {counts.duplicates:,} in a cell that another one stands for; {used:,} cells "
        f"are used, {main.landslides:,} of them in the part that is judged. "
        + (
            "Stable points were given."
            if content.given_stable
            else f"Stable points were drawn at random, {main.stable:,} at a time and {main.repeats:,} times over, at "
            f"least {content.distance:g} m away from every landslide, where all maps have data."
        ),
    )


def _method(page: Page, content: ComparisonReportInput) -> None:
    page.text(
        "How the numbers were made",
        "Landslides and stable points are cells of the common grid where all maps have data, so no map gains or "
        "loses by points that another one lacks. Ties, as in a map of few classes, count half in the AUC.",
        "The difference of two maps is the mean over all draws of stable points. DeLong's test takes the mean "
        "variance of the draws; the bootstrap resamples landslides, draws other stable points, and gives both "
        "maps the same ones.",
        "Ranks and zones are by area, on the common ground, and tied cells share the mean of their ranks.",
        "No test knows about landslides that were never mapped, or mapped only near roads.",
    )


def _with_interval(estimate: Estimate) -> str:
    interval = f" ({estimate.low:.3f}–{estimate.high:.3f})" if estimate.has_interval else ""
    return f"{estimate.value:.3f}{interval}"


def _p(value: float) -> str:
    if value != value:
        return "p unknown"
    return ("p < 0.001" if value < 0.001 else f"p = {value:.3f}").replace(" ", "\N{NO-BREAK SPACE}")


def _p_cell(value: float) -> str:
    if value != value:
        return MISSING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
