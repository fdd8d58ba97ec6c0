"""The time left: right when the pace is even, soon right again when it changes, and seldom said anew."""

from __future__ import annotations

import pytest

from scarp.algorithms.base.feedback import MIN_CHANGE, MIN_ELAPSED, MIN_FRACTION, MIN_INTERVAL, ProgressEstimator


def run(pace, seconds: float, step: float = 0.1) -> list[tuple[float, float, float]]:
    """Return time, fraction and what was said, for a fraction given as a function of time."""
    remaining, said, now = ProgressEstimator(0.0), [], 0.0
    while now < seconds:
        now += step
        left = remaining.seconds(min(pace(now), 1.0), now)
        if left is not None:
            said.append((now, pace(now), left))
    return said


@pytest.mark.parametrize("length", [20.0, 120.0, 3600.0])
def test_a_constant_rate_gives_an_exact_estimate(length):
    said = run(lambda now: now / length, length, length / 2000)
    assert said
    for now, _, left in said:
        assert left == pytest.approx(length - now, rel=0.05, abs=0.05 * length / 20)


@pytest.mark.parametrize("length", [60.0, 600.0, 3600.0])
def test_remaining_time_is_reported_rarely(length):
    said = run(lambda now: now / length, length)
    assert len(said) <= 30
    times = [now for now, _, _ in said]
    assert all(after - before >= MIN_INTERVAL - 1e-9 for before, after in zip(times, times[1:]))
    assert all(after[2] < before[2] * (1 - MIN_CHANGE) * 1.02 for before, after in zip(said, said[1:]))


def test_nothing_is_said_early_of_what_has_hardly_begun_or_is_done():
    assert not run(lambda now: now / 10, MIN_ELAPSED - 0.1)
    assert not run(lambda now: MIN_FRACTION * 0.9, 100.0)
    assert not run(lambda now: 1.0, 100.0)


def test_a_rate_drop_between_stages_is_noticed():
    """Half the work in ten seconds, the other half in a hundred."""

    def pace(now: float) -> float:
        return now / 20 if now < 10 else 0.5 + (now - 10) / 200

    late = [(now, left) for now, _, left in run(pace, 110.0) if now > 30]
    assert late
    for now, left in late:
        assert left == pytest.approx(110 - now, rel=0.25, abs=2)


def test_a_stop_in_between_does_not_break_it():
    said = run(lambda now: min(now, 50) / 100 if now < 60 else 0.5 + (now - 60) / 100, 110.0)
    assert said
    assert all(left > 0 for _, _, left in said)


def test_a_quick_beginning_does_not_mislead():
    """A twelfth of the work in five seconds, as reading the data, and then an hour of training."""

    def pace(now: float) -> float:
        return 0.08 * now / 5 if now < 5 else 0.08 + 0.92 * (now - 5) / 3600

    said = run(pace, 600.0)
    assert said
    for now, _, left in said:
        assert left == pytest.approx(3605 - now, rel=0.3)


def test_coarse_progress_steps_give_an_estimate_too():
    said = run(lambda now: (now // 30) / 20, 600.0)
    assert said
    assert len(said) < 25
    for now, _, left in said:
        assert left == pytest.approx(600 - now, rel=0.35, abs=35)
