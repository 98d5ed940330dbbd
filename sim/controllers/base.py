"""What every controller is: prepared before SUMO starts, stepped while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from sim.demand.population import Rider
from sim.errors import ControllerError, NotFoundError
from sim.freight import FreightWorld
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.scenario import Scenario
from sim.world import World

GROUP = "bitgreen.controllers"
FREIGHT_GROUP = "bitgreen.freight_controllers"
C_co = TypeVar("C_co", covariant=True)


class Parameters(BaseModel):
    """Base of a controller's own parameters: strict like the scenario."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a controller may know before the run: never who will ask when, unless riders announce it themselves."""

    scenario: Scenario
    network: Network
    graph: EdgeGraph
    riders: Sequence[Rider]
    rng: np.random.Generator


@dataclass(frozen=True, slots=True)
class WalkLeg:
    """Walk to a stop (`stop_id`) or, without one, to the rider's destination."""

    stop_id: str | None = None


@dataclass(frozen=True, slots=True)
class RideLeg:
    """Ride with any vehicle of `lines` to a stop or, without one, to the rider's destination."""

    lines: str
    stop_id: str | None = None


@dataclass(frozen=True, slots=True)
class RiderPlan:
    """When a rider leaves the origin, and how the journey goes on; without legs the rider cannot be served."""

    rider: Rider
    depart_s: float
    legs: tuple[WalkLeg | RideLeg, ...]
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A timetabled call at a stop: not left before `until_s`."""

    stop_id: str
    until_s: float
    line: str


@dataclass(frozen=True, slots=True)
class ServiceVehicle:
    """A fleet vehicle; `edges` and `calls` are empty for vehicles that wait to be sent.

    `group` names its part of a mixed fleet, `duty` is the number of its duty there.
    """

    id: str
    vehicle_class: Literal["shuttle", "bus"]
    depart_s: float
    start_edge: str
    start_pos_m: float
    calls: tuple[Call, ...] = ()
    edges: tuple[str, ...] = ()
    group: str = ""
    duty: int | None = None


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a controller needs from SUMO: vehicles, riders' plans, options. `taxi` says whom SUMO's device obeys."""

    vehicles: tuple[ServiceVehicle, ...] = ()
    riders: tuple[RiderPlan, ...] = ()
    taxi: Literal["none", "world", "sumo"] = "none"
    options: dict[str, str] = field(default_factory=dict)


class Controller(Protocol):
    """A service's decisions. Constructed with its checked parameters."""

    def prepare(self, inputs: Inputs) -> Preparation:
        """Say which vehicles and riders' plans SUMO starts with."""

    def start(self, world: World) -> None:
        """Look at the world once before the first step."""

    def step(self, world: World) -> None:
        """Decide; called every `period_s` until every rider, also those still to come, is settled."""

    def finish(self, world: World) -> None:
        """Settle what is open after the last step."""


class FreightController(Protocol):
    """Decides who carries which order when. Constructed with its checked parameters."""

    def start(self, world: FreightWorld) -> None:
        """Look at the world once before the first step."""

    def step(self, world: FreightWorld) -> None:
        """Decide; called every `period_s` until every order, also those still to come, is settled."""

    def finish(self, world: FreightWorld) -> None:
        """Settle what is open after the last step."""


class Registered(Protocol[C_co]):
    """What an entry point must name: a class with its own parameters."""

    Parameters: ClassVar[type[Parameters]]

    def __call__(self, parameters: Any, /) -> C_co:  # noqa: ANN401 (its own Parameters)
        """Make a controller."""


def controller_names(group: str = GROUP) -> list[str]:
    """Return the names of the registered controllers: those of this package and those of any installed one."""
    return sorted({entry.name for entry in entry_points(group=group)})


def find_freight_controller(name: str) -> Registered[FreightController]:
    """Load the freight controller of this name; see `find_controller`."""
    loaded: Registered[FreightController] = _load(name, FREIGHT_GROUP)
    return loaded


def find_controller(name: str) -> Registered[Controller]:
    """Load the controller of this name.

    Raises
    ------
    NotFoundError
        Nothing is registered under this name.
    ControllerError
        What is registered cannot be imported.
    """
    loaded: Registered[Controller] = _load(name, GROUP)
    return loaded


def _load(name: str, group: str) -> Any:  # noqa: ANN401 (the caller knows what the group names)
    found = sorted(entry_points(group=group, name=name), key=lambda entry: entry.value)
    if not found:
        msg = f"no controller {name!r}; allowed are {', '.join(controller_names(group))}"
        raise NotFoundError(msg)
    try:
        return found[0].load()
    except (ImportError, AttributeError) as error:
        msg = f"the controller {name!r} is registered as {found[0].value}, which cannot be imported: {error}"
        raise ControllerError(msg) from error
