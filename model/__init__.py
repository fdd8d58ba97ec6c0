"""The core of Scarp: landslide susceptibility with a physics-constrained U-Net.

The core stands on torch, numpy, rasterio, scikit-learn and safetensors and never imports QGIS, so that it also runs
in a worker process, on a server or in a plain Python session. The stages follow the way of the data::

    inputs > grid > factors > stack > labels > safety > windows > networks, loss > training > artifact
           > prediction > zones > validation > warning, comparison > report > checks > explanation

A stage imports only earlier ones. ``jobs`` joins stages into what one Processing algorithm asks for.
"""
