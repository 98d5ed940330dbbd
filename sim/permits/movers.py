"""What moves in a scenario and could be under a permit: a permit for anything else is a slip of the pen."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from sim.errors import ScenarioError
from sim.scenario import Scenario
from sim.vehicle_classes import VEHICLE_CLASSES


def moving_classes(scenario: Scenario) -> AbstractSet[str]:
    """Return the classes that a permit can name and that move in a scenario."""
    if scenario.freight is None:
        return frozenset()
    found: set[str] = {fleet.vehicle_class for fleet in scenario.freight.fleets.values()}
    if scenario.freight.finished_cars is not None:
        found.add("finished_car")
    if scenario.fleet is not None:
        found.add("shuttle")
    return found


def require_movers(scenario: Scenario) -> None:
    """Make sure that no permit misses whom it was meant for.

    Raises
    ------
    ScenarioError
        A permit is for classes that do not move, while a driverless class moves that no permit names: it would be on
        all roads, at any hour. Without such a class the permit is idle, which harms nobody.
    """
    free, idle = without_permit(scenario), idle_permits(scenario)
    if free and idle:
        name = idle[0]
        msg = (
            f"permits.{name}.classes: found {', '.join(scenario.permits[name].classes)}, and none of them moves in "
            f"{scenario.name}, while no permit names {', '.join(free)}, which does without a driver; allowed are "
            f"classes that move: {', '.join(sorted(moving_classes(scenario)))}"
        )
        raise ScenarioError(msg)


def idle_permits(scenario: Scenario) -> list[str]:
    """Return the permits that are for classes alone that do not move."""
    moving = moving_classes(scenario)
    return [name for name, permit in sorted(scenario.permits.items()) if moving.isdisjoint(permit.classes)]


def without_permit(scenario: Scenario) -> list[str]:
    """Return the driverless classes that move where the network lets them, though other classes have permits."""
    named = {one for permit in scenario.permits.values() for one in permit.classes}
    free = moving_classes(scenario) - named
    return sorted(one for one in free if VEHICLE_CLASSES[one].driverless) if named else []
