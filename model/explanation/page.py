"""The report of an explanation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence

import numpy as np

from ..progress import Progress
from ..report.figures import style
from ..report.maps import MapImage
from ..report.page import Page
from ..report.wording import css_colour, percent
from .figures import importance_chart, leading_map, response_chart
from .importance import Importance, Skill
from .leading import Leadership, colour_of
from .plausibility import Judgement
from .relations import LIMIT, Relation
from .response import Curve
from .subject import Subject
from .wording import FLAT_NOTE, expected_text, interval, is_clear, judgement_sentence, relation_sentence


@dataclass
class Explanation:
    """All that was found."""

    subject: Subject
    skill: Skill
    importance: list[Importance]
    """Of single factors in the model's order, then of those that go together."""
    curves: list[Curve]
    """In the model's order."""
    relations: list[Relation]
    judgements: list[Judgement]
    leading: Leadership
    sample: dict[str, Any]
    """``blocks``, ``of``, ``side`` in metres, ``landslide`` and ``stable`` cells, ``response_blocks``,
    ``references``, ``repeats``."""
    warnings: list[str] = field(default_factory=list)
    image: MapImage | None = None
    """The leading factor, when the raster was written."""

    @property
    def ranking(self) -> list[Importance]:
        """Single factors, the most important first."""
        return sorted((one for one in self.importance if len(one.factors) == 1), key=lambda one: -one.auc_fall.value)

    def name_of(self, found: Importance) -> str:
        """Return the title of a factor, or of several."""
        return " + ".join(self.subject.titles[number] for number in found.factors)


def explanation_page(found: Explanation, stack_name: str, settings: Mapping[str, Any], progress: Progress) -> Page:
    """Return the report; asks the progress whether to stop."""
    page = Page("What drives the map", f"{found.subject.name} on {stack_name}", progress)
    for text in found.warnings:
        page.warning(text)
    sample, first = found.sample, found.ranking[0]
    judged = [one.verdict for one in found.judgements]
    page.key_numbers([
        ("Most important factor", found.subject.titles[first.factors[0]],
         f"Without its order the AUC falls by {interval(first.auc_fall)}."),
        ("AUC of the map", round(found.skill.auc.value, 3),
         f"On the labels of {sample['blocks']:,} blocks: {interval(found.skill.auc)}."),
        ("Clearly needed", f"{sum(is_clear(one) for one in found.ranking)} of {len(found.ranking)}",
         "Factors whose interval of the fall lies above 0."),
        ("As expected", f"{judged.count('as expected')} of {len(judged)}" if judged else "–",
         "Factors for which something is known beforehand, and the map agrees."),
    ])
    with style():
        _importance(page, found)
        _plausibility(page, found)
        _responses(page, found)
        _leading(page, found)
    page.text("How it was measured", *_method(found))
    page.settings("Run record", {name: value for name, value in settings.items() if value is not None})
    return page


def _importance(page: Page, found: Explanation) -> None:
    together = [one for one in found.importance if len(one.factors) > 1]
    shown = sorted(found.ranking + together, key=lambda one: -one.auc_fall.value)
    page.figure("What the map needs", importance_chart(shown, [found.name_of(one) for one in shown]),
                "Fall of the AUC when a factor is swapped among blocks of land, with its 95 % interval. Grey: factors "
                "that go together, swapped at once.")
    page.table("", ["Factor", "Fall of AUC (95 % interval)", "Rise of log loss (95 % interval)"],
               [[found.name_of(one), interval(one.auc_fall), interval(one.loss_rise)] for one in shown],
               "0: the map would be as good without the factor's order. Below 0: chance, or the factor misleads. It is "
               "what this model uses, not what causes landslides.")
    if found.relations:
        listed = "; ".join(relation_sentence(one, found.subject.titles) for one in found.relations)
        page.text("Factors that go together", f"{listed}.",
                  "Of factors that say the same the model needs only one, so each alone seems less important than it "
                  "is, and the importance is shared among them in a way that another training may change. Read the "
                  "grey bar for what they are worth together; it can be less than one of them alone, because factors "
                  "swapped together still fit each other." if together else
                  "They share their importance, in a way that another training may change.")
    else:
        page.text("Factors that go together", f"No two factors have an association of {LIMIT:g} or more, so the "
                  "importance of each can be read by itself.")


def _plausibility(page: Page, found: Explanation) -> None:
    specs, titles = found.subject.specs, found.subject.titles
    if not found.judgements:
        page.text("Does it make sense?", "None of the factors is one of which something is expected beforehand.")
        return
    page.table("Does it make sense?", ["Factor", "Expected", "Judgement", "What the map does"],
               [[titles[one.factor], expected_text(one, specs[one.factor].unit), one.verdict,
                 judgement_sentence(one, specs[one.factor].unit, _companions(found, one.factor))]
                for one in found.judgements],
               f"{FLAT_NOTE} The interval is for other blocks of this land; another training is a further uncertainty.")


def _companions(found: Explanation, factor: int) -> list[str]:
    pairs = [(one.first, one.second) for one in found.relations if factor in (one.first, one.second)]
    return [found.subject.titles[second if first == factor else first] for first, second in pairs]


def _responses(page: Page, found: Explanation) -> None:
    order = [one.factors[0] for one in found.ranking]
    page.text("How the map answers to each factor",
              "Blue, left or lower scale: mean susceptibility of the blocks when every cell has that value, with its "
              "95 % interval (dark) and the range of the middle 80 % of the cells (light). Vermilion, right or upper "
              "scale: landslide cells among the labelled cells that do have it. Below, or behind a class: share of the "
              "area. Where the two differ, the factor goes together with others that do the work.")
    for number in order:
        curve, spec = found.curves[number], found.subject.specs[number]
        more = f" {curve.left_out} smaller classes not shown." if curve.left_out else ""
        page.figure("", response_chart(curve, found.subject.titles[number], spec.unit), more.strip(), half=True)


def _leading(page: Page, found: Explanation) -> None:
    lead, titles = found.leading, found.subject.titles
    where = "the whole area" if lead.whole else f"{found.sample['response_blocks']} blocks of the area"
    text = (f"In each cell of {where} the factor leads that adds or takes most, compared with typical land of the "
            "area (Shapley values of the logit). It says what sets a place apart from the rest of this area, so a "
            "factor that is alike everywhere leads nowhere.")
    if found.image is None:
        page.text("The leading factor", text + " For a map of it, set OUTPUT_LEADING.")
    else:
        page.figure("The leading factor", leading_map(found.image, titles, lead), text)
    order = np.argsort(-lead.share, kind="stable")
    page.table("", ["Factor", "Leads in", "Raises there", "Mean contribution (logit)"],
               [[titles[number], percent(float(lead.share[number]), 1),
                 percent(float(lead.raising[number]), 0) if lead.share[number] > 0 else "–", float(lead.size[number])]
                for number in order],
               "Leads in: share of the area. Raises there: share of those cells in which it raises the "
               "susceptibility; in the others it lowers it. Mean contribution: of its absolute value, over all cells.",
               swatches=[css_colour(colour_of(int(number))) for number in order])


def _method(found: Explanation) -> Sequence[str]:
    sample = found.sample
    return (
        f"The labelled cells of {sample['blocks']:,} of {sample['of']:,} blocks of {sample['side']:,.0f} m were judged:"
        f" {sample['landslide']:,} landslide and {sample['stable']:,} stable cells"
        + (", half of the blocks with landslides as far as there are, weighted back to the area."
           if sample["blocks"] < sample["of"] else "."),
        f"Importance: {sample['repeats']} times the blocks swap one factor among each other, whole, with its texture "
        "and with its surroundings at the place that it comes from, so that the network sees real land (after Breiman "
        "2001). Where the other place has no data, the value beside the gap stands in. Intervals: percentiles over the "
        "swaps and over drawing the blocks again (block bootstrap).",
        f"Curves: partial dependence (Friedman 2001) in {sample['response_blocks']} of the blocks. A value set "
        "everywhere can be one that the land around never has, above all for factors that go together.",
        f"Leading factor: Shapley values against {sample['references']} typical lands whose values are spread evenly "
        "over those of the area; they sum to the logit of the cell minus the mean logit of the typical lands (after "
        "Štrumbelj and Kononenko 2014).",
    )
