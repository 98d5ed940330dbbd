"""What a scenario's demand comes to: who travels how, how far, when, past which roads, and how near to the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

import numpy as np

from sim.demand.draws import Floats
from sim.demand.fit import SLOWER, geh
from sim.demand.generate import generate
from sim.demand.places import Places, Points
from sim.demand.population import Population
from sim.demand.tables import Count, demand_file, read_counts
from sim.demand.traits import count_traits
from sim.demand.volumes import VolumeKey, population_volumes
from sim.demand_document import Calibrated
from sim.freight import Order
from sim.network.graph import EdgeGraph
from sim.network.overlaid import load_overlaid
from sim.scenario import Controllers, ControllerUse, Scenario

BIN_S = 600
GOOD_GEH = 5.0
FHWA_SUM = 0.05
"""FHWA's Traffic Analysis Toolbox III: GEH below 5 at 85 % of counts and more, the sum of all within 5 %."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One count and the volume that the demand gives there."""

    count: Count
    vehicles: float

    @property
    def geh(self) -> float:
        return geh(self.vehicles, self.count.vehicles)


@dataclass(frozen=True, slots=True)
class Fitness:
    """How near volumes come to counts."""

    counts: int
    share_good: float
    sum_error: float

    @classmethod
    def of(cls, compared: Sequence[Comparison]) -> Fitness:
        """Summarise comparisons, of which there is at least one."""
        wanted = sum(one.count.vehicles for one in compared)
        found = sum(one.vehicles for one in compared)
        good = sum(one.geh < GOOD_GEH for one in compared) / len(compared)
        return cls(len(compared), good, float(found / wanted - 1) if wanted else 0.0)

    @property
    def good(self) -> bool:
        """Whether both of FHWA's criteria hold."""
        return self.share_good >= 0.85 and abs(self.sum_error) <= FHWA_SUM


@dataclass(frozen=True, slots=True)
class Flow:
    """Orders of a part family or of consignments in figures; `window_s` is the mean time between its ends."""

    orders: int
    pallets: float
    tonnes: float
    window_s: float
    first_due_s: float
    last_due_s: float


@dataclass(frozen=True, slots=True, eq=False)
class DemandSummary:
    """The demand of a scenario in figures."""

    scenario: Scenario
    population: Population
    modes: dict[str, int]
    traits: dict[str, int]
    """Requests by what is particular about their riders, where anything is."""
    lengths_m: dict[str, Floats]
    arrivals: dict[str, dict[int, int]]
    """People who reach each site, by the second at which the ten minutes begin; by coach where their coach halts."""
    volumes: dict[VolumeKey, float]
    compared: tuple[Comparison, ...]
    targets: int
    """Rows of the network's table of counts, in whatever hours."""
    flows: dict[str, Flow]
    """Orders by family."""
    lorries: dict[str, int]
    """Lorries from outside by flow."""

    def document(self) -> dict[str, Any]:
        """Return the figures as JSON."""
        fitted = calibration_of(self.scenario)
        return {
            "scenario": self.scenario.name,
            "background_scale": self.scenario.demand.background.scale if self.scenario.demand.background else None,
            "people_by_mode": self.modes,
            "requests": len(self.population.riders),
            "requests_by_trait": self.traits,
            "trips": {
                group: {"trips": len(m), "mean_m": round(float(m.mean()), 1) if len(m) else None}
                for group, m in self.lengths_m.items()
            },
            "arrivals": {site: {str(at_s): n for at_s, n in bins.items()} for site, bins in self.arrivals.items()},
            "counts": [
                {
                    "road": one.count.road, "hour": one.count.hour, "class": one.count.vehicle_class,
                    "target": one.count.vehicles, "vehicles": round(one.vehicles, 1), "geh": round(one.geh, 2),
                }
                for one in self.compared
            ],
            "orders": {family: asdict(flow) for family, flow in self.flows.items()},
            "lorries": self.lorries,
            "finished_cars": len(self.population.goods.cars),
            "calibrated": is_calibrated(self.scenario),
            "calibrated_to": fitted.model_dump() if fitted is not None else None,
        }  # fmt: skip


def calibration_of(scenario: Scenario) -> Calibrated | None:
    """Return the counts that a scenario's background was fitted to, if any."""
    traffic = scenario.demand.background
    return traffic.calibrated_to if traffic is not None else None


def is_calibrated(scenario: Scenario) -> bool:
    """Return whether the background met FHWA's criteria at counts, and drives as many vehicles still."""
    fitted, traffic = calibration_of(scenario), scenario.demand.background
    return fitted is not None and fitted.fhwa_met and traffic is not None and traffic.scale == 1


def summarise(scenario: Scenario) -> DemandSummary:
    """Draw a scenario's demand, riders included whatever its service is, and summarise it.

    Raises
    ------
    SandboxError
        The scenario names something that does not exist.
    """
    network = load_overlaid(scenario.network, scenario.overlays)
    graph = EdgeGraph.from_net(network.net_file)
    served = scenario.model_copy(update={"controllers": Controllers(shuttle=ControllerUse(use="insertion"))})
    population = generate(served, network, graph)
    places = Places.of(network, graph)
    volumes = population_volumes(population, places)
    path = demand_file(scenario.network, "counts")
    counts = read_counts(path) if path.is_file() else []
    return DemandSummary(
        scenario=scenario,
        population=population,
        modes=_modes(population),
        traits=count_traits(population.riders),
        lengths_m=_lengths_m(population, places),
        arrivals=_arrivals(population, places, walk_mps=scenario.requests.walk_speed_mps),
        volumes=volumes,
        compared=compare(counts, volumes, scenario),
        targets=len(counts),
        flows=_flows(population.goods.orders),
        lorries=dict(sorted(Counter(lorry.flow for lorry in population.goods.lorries).items())),
    )


def whole_hours(scenario: Scenario) -> range:
    """Return the hours of the day that a scenario's demand fills."""
    return range(-(-scenario.time.begin_s // 3600), scenario.time.end_s // 3600)


def compare(counts: Sequence[Count], volumes: Mapping[VolumeKey, float], scenario: Scenario) -> tuple[Comparison, ...]:
    """Return counts and volumes side by side in the whole hours of a scenario."""
    hours = whole_hours(scenario)
    return tuple(
        Comparison(count, volumes.get((count.road, count.hour, count.vehicle_class), 0.0))
        for count in sorted(counts)
        if count.hour in hours
    )


def _modes(population: Population) -> dict[str, int]:
    """Return journeys to and from work, and others, by mode."""
    coach = sum(trip.persons for trip in population.background)
    purposes: Counter[str] = Counter()
    for rider in population.riders:
        purposes[rider.purpose] += rider.size
    cars = sum(car.inbound + (car.leave_s is not None) for car in population.cars)
    return {
        "commute by car": cars,
        "commute by shuttle or bus": purposes["commute"],
        "commute by company coach": coach,
        "commute on foot": len(population.walkers),
        "from the train": purposes["rail"],
        "visit by car": sum(trip.group == "visitor" for trip in population.background),
        "visit by shuttle or bus": purposes["visit"],
        "other riders": purposes.total() - purposes["commute"] - purposes["rail"] - purposes["visit"],
    }


def _flows(orders: Sequence[Order]) -> dict[str, Flow]:
    """Return the orders by family."""
    families: dict[str, list[Order]] = {}
    for order in orders:
        families.setdefault(order.family, []).append(order)
    return {
        family: Flow(
            orders=len(members),
            pallets=round(sum(order.cargo.pallets for order in members), 2),
            tonnes=round(sum(order.cargo.mass_kg for order in members) / 1000, 3),
            window_s=round(float(np.mean([order.latest_s - order.earliest_s for order in members])), 1),
            first_due_s=min(order.latest_s for order in members),
            last_due_s=max(order.latest_s for order in members),
        )
        for family, members in sorted(families.items())
    }


def _lengths_m(population: Population, places: Places) -> dict[str, Floats]:
    graph = places.graph
    by_way: dict[str, list[float]] = {"background cars": [], "trucks": []}
    metres: dict[tuple[str, ...], float] = {}
    for trip in population.background:
        if trip.edges:
            if trip.edges not in metres:
                metres[trip.edges] = float(sum(graph.travel_m[graph.position(edge)] for edge in trip.edges))
            by_way["trucks" if trip.group == "truck" else "background cars"].append(metres[trip.edges])
    inbound = [car for car in population.cars if car.inbound]
    ends = [(car.origin_edge, car.origin_pos_m, car.destination_edge, car.destination_pos_m) for car in inbound]
    return {
        "commuters' cars": places.direct_m(*_points(ends, places)),
        "riders": np.array([rider.direct_distance_m for rider in population.riders]),
        **{group: np.array(lengths) for group, lengths in by_way.items()},
    }


def _points(ends: Sequence[tuple[str, float, str, float]], places: Places) -> tuple[Points, Points]:
    position = places.graph.position
    origins = Points(
        np.array([position(a) for a, _, _, _ in ends], dtype=np.int64), np.array([m for _, m, _, _ in ends])
    )
    targets = Points(
        np.array([position(b) for _, _, b, _ in ends], dtype=np.int64), np.array([m for _, _, _, m in ends])
    )
    return origins, targets


def _arrivals(population: Population, places: Places, *, walk_mps: float) -> dict[str, dict[int, int]]:
    """Return when people reach the sites by car, service, coach or on foot, at the pace of busy roads."""
    inbound = [car for car in population.cars if car.inbound]
    ends = [(car.origin_edge, car.origin_pos_m, car.destination_edge, car.destination_pos_m) for car in inbound]
    drive_s = SLOWER * places.direct_s(*_points(ends, places))
    cars = ((car.site, car.depart_s + float(s)) for car, s in zip(inbound, drive_s, strict=True))
    riders = (
        (rider.site, rider.earliest_s + SLOWER * rider.direct_ride_s)
        for rider in population.riders
        if rider.shift_start_s is not None
        for _ in rider.persons
    )
    walkers = [walker for walker in population.walkers if walker.site is not None]
    ends = [(w.origin_edge, w.origin_pos_m, w.destination_edge, w.destination_pos_m) for w in walkers]
    walk_s = places.direct_m(*_points(ends, places)) / walk_mps
    on_foot = ((str(walker.site), walker.depart_s + float(s)) for walker, s in zip(walkers, walk_s, strict=True))
    found: dict[str, Counter[int]] = {}
    for site, at_s in chain(cars, riders, on_foot):
        found.setdefault(site, Counter())[int(at_s // BIN_S * BIN_S)] += 1
    for trip in population.background:
        if trip.arrival is not None and trip.persons:
            site, at_s = trip.arrival
            found.setdefault(site, Counter())[int(at_s // BIN_S * BIN_S)] += trip.persons
    return {site: dict(sorted(found[site].items())) for site in sorted(found)}
