"""The arguments of one run, read as the core takes them."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any, TypeVar, Union

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingUtils,
    QgsProviderRegistry,
    QgsRasterLayer,
    QgsVectorLayer,
    QgsWkbTypes,
)

from ...model.errors import CrsMissing, InputCorrupt, InputMissing, LibraryMissing, ParameterInvalid
from ...model.factors.definitions import FLOW
from ...model.options import NONE, Option, Options
from ...model.report.settings import DocumentDetails, read_details
from ...model.texts import join_names
from ...model.virtual_rasters import RasterName
from ...processing_provider.dependencies import install_hint
from ...translation import tr
from .feedback import FeedbackProgress
from .gdal_files import open_quietly
from .output_files import require_output_files
from .parameters import (
    file_of,
    is_given,
    number_problem,
    output_path,
    parameter_problem,
    plain,
    require_field_of,
    rows_of,
    source_text,
    with_option_words,
)

_NO_GEOMETRY: Any = QgsWkbTypes.Type.NoGeometry
_UNKNOWN_GEOMETRY: Any = QgsWkbTypes.GeometryType.UnknownGeometry  # type: ignore[attr-defined]  # stubs of QGIS 4
Bounds = tuple[float, float, float, float]  # left, bottom, right, top
Crs = QgsCoordinateReferenceSystem
Fields = Sequence[Union[str, None]]
AnyOptions = TypeVar("AnyOptions", bound=Options)


class Arguments:
    """Reads the parameters of one run. What was left empty and has no default is None, or an empty text or list."""

    def __init__(
        self,
        algorithm: QgsProcessingAlgorithm,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        progress: FeedbackProgress,
        core: Any,
    ) -> None:
        """Keep the values; ``core`` is a ``running.core.Core``, or None while a dialog is being filled in."""
        # Not as QgsProcessingAlgorithm: the stubs call nearly all that it returns optional.
        self.algorithm: Any = algorithm
        self.parameters, self.context = with_option_words(algorithm, parameters), context
        self.progress, self.core = progress, core
        self.read: dict[str, dict[str, Any]] = {}
        """Name and checksum of each vector input that was read, for the run record."""
        self.written: dict[str, dict[str, Any]] = {}  # checksum of each vector output that was written
        self.bounds: Bounds | None = None  # of the study grid, once it is known
        self._outputs: dict[str, str | None] = {}

    def given(self, name: str) -> bool:
        """Whether the user gave a value."""
        return is_given(self.parameters.get(name))

    def is_default(self, name: str) -> bool:
        """Whether the value given is the default, as a dialog gives all of them."""
        return plain(self.parameters.get(name)) == plain(self.algorithm.parameterDefinition(name).defaultValue())

    def number(self, name: str) -> float:
        self._require_number(name)
        return float(self.algorithm.parameterAsDouble(self.parameters, name, self.context))

    def optional_number(self, name: str) -> float | None:
        has_default = self.algorithm.parameterDefinition(name).defaultValue() is not None
        return self.number(name) if self.given(name) or has_default else None

    def integer(self, name: str) -> int:
        self._require_number(name)
        return int(self.algorithm.parameterAsInt(self.parameters, name, self.context))

    def _require_number(self, name: str) -> None:
        """Raise :class:`ParameterInvalid` for a wrong number; QGIS does not check the steps of graphical models."""
        problem = number_problem(self.algorithm.parameterDefinition(name), self.parameters.get(name))
        if problem:
            raise ParameterInvalid(problem)

    def choice(self, name: str) -> str:
        """Return the word chosen from an enumeration; raises :class:`ParameterInvalid` if it has no such word.

        QGIS does not check the steps of graphical models.
        """
        problem = parameter_problem(self.algorithm.parameterDefinition(name), self.parameters, self.context)
        if problem:
            raise ParameterInvalid(problem)
        return self.algorithm.parameterAsEnumString(self.parameters, name, self.context)

    def choices(self, name: str) -> tuple[str, ...]:
        """Return the words chosen from an enumeration of which several may be; an empty list chooses :data:`NONE`."""
        problem = parameter_problem(self.algorithm.parameterDefinition(name), self.parameters, self.context)
        if problem:
            raise ParameterInvalid(problem)
        if plain(self.parameters.get(name)) == []:
            return (NONE,)
        return tuple(self.algorithm.parameterAsEnumStrings(self.parameters, name, self.context))

    def text(self, name: str) -> str:
        """Return a text without surrounding spaces."""
        return self.algorithm.parameterAsString(self.parameters, name, self.context).strip() if self.given(name) else ""

    def flag(self, name: str) -> bool:
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
        if isinstance(option.default, bool):
            return self.flag(option.parameter)
        if option.several:
            return self.choices(option.parameter)
        if option.choices is not None:
            return self.choice(option.parameter)
        if option.limits is None:
            return self.text(option.parameter) or option.default
        if option.default is None:
            value = self.optional_number(option.parameter)
            return int(value) if option.is_integer and value is not None else value
        return (self.integer if option.is_integer else self.number)(option.parameter)

    def field(self, name: str) -> str | None:
        return str(plain(self.parameters[name])) if self.given(name) else None

    def scheduler(self) -> str:
        """Return the address in SCHEDULER, empty for this computer.

        Raises:
            LibraryMissing: there is an address but not the library that a cluster needs.
        """
        address = str(plain(self.parameters["SCHEDULER"])).strip() if self.given("SCHEDULER") else ""
        packages = self.core.missing(["distributed"]) if address and self.core else []
        if packages:
            text = tr("{how_to_install}\nOr leave SCHEDULER empty to compute on this computer.")
            raise LibraryMissing(text.format(how_to_install=install_hint(packages)))
        return address

    def terrain(self) -> tuple[str, ...]:
        """Return the groups in TERRAIN.

        Raises:
            LibraryMissing: flow routing is chosen and its library is not there.
        """
        groups = self.choices("TERRAIN")
        packages = self.core.missing(["pyflwdir"]) if FLOW in groups and self.core else []
        if packages:
            text = tr("{how_to_install}\nOr leave flow out of TERRAIN: the other factors do not need it.")
            raise LibraryMissing(text.format(how_to_install=install_hint(packages)))
        return groups

    def file(self, name: str) -> str | None:
        return self.algorithm.parameterAsFile(self.parameters, name, self.context) if self.given(name) else None

    def details(self) -> DocumentDetails:
        """Return what the office adds to documents, that in the file DETAILS first; raises as :func:`read_details`."""
        path = self.file("DETAILS")
        stored: DocumentDetails = self.algorithm.stored_details
        return stored if path is None else stored.overridden_by(read_details(path))

    def files(self, name: str) -> list[str]:
        return list(self.algorithm.parameterAsFileList(self.parameters, name, self.context)) if self.given(name) else []

    def table(self, name: str) -> Any:
        value = self.parameters.get(name)
        return rows_of(value if is_given(value) else self.algorithm.parameterDefinition(name).defaultValue())

    def raster(self, name: str) -> str | None:
        if not self.given(name):
            return None
        layer = self.algorithm.parameterAsRasterLayer(self.parameters, name, self.context)
        if layer is None or not layer.isValid():
            self._require_one_variable(name, source_text(self.parameters[name], self.context))
            raise self._cannot_open(name, tr("a raster"))
        return _raster_path(layer, self.progress)

    def named_rasters(self, name: str) -> list[tuple[str, str]]:
        """Return path and layer name of each raster of a list."""
        if not self.given(name):
            return []
        layers = self.algorithm.parameterAsLayerList(self.parameters, name, self.context)
        if not layers or not all(isinstance(layer, QgsRasterLayer) and layer.isValid() for layer in layers):
            raise self._cannot_open(name, tr("rasters"))
        return [(_raster_path(layer, self.progress), layer.name()) for layer in layers]

    def is_raster(self, name: str) -> bool:
        """Whether the layer of a parameter that takes rasters and vector layers is a raster."""
        if not self.given(name):
            return False
        layer = self.algorithm.parameterAsLayer(self.parameters, name, self.context)
        if layer is None or not layer.isValid():
            raise self._cannot_open(name, tr("a layer"))
        self._require_one_variable(name, layer.source())
        return isinstance(layer, QgsRasterLayer)

    def _require_one_variable(self, name: str, source: str) -> None:
        """Raise :class:`InputCorrupt` for a file of several rasters, such as NetCDF with several variables."""
        if not os.path.isfile(source):
            return
        found = open_quietly(source)
        parts = found.GetSubDatasets() if found is not None and not found.RasterCount else []
        if parts:
            text = tr(
                '{name}: "{value}" holds several rasters ({parts}). Add the one you need to the project as a layer '
                "(Layer > Add Layer > Add Raster Layer), and choose that layer."
            )
            names = ", ".join(part.rsplit(":", 1)[-1] for part, _ in parts[:8])
            raise InputCorrupt(text.format(name=name, value=source, parts=names))

    def grid_crs(self, path: str, role: str) -> Crs:
        """Return the CRS of the study grid, to which vector layers are transformed; see :meth:`grid`."""
        return self.grid(path, role)[0]

    def grid(self, path: str, role: str, *reaches: float) -> tuple[Any, ...]:
        """Return the CRS of a raster, its :data:`Bounds`, and its bounds buffered by each of some distances in metres.

        ``role`` is what the raster is in this run, for messages.

        Raises:
            CrsMissing: the raster has none that QGIS knows; the core's other errors if it cannot be opened.
        """
        extent = self.core.call("raster_extent", path, role, reaches=list(reaches))
        self.bounds = extent.bounds
        return grid_crs(extent.crs_wkt, path, role), extent.bounds, *extent.buffered_bounds

    def exposed(self, crs: Crs) -> list[Any]:
        """Return the layers of BUILDINGS, ROADS and EXPOSURE, with the fields of their kinds where there are such."""
        from .geometry import LINE, POINT, POLYGON

        found = []
        for name, wanted in (("BUILDINGS", (POLYGON, POINT)), ("ROADS", (LINE,))):
            reader, field = self.vector(name, crs, self.bounds), f"{name}_FIELD"
            if reader is not None:
                kinds = self.field(field) if self.algorithm.parameterDefinition(field) is not None else None
                found += reader.exposed(wanted, [kinds] if kinds else [])
        for reader in self._vectors("EXPOSURE", crs):
            found += reader.exposed((POLYGON, LINE, POINT))
        return found

    def _vectors(self, name: str, crs: Crs) -> list[Any]:
        """Return a ``VectorReader`` of each layer of a list."""
        from .layers import VectorReader

        if not self.given(name):
            return []
        layers = self.algorithm.parameterAsLayerList(self.parameters, name, self.context)
        if not layers or not all(isinstance(layer, QgsVectorLayer) and layer.isValid() for layer in layers):
            raise self._cannot_open(name, tr("vector layers"))
        readers = []
        for layer in layers:
            source: Any = QgsProcessingUtils.variantToSource(layer.id(), self.context)
            common = self.context, self.progress, self.bounds, self.read, self.bounds, layer.dataProvider().crs()
            readers.append(VectorReader(source, name, source_text(layer, self.context), crs, *common))
        return readers

    def vector(self, name: str, crs: Crs, near: Bounds | None = None) -> Any:
        """Return a ``VectorReader`` of a vector input that transforms to a CRS, or None.

        Of a large layer, features beyond ``near``, bounds in that CRS, are not read.
        """
        from .layers import VectorReader

        if not self.given(name):
            return None
        source = self.algorithm.parameterAsSource(self.parameters, name, self.context)
        if source is None:
            raise self._cannot_open(name, tr("a vector layer"))
        text = source_text(self.parameters[name], self.context)
        self._warn_of_other_layers(name)
        layer = self.algorithm.parameterAsVectorLayer(self.parameters, name, self.context)
        is_collection = layer is not None and layer.geometryType() == _UNKNOWN_GEOMETRY
        file_crs = layer.dataProvider().crs() if is_collection else None
        return VectorReader(
            source, name, text, crs, self.context, self.progress, near, self.read, self.bounds, file_crs
        )

    def _warn_of_other_layers(self, name: str) -> None:
        """Warn if an input names a file with several layers, of which QGIS takes the first."""
        path = plain(self.parameters[name])
        if not isinstance(path, str) or not os.path.isfile(path):
            return
        registry: Any = QgsProviderRegistry.instance()
        layers = [
            one.name()
            for one in registry.querySublayers(path)
            if one.providerKey() == "ogr" and one.wkbType() != _NO_GEOMETRY
        ]
        if len(set(layers)) > 1:
            text = tr(
                '{name}: "{path}" holds several layers ({layers}); the first one, "{first}", is used. For another one '
                "choose it in QGIS, or write |layername= and its name after the path."
            )
            listed = join_names(layers)
            self.progress.warn(text.format(name=name, path=path, layers=listed, first=layers[0]))

    def points(self, name: str, crs: Crs, fields: Fields = ()) -> Any:
        reader = self.vector(name, crs)
        return None if reader is None else reader.points([item for item in fields if item])

    def lines(self, name: str, crs: Crs, near: Bounds | None = None) -> Any:
        reader = self.vector(name, crs, near)
        return None if reader is None else reader.lines()

    def polygons(
        self, name: str, crs: Crs, fields: Fields = (), optional_fields: Sequence[str] = (), near: Bounds | None = None
    ) -> Any:
        reader = self.vector(name, crs, near)
        if reader is None:
            return None
        return reader.polygons([*filter(None, fields), *filter(reader.has_field, optional_fields)])

    def landslides(self, name: str, crs: Crs, fields: Fields = ()) -> Any:
        """Return the points and polygons of an inventory, whichever the layer holds, or None."""
        reader = self.vector(name, crs)
        return None if reader is None else reader.landslides([item for item in fields if item])

    def table_rows(self, name: str) -> Any:
        """Return all fields of a table, or None; a file of CSV, a spreadsheet or a layer."""
        reader = self.vector(name, QgsCoordinateReferenceSystem())
        return None if reader is None else reader.table()

    def classes(self, name: str, crs: Crs, near: Bounds | None = None) -> Any:
        """Return a ``CategoricalInput`` from polygons and ``NAME_FIELD`` or from a raster, or None."""
        from ...model.factors.settings import CategoricalInput

        if not self.given(name):
            return None
        if self.is_raster(name):
            layer = self.algorithm.parameterAsLayer(self.parameters, name, self.context)
            return CategoricalInput(raster=self.raster(name), name=layer.name())
        field, reader = self.field(f"{name}_FIELD") or "", self.vector(name, crs, near)
        reader.require_class_field(field)
        polygons = reader.polygons([field])
        return CategoricalInput(polygons=polygons, field=field, name=polygons.name)

    def output(self, name: str) -> str | None:
        """Return the path of a raster, file or folder to write; None if it is not wanted.

        QGIS makes a new name for a temporary output each time it is asked, so the first one is kept.
        """
        if name not in self._outputs and self.given(name):
            is_raster = self.algorithm.parameterDefinition(name).type() == "rasterDestination"
            read = self.algorithm.parameterAsOutputLayer if is_raster else self.algorithm.parameterAsFileOutput
            self._outputs[name] = read(self.parameters, name, self.context) or None
        return self._outputs.get(name)

    def load_no_layer(self, name: str) -> None:
        """Tell QGIS that there is no layer to load of a raster that was asked for: the run left it out."""
        waiting: Any = self.context.layersToLoadOnCompletion()
        waiting.pop(self.output(name), None)
        self.context.setLayersToLoadOnCompletion(waiting)

    def check_outputs(self) -> None:
        """Raise before long work if an output would overwrite what is no result of its kind."""
        require_output_files(self.algorithm, self.parameters, self.context)

    def check_writable(self) -> None:
        """Raise before long work if an output cannot be written; layers that show it must have let go of it."""
        from ...model.outputs.atomic import check_writable

        check_writable(*self._output_paths())

    def _output_paths(self) -> list[str]:
        definitions = self.algorithm.destinationParameterDefinitions()
        paths = [output_path(self.parameters.get(definition.name())) for definition in definitions]
        return [path for path in paths if path is not None]

    def written_paths(self) -> list[str]:
        """Return the files and folders that the run writes, including a checkpoint."""
        checkpoint = self.file("CHECKPOINT") if self.algorithm.parameterDefinition("CHECKPOINT") else None
        # If its folder does not exist, the core reports it.
        if checkpoint and os.path.isdir(os.path.dirname(os.path.abspath(checkpoint))):
            return [*self._output_paths(), checkpoint]
        return self._output_paths()

    def require_field(self, layer: str, field: str, what: str) -> None:
        """Raise if a vector layer was given without the field that holds its values, or with one that it lacks.

        ``layer`` and ``field`` are names of parameters; ``what`` the values, in the language of QGIS.
        """
        if not self.given(layer) or self.is_raster(layer):
            return
        if not self.given(field):
            text = tr("{layer} is a vector layer, so {field} must name the field that holds {what}. Set {field}.")
            raise ParameterInvalid(text.format(layer=layer, field=field, what=what))
        opened = self.algorithm.parameterAsLayer(self.parameters, layer, self.context)
        require_field_of(opened.name(), layer, opened.fields(), self.field(field) or "")

    def _cannot_open(self, name: str, kind: str) -> InputMissing:
        value = plain(self.parameters.get(name))
        shown = value.name() if hasattr(value, "name") else value
        text = tr(
            '{name}: "{value}" cannot be opened as {wanted}. Check that the file or layer exists and is complete.'
        )
        return InputMissing(text.format(name=name, value=shown, wanted=kind))


def _raster_path(layer: QgsRasterLayer, progress: FeedbackProgress) -> str:
    """Return what GDAL opens for a raster layer.

    Raises:
        InputCorrupt: the layer is not one that GDAL reads.
    """
    provider = layer.dataProvider()
    if provider is None or provider.name() != "gdal":
        kind = provider.name() if provider is not None else "unknown"
        text = tr(
            'The raster layer "{layer}" is no raster file (its kind is {kind}). Save it as a GeoTIFF '
            "with Export > Save As, and use that."
        )
        raise InputCorrupt(text.format(layer=layer.name(), kind=kind))
    source = file_of(layer.source())
    if provider.crs().isValid() and layer.crs() != provider.crs():
        given, found = (crs.authid() or tr("none") for crs in (layer.crs(), provider.crs()))
        text = tr(
            'The raster layer "{layer}" has the CRS {given} in this project, but {found} in its file. Scarp uses that '
            "of the file. If that one is wrong, save the layer as a GeoTIFF in the right one (Export > Save As)."
        )
        progress.warn(text.format(layer=layer.name(), given=given, found=found))
    if not provider.crs().isValid() and layer.crs().isValid():
        return str(RasterName(source, layer.crs().authid() or layer.crs().toWkt()))
    return source


def grid_crs(wkt: str, path: str, role: str) -> Crs:
    """Return the CRS of the study grid that the core read from a raster; its path and role are for the message.

    Raises:
        CrsMissing: QGIS does not know it.
    """
    # QGIS hands out one shared object for each WKT. It belongs to the thread that asked first; once that thread has
    # ended, the object still calls itself valid but is empty, and layers are written without a CRS (QGIS 3.22 in a
    # window, where the threads of earlier runs end after 30 s).
    crs = QgsCoordinateReferenceSystem.fromWkt(wkt)
    if crs.isValid() and not crs.toWkt():
        QgsCoordinateReferenceSystem.invalidateCache()
        crs = QgsCoordinateReferenceSystem.fromWkt(wkt)
    # Setting the epoch, to none as before, makes a copy that belongs to this thread.
    crs.setCoordinateEpoch(math.nan)
    if not crs.isValid():
        text = tr(
            "QGIS does not know the coordinate reference system of the raster {path} ({role}). "
            "Reproject it with Raster > Projections > Warp (reproject)."
        )
        raise CrsMissing(text.format(path=path, role=role))
    return crs
