"""Details of an office for documents, as QGIS keeps them: those of the map in the project, others in the profile."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsSettings

from ...model.report.settings import NAMES, DocumentDetails

OF_PROJECT = ("title", "purpose", "sources", "limits")
"""Details that belong to one map; the others are those of who makes maps."""
OF_PROFILE = tuple(name for name in NAMES if name not in OF_PROJECT)
SETTINGS, SCOPE = "scarp/document/", "scarp"  # frozen: profiles and projects have them


def stored_details(project: Any) -> DocumentDetails:
    """Return the details that profile and project hold; ``project`` may be None. For the thread of the project."""
    settings = QgsSettings()
    found = {name: str(settings.value(SETTINGS + name) or "") for name in OF_PROFILE}
    if project is not None:
        found |= {name: project.readEntry(SCOPE, f"/document/{name}", "")[0] for name in OF_PROJECT}
    return DocumentDetails(**found)


def store_details(details: DocumentDetails, project: Any) -> None:
    """Keep details in the profile and in a project; the project must be saved to keep them."""
    settings = QgsSettings()
    for name in OF_PROFILE:
        settings.setValue(SETTINGS + name, getattr(details, name))
    for name in OF_PROJECT:
        text = getattr(details, name)
        if text:
            project.writeEntry(SCOPE, f"/document/{name}", text)
        else:
            project.removeEntry(SCOPE, f"/document/{name}")
