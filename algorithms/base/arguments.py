"""The coordinate reference system of the study grid, as QGIS knows it.
The values of one run, read as the core takes them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any, TypeVar

from qgis.core import QgsCoordinateReferenceSystem, QgsProcessingAlgorithm, QgsProcessingContext, QgsRasterLayer

from ...model.errors import CrsMissing, InputMissing, LibraryMissing, ParameterInvalid
from ...model.options import Option, Options
from ...processing_provider.dependencies import how_to_install
from ...translation import tr
from .feedback import FeedbackProgress
from .outputs import require_distinct_outputs, require_suffix
from .values import is_given, number_problem, output_path, plain, require_field_of, rows_of, source_text


def grid_crs(wkt: str, path: str, role: str) -> QgsCoordinateReferenceSystem:
    """Return the CRS of the study grid, as the core read it from the raster.

    Args:
        wkt: the CRS in the words of the core.
        path: of the raster, for the message.
        role: what the raster is in this run.

    Raises:
        CrsMissing: QGIS does not know it.
    """
    crs = _own_crs(wkt)
    if not crs.isValid():
        raise CrsMissing(
            tr(
                "QGIS does not know the coordinate reference system of the raster {path} ({role}). "
                "Reproject it with Raster > Projections > Warp (reproject)."
            ).format(path=path, role=role)
        )
    return crs


def _own_crs(wkt: str) -> QgsCoordinateReferenceSystem:
    """Return a CRS that no other thread can take away.

    QGIS hands the same object to all who ask for the same text. It belongs to the thread that asked first, and when
    that thread ends the object goes on calling itself valid, but has no content any more: layers are then written
    without a CRS (seen on QGIS 3.22 in a window, where the threads of earlier runs end after 30 s).
    """
    crs = QgsCoordinateReferenceSystem.fromWkt(wkt)
    if crs.isValid() and not crs.toWkt():
        QgsCoordinateReferenceSystem.invalidateCache()
        crs = QgsCoordinateReferenceSystem.fromWkt(wkt)
    # Setting the epoch, here to none as it was, makes a copy that belongs to this thread.
    crs.setCoordinateEpoch(math.nan)
    return crs


Bounds = tuple[float, float, float, float]
AnyOptions = TypeVar("AnyOptions", bound=Options)


class Arguments:
    """Reads the parameters of one run."""

    def __init__(
        self,
        algorithm: QgsProcessingAlgorithm,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        progress: FeedbackProgress,
        core: Any,
    ) -> None:
        """Keep what a run was given.

        Args:
            algorithm: whose parameters they are.
            parameters: values by name.
            context: of the run.
            progress: where the core reports to.
            core: the way to the core, a ``running.core.Core``.
        """
        self.algorithm = algorithm
        self.parameters = parameters
        self.context = context
        self.progress = progress
        self.core = core
        self.read: dict[str, dict[str, Any]] = {}
        """What was read of each vector input, for the run record."""
        self.written: dict[str, dict[str, Any]] = {}
        """What was written to each vector output."""
        self._bounds: Bounds | None = None
        """Of the grid that vector layers are brought onto, once it is known."""

    def given(self, name: str) -> bool:
        """Whether the user gave a value."""
        return is_given(self.parameters.get(name))

    def number(self, name: str) -> float:
        """Return a number."""
        self._require_number(name)
        return float(self.algorithm.parameterAsDouble(self.parameters, name, self.context))

    def optional_number(self, name: str) -> float | None:
        """Return a number, or None when it was left empty and has no default."""
        if self.given(name) or self.algorithm.parameterDefinition(name).defaultValue() is not None:
            return self.number(name)
        return None

    def integer(self, name: str) -> int:
        """Return a whole number."""
        self._require_number(name)
        return int(self.algorithm.parameterAsInt(self.parameters, name, self.context))

    def _require_number(self, name: str) -> None:
        """Raise :class:`ParameterInvalid` for what QGIS makes some number of; the steps of models are not checked."""
        problem = number_problem(self.algorithm.parameterDefinition(name), self.parameters.get(name))
        if problem:
            raise ParameterInvalid(problem)

    def choice(self, name: str) -> str:
        """Return a word of an enumeration."""
        return self.algorithm.parameterAsEnumString(self.parameters, name, self.context)

    def text(self, name: str) -> str:
        """Return a text without blanks around it, empty when it was left empty."""
        return self.algorithm.parameterAsString(self.parameters, name, self.context).strip() if self.given(name) else ""

    def flag(self, name: str) -> bool:
        """Return yes or no."""
        return bool(self.algorithm.parameterAsBoolean(self.parameters, name, self.context))

    def options(self, kind: type[AnyOptions], **given: Any) -> AnyOptions:
        """Return the options of a run: those declared as parameters, read by type, and ``given`` ones.

        Raises:
            ParameterInvalid: a value is out of its limits.
        """
        declared = {definition.name() for definition in self.algorithm.parameterDefinitions()}
        for option in kind.options():
            if option.name not in given and option.parameter in declared:
                given[option.name] = self.option(option)
        return kind(**given)

    def option(self, option: Option) -> Any:
        """Return the value of one option's parameter."""
        if isinstance(option.default, bool):
            return self.flag(option.parameter)
        if option.choices is not None:
            return self.choice(option.parameter)
        if option.limits is None:
            return self.text(option.parameter)
        return (self.integer if option.is_integer else self.number)(option.parameter)

    def field(self, name: str) -> str | None:
        """Return the name of a field, or None."""
        return str(plain(self.parameters[name])) if self.given(name) else None

    def scheduler(self) -> str:
        """Return the address in SCHEDULER, empty for this computer.

        Raises:
            LibraryMissing: there is an address but not the library that a cluster needs.
        """
        address = str(plain(self.parameters["SCHEDULER"])).strip() if self.given("SCHEDULER") else ""
        missing_packages = self.core.missing(["distributed"]) if address else []
        if missing_packages:
            raise LibraryMissing(
                tr("{how_to_install}\nOr leave SCHEDULER empty to compute on this computer.").format(
                    how_to_install=how_to_install(missing_packages)
                )
            )
        return address

    def file(self, name: str) -> str | None:
        """Return the path of an input file, or None."""
        return self.algorithm.parameterAsFile(self.parameters, name, self.context) if self.given(name) else None

    def files(self, name: str) -> list[str]:
        """Return the paths of a list of input files."""
        return list(self.algorithm.parameterAsFileList(self.parameters, name, self.context)) if self.given(name) else []

    def table(self, name: str) -> Any:
        """Return a table as text or a flat list; its default when it was left empty."""
        value = self.parameters.get(name)
        return rows_of(value if is_given(value) else self.algorithm.parameterDefinition(name).defaultValue())

    def raster(self, name: str) -> str | None:
        """Return the path of a raster, or None when it was left empty."""
        from .layers import raster_path

        if not self.given(name):
            return None
        layer = self.algorithm.parameterAsRasterLayer(self.parameters, name, self.context)
        if layer is None or not layer.isValid():
            raise self._cannot_open(name, tr("a raster"))
        return raster_path(layer, self.progress)

    def named_rasters(self, name: str) -> list[tuple[str, str]]:
        """Return path and layer name of each raster of a list."""
        from .layers import raster_path

        if not self.given(name):
            return []
        layers = self.algorithm.parameterAsLayerList(self.parameters, name, self.context)
        for layer in layers:
            if not isinstance(layer, QgsRasterLayer) or not layer.isValid():
                raise self._cannot_open(name, tr("rasters"))
        if not layers:
            raise self._cannot_open(name, tr("rasters"))
        return [(raster_path(layer, self.progress), layer.name()) for layer in layers]

    def is_raster(self, name: str) -> bool:
        """Whether the layer given for a parameter that takes both is a raster."""
        if not self.given(name):
            return False
        layer = self.algorithm.parameterAsLayer(self.parameters, name, self.context)
        if layer is None or not layer.isValid():
            raise self._cannot_open(name, tr("a layer"))
        return isinstance(layer, QgsRasterLayer)

    def grid_crs(self, path: str, role: str) -> QgsCoordinateReferenceSystem:
        """Return the CRS that vector layers are brought into, as the core reads it from a raster."""
        return self.grid(path, role)[0]

    def grid(self, path: str, role: str, *reaches: float) -> tuple[Any, ...]:
        """Return the CRS of a raster, its bounds, and its bounds grown by each of some distances.

        Args:
            path: of the raster.
            role: what it is in this run, for messages.
            reaches: metres.

        Returns:
            A ``QgsCoordinateReferenceSystem``, then left, bottom, right, top in it as often as asked for.

        Raises:
            CrsMissing: the raster has none that QGIS knows; the core's other errors when it cannot be opened.
        """
        extent = self.core.call("raster_extent", path, role, reaches=list(reaches))
        self._bounds = extent.bounds
        return grid_crs(extent.crs_wkt, path, role), extent.bounds, *extent.buffered_bounds

    def vector(self, name: str, crs: QgsCoordinateReferenceSystem, near: Bounds | None = None) -> Any:
        """Return a ``VectorReader`` for a vector input, or None when it was left empty.

        Args:
            name: of the parameter.
            crs: what the layer is brought into.
            near: left, bottom, right, top in ``crs``; of a large layer, features beyond are not read.
        """
        from .layers import VectorReader

        if not self.given(name):
            return None
        source = self.algorithm.parameterAsSource(self.parameters, name, self.context)
        if source is None:
            raise self._cannot_open(name, tr("a vector layer"))
        return VectorReader(
            source,
            name,
            source_text(self.parameters[name], self.context),
            crs,
            self.context,
            self.progress,
            near,
            self.read,
            self._bounds,
        )

    def points(self, name: str, crs: QgsCoordinateReferenceSystem, fields: Sequence[str | None] = ()) -> Any:
        """Return points, or None when the input was left empty."""
        reader = self.vector(name, crs)
        return None if reader is None else reader.points([item for item in fields if item])

    def lines(self, name: str, crs: QgsCoordinateReferenceSystem, near: Bounds | None = None) -> Any:
        """Return lines, or None when the input was left empty."""
        reader = self.vector(name, crs, near)
        return None if reader is None else reader.lines()

    def polygons(
        self,
        name: str,
        crs: QgsCoordinateReferenceSystem,
        fields: Sequence[str | None] = (),
        optional_fields: Sequence[str] = (),
        near: Bounds | None = None,
    ) -> Any:
        """Return polygons, or None when the input was left empty."""
        reader = self.vector(name, crs, near)
        if reader is None:
            return None
        return reader.polygons(
            [item for item in fields if item] + [item for item in optional_fields if reader.has_field(item)]
        )

    def points_or_polygons(
        self, name: str, crs: QgsCoordinateReferenceSystem, fields: Sequence[str | None] = ()
    ) -> Any:
        """Return points or polygons, whichever the layer holds, or None when the input was left empty."""
        from .layers import POINT, POLYGON

        reader = self.vector(name, crs)
        if reader is None:
            return None
        reader.require_kind(POINT, POLYGON)
        wanted = [item for item in fields if item]
        return reader.polygons(wanted) if reader.geometry_type == POLYGON else reader.points(wanted)

    def classes(self, name: str, crs: QgsCoordinateReferenceSystem, near: Bounds | None = None) -> Any:
        """Return a ``CategoricalInput`` from polygons and ``NAME_FIELD`` or from a raster; None when left empty."""
        from ...model.factors.sources import CategoricalInput

        if not self.given(name):
            return None
        if self.is_raster(name):
            layer = self.algorithm.parameterAsLayer(self.parameters, name, self.context)
            return CategoricalInput(raster=self.raster(name), name=layer.name())
        field = self.field(f"{name}_FIELD")
        polygons = self.polygons(name, crs, [field], near=near)
        return CategoricalInput(polygons=polygons, field=field, name=polygons.name)

    def output(self, name: str) -> str | None:
        """Return the path of a raster, file or folder to write; None when it is not wanted."""
        definition = self.algorithm.parameterDefinition(name)
        if not self.given(name):
            return None
        if definition.type() == "rasterDestination":
            return self.algorithm.parameterAsOutputLayer(self.parameters, name, self.context) or None
        return self.algorithm.parameterAsFileOutput(self.parameters, name, self.context) or None

    def check_outputs(self) -> None:
        """Raise before long work when an output file could not be made, or would take the place of another file."""
        from ...model.outputs.atomic import check_writable

        require_distinct_outputs(self.algorithm, self.parameters, self.context)
        for definition in self.algorithm.destinationParameterDefinitions():
            path = output_path(self.parameters.get(definition.name()))
            if path is not None:
                require_suffix(definition, path)
                check_writable(path)

    def written_paths(self) -> list[str]:
        """Return the files and folders that the run writes, a checkpoint among them."""
        places = [
            output_path(self.parameters.get(definition.name()))
            for definition in self.algorithm.destinationParameterDefinitions()
        ]
        known = self.algorithm.parameterDefinition("CHECKPOINT") is not None
        checkpoint = self.file("CHECKPOINT") if known else None
        # Where there is no folder, the core will say so.
        if checkpoint and os.path.isdir(os.path.dirname(os.path.abspath(checkpoint))):
            places.append(checkpoint)
        return [place for place in places if place is not None]

    def require_field(self, layer: str, field: str, what: str) -> None:
        """Raise when a polygon or point layer was given without the field that holds its values, or with one not in it.

        Args:
            layer: name of the parameter.
            field: name of the parameter of its field.
            what: the values, for the message, in the language of QGIS.
        """
        if not self.given(layer) or self.is_raster(layer):
            return
        if not self.given(field):
            raise ParameterInvalid(
                tr("{layer} is a vector layer, so {field} must name the field that holds {what}. Set {field}.").format(
                    layer=layer, field=field, what=what
                )
            )
        opened = self.algorithm.parameterAsLayer(self.parameters, layer, self.context)
        require_field_of(opened.name(), layer, opened.fields(), self.field(field) or "")

    def _cannot_open(self, name: str, kind: str) -> InputMissing:
        value = plain(self.parameters.get(name))
        shown = value.name() if hasattr(value, "name") else value
        return InputMissing(
            tr(
                '{name}: "{value}" cannot be opened as {wanted}. Check that the file or layer exists and is whole.'
            ).format(name=name, value=shown, wanted=kind)
        )
