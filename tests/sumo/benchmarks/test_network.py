from __future__ import annotations

import pytest

from benchmarks.network import bare_run, scaled
from sim.errors import NotFoundError

SHORT = ("time.begin_s=07:30", "time.end_s=07:32", "time.drain_s=120")


def test_a_scaled_scenario_has_no_service_and_more_of_everything() -> None:
    one, two = scaled("morning-shuttle", 1.0), scaled("morning-shuttle", 2.0)
    assert one.controllers.shuttle is None
    for part in ("commuters", "background"):
        assert getattr(two.demand, part).scale == pytest.approx(2 * getattr(one.demand, part).scale)


def test_a_bare_run_tells_what_it_cost_and_more_demand_costs_more() -> None:
    one, four = (bare_run(scaled("morning-none", s, SHORT).model_dump(mode="json"), s, 0.0) for s in (1.0, 4.0))
    assert four.vehicles > 2 * one.vehicles > 40
    assert one.ups > 1000
    assert one.generate_s > 0
    assert not one.jams


def test_a_run_below_two_thirds_of_the_free_speed_jams() -> None:
    document = scaled("morning-none", 1.0, SHORT).model_dump(mode="json")
    assert bare_run(document, 1.0, free_mps=100.0).jams


def test_a_network_that_is_not_there_is_an_error() -> None:
    document = scaled("morning-none", 1.0, SHORT).model_dump(mode="json")
    document["network"] = "atlantis"
    with pytest.raises(NotFoundError, match="atlantis"):
        bare_run(document, 1.0, 0.0)
