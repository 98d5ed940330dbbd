"""Shuttles are charged: how far each can drive, and the visits to chargers that their plans need."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import Field

from sim.controllers.base import Inputs, Parameters, ServiceVehicle
from sim.controllers.shuttle.chargers import Chargers, Craft, Station, stations_of
from sim.controllers.shuttle.errand import begins, errand_ride
from sim.controllers.shuttle.layout import Layout
from sim.controllers.shuttle.ride import Errand, Ride
from sim.controllers.shuttle.shuttle import Shuttle
from sim.dispatch.insertion import Insertion, Planner
from sim.dispatch.problem import TOLERANCE_M
from sim.dispatch.relax import relax
from sim.dispatch.schedule import time_plan
from sim.fleet_document import Battery
from sim.world import Location, TravelTimes, Vehicle

LOOK_S = 60.0
"""Time between two looks at which plans need a visit to a charger."""

PRIOR_KM = 20.0
"""The consumption that is given weighs as much as so many kilometres driven."""

LayOut = Callable[[Sequence[Ride]], Layout]
Busy = dict[str, list[tuple[float, float]]]
"""When each charger is taken."""


class ChargingParameters(Parameters):
    """Parameters for shuttles with batteries."""

    charge_below_share: float = Field(
        0.3,
        ge=0,
        le=1,
        description="a visit to a charger is planned for a shuttle that would hold less than this share of its battery "
        "at the end of its plan; 0: none is planned",
    )
    charge_idle_below_share: float = Field(
        0.4,
        ge=0,
        le=1,
        description="an idle shuttle that holds less than this share charges until riders want it, or a shuttle with a "
        "planned visit the charger. While requests wait that nobody has the charge for, this is the share at the end "
        "of plans as well, and idle shuttles charge below `charge_to_share`",
    )
    charge_to_share: float = Field(0.8, gt=0, le=1, description="a planned visit to a charger ends with this share")
    consumption_factor: float = Field(
        1.25,
        ge=1,
        le=3,
        description="factor on what shuttles have been found to consume by the kilometre; what exceeds 1 is slack for "
        "ways that take more, or are not the shortest",
    )
    range_slack_m: float = Field(
        1000,
        ge=0,
        description="ways that are kept in hand beside that: who has passed a stop goes once round the block",
    )


@dataclass(slots=True)
class Pack:
    """The batteries of one kind of vehicle, and what these were found to consume."""

    battery: Battery
    km: float = PRIOR_KM
    kwh: float = 0.0

    def __post_init__(self) -> None:
        self.kwh = PRIOR_KM * self.battery.consumption_kwh_per_km.value

    def holds_kwh(self, share: float) -> float:
        """Return a share of the capacity."""
        return share * self.battery.capacity_kwh.value

    @property
    def reserve_kwh(self) -> float:
        """What no plan uses."""
        return self.holds_kwh(self.battery.reserve_share.value)


class Charging:
    """Keeps the plans within what the batteries hold, and puts visits to chargers into them.

    A visit charges up to `charge_to_share`, whatever the shuttle comes with; until it begins, it is planned to take as
    long as from the reserve on.
    """

    def __init__(
        self,
        parameters: ChargingParameters,
        packs: Mapping[str, Pack] | None = None,
        chargers: Chargers | None = None,
    ) -> None:
        self._parameters, self._packs = parameters, packs or {}
        self._chargers = chargers or Chargers()
        self._seen: dict[str, tuple[float, float]] = {}
        self._visits, self._next_s = 0, -math.inf
        self.to_charger_m = self._chargers.to_charger_m

    @classmethod
    def of(cls, inputs: Inputs, parameters: ChargingParameters, vehicles: Iterable[ServiceVehicle]) -> Self:
        """Return what charges the fleet of a run."""
        fleet, graph = inputs.scenario.fleet, inputs.graph
        kinds = {part.name: part.vehicles.battery for part in fleet.parts} if fleet is not None else {}
        packs = {name: Pack(battery) for name, battery in kinds.items() if battery is not None}
        homes = {one.id: Location(graph.position(one.start_edge), one.start_pos_m) for one in vehicles}
        return cls(parameters, packs, Chargers(stations_of(inputs), homes))

    def range_m(self, vehicle: Vehicle) -> float:
        """Return how far a vehicle can drive until only its reserve is left."""
        pack = self._packs.get(vehicle.group)
        if pack is None or vehicle.charge_kwh is None:
            return math.inf
        return max(0.0, self._kwh_lasts_m(pack, vehicle.charge_kwh))

    def may_go(self, vehicle: Vehicle, place: Location, times: TravelTimes) -> bool:
        """Whether an idle vehicle can get to a place and from there to a charger, and is not charging."""
        range_m = self.range_m(vehicle)
        if math.isinf(range_m):
            return True
        if self._chargers.holds(vehicle.id) and self._holds_less(vehicle, self._parameters.charge_to_share):
            return False
        return self._chargers.reaches(vehicle, range_m, place, times)

    def follow(self, vehicle: Vehicle, shuttle: Shuttle, rides: dict[str, Ride], *, now_s: float) -> None:
        """Learn what a vehicle consumes, and bring its visits to chargers in line with what it holds."""
        pack = self._packs.get(vehicle.group)
        if pack is None or vehicle.charge_kwh is None:
            return
        self._learn(vehicle, pack, vehicle.charge_kwh)
        goal_kwh = pack.holds_kwh(self._parameters.charge_to_share)
        for n, ride, errand, station in list(self._visits_of(shuttle, rides)):
            errand.charged_m = self._charged_m(vehicle)
            if not errand.begun and n == 0 and errand.free and begins(ride, vehicle, now_s=now_s):
                errand.begin(now_s)
            if not errand.begun:
                continue
            left_s = station.charging_s(goal_kwh - vehicle.charge_kwh)
            errand.duration_s = now_s - errand.begun_s + max(0.0, left_s)
            # a charger that does not charge is left when it could have filled the battery
            if left_s <= 0 or now_s - errand.begun_s > station.charging_s(pack.holds_kwh(1)):
                shuttle.drop(ride.request.id)
                del rides[ride.request.id]
                shuttle.waits_at, shuttle.changed = errand.visit, True

    def plan(
        self,
        vehicles: Sequence[Vehicle],
        shuttles: Sequence[Shuttle],
        rides: dict[str, Ride],
        lay_out: LayOut,
        *,
        now_s: float,
        short: bool,
    ) -> None:
        """Put a visit to a charger into the plan of every vehicle that would hold too little at its end.

        `short` tells that requests wait that nobody has the charge for.
        """
        if not self._packs or not self._chargers.stations or now_s < self._next_s:
            return
        self._next_s, use = now_s + LOOK_S, self._parameters
        least_share = max(use.charge_below_share, use.charge_idle_below_share if short else 0.0)
        layout = lay_out([])
        problem = relax(layout.problem, layout.plans)
        busy: Busy = {name: [] for name in self._chargers.stations}
        low = []
        for v, (vehicle, shuttle) in enumerate(zip(vehicles, shuttles, strict=True)):
            timing = time_plan(problem, v, layout.plans[v])
            visits = list(self._visits_of(shuttle, rides))
            for n, _, errand, station in visits:
                busy[station.id].append((timing.begin_s[n], timing.begin_s[n] + errand.duration_s))
            charges_last = bool(visits) and visits[-1][0] == len(shuttle.plan) - 2
            if not charges_last and timing.left_m < self._lasts_m(vehicle, least_share):
                low.append(v)
        if low:
            self._book([(v, vehicles[v], shuttles[v]) for v in low], rides, lay_out, busy, now_s=now_s)

    def direct(
        self,
        vehicles: Sequence[Vehicle],
        shuttles: Sequence[Shuttle],
        rides: dict[str, Ride],
        times: TravelTimes,
        *,
        now_s: float,
        short: bool,
    ) -> None:
        """Let shuttles set off to chargers, see `Chargers.direct`; `short` is as in `plan`."""
        if not self._packs or not self._chargers.stations:
            return
        fleet = [
            Craft(vehicle, shuttle, self.range_m(vehicle)) for vehicle, shuttle in zip(vehicles, shuttles, strict=True)
        ]
        use = self._parameters
        share = use.charge_to_share if short else use.charge_idle_below_share
        self._chargers.direct(
            fleet, rides, tops_up=lambda vehicle: self._holds_less(vehicle, share), times=times, now_s=now_s
        )  # fmt: skip

    def _lasts_m(self, vehicle: Vehicle, share: float) -> float:
        """Return how far a share of its battery lasts for a vehicle; negative where that is reserve or slack."""
        pack = self._packs.get(vehicle.group)
        return -math.inf if pack is None else self._kwh_lasts_m(pack, pack.holds_kwh(share))

    def _kwh_lasts_m(self, pack: Pack, charge_kwh: float) -> float:
        kwh_per_m = self._parameters.consumption_factor * pack.kwh / pack.km / 1000
        return (charge_kwh - pack.reserve_kwh) / kwh_per_m - self._parameters.range_slack_m

    def _holds_less(self, vehicle: Vehicle, share: float) -> bool:
        pack = self._packs.get(vehicle.group)
        return pack is not None and vehicle.charge_kwh is not None and vehicle.charge_kwh < pack.holds_kwh(share)

    def _learn(self, vehicle: Vehicle, pack: Pack, charge_kwh: float) -> None:
        odometer_m, before_kwh = self._seen.get(vehicle.id, (vehicle.odometer_m, charge_kwh))
        if vehicle.odometer_m > odometer_m:
            pack.km += (vehicle.odometer_m - odometer_m) / 1000
            pack.kwh += before_kwh - charge_kwh
        self._seen[vehicle.id] = vehicle.odometer_m, charge_kwh

    def _visits_of(
        self, shuttle: Shuttle, rides: Mapping[str, Ride]
    ) -> Iterator[tuple[int, Ride, Errand, Station]]:  # fmt: skip
        """Yield the visits to chargers in a plan, each with the number of its first stop."""
        for n, stop in enumerate(shuttle.plan):
            errand = rides[stop.request_id].errand
            if stop.pickup and errand is not None and errand.visit.charger is not None:
                yield n, rides[stop.request_id], errand, self._chargers.stations[errand.visit.charger]

    def _book(
        self,
        low: Sequence[tuple[int, Vehicle, Shuttle]],
        rides: dict[str, Ride],
        lay_out: LayOut,
        busy: Busy,
        *,
        now_s: float,
    ) -> None:
        """Insert a visit into each of some plans, at the charger and the place where it adds least.

        The time until it begins counts as the wait of a rider, or visits would lie behind all else there is.
        """
        stations = list(self._chargers.stations.values())
        layout = lay_out([self._visit(vehicle, station, now_s) for _, vehicle, _ in low for station in stations])
        first = len(layout.rides) - len(low) * len(stations)
        layout.problem.requests.vehicle[first:] = [v for v, _, _ in low for _ in stations]
        layout.problem.requests.riders[first:] = 1.0
        problem = relax(layout.problem, layout.plans)
        planner = Planner(problem, layout.plans)
        for n, (v, _, shuttle) in enumerate(low):
            found: list[tuple[float, int, Insertion]] = []
            for row, station in enumerate(stations, first + n * len(stations)):
                begin_s = _gap_s(busy[station.id], now_s, problem.requests.service_s[2 * row])
                layout.rides[row].earliest_s = problem.requests.earliest_s[2 * row] = begin_s
                place = planner.best(row)
                if place is not None:
                    found.append((place.cost + problem.weights.wait * (begin_s - now_s), row, place))
            if found:
                _, row, place = min(found)
                planner.insert(row, place)
                ride, station = layout.rides[row], stations[(row - first) % len(stations)]
                busy[station.id].append((ride.earliest_s, ride.earliest_s + problem.requests.service_s[2 * row]))
                rides[ride.request.id] = ride
                shuttle.plan, shuttle.changed = layout.stops(planner.plans[v]), True

    def _visit(self, vehicle: Vehicle, station: Station, now_s: float) -> Ride:
        pack = self._packs[vehicle.group]
        goal_kwh = pack.holds_kwh(self._parameters.charge_to_share)
        self._visits += 1
        return errand_ride(
            f"charge.{vehicle.id}.{self._visits}",
            station.visit,
            capacity=vehicle.capacity,
            duration_s=station.charging_s(max(0.0, goal_kwh - pack.reserve_kwh)),
            earliest_s=now_s,
            charged_m=self._charged_m(vehicle),
        )

    def _charged_m(self, vehicle: Vehicle) -> float:
        """Return how far a vehicle can drive from a charger on; little if that is nothing, for 0 is no charge."""
        return max(TOLERANCE_M, self._lasts_m(vehicle, self._parameters.charge_to_share))


def _gap_s(busy: Sequence[tuple[float, float]], from_s: float, duration_s: float) -> float:
    """Return from when on a charger is free for so long."""
    for begin_s, end_s in sorted(busy):
        if begin_s - from_s >= duration_s:
            break
        from_s = max(from_s, end_s)
    return from_s
