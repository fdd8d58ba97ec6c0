"""The verdict on a model, its maps and their zones: one rule for logs, reports, model files, tags and layer names.

Each step adds what it knows to the evidence and passes it on: the training in the model file, a map and its zones in
their tags. What nobody knows is ``None``. Nothing is usable that was not tested on land not seen.

==============================================================  ==========
evidence                                                        verdict
==============================================================  ==========
interval of the AUC on land not seen touches 0.5                do not use
the same with too few blocks for a test: AUC below 0.6          do not use
the same with too few blocks for a test: AUC of 0.6 or more     weak
that interval lies below the AUC of slope alone                 do not use
values of the map span less than :data:`MIN_SPAN`               do not use
breaks of zones closer than the model's own noise               do not use
that interval touches the AUC of slope alone                    weak
AUC, its interval or the number of blocks unknown               weak
fewer than :data:`MIN_BLOCKS` independent blocks                weak
best epoch among the first :data:`FIRST_EPOCHS`                 weak
AUC on land not seen :data:`LARGE_DROP` below that of training  weak
less than half of the map in the area of applicability          weak
no AUC can be expected on half of the map or more               weak
AUC expected on the map's own land below 0.6                    weak
none of these                                                   usable
==============================================================  ==========
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..progress import Progress
from ..safe_json import parse_json
from .settings import MIN_BLOCKS

if TYPE_CHECKING:
    from .measures import ScopeResult

USABLE, WEAK, DO_NOT_USE = "usable", "weak", "do not use"
LEVELS = (USABLE, WEAK, DO_NOT_USE)  # from the best to the worst
NOT_FOR_USE = f" ({DO_NOT_USE})"  # what is added to the names of layers and legends
MIN_SPAN = 1.5
"""Least ratio of the odds p / (1 − p) of the 95th to those of the 5th percentile of the area. Odds, because class
weights and calibration multiply them all alike. Where log odds are normal in two classes of equal variance, a ratio of
1.5 goes with an AUC of 0.535."""
NOISE_FLOOR = 0.02
"""Standard deviation of the log odds that is taken where no ensemble tells it. Half precision (bf16) has a rounding
step of 0.004 of a number, and the log odds of a map reach 5."""
FIRST_EPOCHS = 2  # a network whose best epoch is one of these has learned little but the mean of the labels
UNTESTED_AUC = 0.6
"""Below it a model that too few blocks of land test is taken for one that has learned nothing. Models with nothing to
learn had 0.48 to 0.53 in the mean (``benchmarks/unlearnable.py``)."""
LARGE_DROP = 0.15
"""Drop of the AUC from training land to land not seen. Networks with a drop below it were ahead of slope alone on real
data; a larger one tells that the model knows its landslides by heart."""
MIN_INSIDE, MAX_BEYOND = 0.5, 0.5
"""Least share of a map in the area of applicability, and largest share on which no AUC can be expected."""
LEAST_ERROR = 0.05
"""Least error of an expected AUC. The error on a few regions held out in training is often smaller by chance
(``benchmarks/expected_auc.py``)."""
MEMORISING_KINDS = ("random_forest", "gradient_boosting")
"""Kinds that reproduce their own training cells, so that their AUC there tells nothing."""
PROBABILITY_LIMIT = 1e-6  # nearer to 0 or 1, log odds are those of this
_MAX_REASONS, _MAX_LENGTH = 10, 300  # of tags, which are untrusted
LEVEL_TAG, REASONS_TAG, EVIDENCE_TAG = "VERDICT", "VERDICT_REASONS", "VERDICT_EVIDENCE"
_OF_MODEL = ("auc", "auc_low", "auc_high", "auc_slope", "auc_train")
_NUMBERS = (*_OF_MODEL, "low_value", "high_value", "noise", "inside", "beyond", "expected_auc", "expected_error")
_COUNTS = ("blocks", "best_epoch", "epochs")


@dataclass(frozen=True)
class Verdict:
    """What may be done with a model or a map, and why."""

    level: str  # one of LEVELS
    reasons: tuple[str, ...] = ()  # complete sentences; empty for ``usable``

    @property
    def text(self) -> str:
        """The verdict in a line, for logs, cards and sheets."""
        return " ".join([f"Verdict: {self.level}.", *self.reasons])

    @property
    def suffix(self) -> str:
        """What is added to the names of layers and legends."""
        return NOT_FOR_USE if self.level == DO_NOT_USE else ""

    def card(self) -> tuple[str, str, str]:
        """Return label, value and text of the first card of a report."""
        return "Verdict", self.level, " ".join(self.reasons) or "No reason against it is known."

    def as_dict(self) -> dict[str, Any]:
        """Return it for headers and records."""
        return {"level": self.level, "reasons": list(self.reasons)}


@dataclass(frozen=True)
class Evidence:
    """What is known of a model and its map; ``None`` for what is not."""

    auc: float | None = None  # on land not seen in training, landslides against all other mapped land
    auc_low: float | None = None  # its 95 % interval
    auc_high: float | None = None
    blocks: int | None = None  # independent blocks of land behind it that hold landslides
    auc_slope: float | None = None  # of slope alone on the same land
    auc_train: float | None = None  # of the model on its training land
    best_epoch: int | None = None  # of a network, from 1
    epochs: int | None = None  # that it was trained for
    low_value: float | None = None  # 5th percentile of the map's values by area, 0 to 1
    high_value: float | None = None  # 95th percentile
    noise: float | None = None  # standard deviation of the log odds of the map, from ensemble members
    inside: float | None = None  # share of the map in the area of applicability
    beyond: float | None = None  # share of the map that is less like the training land than any land held out there
    expected_auc: float | None = None  # on the rest of the map, by how much its land is like the training land
    expected_error: float | None = None  # root mean square error of that AUC on regions held out in training
    breaks: tuple[float, ...] = ()  # upper bounds of zones but the last; empty without zones

    @classmethod
    def of_training(cls, kind: str, metrics: Mapping[str, Any], settings: Mapping[str, Any]) -> Evidence:
        """Return that of a trained model from its metrics and settings, as its file has them.

        A random split tests on the neighbours of training cells, which is no land not seen.
        """
        known: dict[str, Any] = {name: _number(metrics.get(name)) for name in _OF_MODEL}
        if settings.get("split") == "random":
            known.update(auc=None, auc_low=None, auc_high=None)
        if kind in MEMORISING_KINDS:
            known["auc_train"] = None
        known.update({name: _whole(metrics.get(name)) for name in _COUNTS})
        return cls(**known)

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> Evidence:
        """Return that of a map or of zones from their tags, which are untrusted; empty without any."""
        try:
            content = parse_json(tags.get(EVIDENCE_TAG, "{}")[:10000])
        except ValueError:
            return cls()
        if not isinstance(content, dict):
            return cls()
        breaks = content.get("breaks")
        limits = [_number(value) for value in breaks[:100]] if isinstance(breaks, list) else []
        known: dict[str, Any] = {name: _number(content.get(name)) for name in _NUMBERS}
        known.update({name: _whole(content.get(name)) for name in _COUNTS})
        return cls(**known, breaks=tuple(value for value in limits if value is not None))

    @classmethod
    def of_map(cls, tags: Mapping[str, str], results: Mapping[str, ScopeResult]) -> Evidence:
        """Return that of a map's tags, with the AUC of the test windows among results by scope, if there are any.

        A map with tags but no AUC was not tested on land not seen: its split was random, as are its windows.
        """
        known, test, train = cls.from_tags(tags), results.get("test"), results.get("train")
        if test is None or (known.auc is None and LEVEL_TAG in tags):
            return known
        low, high = (test.auc.low, test.auc.high) if test.auc.has_interval else (None, None)
        auc_train = known.auc_train if train is None else train.auc.value
        if any(kind in tags.get("MODEL_KIND", "") for kind in MEMORISING_KINDS):
            auc_train = None
        numbers: dict[str, Any] = {"auc": test.auc.value, "auc_low": low, "auc_high": high, "auc_train": auc_train}
        return dataclasses.replace(known, **numbers, blocks=test.independent_blocks)

    def of_held_out(self, whole: ScopeResult) -> Evidence:
        """Return it with the AUC of values out of fold on the whole map, and of the map itself as that of training."""
        low, high = (whole.auc.low, whole.auc.high) if whole.auc.has_interval else (None, None)
        train = self.auc_train if whole.auc_fit is None else whole.auc_fit
        numbers: dict[str, Any] = {"auc": whole.auc.value, "auc_low": low, "auc_high": high, "auc_train": train}
        return dataclasses.replace(self, **numbers, blocks=whole.independent_blocks)

    def tags(self) -> dict[str, str]:
        """Return the tags of a map or of zones: verdict, reasons and evidence."""
        verdict = judge(self)
        known = {name: value for name, value in dataclasses.asdict(self).items() if value not in (None, ())}
        reasons = {REASONS_TAG: "\n".join(verdict.reasons)} if verdict.reasons else {}
        return {LEVEL_TAG: verdict.level, **reasons, EVIDENCE_TAG: json.dumps(known)}

    @property
    def auc_text(self) -> str:
        """The AUC on land not seen as a sentence; empty if it is unknown."""
        if self.auc is None:
            return ""
        known = self.auc_low is not None and self.auc_high is not None
        interval = f" ({self.auc_low:.3f} to {self.auc_high:.3f})" if known else ""
        return f"AUC on land not seen in training: {self.auc:.3f}{interval}."

    @property
    def can_expect(self) -> bool | None:
        """Whether an AUC can be expected on the map's land; ``None`` if nothing is known of that land.

        Errors of held-out land hold in the area of applicability (Meyer and Pebesma 2021), so most of the map must be
        in it.
        """
        if self.inside is None or self.beyond is None:
            return None
        return self.expected_auc is not None and self.inside >= MIN_INSIDE and self.beyond < MAX_BEYOND

    @property
    def expected_range(self) -> tuple[float, float] | None:
        """Range of the AUC on the map's land, twice its error to both sides; ``None`` if none can be expected."""
        if self.expected_auc is None or not self.can_expect:
            return None
        reach = 2 * max(self.expected_error or 0.0, LEAST_ERROR)
        return max(0.0, self.expected_auc - reach), min(1.0, self.expected_auc + reach)

    @property
    def expectation_text(self) -> str:
        """What the map's land lets expect, in sentences; empty if it is unknown."""
        if self.inside is None or self.beyond is None:
            return ""
        text = f"Of the map {_percent(self.inside)} lies in the area of applicability of the model."
        if self.expected_range is None:
            return f"{text} No AUC can be expected."
        low, high = self.expected_range
        without = f", without {_percent(self.beyond)} of the map, where none can be" if self.beyond >= 0.005 else ""
        return f"{text} Expected AUC on this land: {self.expected_auc:.2f} ({low:.2f} to {high:.2f}){without}."

    @property
    def expectation_cards(self) -> list[tuple[str, str, str]]:
        """The same as the card of a report: label, value and text; none if it is unknown."""
        if self.can_expect is None:
            return []
        value = f"{self.expected_auc:.2f}" if self.can_expect else "none"
        return [("AUC to expect here", value, self.expectation_text)]

    @property
    def span(self) -> float | None:
        """Ratio of the odds of the 95th to those of the 5th percentile of the map."""
        if self.low_value is None or self.high_value is None:
            return None
        return math.exp(min(_log_odds(self.high_value) - _log_odds(self.low_value), 100.0))


def judge(evidence: Evidence) -> Verdict:
    """Return the verdict by the rule at the top of this module."""
    bad, weak = [], []
    low, high = evidence.auc_low, evidence.auc_high
    if evidence.auc is None:
        weak.append("No AUC on land not seen in training is known.")
    else:
        where = f"The AUC on land not seen in training is {evidence.auc:.3f}"
        if low is None or high is None:
            low = high = evidence.auc
            weak.append(f"{where}, but its interval is unknown.")
        else:
            where += f" ({low:.3f} to {high:.3f})"
        slope = evidence.auc_slope
        # The interval of a few blocks reaches over most of the possible values: it would condemn good models.
        tested = evidence.auc_low is not None and (evidence.blocks is None or evidence.blocks >= MIN_BLOCKS)
        if not tested and evidence.auc < UNTESTED_AUC:
            bad.append(f"{where}: not shown to be better than chance.")
        elif low <= 0.5:
            (bad if tested else weak).append(f"{where}: not shown to be better than chance.")
        elif slope is not None and high < slope:
            bad.append(f"{where}: slope alone is better, with {slope:.3f}.")
        elif slope is not None and low <= slope:
            weak.append(f"{where}: not shown to be better than slope alone, with {slope:.3f}.")
        if evidence.blocks is None:
            weak.append("The number of independent blocks of land behind the AUC is unknown.")
        elif evidence.blocks < MIN_BLOCKS:
            weak.append(
                f"Only {evidence.blocks} independent blocks of land hold the landslides of the test; with fewer than "
                f"{MIN_BLOCKS} its interval is no test."
            )
    if evidence.span is not None and evidence.span < MIN_SPAN:
        bad.append(
            f"The map is flat: nine tenths of its values lie between {evidence.low_value:.5g} and "
            f"{evidence.high_value:.5g}."
        )
    closest = closest_breaks(evidence.breaks)
    noise = NOISE_FLOOR if evidence.noise is None else max(evidence.noise, NOISE_FLOOR)
    if closest is not None and _distance(*closest) < noise:
        source = "the rounding of a map" if noise == NOISE_FLOOR else "the difference of its ensemble members"
        bad.append(f"The zone breaks {closest[0]:.6g} and {closest[1]:.6g} are closer together than {source}.")
    if evidence.best_epoch is not None and evidence.best_epoch <= FIRST_EPOCHS:
        of = "" if evidence.epochs is None else f" of {evidence.epochs}"
        weak.append(f"The best epoch was {evidence.best_epoch}{of}: the training made the model hardly better.")
    if evidence.auc is not None and evidence.auc_train is not None and evidence.auc_train - evidence.auc > LARGE_DROP:
        weak.append(
            f"The AUC falls from {evidence.auc_train:.3f} on training land to {evidence.auc:.3f} on land not seen."
        )
    weak += _against_this_land(evidence)
    return Verdict(DO_NOT_USE if bad else WEAK if weak else USABLE, (*bad, *weak))


def _against_this_land(evidence: Evidence) -> list[str]:
    """Return what speaks against a model on the land of a map."""
    reasons = []
    if evidence.inside is not None and evidence.inside < MIN_INSIDE:
        share = _percent(evidence.inside)
        reasons.append(
            f"Only {share} of the map lies in the area of applicability: its land is unlike that of the training."
        )
    if evidence.beyond is not None and evidence.beyond >= MAX_BEYOND:
        share = _percent(evidence.beyond)
        reasons.append(f"On {share} of the map no AUC can be expected: no land like it was held out in training.")
    elif evidence.can_expect and evidence.expected_auc is not None and evidence.expected_auc < UNTESTED_AUC:
        reasons.append(f"The AUC to expect on the land of this map is {evidence.expected_auc:.2f}.")
    return reasons


def weakest(evidence: Iterable[Evidence]) -> Evidence:
    """Return the evidence with the worst verdict, for a map that several models made; empty without any."""

    def rank(one: Evidence) -> tuple[int, float]:
        lower = one.auc_low if one.auc_low is not None else one.auc if one.auc is not None else 0.0
        return LEVELS.index(judge(one).level), -lower

    return max(evidence, key=rank, default=Evidence())


def tell(verdict: Verdict, progress: Progress, share: float) -> None:
    """Log a verdict; one not to use the result is a warning."""
    if verdict.level == DO_NOT_USE:
        progress.warn(verdict.text)
    else:
        progress.report(share, verdict.text)


def verdict_of_tags(tags: Mapping[str, str]) -> Verdict | None:
    """Return the verdict that a map or zones carry, as untrusted text of bounded length; ``None`` without one."""
    level = tags.get(LEVEL_TAG)
    if level not in LEVELS:
        return None
    lines = [line.strip()[:_MAX_LENGTH] for line in tags.get(REASONS_TAG, "").splitlines() if line.strip()]
    return Verdict(level, tuple(lines[:_MAX_REASONS]))


def closest_breaks(breaks: Sequence[float]) -> tuple[float, float] | None:
    """Return the two neighbouring breaks that are closest in log odds, ``None`` if there are no two.

    Equal breaks leave a zone empty, which is another matter, and those outside 0 to 1 are of no probability.
    """
    pairs = [(low, high) for low, high in zip(breaks, breaks[1:]) if 0 <= low < high <= 1]
    return min(pairs, key=lambda pair: _distance(*pair), default=None)


def _distance(low: float, high: float) -> float:
    return _log_odds(high) - _log_odds(low)


def _log_odds(probability: float) -> float:
    inside = min(max(probability, PROBABILITY_LIMIT), 1 - PROBABILITY_LIMIT)
    return math.log(inside / (1 - inside))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None or abs(number) > 1e9 else int(number)
