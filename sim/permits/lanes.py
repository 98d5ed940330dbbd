"""What a lane's list of barred SUMO classes becomes when a class may use it, or may no longer.

Lists are those of `lane.getDisallowed`/`setDisallowed`: `getAllowed` is empty both for a lane that all may use and for
one that nobody may. Set all lanes, those within junctions too, and then all of them once more: SUMO works out which
lanes lead on when a lane is set, by what its neighbours let through at that moment, so that after a single pass some
turns stay shut and vehicles teleport for a "wrong lane" (200 vehicles across the network: 587 teleports, after two
passes none; a pass over its 2,924 lanes takes 0.05 s).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sim.vehicle_classes import VEHICLE_CLASSES

_USERS = Counter(one.sumo for one in VEHICLE_CLASSES.values())


def compiles_to_lanes(vehicle_class: str) -> bool:
    """Whether its SUMO class stands for no other class: to bar a shared one would bar background trucks or riders."""
    return _USERS[VEHICLE_CLASSES[vehicle_class].sumo] == 1


def lane_disallowed(disallowed: Sequence[str], vehicle_class: str, *, is_open: bool) -> tuple[str, ...] | None:
    """Return the classes that a lane bars once it is open, or shut, to a logical class; None where nothing changes.

    A lane opens only where the class like it may drive: no sidewalk opens to a truck. Lanes within junctions are always
    open: whoever may not enter the next edge does not come there.
    """
    if not compiles_to_lanes(vehicle_class):
        msg = f"{vehicle_class} shares its SUMO class with others; lanes cannot tell them apart"
        raise ValueError(msg)
    own = VEHICLE_CLASSES[vehicle_class]
    barred = own.sumo in disallowed
    bar = not is_open or own.like in disallowed
    if bar == barred:
        return None
    return (*disallowed, own.sumo) if bar else tuple(one for one in disallowed if one != own.sumo)
