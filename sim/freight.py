"""What a freight controller sees and may do: orders, vehicles, sites; protocols and small dataclasses, no SUMO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from sim.events import Event
from sim.permit_document import Outside
from sim.vehicle_classes import FreightClass
from sim.world import Location, TravelTimes


class Cargo(NamedTuple):
    """Room that goods take: pallets (places on the floor, parts of one allowed) and mass."""

    pallets: float
    mass_kg: float

    def plus(self, other: Cargo) -> Cargo:
        """Return both together."""
        return Cargo(self.pallets + other.pallets, self.mass_kg + other.mass_kg)

    def minus(self, other: Cargo) -> Cargo:
        """Return what is left without the other."""
        return Cargo(self.pallets - other.pallets, self.mass_kg - other.mass_kg)

    def fits(self, capacity: Cargo) -> bool:
        """Whether a vehicle of this capacity can carry it."""
        return self.pallets <= capacity.pallets + 1e-9 and self.mass_kg <= capacity.mass_kg + 1e-9


NOTHING = Cargo(0.0, 0.0)

OrderKind = Literal["part", "consignment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Goods to be brought from one freight site to another; times in seconds after midnight.

    Attributes
    ----------
    family
        Part family or consignment flow of the scenario.
    released_s
        When it may be planned: nobody knows of it before.
    earliest_s, latest_s
        Window at the destination: no bay there before (less a tolerance), unloaded by then.
    pieces
        What the line gets out of it; 0 for what no line waits for.
    classes
        Vehicle classes that may carry it; empty: all.
    """

    id: str
    kind: OrderKind
    family: str
    origin: str
    destination: str
    cargo: Cargo
    released_s: float
    earliest_s: float
    latest_s: float
    pieces: int = 0
    classes: tuple[FreightClass, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A stay in a bay of a site: what is unloaded there, then what is loaded."""

    site: str
    unload: tuple[str, ...] = ()
    load: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rest:
    """A stay at a depot, until the plan is replaced; with `charge_share` at least until so much is in the battery."""

    depot: str
    charge_share: float | None = None


FreightTask = Call | Rest
FreightPhase = Literal["idle", "driving", "queueing", "handling", "halted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FreightVehicle:
    """A truck, special vehicle or robot as it stands.

    Attributes
    ----------
    location
        The nearest point at which it can still stop or turn off.
    phase
        `queueing` from the gate to the bay, `handling` in the bay, `halted` by a breakdown or because no permit lets
        it drive.
    place
        Site or depot where it stands or queues; None on the way.
    on_board
        Orders that it carries.
    plan
        What it is to do; the first `locked` tasks must stay as they are.
    ready_s
        When it can be expected to leave the place where it stands: `time_s` for one that can go at once.
    charge_kwh, capacity_kwh
        None without a battery.
    """

    id: str
    fleet: str
    vehicle_class: FreightClass
    capacity: Cargo
    location: Location
    phase: FreightPhase
    place: str | None
    on_board: tuple[str, ...]
    plan: tuple[FreightTask, ...]
    locked: int
    ready_s: float
    charge_kwh: float | None = None
    capacity_kwh: float | None = None
    odometer_m: float = 0.0


@dataclass(frozen=True, slots=True)
class SiteState:
    """A freight site as it stands: bays in use now or free, and vehicles between its gate and a bay.

    `appointments` tells whether its bays are booked ahead.
    """

    name: str
    location: Location
    bays: int
    occupied: int
    queueing: int
    open_s: float
    close_s: float
    appointments: bool = False


@dataclass(frozen=True, slots=True)
class DrivingWindow:
    """A time in which vehicles of a class may be on the roads by their permits, [begin_s, end_s)."""

    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetTraits:
    """What is known of a fleet before the run: it does not change.

    `depot_charging_kw` is the power of one charger at the depot, None where it has none. Without `sites` it serves all.
    `outside` is what its permits want of a vehicle that the end of a window finds on its way.
    """

    name: str
    vehicle_class: FreightClass
    depot: str
    depot_location: Location
    capacity: Cargo
    kinds: frozenset[str]
    sites: frozenset[str]
    windows: tuple[DrivingWindow, ...]
    duty_begin_s: float
    duty_end_s: float
    kwh_per_km: float | None = None
    reserve_share: float = 0.0
    max_parallel: int | None = field(default=None)
    depot_charging_kw: float | None = None
    outside: Outside = "hold"

    def may_carry(self, order: Order) -> bool:
        """Whether its vehicles may carry an order: by its kind, its ends, its classes and its size."""
        return (
            order.kind in self.kinds
            and (not self.sites or {order.origin, order.destination} <= self.sites)
            and (not order.classes or self.vehicle_class in order.classes)
            and order.cargo.fits(self.capacity)
        )


class FreightWorld(Protocol):
    """The side of a run that a freight controller sees."""

    @property
    def time_s(self) -> float:
        """Simulated time, seconds after midnight."""

    def fleets(self) -> Mapping[str, FleetTraits]:
        """Return what is known of each fleet."""

    def travel_times(self, fleet: str) -> TravelTimes:
        """Return travel times on the roads that a fleet's permits allow, at the speed they allow."""

    def vehicles(self) -> Sequence[FreightVehicle]:
        """Return the vehicles that are on duty, in the order of their ids."""

    def sites(self) -> Mapping[str, SiteState]:
        """Return the freight sites."""

    def orders(self) -> Sequence[Order]:
        """Return the orders released that are neither on board nor settled, in the order of their release.

        Those in a plan are among them: plans may be changed until an order is being loaded.
        """

    def order(self, order_id: str) -> Order:
        """Return an order that is not settled; raises `ControllerError` for another."""

    def handling_s(self, site: str, unload: Sequence[str], load: Sequence[str]) -> float:
        """Return the mean time that unloading and loading these orders takes in a bay of the site."""

    def set_plans(self, plans: Mapping[str, Sequence[FreightTask]]) -> None:
        """Replace what some vehicles are to do, all of them or none.

        An order is loaded before it is unloaded, both by the same vehicle; who carries it unloads it; none is in two
        plans. The executor brings a vehicle with nothing to do back to its depot. Raises `ControllerError` naming
        what cannot be carried out.
        """

    def appoint(self, vehicle_id: str, site: str, begin_s: float, end_s: float) -> None:
        """Book a bay of a site for the vehicle's next call there: it comes before all that come without, or later."""

    def fail(self, order_id: str, cause: str) -> None:
        """Give an order up for good: it must not be on board."""

    def place(self, order: Order) -> None:
        """Bring in an order while the run goes on; logged by step.

        Raises `ControllerError` for an id that there has been or a site that there is not.
        """

    def decide(self, decision: Event) -> None:
        """Write a decision to the event log."""
