"""Which page the Help button of a step's dialog opens. The pages do not ship, so they are the repository's."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

METADATA = Path(__file__).resolve().parent.parent / "metadata.txt"

PAGES = {
    "createdemodata": "README.md#try-it",
    "buildfactorstack": "docs/method.md#factors",
    "checkfactors": "docs/real-data.md#kaghan-and-siran-valleys-pakistan",
    "buildbufferedlabels": "docs/method.md#labels",
    "buildsafetyfactor": "docs/method.md#safety-factor",
    "trainpcum": "docs/method.md#presets-and-training-on",
    "traincomparisonmodel": "docs/method.md#models-to-compare-with",
    "predictsusceptibility": "docs/method.md#prediction",
    "classifyzones": "docs/method.md#zones",
    "rainfallwarning": "docs/method.md#rainfall-warning",
    "validatewithpoints": "docs/method.md#validation",
    "comparemodels": "docs/method.md#comparing-maps",
    "crossvalidate": "docs/method.md#validation",
    "explainsusceptibility": "docs/method.md#explaining-a-map",
    "rerun": "README.md#the-steps",
    "factorstozones": "docs/tutorial.md",
    "chainwithcomparisons": "docs/method.md#models-to-compare-with",
    "newarea": "README.md#the-steps",
}
"""Page of the repository, with the section, by the name of the algorithm or graphical model."""


def help_page(name: str) -> str:
    """Return the address of the page on an algorithm or graphical model.

    Without one QGIS would open its own manual at a page that is not there.

    Args:
        name: of the algorithm, without the provider.
    """
    return f"{_repository()}/blob/main/{PAGES[name]}"


@lru_cache(maxsize=None)
def _repository() -> str:
    """Return the address that ``metadata.txt`` states, the only place where it is written."""
    for line in METADATA.read_text(encoding="utf-8").splitlines():
        if line.startswith("repository="):
            return line.partition("=")[2].strip().rstrip("/")
    raise ValueError(f"{METADATA} states no repository. Install the plugin anew.")
