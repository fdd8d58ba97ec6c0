"""What the panel says of a place, as HTML. Texts from files are untrusted and escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from ..model.factors.definitions import EMBEDDINGS
from ..translation import join, of_core, tr
from .steps.icons import link_colour

NEAREST_COLOUR, ALIKE_COLOUR = "#d43a1c", "#2f7fd6"  # of the marks on the map
_RAISES, _LOWERS = "#c8553d", "#3f7fb5"  # of the bars
BAR = 38  # pixels of the longest bar
NUMBER = 64  # pixels of the number beside a bar, also in large fonts
_FEW = 10  # factors that are listed at first
ALL_FACTORS = "scarp-place:all"  # address of the link that lists the others


def explanation_html(found: Any, dark: bool, every_factor: bool = False) -> str:
    """Return the whole text on a ``CellExplanation``, with all factors or the strongest."""
    if found.state == "outside":
        return _paragraph(tr("The place lies outside the map."))
    parts = [_paragraph(tr("The map has no value here.")) if found.state == "no data" else _headline(found)]
    if found.factors:
        parts.append(_factors(found, dark, every_factor))
    parts.append(_training(found))
    parts += [_neighbours(found)] if found.nearest or found.alike or found.label else []
    parts += [_small(of_core(note), dark) for note in found.notes]
    return "".join(parts)


def waiting_html(value: str, dark: bool) -> str:
    """Return the text until the answer comes; ``value`` is what the layer shows, as text."""
    head = f'<p style="font-size: large"><b>{escape(value)}</b></p>' if value else ""
    return head + _small(tr("Asking the model about this place…"), dark)


def number(value: float) -> str:
    """Return a value in at most four digits."""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}".replace("-", "−")
    if 0 < size < 0.001:
        return f"{value:.1e}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−")


def distance(metres: float) -> str:
    """Return a distance in words."""
    if metres < 1000:
        return tr("{n} m").format(n=f"{metres:.0f}")
    return tr("{n} km").format(n=f"{metres / 1000:.1f}" if metres < 100_000 else f"{metres / 1000:,.0f}")


def direction(bearing: float) -> str:
    """Return the compass direction of a bearing in degrees."""
    names = (tr("N"), tr("NE"), tr("E"), tr("SE"), tr("S"), tr("SW"), tr("W"), tr("NW"))
    return names[round(bearing / 45) % 8] if math.isfinite(bearing) else ""


def _headline(found: Any) -> str:
    value = f"{100 * found.susceptibility:.2g} %" if found.is_share else f"{found.susceptibility:.2f}"
    what = tr("share of landslide cells") if found.is_share else tr("susceptibility")
    zone = tr("zone: {name}").format(name=of_core(found.zone)) if found.zone else ""
    lines = [
        f'<p style="margin-bottom: 2px"><span style="font-size: x-large"><b>{value}</b></span> {escape(what)}'
        f"{' · <b>' + escape(zone) + '</b>' if zone else ''}</p>"
    ]
    facts = [tr("More susceptible than {n} % of the map.").format(n=f"{100 * found.rank:.0f}")]
    if math.isfinite(found.low):
        text = tr("{coverage} % interval {low} to {high}.")
        low, high = (f"{100 * one:.2g} %" if found.is_share else f"{one:.2f}" for one in (found.low, found.high))
        facts.append(text.format(coverage=f"{100 * found.coverage:.0f}", low=low, high=high))
    if math.isfinite(found.standard_error):
        facts.append(tr("Standard error {n}.").format(n=f"{found.standard_error:.2g}"))
    if math.isfinite(found.out_of_fold):
        facts.append(tr("By a model that did not see this land: {n}.").format(n=f"{found.out_of_fold:.2f}"))
    if not zone:
        facts.append(tr("No zones of this map were found."))
    return "".join(lines) + _paragraph(" ".join(facts))


def _factors(found: Any, dark: bool, every: bool) -> str:
    weighed = [one for one in found.factors if math.isfinite(one.contribution)]
    largest = max((abs(one.contribution) for one in weighed), default=0.0) or 1.0
    shown = found.factors if every or len(found.factors) <= _FEW + 2 else found.factors[:_FEW]
    rows = "".join(_row(one, largest, dark) for one in shown)
    title = tr("Factors, the strongest first") if weighed else tr("Factors")
    table = f'<table cellspacing="0" cellpadding="2" width="100%">{rows}</table>'
    said = ""
    if len(shown) < len(found.factors):
        text = tr("All {n} factors").format(n=len(found.factors))
        said = _paragraph(f'<a style="color: {link_colour(dark).name()}" href="{ALL_FACTORS}">{escape(text)}</a>')
    if found.percentiles_of:
        text = (
            tr("Per cent: the share of the training land with lower values, or of this class.")
            if found.percentiles_of == "training"
            else tr("Per cent: the share of the land of this map with lower values, or of this class.")
        )
        said += _small(text, dark)
    if math.isfinite(found.difference):
        text = tr(
            "Bars: what each factor takes from the log odds or adds to them, against typical land of this map; in all "
            "{total}."
        )
        said += _small(text.format(total=_signed(found.difference)), dark)
    return _heading(title) + table + said


def _row(factor: Any, largest: float, dark: bool) -> str:
    shown = factor.label if factor.label else f"{number(factor.value)} {factor.unit}".strip()
    if factor.name == EMBEDDINGS and math.isfinite(factor.value):
        shown = tr("{n} components").format(n=f"{factor.value:.0f}")
    warning = f' <font color="{_RAISES}">⚠</font>' if factor.outside else ""
    share = ""
    if math.isfinite(factor.percentile):
        text = tr("{n} %") if factor.label else tr("above {n} %")
        share = f" · {text.format(n=f'{100 * factor.percentile:.0f}')}"
    about = f'<font color="{_grey(dark)}">{escape(f"{shown[:60]}{share}")}</font>'
    text = f"<td>{escape(of_core(factor.title)[:60])}{warning}<br>{about}</td>"
    bar = _bar(factor.contribution, largest) if math.isfinite(factor.contribution) else ""
    return f'<tr>{text}<td width="{2 * BAR + NUMBER}">{bar}</td></tr>'


def _bar(contribution: float, largest: float) -> str:
    """Return a bar from the middle, to the left for what lowers and to the right for what raises, and its number."""
    width = max(1, round(BAR * abs(contribution) / largest))
    filled = f'<td width="{width}" bgcolor="{_RAISES if contribution > 0 else _LOWERS}"></td>'
    empty = f'<td width="{BAR - width}"></td>' if width < BAR else ""
    side = f'<td width="{BAR}"></td>'
    line = side + filled + empty if contribution > 0 else empty + filled + side
    text = f'<td width="{NUMBER}" align="right">{_signed(contribution)}</td>'
    return f'<table cellspacing="0" cellpadding="0"><tr>{line}{text}</tr></table>'


def _training(found: Any) -> str:
    like = found.likeness
    lines = [escape(of_core(found.trained_on))] if found.trained_on else []
    if like:
        index, threshold = like["dissimilarity"], like["threshold"]
        inside = index <= threshold
        text = (
            tr("Dissimilarity {index}, at most {threshold}: in the area of applicability.")
            if inside
            else tr("Dissimilarity {index}, above {threshold}: outside the area of applicability. Do not rely on it.")
        )
        line = escape(text.format(index=f"{index:.2f}", threshold=f"{threshold:.2f}"))
        lines.append(line if inside else f'<font color="{_RAISES}">{line}</font>')
        cells = tr("{n} training cells are as much like this place.")
        lines.append(escape(cells.format(n=f"{like['training_cells']:,.0f}")))
        if math.isfinite(like["expected_auc"]):
            lines.append(escape(tr("AUC to expect on such land: {n}.").format(n=f"{like['expected_auc']:.2f}")))
    outside = [one.title for one in found.factors if one.outside]
    if outside:
        text = tr("⚠ Outside the training data: {factors}.").format(factors=join(map(of_core, outside)))
        lines.append(f'<font color="{_RAISES}">{escape(text)}</font>')
    return _heading(tr("Training land")) + _paragraph("<br>".join(lines)) if lines else ""


def _neighbours(found: Any) -> str:
    lines = []
    if found.label == "landslide":
        lines.append(escape(tr("This cell was a landslide in the training.")))
    elif found.label == "stable":
        lines.append(escape(tr("This cell was stable land in the training.")))
    for title, places, colour in (
        (tr("nearest on the map"), found.nearest, NEAREST_COLOUR),
        (tr("most alike"), found.alike, ALIKE_COLOUR),
    ):
        if places:
            lines.append(f'<font color="{colour}">●</font> {escape(title)}: {_listed(places)}')
    return _heading(tr("Landslides of the training")) + _paragraph("<br>".join(lines))


def _listed(places: Sequence[Any]) -> str:
    return "; ".join(escape(_place(one)) for one in places)


def _place(one: Any) -> str:
    text = f"{distance(one.metres)} {direction(one.bearing)}".strip() if math.isfinite(one.metres) else ""
    if not math.isfinite(one.dissimilarity):
        return text
    return tr("{place} (dissimilarity {n})").format(place=text, n=f"{one.dissimilarity:.2f}")


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _heading(text: str) -> str:
    return f'<p style="margin-bottom: 1px; margin-top: 8px"><b>{escape(text)}</b></p>'


def _paragraph(html: str) -> str:
    return f'<p style="margin-top: 1px; margin-bottom: 3px">{html}</p>'


def _small(text: str, dark: bool) -> str:
    return f'<p style="margin-top: 2px; margin-bottom: 2px"><font color="{_grey(dark)}">{escape(text)}</font></p>'


def _grey(dark: bool) -> str:
    return "#a9b0b6" if dark else "#5c6370"
