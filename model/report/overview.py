"""The first page of a validation report, in plain words for who decides: area and landslides by zone and region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..validation.measures import ScopeResult
from ..validation.settings import ALL, REGION_PREFIX
from ..validation.verdict import DO_NOT_USE, WEAK
from ..zones.schemes import zone_colours
from . import charts
from .exposure import add_exposed_regions, exposure_sentence
from .page import MISSING, Page, css_colour, percent, scope_title

if TYPE_CHECKING:
    from .validation import ValidationReportInput

MAX_BARS = 30  # regions in the figure; the table has all
GOOD_AUC, FAIR_AUC = 0.8, 0.7
"""An AUC from which ranking is called good or fair (Hosmer, Lemeshow and Sturdivant 2013: excellent, acceptable)."""
TRUST = {
    WEAK: "Take the map as a hint, and have it checked before anything is decided by it.",
    DO_NOT_USE: "Do not decide anything by this map.",
}


@dataclass(frozen=True)
class Place:
    """A region, or all of the map."""

    name: str
    km2: Sequence[float]  # of each zone from the least susceptible
    result: ScopeResult | None  # None where no landslide is known

    @property
    def area(self) -> float:
        """Area of all zones, km²."""
        return sum(self.km2)

    def share(self, zone: int) -> float:
        """Share of a zone, counted from 0, NaN without any area."""
        return self.km2[zone] / self.area if self.area else float("nan")


def add_overview(page: Page, content: ValidationReportInput) -> None:
    """Add the page; with regions it stands alone."""
    places = list_places(content)
    whole, regions = places[-1], places[:-1]
    names = list(content.data.layers.zones.names.values())
    high = range(len(names))[-2:] if len(names) > 3 else range(len(names))[-1:]
    heading = "The map in plain words"
    exposed = content.exposure
    top, where = slice(high[0] + 1, high[-1] + 2), " and ".join(f"zone {names[zone]}" for zone in reversed(high))
    sentences = _sentences(content, whole, names, high)
    if exposed is not None:
        sentences.insert(1, exposure_sentence(exposed, top, where))
    page.text(heading, *sentences)
    rows = [_row(place, high) for place in (places if regions else [whole])]
    zones = [f"Zone {names[zone]}, km²" for zone in reversed(high)]
    page.table(
        "",
        ["Region" if regions else "", "Area, km²", *zones, "Known landslides", "of them there", "Order of places"],
        rows,
        _note(content, bool(regions)),
    )
    if exposed is not None and regions:
        add_exposed_regions(page, exposed, [place.name for place in places], top, where)
    shown = [place for place in (regions or [whole]) if place.area][:MAX_BARS]
    if shown:
        colours = [css_colour(colour) for zone, colour in zone_colours(len(names)).items() if zone]
        shares = [[place.share(zone) for zone in range(len(names))] for place in shown]
        caption = "Share of each zone in the area."
        if len(regions) > len(shown):
            caption += f" The first {len(shown)} of {len(regions)} regions; the table has all."
        figure = charts.share_chart([place.name for place in shown], shares, names, colours)
        page.figure("", figure, caption)
    # With what is exposed it takes more than a page, and the rest of the second one would stay white.
    if regions and exposed is None:
        page.new_page()


def list_places(content: ValidationReportInput) -> list[Place]:
    """Return the regions in the order of the report, those without a landslide too, and all of the map as the last."""
    results = {result.scope.name: result for result in content.results}
    zones = list(content.data.layers.zones.names)
    places = [
        Place(scope_title(name), [areas.get(zone, 0.0) / 1e6 for zone in zones], results.get(name))
        for name, areas in content.zone_areas_m2.items()
        if name.startswith(REGION_PREFIX) or name == ALL
    ]
    return sorted(places, key=lambda place: place.name == scope_title(ALL))


def _sentences(content: ValidationReportInput, whole: Place, names: Sequence[str], high: Sequence[int]) -> list[str]:
    areas = [f"{whole.km2[zone]:,.1f} km² ({percent(whole.share(zone), 0)}) in the zone {names[zone]}" for zone in high]
    parts = " and ".join(reversed(areas))
    found = ""
    if whole.result is not None:
        share = sum(whole.result.zones[zone].landslide_share.value for zone in high)
        where = "these two zones" if len(high) > 1 else "this zone"
        found = f" Of 100 known landslides, {100 * share:.0f} lie in {where}."
    verdict = content.verdict
    return [
        f"Of {whole.area:,.1f} km² that the map shows, {parts} are the most prone to landslides.{found}",
        " ".join([f"How far to trust it: {verdict.level}.", *verdict.reasons, TRUST.get(verdict.level, "")]).strip(),
        "A zone says where landslides are more likely than elsewhere. It does not say when, how large they are or how "
        "far they reach, and land in a low zone is not safe land. For a single building or road a survey of the site "
        "decides.",
    ]


def _row(place: Place, high: Sequence[int]) -> list[str]:
    areas = [f"{place.km2[zone]:,.1f} ({percent(place.share(zone), 0)})" for zone in reversed(high)]
    result = place.result
    if result is None:
        return [place.name, f"{place.area:,.1f}", *areas, "0", MISSING, "no landslide known"]
    there = sum(result.zones[zone].landslides for zone in high)
    return [place.name, f"{place.area:,.1f}", *areas, f"{result.landslides:,}", f"{there:,}", ranking_words(result)]


def ranking_words(result: ScopeResult) -> str:
    """Return in words how well the map ranks the places of a scope."""
    if not result.testable:
        return "too few to tell"
    if result.auc.has_interval and result.auc.low <= 0.5:
        return "maybe chance"
    return "good" if result.auc.value >= GOOD_AUC else "fair" if result.auc.value >= FAIR_AUC else "poor"


def _note(content: ValidationReportInput, by_region: bool) -> str:
    text = (
        "Order of places: whether landslides lie on land that the map calls more susceptible than other land; too few "
        "to tell: fewer than 15 independent blocks of land with landslides."
    )
    if content.seen:
        text += " These landslides trained the map, so the order looks better than it is on new land."
    if by_region and content.data.layers.held_out:
        text += " Zones are those of predictions by models that had not seen the place."
    return text
