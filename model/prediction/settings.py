"""Options of a prediction; importable without torch, so that the shell can declare its parameters."""

from __future__ import annotations

from dataclasses import dataclass

from .. import options
from ..options import number

_TILE_HELP = "Side of the tiles. 0 chooses it by the available memory. It changes speed and memory, not the map."
_SAMPLES_HELP = (
    "How often each cell is computed with part of the network switched off at random (Monte Carlo dropout). The spread "
    "shows how certain the model is. 0: none; 20 is a reasonable number and takes 20 times as long."
)


@dataclass(frozen=True)
class PredictionOptions(options.Options):
    """How a map is computed; see ``predict_susceptibility``."""

    tile: int = number(0, 0, 16384, "Tile size (cells)", _TILE_HELP, advanced=True)
    device: str = options.device()
    precision: str = options.precision()
    samples: int = number(0, 0, 1000, "Samples for uncertainty", _SAMPLES_HELP, advanced=True)
    scheduler: str = options.scheduler()
    region: str = options.text(
        "",
        "Region",
        "Name of the region that the map shows, for work on several regions. It is stored in the maps, and the tables "
        "of the next steps get a column with it. Leave it empty for a single map.",
    )
