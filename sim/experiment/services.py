"""The services that a run can be repeated with, on the same people: the path `service` of an experiment."""

from __future__ import annotations

from typing import Any

from sim.errors import ScenarioError
from sim.scenario import ControllerUse, Scenario

SERVICE = "service"
"""A path that stands for the controller of the shuttles with its parameters."""
SET_BY_SERVICE = (
    "controllers",
    "controllers.shuttle",
    "controllers.shuttle.use",
    "controllers.shuttle.parameters",
    "controllers.shuttle.parameters.algorithm",
)
SUMO = ("greedy", "greedyClosest", "greedyShared", "routeExtension")
"""The algorithms of SUMO's own dispatcher, which are services by their own names here."""
SUMO_DEFAULT = "greedyClosest"
SERVICES = (*SUMO, "timetable", "insertion", "lns", "rtv", "hindsight")


def chosen(service: object, scenario: Scenario) -> dict[str, Any]:
    """Return what to set in a scenario so that it runs with a service, path to value.

    The scenario's own service keeps its parameters; any other has the defaults, with the scenario's period.

    Raises
    ------
    ScenarioError
        The service is no name. Whether a controller has it is found out where the scenario's names are.
    """
    if not isinstance(service, str):
        msg = f"{SERVICE}: found {service!r}; allowed are {', '.join(SERVICES)} and any installed controller"
        raise ScenarioError(msg)
    use, own = use_of(service), scenario.controllers.shuttle
    if own is not None and own.use == use["use"] and use["parameters"].items() <= own.parameters.items():
        return {}
    return {f"controllers.shuttle.{field}": value for field, value in use.items()}


def use_of(service: str) -> dict[str, Any]:
    """Return the controller and the parameters that a service stands for."""
    if service in SUMO:
        return {"use": "sumo", "parameters": {"algorithm": service}}
    return {"use": service, "parameters": {}}


def service_of(use: ControllerUse) -> str:
    """Return the name under which a scenario's own controller is a service."""
    return str(use.parameters.get("algorithm", SUMO_DEFAULT)) if use.use == "sumo" else use.use
