"""The files of a report: a page for the browser, and the same as a document for Word, with the details of an office."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, field, replace

from ..progress import Progress
from .document import write_document
from .page import Page
from .settings import DocumentDetails

LOGO_SIDE = 600  # pixels along the longer side of a logo; larger ones are reduced


@dataclass(frozen=True)
class ReportFiles:
    """Where the report of a run goes, and what an office adds to it."""

    html: str | os.PathLike | None
    document: str | os.PathLike | None = None
    details: DocumentDetails = field(default_factory=DocumentDetails)
    logo: bytes = b""  # PNG

    @classmethod
    def of_run(
        cls,
        html: str | os.PathLike | None,
        document: str | os.PathLike | None,
        details: DocumentDetails | None,
        progress: Progress,
    ) -> ReportFiles:
        """Return the files of a run; a logo that cannot be read is left out with a warning."""
        details = details or DocumentDetails()
        if not details.logo:
            return cls(html, document, details)
        try:
            return cls(html, document, details, read_logo(details.logo))
        except (OSError, ValueError) as error:
            progress.warn(
                f"The logo {details.logo} cannot be read as a picture ({error}), so the documents have none. Choose a "
                "PNG or JPEG file in Plugins > Scarp > Document details…."
            )
        return cls(html, document, replace(details, logo=""))

    @property
    def wanted(self) -> bool:
        """Whether there is anything to write."""
        return self.html is not None or self.document is not None

    def write(self, page: Page) -> None:
        """Write what is wanted, each file whole or not at all; raises ``OutputNotWritable`` if one cannot be."""
        page.details, page.logo = self.details, self.logo
        if self.html is not None:
            page.write(self.html)
        if self.document is not None:
            write_document(page, self.document)


def read_logo(path: str | os.PathLike) -> bytes:
    """Return a picture as PNG of at most :data:`LOGO_SIDE` pixels a side.

    Raises OSError or ValueError if it is none.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            small = picture.convert("RGBA")
    except Image.DecompressionBombError as error:
        raise ValueError("it has too many pixels") from error
    small.thumbnail((LOGO_SIDE, LOGO_SIDE))
    stream = io.BytesIO()
    small.save(stream, format="png", optimize=True)
    return stream.getvalue()
