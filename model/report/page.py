"""One HTML report: headings, tables, figures and warnings in, one file out that needs nothing else.

The file carries its style and its figures (SVG, as data), loads nothing from the network, and allows no script to run.
Every text is escaped on its way into the page, so a layer or a field may have any name. Map sheets of QGIS take lengths
and texts from here too, so the module needs no library until a page is written.
"""

from __future__ import annotations

import base64
import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..languages import current_language, translated
from ..outputs.atomic import write_text
from ..outputs.run_record import scarp_version
from ..parameter_names import for_report, title_for_report
from ..progress import NullProgress, Progress, stop_if_cancelled
from ..validation.settings import ALL, REGION_PREFIX, SUBSETS, no_test_text
from .settings import DocumentDetails

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..statistics import Estimate
    from ..validation.measures import ScopeResult


HELD_OUT = "Every place is judged by a model that has not seen it."  # of numbers from out-of-fold maps


def subset_phrase(name: str) -> str:
    """Return the scope of the main numbers in words."""
    return "All of the map" if name == ALL else f"Only the {name} windows"


def scope_title(name: str) -> str:
    """Return the name of a scope for a table."""
    if name.startswith(REGION_PREFIX):
        return name[len(REGION_PREFIX) :]
    if name == ALL:
        return "All of the map"
    return f"{short_scope_title(name).capitalize()} windows" if name in SUBSETS else name


def short_scope_title(name: str) -> str:
    """Return the name of a scope for a legend."""
    return "training" if name == "train" else name


def percent(share: float, digits: int = 2) -> str:
    """Return a share as text in per cent, a dash where there is none."""
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%" if math.isfinite(share) else MISSING


def interval_text(estimate: Estimate, digits: int = 3) -> str:
    """Return an interval, a dash where there is none."""
    return f"{estimate.low:.{digits}f} – {estimate.high:.{digits}f}" if estimate.has_interval else MISSING


def interval_sentence(estimate: Estimate) -> str:
    """Return an interval as a sentence, nothing where there is none."""
    return f"95 % interval {interval_text(estimate)}. " if estimate.has_interval else ""


def blocks_text(result: ScopeResult) -> str:
    """Return how far landslides resemble each other, and in how many independent blocks of land they lie."""
    blocks = f"blocks of land {result.block_side_m:,.0f} m wide, {result.independent_blocks:,} of which hold landslides"
    text = "The variogram of the landslides shows no spatial autocorrelation. "
    if result.range_m:
        text = f"Landslides resemble each other up to {result.range_m:,.0f} m (range of spatial autocorrelation). "
        if result.block_side_m > 1.5 * result.range_m:
            text = f"{text[:-2]}, and weakly over longer distances. "
    text += f"Intervals resample {blocks} and count as independent."
    if not result.testable:
        text += f" {no_test_text(result.independent_blocks)} The intervals are too narrow."
    return text


def ratio_text(value: float) -> str:
    """Return a frequency ratio with two decimals, as all of a column must have; a smaller one as less than that."""
    if not math.isfinite(value):
        return MISSING
    return "<\N{NO-BREAK SPACE}0.01" if 0 < value < 0.005 else f"{value:.2f}"


_ROUND_SCALES = (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10)


def round_scale(denominator: float) -> int:
    """Return the denominator of the largest round scale, such as 1 : 25 000, that shows as much as a given one."""
    power = 10.0 ** math.floor(math.log10(denominator))
    return round(next(step * power for step in _ROUND_SCALES if step * power >= denominator * (1 - 1e-9)))


def round_angle(degrees: float) -> float:
    """Return the largest of some round parts of a degree, down to a second, that is not larger than ``degrees``."""
    seconds = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 18000, 36000)
    return max((step for step in seconds if step <= 3600 * degrees), default=1) / 3600


def css_colour(colour: tuple[int, int, int, int]) -> str:
    """Return red, green, blue, alpha as a colour for HTML and matplotlib."""
    return f"#{colour[0]:02x}{colour[1]:02x}{colour[2]:02x}"


def round_length(metres: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, 50 … metres that is not longer than ``metres``."""
    power = 10.0 ** math.floor(math.log10(metres))
    return max(step * power for step in (1, 2, 5) if step * power <= metres * (1 + 1e-9))


TEMPLATES = Path(__file__).parent.parent.parent / "resources" / "templates"
MISSING = "–"
_EXPONENT = re.compile(r"(?<=\d)e[+-]?\d+")


class Page:
    """A report under construction. What is added comes out in the same order.

    An empty heading, or that of the section before, continues the section.
    """

    def __init__(
        self, title: str, subtitle: str = "", progress: Progress | None = None, warnings: Sequence[str] = ()
    ) -> None:
        """Begin a page with the warnings at its top; ``progress`` is asked whether to stop whenever something is added.

        A warning given twice stands there once.
        """
        self._progress = progress or NullProgress()
        self.title, self.subtitle, self._heading = translated(title), translated(subtitle), ""
        self.warnings = list(map(for_report, dict.fromkeys(warnings)))
        self.sections: list[dict[str, Any]] = []
        self.details, self.logo = DocumentDetails(), b""  # of the office that hands it on; the logo is a PNG

    def key_numbers(self, numbers: Sequence[tuple[str, Any, str]]) -> None:
        """Add a row of large numbers: label, number (as in :meth:`table`) and an explaining sentence for each."""
        cells = [
            (translated(label), translated(format_cell(value)), for_report(text)) for label, value, text in numbers
        ]
        self._add("numbers", "", numbers=cells)

    def text(self, heading: str, *paragraphs: str) -> None:
        """Add paragraphs of plain text."""
        self._add("text", heading, paragraphs=list(map(for_report, paragraphs)))

    def table(
        self,
        heading: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
        note: str = "",
        swatches: Sequence[str] = (),
    ) -> None:
        """Add a table.

        Args:
            heading: of the section.
            rows: texts as they stand, numbers formatted by :func:`format_cell`.
            swatches: CSS colour for the first cell of each row, or none.

        Raises ``ValueError`` if a row has another length than ``columns``.
        """
        cells = [[format_cell(cell) for cell in row] for row in rows]
        for row in cells:
            if len(row) != len(columns):
                raise ValueError(f"a row of the table '{heading}' has {len(row)} cells for {len(columns)} columns")
        numeric = [bool(cells) and all(_looks_numeric(row[index]) for row in cells) for index in range(len(columns))]
        rows = [list(map(translated, row)) for row in cells]
        parts = {"columns": list(map(translated, columns)), "rows": rows, "numeric": numeric, "note": for_report(note)}
        self._add("table", heading, **parts, swatches=list(swatches) or [""] * len(cells))

    def figure(self, heading: str, figure: Figure, caption: str = "", half: bool = False) -> None:
        """Add a matplotlib figure as SVG.

        Args:
            heading: of the section.
            figure: made with ``matplotlib.figure.Figure``, never with pyplot (jobs run in worker threads).
            half: take half of the page's width; two such figures in a row stand side by side.
        """
        from .charts import svg_data, translate_texts

        translate_texts(figure)
        self._add("figure", heading, source=svg_data(figure), figure=figure, caption=for_report(caption), half=half)

    def new_page(self) -> None:
        """Begin a new page in print."""
        self._add("break", "")

    def settings(self, heading: str, values: Mapping[str, Any], note: str = "") -> None:
        """Add a compact list of settings, name and value."""
        cells = [
            (translated(title_for_report(str(name))), translated(format_cell(value))) for name, value in values.items()
        ]
        self._add("settings", heading, values=cells, note=for_report(note))

    def html(self) -> str:
        """Return the page as HTML text."""
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        options: dict[str, Any] = {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
        environment = Environment(loader=FileSystemLoader(str(TEMPLATES)), autoescape=True, **options)
        return environment.get_template("report.html").render(**self.content(), logo=data_uri(self.logo))

    def content(self) -> dict[str, Any]:
        """Return what the template of a report is filled with, beside the logo."""
        details, paragraphs = self.details, _paragraphs
        about = ((translated("Purpose"), details.purpose), (translated("Limits"), details.limits))
        version, date = scarp_version(), time.strftime("%Y-%m-%d")
        made = "The run record beside this file (.run.json) holds inputs, settings and versions."
        return {
            "title": details.title or self.title,
            "kind": self.title if details.title else "",
            "byline": details.byline,
            "subtitle": self.subtitle,
            "about": [(name, paragraphs(text)) for name, text in about if text],
            "data_sources": paragraphs(details.sources),
            "warnings": self.warnings,
            "sections": list(_with_pairs(self.sections)),
            "date": date,
            "language": current_language() or "en",
            "warnings_title": translated("Read this first"),
            "sources_title": translated("Data sources"),
            "made": translated(f"Made with Scarp {version} on {date}. {made}"),
        }

    def write(self, path: str | os.PathLike) -> None:
        """Write the page whole or not at all; raises ``OutputNotWritable`` if the file cannot be written."""
        write_text(path, self.html())

    def _add(self, kind: str, heading: str, **content: Any) -> None:
        stop_if_cancelled(self._progress)
        shown = "" if heading == self._heading else heading
        self._heading = heading or self._heading
        self.sections.append({"kind": kind, "heading": translated(shown), **content})


def data_uri(png: bytes) -> str:
    """Return a picture as text for the source of an image, empty for none."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}" if png else ""


def _with_pairs(sections: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield sections, two figures of half a page's width as one: a pair that stays together with its heading."""
    waiting = list(sections)
    while waiting:
        section = waiting.pop(0)
        if section["kind"] != "figure":
            yield section
            continue
        both = bool(section["half"] and waiting and waiting[0].get("half") and not waiting[0]["heading"])
        figures = [section, waiting.pop(0)] if both else [section]
        yield {"kind": "figures", "heading": section["heading"], "figures": figures}


def _paragraphs(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def format_cell(value: Any) -> str:
    """Return a table cell as text: whole numbers with thousands commas, others with four significant digits.

    ``None`` and NaN become a dash; texts stay as they are.
    """
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return ", ".join(format_cell(item) for item in value) or MISSING
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if math.isnan(value):
            return MISSING
        return f"{value:,.0f}" if abs(value) >= 10000 else f"{value:.4g}"
    return str(value)


def _looks_numeric(cell: str) -> bool:
    """Whether a cell reads as a number, an interval or a dash, so that its column is set flush right."""
    letters = any(character.isalpha() for character in _EXPONENT.sub("", cell))
    return cell.strip() == MISSING or (any(character.isdigit() for character in cell) and not letters)
