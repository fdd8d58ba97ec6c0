"""The numbers of an explanation as one table."""

from __future__ import annotations

from typing import Any

from ..validation.intervals import Estimate
from .page import Explanation

COLUMNS = ("part", "factor", "at", "measure", "value", "low", "high", "cells", "text")


def explanation_rows(found: Explanation) -> list[list[Any]]:
    """Return all numbers, one a row: part of the report, factor, value or class, measure, number and interval."""
    names = found.subject.model.factor_names
    rows = [_row("map", "", None, "auc", found.skill.auc), _row("map", "", None, "log_loss", found.skill.loss)]
    for one in found.importance:
        name = " + ".join(names[number] for number in one.factors)
        rows += [_row("importance", name, None, "auc_fall", one.auc_fall),
                 _row("importance", name, None, "log_loss_rise", one.loss_rise)]
    for one in found.relations:
        rows.append(["association", f"{names[one.first]} + {names[one.second]}", None, one.measure, one.value, None,
                     None, None, None])
    for curve in found.curves:
        name = names[curve.factor]
        at = curve.labels or [float(value) for value in curve.values]
        for place, value in enumerate(at):
            mean = Estimate(float(curve.mean[place]), float(curve.low[place]), float(curve.high[place]))
            rows.append(_row("response", name, value, "susceptibility", mean))
        observed = curve.observed
        spans = curve.labels or [f"{low:.6g} to {high:.6g}" for low, high in zip(observed.edges, observed.edges[1:])]
        for place, span in enumerate(spans):
            share = Estimate(float(observed.share[place]), float(observed.low[place]), float(observed.high[place]))
            rows.append(_row("observed", name, span, "landslide_share", share, int(observed.cells[place])))
            rows.append(["observed", name, span, "area_share", float(observed.area[place]), None, None, None, None])
    for one in found.judgements:
        rows.append(_row("plausibility", names[one.factor], f"{one.low:.6g} to {one.high:.6g}", "change", one.change,
                         text=one.verdict))
    for number, name in enumerate(names):
        lead = found.leading
        for measure, values in (("area_share", lead.share), ("raising_share", lead.raising),
                                ("mean_contribution", lead.size)):
            rows.append(["leading", name, None, measure, float(values[number]), None, None, None, None])
    return rows


def _row(part: str, factor: str, at: Any, measure: str, found: Estimate, cells: int | None = None,
         text: str | None = None) -> list[Any]:
    return [part, factor, at, measure, found.value, found.low, found.high, cells, text]
