from __future__ import annotations

import pytest

from benchmarks.network import MOST_TELEPORTS, bare_run, scaled
from sim.errors import NotFoundError

SHORT = ("time.begin_s=07:30", "time.end_s=07:32", "time.drain_s=120")


def test_a_scaled_scenario_has_no_service_and_more_of_everything() -> None:
    one, two = scaled("morning-shuttle", 1.0), scaled("morning-shuttle", 2.0)
    assert one.controllers.shuttle is None
    for part in ("commuters", "background"):
        assert getattr(two.demand, part).scale == pytest.approx(2 * getattr(one.demand, part).scale)


def test_a_bare_run_tells_what_it_cost_and_more_demand_costs_more() -> None:
    one, four = (bare_run(scaled("morning-none", s, SHORT).model_dump(mode="json"), s) for s in (1.0, 4.0))
    assert four.vehicles > 2 * one.vehicles > 40
    assert one.ups > 1000
    assert one.generate_s > 0
    assert not one.jams
    assert one.ended_at_s == 27_240


def test_a_run_that_stands_still_jams_and_is_ended_early() -> None:
    hurried = (*SHORT, "time.drain_s=3000", "limits.time_to_teleport_s=1")
    run = bare_run(scaled("morning-none", 12.0, hurried).model_dump(mode="json"), 12.0)
    assert run.jams
    assert MOST_TELEPORTS < run.teleports < 2 * MOST_TELEPORTS
    assert run.ended_at_s < 27_120 + 3000


def test_a_network_that_is_not_there_is_an_error() -> None:
    document = scaled("morning-none", 1.0, SHORT).model_dump(mode="json")
    document["network"] = "atlantis"
    with pytest.raises(NotFoundError, match="atlantis"):
        bare_run(document, 1.0)
