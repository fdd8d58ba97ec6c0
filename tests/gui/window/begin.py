"""What QGIS runs when its window starts: the scenario named in ``SCARP_GUI_SCENARIO``, found through PYTHONPATH."""

import importlib
import json
import os
import traceback
from pathlib import Path

try:
    importlib.import_module(os.environ["SCARP_GUI_SCENARIO"])
except BaseException:
    # QGIS would only show a message and wait forever.
    Path(os.environ["SCARP_GUI_FOLDER"], "result.json").write_text(
        json.dumps({"error": traceback.format_exc(), "found": {}, "pictures": []}), encoding="utf-8"
    )
    os._exit(1)
