from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sim.errors import ScenarioError
from sim.scenario import Scenario, validate
from tests.unit.kpi.build import scenario
from tests.unit.kpi.freight_build import FREIGHT


def changed(*, step_s: float = 0.5, vehicle_class: str = "av_truck", **platooning: Any) -> Scenario:  # noqa: ANN401
    document = scenario(**FREIGHT).model_dump(mode="json")
    document["time"]["step_s"] = step_s
    document["freight"]["fleets"]["tug"] |= {"vehicle_class": vehicle_class, "crew": "driver"}
    document["freight"]["platooning"] = platooning
    return validate(document, place="the test")


def test_every_figure_has_a_source() -> None:
    freight = changed().freight
    assert freight is not None
    assert freight.platooning is not None
    for figure in freight.platooning.model_dump().values():
        assert figure["status"] == "assumed"
        assert figure["source"] != "set in the scenario"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"step_s": 1.0}, r"freight\.platooning\.time_gap_s: found 0\.6; allowed is time\.step_s \(1\) or more"),
        ({"vehicle_class": "special_vehicle"}, "platooning: found no fleet of av_truck"),
        ({"time_gap_s": 0.1}, "freight.platooning.time_gap_s"),
        ({"most_vehicles": 1}, "freight.platooning.most_vehicles"),
        ({"gap_m": 12}, r"freight\.platooning\.gap_m: unknown field; allowed are leader_eases_share, least_speed_mps"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(changes: Mapping[str, Any], told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        changed(**changes)


def test_a_time_gap_of_a_step_is_allowed() -> None:
    assert changed(step_s=1.0, time_gap_s=1.0).freight is not None


def test_documents_without_platoons_keep_their_hash() -> None:
    plain = scenario(**FREIGHT)
    assert "platooning" not in plain.model_dump(mode="json")["freight"]
