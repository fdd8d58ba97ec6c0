"""The report of a map of an area: whether it is new to the model, and how the map differs from rules of a textbook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from rasterio.crs import CRS

from ..comparison.rank_sample import HIGH, LOW, MAP, Dispute, RankComparison, RankSample
from ..comparison.textbook_baselines import PHYSICS, SLOPE, Baselines
from ..factors.definitions import EMBEDDINGS
from ..prediction.tile_inference import FactorExtrapolation
from ..progress import Progress
from ..texts import join_names
from ..validation.verdict import Verdict
from ..zones.schemes import AREA_SHARES, read_scheme, zone_names
from . import charts
from .comparison_maps import difference_map, zone_panels
from .maps import MapImage, Relief, add_hillshade, metres_per_unit
from .page import MISSING, Page, percent

MUCH_ALIKE = 0.98  # rank correlation of the two rules from which a second map of differences would be the same
_CLASSES = 5  # unseen classes that are listed


@dataclass
class NewAreaReport:
    """What the page shows."""

    map_name: str
    model_names: Sequence[str]
    verdict: Verdict  # on models and map; it knows nothing of the area
    is_new: bool
    land: str  # how the land relates to that of the training, a word or two
    origin: Sequence[str]  # the same in complete sentences, one a model
    baselines: Baselines
    sample: RankSample
    comparison: RankComparison | None  # None if no cells can be compared
    relief: Relief | None
    cells: int  # cells of the map
    outside: Sequence[FactorExtrapolation]  # by factor
    share_outside: float  # share of the cells outside the training data in at least one factor
    advice: Sequence[str] = ()  # complete sentences
    contributions: Mapping[tuple[str, str], Sequence[tuple[str, float]]] = field(default_factory=dict)
    """Mean contribution of factors to the log odds by disputed land (high, low), the largest first."""
    contributions_missing: str = ""  # why there are none
    expected: Sequence[tuple[str, str, str]] = ()  # cards on how well the map may do here: label, value and text
    settings: Mapping[str, object] = field(default_factory=dict)
    warnings: Sequence[str] = ()


def new_area_page(content: NewAreaReport, progress: Progress) -> Page:
    """Return the report."""
    title = "Susceptibility map of a new area" if content.is_new else "Susceptibility map of the training area"
    several = len(content.model_names) > 1
    subtitle = f"Map: {content.map_name}. {'Models' if several else 'Model'}: {', '.join(content.model_names)}."
    page = Page(title, subtitle, warnings=content.warnings, progress=progress)
    with charts.style():
        page.key_numbers([*_cards(content), *content.expected])
        page.text("In short", *_summary(content))
        if content.comparison is not None:
            _add_order(page, content, content.comparison)
            _add_maps(page, content, content.comparison)
            _add_disputes(page, content, content.comparison)
        else:
            page.text("Beside rules of a textbook", *content.baselines.missing, _nothing(content))
    _add_extrapolation(page, content)
    page.text(
        "What the rules assume",
        *[one.source for one in content.baselines.found],
        *(content.baselines.missing if content.comparison is not None else ()),
        "Ranks are by area: the share of the land with a lower value. They compare orders, not values, and none of "
        "the orders is known to be right here.",
    )
    page.settings(
        "Settings of this run", {name: value for name, value in content.settings.items() if value is not None}
    )
    return page


def _cards(content: NewAreaReport) -> list[tuple[str, str, str]]:
    label, level, text = content.verdict.card()
    if content.is_new:
        label, text = "Verdict on the model", f"{text} On the land it was trained on; it says nothing of this land."
    cards = [("Land", content.land, content.origin[0]), (label, level, text)]
    if content.comparison is not None:
        for one in content.baselines.found:
            value = content.comparison.with_map(one.key)
            text = describe_correlation(value)
            if one.key == PHYSICS and _is_like_slope(content.comparison):
                text += " Its own order is that of slope."
            cards.append((f"Rank correlation with {_small(one.title)}", _number(value), text))
    return cards


def _is_like_slope(found: RankComparison) -> bool:
    """Whether the factor of safety orders the cells as slope does, so that it need not be shown twice."""
    return found.correlations.get((SLOPE, PHYSICS), 0.0) > MUCH_ALIKE


def _summary(content: NewAreaReport) -> Iterator[str]:
    yield " ".join(content.origin)
    found, names = content.comparison, _names(content)
    if found is not None:
        parts = [f"{_small(names[key])} ({_number(found.with_map(key))})" for key in names if key != MAP]
        yield (
            f"Rank correlation of the map with {join_names(parts)}; 1 is the same order of all cells, 0 none in common."
        )
        said = {key: "the map" if key == MAP else f"the rank by {_small(name)}" for key, name in names.items()}
        shares = [
            f"{percent(one.share, 1)} of the land {said[one.high]} is high and {said[one.low]} low"
            for one in _disputes(found)
        ]
        yield f"On {'; on '.join(shares)}."
    yield _tested(content)
    yield from content.advice


def _disputes(found: RankComparison) -> list[Dispute]:
    skipped = {PHYSICS} if _is_like_slope(found) else set()
    return [one for one in found.disputes() if not skipped & {one.high, one.low}]


def _small(title: str) -> str:
    return title[0].lower() + title[1:]


def describe_correlation(value: float) -> str:
    """Return in words what a rank correlation with a rule says of a map."""
    if np.isnan(value):
        return "One of them has one value everywhere."
    for limit, text in (
        (0.8, "Much the same order of the cells."),
        (0.5, "An order that is partly the same."),
        (0.2, "Largely another order."),
        (-0.2, "An order that has next to nothing in common."),
    ):
        if value >= limit:
            return text
    return "Rather the opposite order."


def _tested(content: NewAreaReport) -> str:
    if content.is_new:
        return (
            "No landslide of this land was used, so nothing on this page is a test of the map. With landslides of this "
            'land, "Validate with points" tests it, and with some twenty of them a model can be trained on it.'
        )
    return (
        'How good the map is here, "Validate with points" answers, with landslides or the out-of-fold map of the '
        "training. This page only compares it with rules that know no landslides."
    )


def _nothing(content: NewAreaReport) -> str:
    if not content.baselines.found:
        return "So there is nothing to compare the map with."
    return "Too few cells have a value on the map and in the rules to compare them."


def _names(content: NewAreaReport) -> dict[str, str]:
    return {MAP: "Map of the model", **{one.key: one.title for one in content.baselines.found}}


def _add_order(page: Page, content: NewAreaReport, found: RankComparison) -> None:
    names, sample = _names(content), content.sample
    rows = [[f"{names[a]} – {names[b]}", _number(value)] for (a, b), value in found.correlations.items()]
    which = "all cells of the map that have data in all of them"
    if sample.step > 1:
        which = f"cells, one drawn at random from each square of {sample.step} × {sample.step}"
    page.table(
        "Do they order the land alike?",
        ["Pair", "Rank correlation"],
        rows,
        f"Spearman's rank correlation in {len(found.cells):,} cells: {which}. 1 is the same order of all cells, "
        "0 none, −1 the opposite.",
    )


def _add_maps(page: Page, content: NewAreaReport, found: RankComparison) -> None:
    names, scheme = _names(content), read_scheme(AREA_SHARES, [], [])
    labels = dict(enumerate(zone_names(scheme.zones), 1))
    frame = _frame(content.sample, content.sample.image(found.cells, found.rank_of[MAP]), content.relief)
    images = []
    for key in names:
        zones = 1 + np.searchsorted(scheme.shares, found.rank_of[key])
        images.append(replace(frame, cells=_cut(content.sample.image(found.cells, zones), content.sample, frame)))
    page.figure(
        "The maps side by side",
        zone_panels(list(names.values()), images, labels),
        "Each cut by the same shares of the land, so equal colours mean equal ranks and not equal values.",
    )
    for key in names:
        if key == MAP or (key == PHYSICS and _is_like_slope(found)):
            continue
        difference = found.rank_of[MAP] - found.rank_of[key]
        cells = _cut(content.sample.image(found.cells, difference), content.sample, frame)
        page.figure(
            "Where they disagree",
            difference_map(replace(frame, cells=cells), "Difference of ranks"),
            f"Rank on the map of the model minus rank by {_small(names[key])}. Orange: higher on the map; purple: "
            "higher by the rule.",
        )


def _frame(sample: RankSample, picture: np.ndarray, relief: Relief | None) -> MapImage:
    """Return an image of the cells with data, with the relief under it."""
    rows, columns = (np.flatnonzero(np.isfinite(picture).any(axis=axis)) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    cut = picture[top : rows[-1] + 1, left : columns[-1] + 1]
    t, step = sample.grid.block_transform(sample.part), sample.step
    bounds = (
        t.c + t.a * step * left,
        t.f + t.e * step * (top + cut.shape[0]),
        t.c + t.a * step * (left + cut.shape[1]),
        t.f + t.e * step * top,
    )
    middle = min(sample.part.row + step * (top + cut.shape[0] // 2), sample.grid.height - 1)
    image = MapImage(cut, bounds, *metres_per_unit(sample.grid, middle))
    crs: CRS = sample.grid.crs
    return add_hillshade(image, relief, crs)


def _cut(picture: np.ndarray, sample: RankSample, frame: MapImage) -> np.ndarray:
    """Return the part of a picture of the sample that a frame shows."""
    t, step = sample.grid.block_transform(sample.part), sample.step
    left, top = round((frame.bounds[0] - t.c) / (t.a * step)), round((frame.bounds[3] - t.f) / (t.e * step))
    rows, columns = frame.cells.shape
    return picture[top : top + rows, left : left + columns]


def _add_disputes(page: Page, content: NewAreaReport, found: RankComparison) -> None:
    names, slope = _names(content), found.values.get(SLOPE)
    columns = ["Land", "Share", "Area, km²", *(["Mean slope"] if slope is not None else [])]
    if content.contributions:
        columns.append("Factors that make the difference")
    whole = float(found.areas.sum()) * content.sample.step**2 / 1e6
    rows: list[list[object]] = []
    for one in _disputes(found):
        row: list[object] = [f"{names[one.high]} high, {_small(names[one.low])} low", percent(one.share, 1)]
        row.append(f"{one.share * whole:,.2f}")
        if slope is not None:
            row.append(_mean(slope[one.cells], found.areas[one.cells]))
        if content.contributions:
            row.append(_factors(content, one))
        rows.append(row)
    everything: list[object] = ["All land", percent(1.0, 0), f"{whole:,.2f}"]
    if slope is not None:
        everything.append(_mean(slope, found.areas))
    rows.append([*everything, *([MISSING] if content.contributions else [])])
    unit = content.baselines.slope.unit if content.baselines.slope is not None else ""
    page.table(
        "Disputed land",
        columns,
        rows,
        f"High: in the top {percent(1 - HIGH, 0)} of the land; low: in the bottom {percent(LOW, 0)}. Two orders that "
        f"have nothing to do with each other dispute {percent((1 - HIGH) * LOW, 0)} in each row. "
        f"{f'Slope in {unit}. ' if unit and slope is not None else ''}{_about_factors(content)}",
    )


def _about_factors(content: NewAreaReport) -> str:
    if content.contributions:
        return (
            "Factors: those that raise the model's log odds most where the model is high, or lower them most where it "
            "is low, on average and against the typical values of this map (Shapley values)."
        )
    return content.contributions_missing


def _factors(content: NewAreaReport, dispute: Dispute) -> str:
    parts = content.contributions.get((dispute.high, dispute.low), ())
    return ", ".join(f"{name} {value:+.2f}".replace("-", "−") for name, value in parts) or MISSING


def _mean(values: np.ndarray, areas: np.ndarray) -> str:
    return f"{np.average(values, weights=areas):.1f}" if len(values) else MISSING


def _number(value: float) -> str:
    return MISSING if np.isnan(value) else f"{value:.2f}".replace("-", "−")


def _add_extrapolation(page: Page, content: NewAreaReport) -> None:
    worst = sorted((one for one in content.outside if one.cells), key=lambda one: -one.cells)
    if not worst:
        page.text("Outside the training data", "No cell has a value or class that the training did not have.")
        return
    rows = [[one.name, percent(one.cells / content.cells, 1), *_ranges(one)] for one in worst]
    page.table(
        "Outside the training data",
        ["Factor", "Share of the map", "Trained on", "Here"],
        rows,
        f"{percent(content.share_outside, 1)} of the cells lie outside in at least one factor. There the map "
        "extrapolates; OUTPUT_APPLICABILITY shows where.",
    )


def _ranges(found: FactorExtrapolation) -> Iterator[str]:
    if found.unseen:
        listed = [f"{label} ({cells:,} cells)" for label, cells in found.unseen.most_common(_CLASSES)]
        more = len(found.unseen) - _CLASSES
        yield "other classes"
        yield join_names(listed) + (f" and {more} more" if more > 0 else "")
        return
    if found.name == EMBEDDINGS:
        yield "the range of each component"
        yield "beyond it in one component or several"
        return
    yield f"{found.trained[0]:.4g} to {found.trained[1]:.4g}"
    ends = [f"down to {found.lowest:.4g}"] if np.isfinite(found.lowest) else []
    yield " and ".join([*ends, *([f"up to {found.highest:.4g}"] if np.isfinite(found.highest) else [])])
