"""SCHEDULER: a Dask cluster from the Toolbox, and the messages if there is none."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import rasterio
from qgis.core import QgsProcessingException

from scarp.model.cluster import connection
from scarp.tests.core.local_cluster import local_cluster
from scarp.tests.qgis.tiny import stack_inputs


def test_a_stack_from_a_cluster_is_the_same(run, area, chain, tmp_path):
    pytest.importorskip("distributed")
    with local_cluster(2) as cluster:
        address = cluster.scheduler_address.replace("tcp://", " ")
        output = tmp_path / "stack.tif"
        run("buildfactorstack", OUTPUT=output, SCHEDULER=address, **stack_inputs(area))
    with rasterio.open(output) as got, rasterio.open(chain["stack"]) as expected:
        assert got.descriptions == expected.descriptions
        np.testing.assert_array_equal(got.read(), expected.read())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stack.tif", "stack.tif.run.json"]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "ftp://127.0.0.1:9"])
def test_a_wrong_scheduler_address_is_reported_before_any_work(run, area, tmp_path, monkeypatch, address):
    pytest.importorskip("distributed")
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT", 0.5)
    with pytest.raises(QgsProcessingException, match="no Dask scheduler.*leave SCHEDULER empty") as caught:
        run("buildfactorstack", OUTPUT=tmp_path / "stack.tif", SCHEDULER=address, **stack_inputs(area))
    assert "unexpected error" not in str(caught.value)
    assert address in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_without_the_library_the_message_says_what_to_install(run, area, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(QgsProcessingException, match="(?s)needs distributed.*SCHEDULER empty"):
        run("buildfactorstack", OUTPUT=tmp_path / "stack.tif", SCHEDULER="tcp://127.0.0.1:9", **stack_inputs(area))
    run("buildfactorstack", OUTPUT=tmp_path / "stack.tif", SCHEDULER="", **stack_inputs(area))
    assert (tmp_path / "stack.tif").is_file()
