"""What an office adds to its documents. Light: the Processing shell reads it when QGIS starts."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass

from ..errors import InputCorrupt, InputMissing
from ..options import Options, choice
from ..safe_json import is_text, read_json

MAX_LENGTH = 20_000  # characters of a text; a page has about 3,000


@dataclass(frozen=True)
class DocumentDetails:
    """Texts and logo of an office for its reports and map sheets; what is empty is left out."""

    title: str = ""
    author: str = ""
    organisation: str = ""
    logo: str = ""  # path of a picture, PNG or JPEG
    purpose: str = ""
    sources: str = ""  # of the data
    limits: str = ""  # of what the document may be used for

    @property
    def byline(self) -> str:
        """Author and organisation in one line."""
        return ", ".join(text for text in (self.author, self.organisation) if text)

    def overridden_by(self, other: DocumentDetails) -> DocumentDetails:
        """Return these details with those of another that are not empty in their place."""
        return dataclasses.replace(self, **{name: text for name, text in vars(other).items() if text})


NAMES = tuple(field.name for field in dataclasses.fields(DocumentDetails))


def read_details(path: str | os.PathLike) -> DocumentDetails:
    """Return the details in a JSON file, an object with texts by the names of the fields; all may be missing.

    A relative path of the logo is one beside the file. Raises ``InputMissing`` if the file does not exist;
    ``InputCorrupt`` if it is no such file.
    """
    if not os.path.isfile(path):
        raise InputMissing(f"The file of document details {path} does not exist. Choose another, or leave it empty.")
    known = ", ".join(NAMES)
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise InputCorrupt(
            f'The file of document details {path} cannot be read: {error}. Write it with "Save as…" of Plugins > Scarp '
            "> Document details…."
        ) from error
    if not isinstance(content, dict) or not all(is_text(text, MAX_LENGTH) for text in content.values()):
        raise InputCorrupt(f"The file of document details {path} must be a JSON object of texts, named {known}.")
    unknown = [name for name in content if name not in NAMES]
    if unknown:
        raise InputCorrupt(f'The file of document details {path} has "{unknown[0]}", which is none of {known}.')
    if content.get("logo"):
        content["logo"] = os.path.join(os.path.dirname(os.path.abspath(path)), content["logo"])
    return DocumentDetails(**{name: text.strip() for name, text in content.items()})


A4_PORTRAIT, A4_LANDSCAPE, A3_PORTRAIT, A3_LANDSCAPE = "a4_portrait", "a4_landscape", "a3_portrait", "a3_landscape"
SHEETS = {A4_PORTRAIT: (210, 297), A4_LANDSCAPE: (297, 210), A3_PORTRAIT: (297, 420), A3_LANDSCAPE: (420, 297)}
"""Width and height of a map sheet in millimetres."""


@dataclass(frozen=True)
class SheetOptions(Options):
    """How a map sheet is laid out."""

    sheet: str = choice(
        A4_PORTRAIT,
        tuple(SHEETS),
        "Format of the map sheet",
        "Paper of the map sheet, upright or broad. The scale is a round one.",
        advanced=True,
        added=True,
    )
