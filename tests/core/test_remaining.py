"""The time left: exact at a constant rate, soon right again when the rate changes, and seldom updated."""

from __future__ import annotations

import pytest

from scarp.algorithms.base.feedback import MIN_CHANGE, MIN_ELAPSED, MIN_FRACTION, MIN_INTERVAL, ProgressEstimator


def estimates(fraction_at, seconds: float, step: float = 0.1) -> list[tuple[float, float]]:
    """Return time and estimate of each update, for a fraction given as a function of time."""
    estimator, shown, now = ProgressEstimator(0.0), [], 0.0
    while now < seconds:
        now += step
        left = estimator.seconds(min(fraction_at(now), 1.0), now)
        if left is not None:
            shown.append((now, left))
    return shown


@pytest.mark.parametrize("length", [20.0, 120.0, 3600.0])
def test_a_constant_rate_gives_exact_estimates_and_few_updates(length):
    shown = estimates(lambda now: now / length, length, length / 2000)
    assert 0 < len(shown) <= 30
    assert [left for _, left in shown] == pytest.approx([length - now for now, _ in shown], rel=0.01)
    for (before, longer), (after, shorter) in zip(shown, shown[1:]):
        assert after - before >= MIN_INTERVAL - 1e-9
        assert shorter < longer * (1 - MIN_CHANGE) * 1.02


def test_there_is_no_estimate_at_the_start_and_at_the_end():
    assert not estimates(lambda now: now / 10, MIN_ELAPSED - 0.1)
    assert not estimates(lambda now: MIN_FRACTION * 0.9, 100.0)
    assert not estimates(lambda now: 1.0, 100.0)


CHANGING = {
    "a slower stage": (lambda now: now / 20 if now < 10 else 0.5 + (now - 10) / 200, 110, 40),
    "a quick beginning": (lambda now: 0.08 * now / 5 if now < 5 else 0.08 + 0.92 * (now - 5) / 3600, 3605, 40),
    "a stop": (lambda now: min(now, 50) / 100 if now < 60 else 0.5 + (now - 60) / 100, 110, 90),
    "coarse steps": (lambda now: (now // 30) / 20, 600, 0),
}


@pytest.mark.parametrize("kind", CHANGING)
def test_a_changing_rate_is_followed(kind):
    fraction_at, length, settled = CHANGING[kind]
    shown = estimates(fraction_at, length)
    late = [(now, left) for now, left in shown if now > settled]
    assert late and len(shown) < 40 and all(left > 0 for _, left in shown)
    for now, left in late:
        assert left == pytest.approx(length - now, rel=0.35, abs=35 if settled == 0 else 2)
