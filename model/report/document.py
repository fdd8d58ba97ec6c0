"""A report as a Word document (Office Open XML, ISO/IEC 29500), for offices that edit what they hand on.

It has the content of the page: headings and texts as paragraphs with styles, tables as tables, figures as pictures. The
parts are templates in ``resources/templates/document``; docs/decisions/0014-word-from-templates.md says why no library.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from ..outputs.atomic import atomic_output
from .page import TEMPLATES, Page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = TEMPLATES / "document"
TEXT_WIDTH = 9978  # twentieths of a point between the margins of an A4 page
_TWIP = 635  # English Metric Units, 914,400 to the inch, in a twentieth of a point
_LOGO = 720_000  # height of a logo in these units, 2 cm
DPI = 200
_TIME = 1980, 1, 1, 0, 0, 0  # the first that a ZIP file can state, so that the same report is the same file
_INVALID = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # characters that no XML may hold
_MANIFEST = "http://schemas.openxmlformats.org/package/2006/"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml."
_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


@dataclass(frozen=True)
class Picture:
    """A picture in the document; its name in the file follows from its number."""

    number: int
    png: bytes
    width: int  # English Metric Units
    height: int
    caption: str = ""
    description: str = ""

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"image{self.number}.png"


def write_document(page: Page, path: str | os.PathLike) -> None:
    """Write a page as a Word document, whole or not at all; raises ``OutputNotWritable`` if it cannot be written."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    options: dict[str, Any] = {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    environment = Environment(loader=FileSystemLoader(str(FOLDER)), autoescape=True, finalize=_valid, **options)
    content, pictures = _with_pictures(page)
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": _content_types(),
        "_rels/.rels": _relations({"document": ("officeDocument", "word/document.xml")}),
        "word/document.xml": environment.get_template("document.xml").render(**content),
        "word/styles.xml": (FOLDER / "styles.xml").read_text(encoding="utf-8"),
        "word/footer.xml": environment.get_template("footer.xml").render(**content),
    }
    related = {"styles": ("styles", "styles.xml"), "footer": ("footer", "footer.xml")}
    related |= {f"image{picture.number}": ("image", f"media/{picture.name}") for picture in pictures}
    parts["word/_rels/document.xml.rels"] = _relations(related)
    parts |= {f"word/media/{picture.name}": picture.png for picture in pictures}
    with atomic_output(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            item = zipfile.ZipInfo(name, _TIME)
            item.compress_type = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            archive.writestr(item, part)


def _valid(value: Any) -> Any:
    """Return a value of the template without characters that XML forbids; what a macro returned stays markup."""
    if isinstance(value, str) and _INVALID.search(value):
        return type(value)(_INVALID.sub("\ufffd", value))
    return value


def _with_pictures(page: Page) -> tuple[dict[str, Any], list[Picture]]:
    """Return the content of a page with widths of columns, and pictures in the place of figures."""
    numbers, content = count(1), page.content()
    logo = None
    if page.logo:
        from PIL import Image

        with Image.open(io.BytesIO(page.logo)) as picture:
            width = round(_LOGO * picture.width / picture.height)
        scale = min(1.0, 0.4 * TEXT_WIDTH * _TWIP / width)
        logo = Picture(next(numbers), page.logo, round(scale * width), round(scale * _LOGO), description="Logo")
    sections = list(_sections(content["sections"], numbers))
    pictures = [logo] if logo is not None else []
    for section in sections:
        pictures += section.get("images", [])
    return {**content, "sections": sections, "logo": logo}, pictures


def _sections(sections: Sequence[dict[str, Any]], numbers: Iterator[int]) -> Iterator[dict[str, Any]]:
    """Yield the sections of a document with pictures in place of figures and widths of columns."""
    for section in sections:
        kind = section["kind"]
        if kind == "figures":
            images = [_picture(one, next(numbers)) for one in section["figures"]]
            yield {**section, "images": images, "widths": [TEXT_WIDTH // 2] * 2}
        elif kind == "table":
            columns = zip(section["columns"], *section["rows"])
            yield {**section, "widths": _widths([[len(text) for text in column] for column in columns])}
        else:
            shares = {"numbers": (0.2, 0.16, 0.64), "settings": (0.35, 0.65)}.get(kind, ())
            yield {**section, "widths": [round(share * TEXT_WIDTH) for share in shares]}


def _picture(section: dict[str, Any], number: int) -> Picture:
    width = round(TEXT_WIDTH * _TWIP * (0.48 if section["half"] else 1))
    png, ratio = _png(section["figure"])
    caption = section["caption"]
    return Picture(number, png, width, round(width * ratio), caption, caption or section["heading"] or "Figure")


def _png(figure: Figure) -> tuple[bytes, float]:
    """Return a figure as PNG, and its height ÷ width."""
    from .charts import png_data

    png = png_data(figure, DPI)
    width, height = figure.get_size_inches()
    return png, float(height / width)


def _widths(lengths: Sequence[Sequence[int]]) -> list[int]:
    """Return widths of columns that share the page by the lengths of their texts, none much too narrow or wide."""
    wanted = [min(max(6, *column), 40) for column in lengths]
    return [round(TEXT_WIDTH * width / sum(wanted)) for width in wanted]


def _content_types() -> str:
    kinds = {"rels": "application/vnd.openxmlformats-package.relationships+xml", "xml": "application/xml"}
    defaults = {**kinds, "png": "image/png"}
    parts = {name: f"{_WORD}{kind}+xml" for name, kind in (("styles", "styles"), ("footer", "footer"))}
    parts["document"] = f"{_WORD}document.main+xml"
    lines = [f'<Default Extension="{end}" ContentType="{kind}"/>' for end, kind in defaults.items()]
    lines += [f'<Override PartName="/word/{name}.xml" ContentType="{kind}"/>' for name, kind in parts.items()]
    return f'{_DECLARATION}<Types xmlns="{_MANIFEST}content-types">{"".join(lines)}</Types>'


def _relations(related: dict[str, tuple[str, str]]) -> str:
    lines = [
        f'<Relationship Id="{name}" Type="{_OFFICE}{kind}" Target="{target}"/>'
        for name, (kind, target) in related.items()
    ]
    return f'{_DECLARATION}<Relationships xmlns="{_MANIFEST}relationships">{"".join(lines)}</Relationships>'
