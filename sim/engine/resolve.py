"""From a scenario's names to what they stand for, checked before SUMO starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
from pydantic import ValidationError

from sim.controllers.base import (
    Controller,
    FreightController,
    Inputs,
    Preparation,
    Registered,
    find_controller,
    find_freight_controller,
)
from sim.demand.kept import kept_population
from sim.demand.population import Population
from sim.engine.freight.setup import FreightSetup, set_up_freight
from sim.engine.kerbs import at_kerbs
from sim.errors import ControllerError, NotFoundError, SandboxError, ScenarioError
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.network.overlaid import load_overlaid
from sim.network.parking import parking_areas
from sim.scenario import ControllerUse, Scenario

P = ParamSpec("P")
T = TypeVar("T")
CONTROLLER_STREAM = 2**20  # far from the streams that demand spawns from the same seed


@dataclass(frozen=True, slots=True)
class Resolved:
    """Everything a run needs, in memory."""

    scenario: Scenario
    network: Network
    graph: EdgeGraph
    population: Population
    controller: Controller | None
    service: Preparation
    freight: FreightSetup | None = None
    dispatcher: FreightController | None = None


def check_names(scenario: Scenario) -> Network:
    """Check what can be checked without drawing anybody: network, depot, controller and its parameters.

    Raises
    ------
    ScenarioError, NotFoundError
        One of them does not exist.
    """
    network = load_overlaid(scenario.network, scenario.overlays)
    _check_places(scenario, network)
    _controller(scenario.controllers.shuttle)
    _dispatcher(scenario.controllers.freight)
    set_up_freight(scenario, network, graph_of(network))
    return network


def graph_of(network: Network) -> EdgeGraph:
    """Return the graph of a network; a process that starts many runs reads each network once."""
    return _graph(network.net_file, network.sha256)


@lru_cache(maxsize=8)
def _graph(net_file: Path, _sha256: str) -> EdgeGraph:
    return EdgeGraph.from_net(net_file)


def resolve(scenario: Scenario) -> Resolved:
    """Check what a scenario names and prepare its controller.

    Raises
    ------
    ScenarioError, NotFoundError
        The network, a site, a stop, the depot, the controller or one of its parameters does not exist.
    """
    network = load_overlaid(scenario.network, scenario.overlays)
    _check_places(scenario, network)
    controller = _controller(scenario.controllers.shuttle)
    dispatcher = _dispatcher(scenario.controllers.freight)
    graph = graph_of(network)
    freight = set_up_freight(scenario, network, graph)
    population = at_kerbs(kept_population(scenario, network, graph), graph)
    service = Preparation()
    if controller is not None:
        rng = np.random.default_rng([scenario.seeds.demand, CONTROLLER_STREAM])
        inputs = Inputs(scenario, network, graph, population.riders, rng)
        service = guarded(controller.prepare, inputs)
    _check_breakdowns(scenario, service)
    return Resolved(scenario, network, graph, population, controller, service, freight, dispatcher)


def _check_breakdowns(scenario: Scenario, service: Preparation) -> None:
    """Check that somebody fetches the riders of a vehicle that breaks down."""
    share = scenario.supervision.breakdown_share.value if scenario.supervision is not None else 0.0
    if share and service.taxi != "world":
        msg = (
            f"supervision.breakdown_share: found {share:g}; a controller that plans for riders where they are has to "
            "decide, such as insertion or lns, allowed without one is 0"
        )
        raise ScenarioError(msg)


def guarded(call: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Call a controller; what it raises becomes a `ControllerError` that names it."""
    try:
        return call(*arguments, **options)
    except SandboxError:
        raise
    except Exception as error:
        name = getattr(call, "__qualname__", repr(call))
        msg = f"controller {name} raised {type(error).__name__}: {error}"
        raise ControllerError(msg) from error


def _controller(use: ControllerUse | None) -> Controller | None:
    return None if use is None else _made(use, find_controller, "controllers.shuttle")


def _dispatcher(use: ControllerUse | None) -> FreightController | None:
    return None if use is None else _made(use, find_freight_controller, "controllers.freight")


def _made(use: ControllerUse, find: Callable[[str], Registered[T]], place: str) -> T:
    """Make the controller that a scenario names, with its parameters."""
    try:
        found = find(use.use)
    except NotFoundError as error:
        msg = f"{place}.use: {error}"
        raise ScenarioError(msg) from None
    try:
        parameters = found.Parameters.model_validate(use.parameters)
    except ValidationError as error:
        allowed = ", ".join(sorted(found.Parameters.model_fields)) or "none"
        faults = "; ".join(
            f"{place}.parameters.{'.'.join(map(str, e['loc']))}: {e['msg']}, found {e['input']!r}"
            for e in error.errors()
        )
        msg = f"{faults}; {use.use} has the parameters {allowed}"
        raise ScenarioError(msg) from None
    return found(parameters)


def _check_places(scenario: Scenario, network: Network) -> None:
    """Check the depots and areas that the service names."""
    depots, areas = parking_areas(network), sorted(network.areas)
    wanted = {"requests.areas": scenario.requests.areas}
    wanted |= {f"requests.classes.{name}.areas": one.areas for name, one in scenario.requests.classes.items()}
    for part in scenario.fleet.parts if scenario.fleet else ():
        place = f"fleet.groups.{part.name}" if part.name else "fleet"
        wanted[f"{place}.areas"] = part.vehicles.areas
        depot = part.vehicles.depot
        if depot is not None and depot not in depots:
            known = ", ".join(depots) or "none"
            msg = f"{place}.depot: unknown parking area {depot!r}; allowed are null or one of {known}"
            raise ScenarioError(msg)
    for place, names in wanted.items():
        for name in names:
            if name not in areas:
                msg = f"{place}: unknown area {name!r}; allowed are {', '.join(areas) or 'none'}"
                raise ScenarioError(msg)
