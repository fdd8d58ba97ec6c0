"""What the dock knows and does, without its widgets: regions, states of the steps, runs in the background."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qgis.core import QgsApplication, QgsProject
from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from ...algorithms.base.messages import in_words
from ...algorithms.base.styles import LayerGroup
from ...model.outputs.run_record import read_record
from ...model.validation.verdict import DO_NOT_USE
from ...processing_provider.provider import PROVIDER
from ...translation import join, tr
from .chain import CHECK, FIELDS, STEP, STEPS, UNITS, Call, Step, call_of
from .loading import load_results, region_group
from .parameters import call_parameters, field_of, missing_inputs, unit_of
from .regions import Region, Regions
from .runner import CANCELLED, ChainRun, Job
from .states import DONE, StepState, next_step
from .texts import missing_text, titles, verdict_word
from .watcher import Watcher

SETTLE_MS = 250  # milliseconds after a change of layers or files until the states are looked for
_SHARES = {"buildfactorstack": 0.8, "predictsusceptibility": 0.8}  # of the progress line of a step with two calls


class Control(QObject):
    """The state of the dock; its signals arrive in the thread of the window."""

    changed = pyqtSignal()  # regions, states or layers: draw everything again
    progressed = pyqtSignal(str, float, str)  # step that runs, its share that is done, what is done now
    step_started = pyqtSignal(str)
    said = pyqtSignal(str)  # a message for the user

    def __init__(self, project: QgsProject, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.regions = Regions(project, self)
        self.watcher = Watcher(self)
        self.states: dict[str, StepState] = {}
        self.run: ChainRun | None = None
        self.run_region: Region | None = None
        self.logs: dict[tuple[str, str], str] = {}  # HTML by region and step
        self._groups: dict[str, LayerGroup] = {}
        self._labels: dict[str, dict[str, str]] = {}  # of parameters, by algorithm
        self._all = False
        self._last_words = ""  # what is to be said when the run has ended
        self._timer = QTimer(self, singleShot=True, interval=SETTLE_MS, timeout=self.look)
        self.watcher.found.connect(self._found)
        self.regions.changed.connect(self._region_changed)
        project.layersAdded.connect(self._layers_changed)
        project.layersRemoved.connect(self._layers_changed)
        self._project: Any = project

    def shut_down(self) -> None:
        """Cancel what runs and let go of the project, before the dock goes."""
        self.cancel()
        self._timer.stop()
        self._project.layersAdded.disconnect(self._layers_changed)
        self._project.layersRemoved.disconnect(self._layers_changed)
        self.regions.disconnect_project()

    @property
    def region(self) -> Region:
        """The region that is shown."""
        return self.regions.current

    def state(self, step: str) -> StepState:
        """Return what is known of a step of the region that is shown."""
        return self.states.get(step, StepState())

    def algorithm(self, name: str) -> Any:
        """Return an algorithm as the registry has it, for its labels; do not run or keep it."""
        # The provider finds it by its name; the registry would go through those of all providers.
        registry: Any = QgsApplication.processingRegistry()
        return registry.providerById(PROVIDER).algorithm(name)

    def labels(self, algorithm: str) -> dict[str, str]:
        """Return the label of each parameter of an algorithm, in the language of QGIS."""
        if algorithm not in self._labels:
            definitions = self.algorithm(algorithm).parameterDefinitions()
            self._labels[algorithm] = {one.name(): one.description() for one in definitions}
        return self._labels[algorithm]

    def in_words(self, step: str, texts: Sequence[str]) -> list[str]:
        """Return texts of a step's records with labels in the place of names of parameters."""
        algorithm = self.algorithm(self.region.calls(step)[-1].algorithm)
        return [in_words(algorithm, text) for text in texts]

    def recorded(self, step: str, number: int) -> Mapping[str, Any]:
        """Return the parameters of the last run of a call; empty without one."""
        known = self.state(step).parameters
        return known[number] if number < len(known) else {}

    def fields(self) -> dict[str, str]:
        """Return the field or unit that is used for each parameter of one."""
        layers, found = self.regions.layers(self.region), {}
        for name in {**FIELDS, **UNITS}:
            call = call_of(name)
            step = next(step for step in STEPS if call in step.calls)
            recorded = self.recorded(step.name, step.calls.index(call))
            for one in FIELDS.get(name, ()):
                found[one] = field_of(one, layers.get(name), self.region, recorded, name)
            if name in UNITS:
                found[UNITS[name]] = unit_of(UNITS[name], layers.get(name), self.region, recorded, name)
        return found

    def choose_layer(self, name: str, key: str) -> None:
        """Take another layer for an input; empty for none."""
        self.region.layers[name] = key
        self._save_choice()

    def choose_field(self, parameter: str, field: str) -> None:
        """Take another field or unit of a layer; empty for no field."""
        self.region.fields[parameter] = field
        self._save_choice()

    def choose_kind(self, choosing: bool) -> None:
        """Have the kind of model chosen from the data, or train PCUM."""
        if choosing != self.region.choosing:
            self.region.choosing = choosing
            self._save_choice()

    def missing(self, step: str) -> str:
        """Return why a step cannot run yet; empty if it can."""
        before = [name for name in STEP[step].needs if not self.state(name).has_results]
        if before:
            names = titles()
            return tr("Run these steps first: {steps}.").format(steps=join(names[name] for name in before))
        return self._missing_layers(STEP[step])

    def look(self) -> None:
        """Look for the states of the steps of the region that is shown, in another thread."""
        self.watcher.request(self.region, self.regions.plan(self.region))

    def look_soon(self) -> None:
        """The same a moment later, once for many changes."""
        self._timer.start()

    def run_steps(self, names: Sequence[str], everything: bool = False) -> bool:
        """Run some steps in the background; return whether they were started. ``everything`` is for *Run all*."""
        if self.run is not None or not names:
            return False
        region, steps = self.region, [STEP[name] for name in names]
        problem = next(filter(None, map(self._missing_layers, steps)), "") or self._make_folder(region)
        if problem:
            self.said.emit(problem)
            return False
        self.regions.settle(region, self._recorded_inputs())
        jobs = [job for step in steps for job in self._jobs(region, step)]
        run = self.run = ChainRun(jobs, self._project, self, self._finish)
        self.run_region, self._all, self._last_words = region, everything, ""
        run.progressed.connect(self.progressed)
        run.step_started.connect(self._step_started)
        run.step_done.connect(self._step_done)
        run.step_failed.connect(self._step_failed)
        run.ended.connect(self._ended)
        self.said.emit("")
        self.changed.emit()
        run.start()
        return True

    def steps_to_run(self) -> list[str]:
        """Return the steps that are not done, and those that read what these will write."""
        found: list[str] = []
        for step in STEPS:
            if self.state(step.name).state != DONE or set(step.needs) & set(found):
                found.append(step.name)
        return found

    def cancel(self) -> None:
        """Stop what runs; results of steps and parts of steps that are done stay."""
        if self.run is not None:
            self.run.cancel()

    def dialog_values(self, step: str, number: int) -> dict[str, Any]:
        """Return the parameters with which the dialog of a call is filled."""
        region = self.region
        call = region.calls(step)[number]
        self._make_folder(region)
        return self._parameters(region, call, self.algorithm(call.algorithm), self.recorded(step, number), load=False)

    def adopt(self, region: Region, step: str, number: int, results: Mapping[str, Any]) -> None:
        """Take over what a run from the dialog of a call has used and where it has written."""
        call = region.calls(step)[number]
        if region not in self.regions.regions:
            return
        self.regions.settle(region, self._recorded_inputs())
        for name, key in call.outputs.items():
            path = str(results.get(name) or "")
            if key in region.files or (os.path.isfile(path) and path != self.regions.file(region, key)):
                region.files[key] = path
        try:
            parameters = read_record(self.regions.file(region, call.main_file))["call"]["parameters"]
        except (OSError, ValueError, LookupError, TypeError):
            parameters = {}
        self.regions.adopt(region, call, parameters)
        self.regions.succeed(region, step)
        self.look()

    def _jobs(self, region: Region, step: Step) -> list[Job]:
        jobs, begin = [], 0.0
        calls = region.calls(step.name)
        for number, call in enumerate(calls):
            last = number == len(calls) - 1
            end = 1.0 if last else _SHARES.get(call.algorithm, 1 / len(calls))
            recorded = self.recorded(step.name, number)

            def values(algorithm: Any, call: Call = call, recorded: Mapping[str, Any] = recorded) -> dict[str, Any]:
                return self._parameters(region, call, algorithm, recorded)

            jobs.append(Job(step.name, call.algorithm, (begin, end), values, last))
            begin = end
        return jobs

    def _parameters(
        self, region: Region, call: Call, algorithm: Any, recorded: Mapping[str, Any], load: bool = True
    ) -> dict[str, Any]:
        return call_parameters(self.regions, region, call, algorithm, recorded, load)

    def _missing_layers(self, step: Step) -> str:
        labels = [
            label
            for number, call in enumerate(self.region.calls(step.name))
            for label in missing_inputs(
                self.regions, self.region, call, self.algorithm(call.algorithm), self.recorded(step.name, number)
            )
        ]
        return missing_text(labels) if labels else ""

    def _recorded_inputs(self) -> set[str]:
        known = [values for state in self.states.values() for values in state.parameters]
        return {name for values in known for name, value in values.items() if value is not None}

    def _make_folder(self, region: Region) -> str:
        folder = self.regions.folder(region)
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            text = tr("The folder {folder} cannot be made ({reason}). Choose another folder for the region.")
            return text.format(folder=folder, reason=error.strerror or error)
        return ""

    def _step_started(self, step: str) -> None:
        if self.run_region is self.region:
            self.step_started.emit(step)
        self.changed.emit()

    def _finish(self, job: Job, results: Mapping[str, Any], context: Any, feedback: Any) -> Iterator[None]:
        """Load the layers of a call, with pauses in which the window can draw."""
        region = self.run_region
        if region is None or region not in self.regions.regions:
            # The project was closed meanwhile; the files stay.
            self.cancel()
            return
        now = region_group(region.name)
        group = self._groups.setdefault(region.name, now)
        group.name, group.about = now.name, now.about
        failed: list[str] = []
        for _ in load_results(context, feedback, group, failed):
            yield
            if region not in self.regions.regions:
                self.cancel()
                return
        if failed:
            self._last_words = tr("These results could not be opened: {files}").format(files=join(failed))
        errors = results.get("ERRORS") or 0
        if job.step == CHECK and errors and self._all and self.run is not None:
            self.run.stop_after_this()
            text = tr("Stopped after the check, which found what to fix first ({n}). Fix it, or go on with Next.")
            self._last_words = text.format(n=errors)

    def _step_done(self, step: str) -> None:
        if self.run_region in self.regions.regions and self.run_region is not None:
            self.regions.succeed(self.run_region, step)
            self.look()

    def _step_failed(self, step: str, reason: str) -> None:
        if self.run_region in self.regions.regions and self.run_region is not None:
            self.regions.fail(self.run_region, step, reason)

    def _ended(self, how: str) -> None:
        run, region = self.run, self.run_region
        self.run, self.run_region = None, None
        if run is not None and region is not None:
            self.logs.update({(region.name, step): log for step, log in run.logs.items()})
            run.deleteLater()
        if how == CANCELLED:
            self._last_words = tr("Cancelled. What was done before is kept.")
        elif how:
            text = tr('"{step}" failed. Its page says why; the steps before it are kept.')
            self._last_words = text.format(step=titles()[how])
        self.said.emit(self._last_words)
        self.look()
        self.changed.emit()

    def _found(self, region: Any, states: dict[str, StepState]) -> None:
        if region is not self.region or states == self.states:
            return
        self.states = states
        self.changed.emit()

    def _region_changed(self) -> None:
        self.states = {}
        self.said.emit("")
        if self.run is not None and self.run_region not in self.regions.regions:
            self.cancel()
        self.changed.emit()
        self.look()

    def _layers_changed(self, *_: Any) -> None:
        self.regions.forget_layers()
        self.changed.emit()
        self.look_soon()

    def _save_choice(self) -> None:
        self.regions.save()
        self.changed.emit()
        self.look_soon()


def advice(control: Control) -> str:
    """Return what to do next, in a sentence."""
    step = next_step(control.states)
    if not control.states:
        return ""
    if not step:
        worst = control.state("validate").verdict
        if worst == DO_NOT_USE:
            return tr("All steps are done, but the verdict is: {level}.").format(level=verdict_word(worst))
        return tr("All steps are done and up to date.")
    return control.missing(step)
