"""A vehicle of freight as the executor keeps it: what it carries, where it stands or goes, what it is to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from sim.demand.population import Lorry
from sim.freight import NOTHING, Call, Cargo, FleetTraits, FreightTask, Order
from sim.network.parking import ParkingArea
from sim.world import Location

State = Literal["off_duty", "standing", "driving", "staged", "queued", "handling", "away", "gone"]
GoalKind = Literal["depot", "gate", "staging", "bay", "road", "hold", "door"]


class Mover(Protocol):
    """What moves a craft in SUMO: a vehicle between parking areas, or a person between the doors beside them."""

    def send(self, name: str, area: ParkingArea, /) -> None:
        """Send it there, in place of where it is going."""

    def watch(self, name: str, /) -> None:
        """Show where it is from the next step on."""

    def unwatch(self, name: str, /) -> None:
        """Show it no more."""

    def odometer_m(self, name: str, /) -> float:
        """Return the distance covered since the begin."""

    def spot(self, name: str, /) -> tuple[str, float]:
        """Return the edge that it is on or stands beside, and at which metre."""

    def set_mass(self, name: str, mass_kg: float, /) -> None:
        """Give it its mass with what it carries."""

    def set_top_speed(self, name: str, speed_mps: float, /) -> None:
        """Cap its speed from now on."""

    def next_edges(self, name: str, count: int, /) -> Sequence[str]:
        """Return the edges of its way behind the one it is on."""

    def halt(self, name: str, /) -> None:
        """Let it come to a halt where it is."""

    def release(self, name: str, /) -> None:
        """Let it go on."""


class Goal(NamedTuple):
    """Where a vehicle drives: the gate of a site, its staging lot, a bay, the end of the queue on the road before it.

    Or a site's door, for a robot; a depot; a staging lot to `hold` at while no permit lets it drive.
    """

    kind: GoalKind
    name: str


NOWHERE = Location(0, 0.0)


@dataclass(slots=True)
class Craft:
    """One vehicle.

    Attributes
    ----------
    fleet, lorry
        What it is: one of them is None.
    allowed_mps
        What permits let it drive where it is, `top_speed_mps` at most.
    walks
        Whether it is a robot.
    cargo, load
        Orders on board, by id, and what they take together.
    state, goal
        `goal` is where it drives, else None. One that is `away` drives out of the network.
    place
        Site, depot or parking area where it stands; None on the road.
    left
        Where it stood last before it was sent on.
    site
        Site within whose gate it is.
    bay_of
        Site one of whose bays is taken for it: from the call to the leaving.
    held
        Whether it stands because no permit lets it drive.
    awaits_operator
        Whether it stands on the road until an operator has helped it on.
    stands
        Where it was last seen, off the road or on an edge.
    """

    id: str
    type_id: str
    empty_kg: float
    top_speed_mps: float
    mover: Mover
    capacity: Cargo = NOTHING
    fleet: FleetTraits | None = None
    lorry: Lorry | None = None
    walks: bool = False
    capacity_kwh: float | None = None
    plan: list[FreightTask] = field(default_factory=list)
    cargo: dict[str, Order] = field(default_factory=dict)
    load: Cargo = NOTHING
    state: State = "off_duty"
    goal: Goal | None = None
    place: str | None = None
    left: str | None = None
    site: str | None = None
    bay_of: str | None = None
    slots_s: dict[str, float] = field(default_factory=dict)
    docked_s: float = 0.0
    slot_s: float | None = None
    service_end_s: float | None = None
    halted_since_s: float | None = None
    halted_edge: str = ""
    idle_since_s: float | None = None
    started_s: float | None = None
    on_duty: bool = False
    mission: bool = False
    odometer_m: float = 0.0
    held: bool = False
    broken: bool = False
    awaits_operator: bool = False
    stands: Location = NOWHERE
    allowed_mps: float = field(init=False)

    def __post_init__(self) -> None:
        self.allowed_mps = self.top_speed_mps

    @property
    def mass_kg(self) -> float:
        """Its mass with what it carries."""
        return self.empty_kg + self.load.mass_kg

    def take(self, order: Order) -> None:
        """Take an order on board."""
        self.cargo[order.id] = order
        self._weigh()

    def give(self, order_id: str) -> None:
        """Hand an order out."""
        del self.cargo[order_id]
        self._weigh()

    def _weigh(self) -> None:
        self.load = NOTHING
        for order in self.cargo.values():
            self.load = self.load.plus(order.cargo)

    @property
    def call(self) -> Call | None:
        """The stay in a bay that comes first in its plan."""
        return self.plan[0] if self.plan and isinstance(self.plan[0], Call) else None

    def calls(self) -> Iterator[Call]:
        """Yield the calls of its plan."""
        return (task for task in self.plan if isinstance(task, Call))

    @property
    def locked(self) -> int:
        """How many tasks of its plan must stay: the call for which a bay is taken, or it is handled at a door."""
        called = self.goal is not None and self.goal.kind == "bay"  # who still leaves a bay has one, and is not called
        return int((called or self.state == "handling") and self.call is not None)
