from __future__ import annotations

import pytest

from sim.permits.lanes import compiles_to_lanes, lane_disallowed
from sim.vehicle_classes import VEHICLE_CLASSES


@pytest.mark.parametrize(
    ("disallowed", "is_open", "after"),
    [
        (("tram", "custom1", "custom2"), True, ("tram", "custom1")),
        (("tram", "custom1", "custom2"), False, None),
        (("tram",), False, ("tram", "custom2")),
        (("tram",), True, None),
        ((), True, None),
        # a sidewalk, or any lane closed to trucks, stays shut to autonomous ones
        (("truck", "custom2"), True, None),
        (("truck",), True, ("truck", "custom2")),
    ],
)
def test_a_lane_opens_where_trucks_may_drive(
    disallowed: tuple[str, ...], after: tuple[str, ...] | None, *, is_open: bool
) -> None:
    assert lane_disallowed(disallowed, "av_truck", is_open=is_open) == after
    if after is not None:
        assert lane_disallowed(after, "av_truck", is_open=is_open) is None


def test_classes_that_share_their_sumo_class_cannot_be_compiled() -> None:
    shared = {name for name in VEHICLE_CLASSES if not compiles_to_lanes(name)}
    assert shared == {"truck", "human_truck", "rider", "robot"}
    with pytest.raises(ValueError, match=r"^human_truck shares its SUMO class"):
        lane_disallowed((), "human_truck", is_open=True)
