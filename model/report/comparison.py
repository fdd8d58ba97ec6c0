"""The report of a comparison: which map is the best, whether that could be chance, and where the maps differ."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from ..comparison.paired_tests import Comparison, PairTest
from ..comparison.settings import SIGNIFICANCE_LEVEL
from ..comparison.summary import TEST, THRESHOLD_METRICS, region_aucs, region_labels, summary_columns, summary_rows
from ..statistics import AreaRanks
from ..validation.metrics import Curve
from ..validation.settings import ALL, MIN_BLOCKS, no_test_text
from ..validation.verdict import Verdict
from . import charts
from .charts import escape_mathtext, shorten
from .comparison_maps import comparison_images, difference_map, zone_panels
from .page import (
    HELD_OUT,
    MISSING,
    Page,
    blocks_text,
    interval_sentence,
    interval_text,
    percent,
    ratio_text,
    scope_title,
    subset_phrase,
)

MAX_PANELS, MAX_MATRICES = 12, 6
MAX_COLUMNS = 3  # with more maps than this, tables have one row a map instead of one column


class Bold(str):
    """A cell of a table that stands out."""

    def __html__(self) -> str:
        return f"<b>{html.escape(self)}</b>"


def comparison_page(
    comparison: Comparison,
    by_rank: tuple[AreaRanks, AreaRanks] | None,
    landslide_name: str,
    settings: Mapping[str, object],
    verdicts: Mapping[str, Verdict],
) -> Page:
    """Return the report; ``by_rank`` is that of :func:`.comparison_images`."""
    several = len(comparison.maps) > 1
    title = "Relative landslide susceptibility by region"
    if several:
        title = "Comparison of maps of relative landslide susceptibility"
    maps = f"{'Maps' if several else 'Map'}: {', '.join(comparison.names)}"
    subtitle = f"{maps}. Landslides: {landslide_name}. {subset_phrase(comparison.data.main.name)}."
    page = Page(title, subtitle, warnings=comparison.data.warning_log.warnings)
    with charts.style():
        numbers = _numbers_of_best(comparison) if several else _numbers_of_single(comparison)
        page.key_numbers([*_numbers_of_unseen(comparison), *numbers])
        rows = [[name, one.level, " ".join(one.reasons)] for name, one in verdicts.items()]
        page.table("Verdict", ["Map", "Verdict", "Reasons"], rows)
        if comparison.data.layers.held_out:
            page.text("", HELD_OUT)
        _add_auc(page, comparison)
        _add_region_summary(page, comparison)
        if several:
            _add_tests(page, comparison)
        _add_roc(page, comparison)
        _add_maps(page, comparison, by_rank)
        if several:
            _add_agreement(page, comparison)
        _add_zones(page, comparison)
        _add_threshold(page, comparison)
    _add_inputs(page, comparison)
    _add_method(page)
    page.settings("Settings of this run", {name: value for name, value in settings.items() if value is not None})
    return page


def _numbers_of_unseen(comparison: Comparison) -> list[tuple[str, str, str]]:
    """Return the card of the test windows where the other numbers are of all land, training land included."""
    of_maps = comparison.results.get(TEST)
    if of_maps is None or comparison.data.main.name == TEST:
        return []
    best = max(range(len(of_maps)), key=lambda number: of_maps[number].auc.value)
    text = f"Land not seen in training: highest AUC in the test windows, of {comparison.names[best]}. "
    auc = of_maps[best].auc
    others = (
        f"The other cards: {subset_phrase(comparison.data.main.name).lower()}, which the models may have learned from."
    )
    return [("AUC on land not seen", f"{auc.value:.3f}", f"{text}{interval_sentence(auc)}{others}")]


def _numbers_of_single(comparison: Comparison) -> list[tuple[str, str, str]]:
    main = comparison.main[0]
    numbers = [
        ("AUC", f"{main.auc.value:.3f}", f"{interval_sentence(main.auc)}0.5 is a coin toss, 1 is perfect."),
        ("Landslides", f"{main.landslides:,}", f"on {comparison.scan.common_area_m2 / 1e6:,.1f} km²."),
    ]
    regions, values = region_labels(comparison.results), region_aucs(comparison.results, 0)
    if regions:
        worst = int(np.argmin(values))
        numbers += [
            ("Mean of the regions", f"{np.mean(values):.3f}", f"AUC over {len(regions)} regions."),
            ("Worst region", f"{values[worst]:.3f}", f"AUC of {regions[worst]}."),
        ]
    return numbers


def _numbers_of_best(comparison: Comparison) -> list[tuple[str, str, str]]:
    names, main = comparison.names, comparison.main
    best, second = comparison.ranking[:2]
    test = comparison.test_of_best()
    pair = next(one for one in comparison.agreements if {one.first, one.second} == {best, second})
    auc, share, rank = main[best].auc, percent(pair.same_zone_share, 0), _number(pair.spearman, ".2f")
    significance = "Significant" if test.p_corrected < SIGNIFICANCE_LEVEL else "Could be chance"
    ahead = f"{names[second]}. {significance}, {_p(test.p_corrected)}."
    if not main[best].testable:
        ahead = f"{names[second]}. {no_test_text(test.independent_blocks)}"
    best_text = f"{names[best]}. {interval_sentence(auc)}0.5 is a coin toss, 1 is perfect."
    return [
        ("Highest AUC", f"{auc.value:.3f}", best_text),
        ("Ahead of the next", f"{abs(test.difference.value):.3f}", ahead),
        ("In the same zone", share, f"of the ground, in these two maps; kappa {pair.kappa:.2f}."),
        ("Rank correlation", rank, "of these two maps (Spearman): 1 is the same order of all cells, 0 none."),
    ]


def _add_auc(page: Page, comparison: Comparison) -> None:
    names, results = comparison.names, comparison.results
    several, narrow = len(names) > 1, len(names) <= MAX_COLUMNS
    rows: list[list[object]] = []

    def add(title: str, landslides: int | None, values: Sequence[float], cells: Sequence[str]) -> None:
        best = int(np.argmax(values)) if several else None
        shown = [Bold(cell) if number == best else cell for number, cell in enumerate(cells)]
        if narrow:
            rows.append([title, landslides, *shown])
        else:
            rows.extend([title, landslides, name, cell] for name, cell in zip(names, shown))

    # Land not seen comes first.
    for scope, of_maps in sorted(results.items(), key=lambda item: item[0] != TEST):
        aucs = [result.auc for result in of_maps]
        cells = [
            f"{auc.value:.3f} ({auc.low:.3f}–{auc.high:.3f})" if auc.has_interval else f"{auc.value:.3f}"
            for auc in aucs
        ]
        add(scope_title(scope), of_maps[0].landslides, [auc.value for auc in aucs], cells)
    note = "Area under the ROC curve, landslides against all other land by area, with its 95 % interval"
    if several:
        note += (
            "; the highest of each row is bold. All maps are evaluated on the same points. Intervals of two maps may "
            "overlap though the maps differ: the tests below compare them point by point"
        )
    note += f". {blocks_text(comparison.main[0])}"
    regions = region_labels(results)
    if len(regions) > 1:
        table = np.array([region_aucs(results, number) for number in range(len(names))])
        for title, values in (("Mean of the regions", table.mean(axis=1)), ("Worst region", table.min(axis=1))):
            add(title, None, values, [f"{value:.3f}" for value in values])
        worst = [f"{regions[number]} for {name}" for name, number in zip(names, table.argmin(axis=1))]
        note += f" Worst region: {', '.join(worst)}."
    page.table(
        "AUC of each map", ["Part of the ground", "Landslides", *(names if narrow else ["Map", "AUC"])], rows, note
    )


def _add_region_summary(page: Page, comparison: Comparison) -> None:
    """Add the summary over regions, as the table OUTPUT_SUMMARY has it, without what stands in the table above."""
    if not region_labels(comparison.results):
        return
    columns, rows = summary_columns(comparison), summary_rows(comparison)
    for name, probability in zip(comparison.names, comparison.probabilities):
        if probability:
            chosen = [columns.index(f"{name} {measure}") for measure in THRESHOLD_METRICS]
            page.table(
                "At the threshold, by region",
                ["Region", "Landslides", "Area, km²", *[measure.capitalize() for measure in THRESHOLD_METRICS]],
                [[row[0], row[2], _number(row[4], ",.1f"), *(f"{row[i]:.3f}" for i in chosen)] for row in rows],
                f"{name}, classified as landslide from {comparison.data.options.threshold:g} on. The same numbers of "
                "all maps side by side are in the summary table (OUTPUT_SUMMARY).",
            )


def _add_tests(page: Page, comparison: Comparison) -> None:
    names, tests = comparison.names, comparison.tests[comparison.data.main.name]
    page.text("Significant, or chance?", *[describe_test(test, names) for test in tests])
    if comparison.data.main.name == ALL and "test" in comparison.tests:
        alone = " ".join(describe_test(test, names) for test in comparison.tests["test"])
        page.text("", f"In the test windows alone: {alone}")
    many = ""
    if len(tests) > 1:
        many = (
            f" With {len(tests)} pairs, one of them may look different by chance alone, so the p-values are corrected "
            "after Holm for all pairs."
        )
    rows = []
    for test in tests:
        intervals = interval_text(test.difference), interval_text(test.delong)
        p_values = (test.p, test.p_corrected, test.p_delong)
        values = ("< 0.001" if p < 0.001 else _number(p, ".3f") for p in p_values)
        pair = f"{names[test.first]} – {names[test.second]}"
        rows.append([pair, f"{test.difference.value:+.4f}", *intervals, *values])
    page.table(
        "",
        ["Pair", "Difference", "95 % interval", "95 %, if independent", "p", "p, corrected", "p, if independent"],
        rows,
        f"First minus second. p is the probability of a difference this large between maps that are equally "
        f"good; under {SIGNIFICANCE_LEVEL:g} it is called significant. Tested over "
        f'{tests[0].independent_blocks:,} independent blocks of land, resampled alike for all maps.{many} "If '
        "independent\": DeLong's test, as if landslides were independent of each other, which is too sure. The "
        "intervals are for each pair alone. The tests of regions and windows are in the table of numbers.",
    )


def describe_test(test: PairTest, names: Sequence[str]) -> str:
    """Return the result of a paired test in words, the better map first."""
    first, second, difference = names[test.first], names[test.second], test.difference
    low, high = difference.low, difference.high
    if difference.value == 0:
        return f"{first} and {second} have the same AUC on these points."
    if difference.value < 0:
        first, second, low, high = second, first, -high, -low
    interval = f" ({low:.3f} to {high:.3f})" if difference.has_interval else ""
    text = f"The AUC of {first} is {abs(difference.value):.3f}{interval} higher than that of {second}, "
    if math.isnan(test.p_corrected):
        if test.independent_blocks < MIN_BLOCKS:
            return f"{text.rstrip(', ')}. {no_test_text(test.independent_blocks)}"
        return f"{text}{_p(test.p_corrected)}: too few repeats to tell whether that is chance."
    text += f"{_p(test.p_corrected)}: "
    return text + ("significant." if test.p_corrected < SIGNIFICANCE_LEVEL else "this could be chance.")


def _add_roc(page: Page, comparison: Comparison) -> None:
    results, main = comparison.results, comparison.data.main.name
    chosen = [main, *[name for name in results if name != main]][:MAX_PANELS]
    for scope in chosen:
        named = zip(comparison.names, results[scope])
        curves = [(f"{shorten(name, 20)}, {result.auc.value:.3f}", result.roc) for name, result in named]
        page.figure("ROC curves", _roc_panel(scope_title(scope), curves), half=True)
    drawn = f" The first {len(chosen)} of {len(results)} parts are drawn." if len(chosen) < len(results) else ""
    page.text(
        "",
        "A lower threshold finds more landslides and marks more of the other land; the nearer to the upper left "
        f"corner, the better. The number is the AUC, the dashed diagonal is chance.{drawn}",
    )


def _roc_panel(title: str, curves: Sequence[tuple[str, Curve]]) -> Figure:
    figure = charts.new_figure(2.95, charts.HALF_WIDTH)
    axes = figure.subplots()
    axes.grid(color=charts.RULE)
    charts.draw_diagonal(axes)
    # Several bands over each other hide the curves; the intervals stand in the table.
    none = np.full_like(curves[0][1].y, np.nan)
    charts.draw_curves(axes, [(label, Curve(curve.x, curve.y, none, none)) for label, curve in curves])
    axes.get_legend().set_frame_on(True)
    axes.get_legend().get_frame().set(facecolor="white", alpha=0.8, edgecolor="none")
    axes.set(title=escape_mathtext(shorten(title, 40)), xlabel="Other land, share of its area")
    axes.set_ylabel("Landslides found")
    return figure


def _add_maps(page: Page, comparison: Comparison, by_rank: tuple[AreaRanks, AreaRanks] | None) -> None:
    zones, difference = comparison_images(comparison, by_rank)
    page.figure(
        "The maps side by side" if len(zones) > 1 else "The map",
        zone_panels(comparison.names, zones, comparison.zone_names),
        "Zones of each map, cut by share of the common ground, so that equal colours mean equal ranks and not "
        "equal values. A map of as many classes as there are zones keeps its own.",
    )
    if difference is None:
        return
    first, second = comparison.names[:2]
    note = "A map can be higher everywhere and rank the cells alike; see the rank correlation."
    if by_rank is not None:
        note = (
            "The values of the two do not mean the same, so ranks are compared: the share of the ground that is less "
            "susceptible."
        )
    page.figure(
        "Where they differ",
        difference_map(difference, f"Difference of {'susceptibility' if by_rank is None else 'ranks'}"),
        f"{first} minus {second}. Orange: {first} is higher; purple: {second} is higher. {note}",
    )


def _add_agreement(page: Page, comparison: Comparison) -> None:
    names, zone_names = comparison.names, comparison.zone_names
    columns = ["Kappa", "Weighted kappa", "Rank correlation", "Mean difference", "Mean distance"]
    agreements: list[list[object]] = []
    for pair in comparison.agreements:
        shares = percent(pair.same_zone_share, 1), percent(pair.same_or_adjacent, 1)
        kappas = f"{pair.kappa:.3f}", f"{pair.weighted_kappa:.3f}"
        differences = _number(pair.mean_difference, "+.3f"), _number(pair.mean_absolute_difference, ".3f")
        pair_name = f"{names[pair.first]} – {names[pair.second]}"
        agreements.append([pair_name, *shares, *kappas, _number(pair.spearman, ".3f"), *differences])
    page.table(
        "Do the maps agree?",
        ["Pair", "Same zone", "Same or next", *columns],
        agreements,
        f"Over {comparison.scan.common_area_m2 / 1e6:,.1f} km², cell by cell and by area. Kappa is agreement beyond "
        "chance; weighted kappa counts a disagreement by the square of the distance in zones. Rank correlation is "
        "Spearman's. Mean difference (first minus second) and mean distance are of the values, where both run "
        "from 0 to 1. Two maps can have the same AUC and agree little: then it matters which one is used.",
    )
    for pair in comparison.agreements[:MAX_MATRICES]:
        total = pair.matrix_km2.sum()
        first, second = names[pair.first], names[pair.second]
        rows: list[list[object]] = []
        for row, name in enumerate(zone_names.values()):
            cells = [f"{value:,.1f} ({100 * value / total:.1f} %)" for value in pair.matrix_km2[row]]
            cells[row] = Bold(cells[row])
            rows.append([name, *cells])
        page.table(
            "",
            [f"{shorten(first, 24)} ↓ {shorten(second, 24)} →", *zone_names.values()],
            rows,
            f"Area in km² and share of the ground, by zone of {first} (rows) and of {second} (columns).",
        )
    count = len(comparison.agreements)
    if count > MAX_MATRICES:
        page.text("", f"The first {MAX_MATRICES} of {count} pairs are shown; the table of numbers has all.")


def _add_zones(page: Page, comparison: Comparison) -> None:
    of_maps = comparison.results.get(ALL)
    if not of_maps or not of_maps[0].zones:
        return
    rows = [
        [name, *(f"{ratio_text(row.frequency_ratio.value)} ({percent(row.landslide_share.value, 1)})" for row in zones)]
        for name, zones in zip(comparison.names, (result.zones for result in of_maps))
    ]
    page.table(
        "Landslides in the zones of each map",
        ["Map", *comparison.zone_names.values()],
        rows,
        "Frequency ratio, and in brackets the share of the landslides. The ratio is that share over the share "
        "of the ground: 1 is as many landslides as by chance. It should rise from zone to zone.",
    )


def _add_threshold(page: Page, comparison: Comparison) -> None:
    names = ("recall", "specificity", "precision", "f1", "accuracy", "kappa")
    titles = {name: name.capitalize() for name in names}
    rows, without = [], []
    for name, result, probability in zip(comparison.names, comparison.main, comparison.probabilities):
        if probability:
            cells = [f"{result.measures[key].value:.3f}" for key in titles]
            rows.append([name, *cells, f"{result.brier.value:.3f}"])
        else:
            without.append(name)
    if not rows:
        return
    not_for = f" Not for {', '.join(without)}, whose values are not from 0 to 1." if without else ""
    page.table(
        f"At a threshold of {comparison.data.options.threshold:g}",
        ["Map", *titles.values(), "Brier score"],
        rows,
        "Means over the draws; from the threshold on a point is classified as landslide. These numbers depend on the "
        "height of the values: a map of the same order with lower values has a lower recall and the same AUC."
        f"{not_for}",
    )


def _add_inputs(page: Page, comparison: Comparison) -> None:
    data, scan, reference = comparison.data, comparison.scan, comparison.maps[comparison.reference]
    counts, main = data.landslides.counts, comparison.main[0]
    rows = []
    for one, ranks, area, without in zip(comparison.maps, scan.ranks, scan.area_m2, counts.without_data):
        values = f"{ranks.minimum:.4g} – {ranks.maximum:.4g}"
        rows.append([one.name, len(one.pieces), f"{one.cell_size:.4g}", values, f"{area / 1e6:,.1f}", without])
    page.table(
        "The maps and the points",
        ["Map", "Rasters", "Cells, m", "Values", "Area with data, km²", "Landslides without"],
        rows,
        f"Everything is compared on cells of {reference.cell_size:,.4g} m, those of {reference.name}; of the other "
        "maps the nearest cell is read. Area and landslides are counted within the ground of that map. Of a map in "
        "several rasters the first one with data counts.",
    )
    stable = "Stable points were given."
    if data.drawn:
        stable = (
            f"Stable points were drawn at random, {main.stable:,} at a time and {main.repeats:,} times over, at "
            f"least {data.options.metres:g} m away from every landslide, where all maps have data."
        )
    page.text(
        "",
        f"Of {counts.features:,} landslides, {counts.off_map:,} lie off the map, {counts.on_nodata:,} where "
        f"a map has no data, and {counts.duplicates:,} in a cell that another one stands for; {counts.used:,} cells "
        f"are used, {main.landslides:,} of them in the part that is evaluated. {stable}",
    )


def _add_method(page: Page) -> None:
    page.text(
        "How the numbers were computed",
        "Landslides and stable points are cells of the common grid where all maps have data, so no map gains or "
        "loses by points that another one lacks. Ties, as in a map of few classes, count half in the AUC.",
        "The AUC compares landslides with every cell of the common ground that holds none, by area. Each repeat draws "
        "blocks of land with replacement, the same for all maps; the difference is tested with Student's t over the "
        "effective number of blocks. Stable points serve the measures at the threshold only.",
        "Ranks and zones are by area, on the common ground, and tied cells share the mean of their ranks.",
        "No test accounts for landslides that were never mapped, or mapped only near roads.",
    )


def _number(value: float | None, form: str) -> str:
    return format(value, form) if value is not None and math.isfinite(value) else MISSING


def _p(value: float) -> str:
    if math.isnan(value):
        return "p unknown"
    return ("p < 0.001" if value < 0.001 else f"p = {value:.3f}").replace(" ", "\N{NO-BREAK SPACE}")
