"""What Scarp adds to the window of QGIS: menu, install dialog, diagnostics, training dock, dialogs of the steps."""
