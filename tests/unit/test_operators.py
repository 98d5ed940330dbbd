"""The operators' queue against queueing theory, and the law of handling times against its own moments."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.engine.operators import HandlingTime, Operators
from sim.supervision_document import Handling

CALLS = 200_000


def handling(**changes: object) -> HandlingTime:
    document = {"mean_s": 120, "sd_s": 90, "status": "assumed", "source": "test"} | changes
    return HandlingTime(Handling.model_validate(document))


def mean_queue_s(operators: int, law: HandlingTime, *, utilisation: float) -> float:
    """Return the mean wait of Poisson calls that keep the operators busy for this share of the time."""
    rng = np.random.default_rng(7)
    queue, now, waits = Operators(operators), 0.0, 0.0
    for _ in range(CALLS):
        now += float(rng.exponential(law.mean_s / operators / utilisation))
        waits += queue.call(now, law.draw(rng)).begin_s - now
    return waits / CALLS


def erlang_c_wait_s(operators: int, mean_s: float, utilisation: float) -> float:
    load = operators * utilisation
    terms = [load**k / math.factorial(k) for k in range(operators)]
    last = load**operators / math.factorial(operators) / (1 - utilisation)
    return last / (sum(terms) + last) * mean_s / (operators * (1 - utilisation))


@pytest.mark.parametrize(("operators", "utilisation"), [(1, 0.5), (2, 0.7), (5, 0.8)])
def test_the_mean_wait_is_that_of_erlang_c(operators: int, utilisation: float) -> None:
    law = handling(distribution="exponential", sd_s=None)
    wait_s = mean_queue_s(operators, law, utilisation=utilisation)
    assert wait_s == pytest.approx(erlang_c_wait_s(operators, 120, utilisation), rel=0.05)


def test_with_one_operator_the_mean_wait_is_that_of_pollaczek_and_khinchine() -> None:
    squared_cv = (90 / 120) ** 2
    expected_s = 0.6 / (1 - 0.6) * 120 * (1 + squared_cv) / 2
    assert mean_queue_s(1, handling(), utilisation=0.6) == pytest.approx(expected_s, rel=0.05)


def test_calls_are_handled_in_order_by_whoever_is_free_longest() -> None:
    queue = Operators(2)
    turns = [queue.call(*one) for one in [(0, 100), (10, 20), (50, 10), (55, 10), (56, 10), (57, 10)]]
    assert [one.operator for one in turns] == [0, 1, 1, 1, 1, 1]
    assert [one.begin_s for one in turns] == [0, 10, 50, 60, 70, 80]
    later = [queue.call(500, 10), queue.call(500, 10)]
    assert [one.operator for one in later] == [1, 0]  # free since 90 and since 100


@pytest.mark.parametrize(("sd_s", "distribution"), [(90, "lognormal"), (None, "exponential")])
def test_drawn_times_have_the_mean_and_the_spread_of_the_document(sd_s: float | None, distribution: str) -> None:
    law, rng = handling(sd_s=sd_s, distribution=distribution), np.random.default_rng(3)
    drawn = [law.draw(rng) for _ in range(CALLS)]
    assert np.mean(drawn) == pytest.approx(120, rel=0.01)
    assert np.std(drawn) == pytest.approx(sd_s or 120, rel=0.02)


@pytest.mark.parametrize(("sd_s", "distribution"), [(90, "lognormal"), (None, "exponential")])
@pytest.mark.parametrize("elapsed_s", [0, 60, 240])
def test_the_expected_rest_is_the_mean_of_those_that_last_longer(
    sd_s: float | None, distribution: str, elapsed_s: float
) -> None:
    law, rng = handling(sd_s=sd_s, distribution=distribution), np.random.default_rng(3)
    drawn = np.array([law.draw(rng) for _ in range(CALLS)])
    assert law.expected_rest_s(elapsed_s) == pytest.approx(np.mean(drawn[drawn > elapsed_s] - elapsed_s), rel=0.03)


def test_the_expected_rest_stays_finite_and_positive_however_long_it_takes() -> None:
    law = handling()
    rests = [law.expected_rest_s(elapsed_s) for elapsed_s in (1e-9, 1e3, 1e4, 1e6)]
    assert all(math.isfinite(rest) and rest > 0 for rest in rests)
