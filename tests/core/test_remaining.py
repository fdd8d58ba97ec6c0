"""The time left: right within a factor of two while the work goes on as before, none where that is not known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scarp.algorithms.base.time_left import MIN_CHANGE, MIN_ELAPSED, MIN_FRACTION, MIN_INTERVAL, ProgressEstimator
from scarp.model.progress import FEW_SECONDS


def estimates(ends) -> list[tuple[float, float]]:
    """Return time and seconds left as shown after each step; ``ends`` are the times at which equal steps end."""
    estimator = ProgressEstimator(0.0)
    shown = ((now, estimator.seconds((number + 1) / len(ends), now)) for number, now in enumerate(ends))
    return [(now, left) for now, left in shown if left is not None]


def is_right(now: float, left: float, end: float) -> bool:
    """Whether an estimate is right within a factor of two; below a few seconds no number is shown."""
    truth = end - now
    return truth / 2 <= left <= 2 * truth or max(left, truth) <= 2 * FEW_SECONDS


@pytest.mark.parametrize("length", [20.0, 120.0, 3600.0])
def test_a_constant_rate_is_seen_after_ten_seconds_and_seldom_updated(length):
    shown = estimates(np.linspace(0, length, 2001)[1:])
    assert shown[0][0] == pytest.approx(max(MIN_ELAPSED, MIN_FRACTION * length), abs=length / 1000)
    changes = [(now, left) for (now, left), (_, before) in zip(shown, [(0.0, None), *shown]) if left != before]
    assert 0 < len(changes) <= 30
    assert [left for _, left in changes] == pytest.approx([length - now for now, _ in changes], rel=0.01)
    for (before, longer), (after, shorter) in itertools.pairwise(changes):
        assert after - before >= MIN_INTERVAL - 1e-9 and shorter < longer * (1 - MIN_CHANGE) * 1.02
    assert all(is_right(now, left, length) for now, left in shown)


def test_there_is_no_estimate_at_the_start_and_at_the_end():
    assert not estimates(np.linspace(0.1, 9.9, 100))
    assert estimates(np.linspace(0.1, 12.0, 100))[-1][0] < 12.0
    early = estimates(np.linspace(0, 10_000, 1001)[1:])[0][0]
    assert early >= MIN_FRACTION * 10_000 > MIN_ELAPSED


@given(
    steps=st.integers(60, 1500),
    length=st.floats(25, 20_000),
    noise=st.floats(0, 0.4),
    slowing=st.floats(0.7, 1.5),
    warm_up=st.floats(0, 60),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_steps_of_uneven_length_give_estimates_within_a_factor_of_two(steps, length, noise, slowing, warm_up, seed):
    rng = np.random.default_rng(seed)
    each = np.linspace(1, slowing, steps) * rng.lognormal(0, noise, steps)
    ends = warm_up + length * np.cumsum(each) / each.sum()
    shown = estimates(ends)
    wrong = [now for now, left in shown if not is_right(now, left, ends[-1])]
    assert len(wrong) <= 0.05 * len(ends)


CHANGING = {
    "a slower stage": (20, 0.5, 200),
    "a quicker stage": (2000, 0.2, 100),
    "a quick beginning": (60, 0.08, 3900),
}
"""Seconds that all the work would take at the first rate, share at which it changes, the same at the second."""


@pytest.mark.parametrize("kind", CHANGING)
def test_where_the_rate_changes_the_estimate_is_withdrawn_and_comes_back_right(kind):
    first, share, second = CHANGING[kind]
    fractions = np.linspace(0, 1, 1001)[1:]
    ends = np.where(fractions <= share, first * fractions, first * share + second * (fractions - share))
    change, end = first * share, ends[-1]
    shown = dict(estimates(ends))
    after = [now for now in ends if now > change]
    # A third of the time later at most, either none or a right one.
    settled = [now for now in after if now > max(1.5 * change, MIN_ELAPSED)]
    wrong = [now for now in settled if now in shown and not is_right(now, shown[now], end)]
    assert not wrong, wrong[:5]
    assert any(now in shown for now in after if now < end) or end - change < change
