"""Background traffic between gateways, already under way when the run begins: from flows, or fitted to counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import SeedSequence, default_rng

from sim.demand.draws import Floats, Integers, multiplier_at, named_streams, poisson_times
from sim.demand.fit import Fit, fit_flows, gateway_pairs
from sim.demand.places import Places, require
from sim.demand.population import BackgroundTrip
from sim.demand.sections import require_sections, sections_of
from sim.demand.tables import COUNT_CLASSES, Count, read_counts, require_table
from sim.demand.ways import Ways, fastest
from sim.demand_document import Background, Flow
from sim.errors import ScenarioError
from sim.scenario import Scenario

WHERE = "demand.background.flows"
Known = Mapping[tuple[str, int], float]


@dataclass(frozen=True, slots=True, eq=False)
class _Stream:
    """One direction of a flow: its way and its rate; `truck_share` splits it into classes."""

    path: Integers
    per_h: float
    profile: Mapping[int, float]
    truck_share: float
    seeds: SeedSequence


def background(
    scenario: Scenario, model: Background, places: Places, seeds: SeedSequence, *, known: Known
) -> list[BackgroundTrip]:
    """Return the trips of all flows through the whole run, drain included, with Poisson headways.

    The roads are not empty at `begin_s`: a vehicle that would have left its gateway earlier appears at the
    first edge of its free-flow way that it reaches after `begin_s`, at that moment. So headways stay Poisson,
    nothing piles up in the first second, and no time before `begin_s` has to be simulated.

    Parameters
    ----------
    known
        Commuters' cars by section and hour, which are among the counted already.
    """
    streams = _streams(model, places, seeds) if model.flows else _fitted(model, places, seeds, known)
    trips = [
        (trip, number, row)
        for number, stream in enumerate(streams)
        for row, trip in enumerate(_trips(scenario, stream, places))
    ]
    trips.sort(key=lambda one: (one[0].depart_s, *one[1:]))
    return [replace(trip, vehicle_id=f"bg.{number:05d}") for number, (trip, _, _) in enumerate(trips, start=1)]


def fit_counts(
    counts: Sequence[Count],
    places: Places,
    *,
    known: Known,
    share: float,
    where: str,
    prior: Sequence[Count] = (),
    start: Mapping[str, Mapping[tuple[str, str], Floats]] | None = None,
) -> dict[str, Fit]:
    """Return the flows by class that meet counts, and `prior` or the flows of `start` where there are none.

    `share` of the `known` commuters come by car.
    """
    sections = sections_of(places.graph)
    require_sections({count.road: count.row for count in reversed(counts)}, sections, where=where)
    cars = {key: share * vehicles for key, vehicles in known.items()}
    fits = {}
    for vehicle_class in sorted({count.vehicle_class for count in (*counts, *prior)} | set(start or {})):
        pairs = gateway_pairs(places.network, places.graph, vclass=COUNT_CLASSES[vehicle_class])
        own, held = ([one for one in some if one.vehicle_class == vehicle_class] for some in (counts, prior))
        counted = cars if vehicle_class == "car" else {}
        flows = start.get(vehicle_class, {}) if start is not None else None
        fits[vehicle_class] = fit_flows(pairs, own, sections, places.graph, known=counted, prior=held, start=flows)
    return fits


def _fitted(model: Background, places: Places, seeds: SeedSequence, known: Known) -> Iterator[_Stream]:
    path = require_table(places.network.name, "counts")
    share = model.commuter_car_share.value
    fits = fit_counts(read_counts(path), places, known=known, share=share, where=path.name)
    for vehicle_class, child in named_streams(seeds, tuple(COUNT_CLASSES)).items():
        fit = fits.get(vehicle_class)
        if fit is None:
            continue
        for pair, per_h, stream in zip(fit.pairs, fit.per_h, child.spawn(len(fit.pairs)), strict=True):
            profile = {3600 * hour: float(rate) for hour, rate in enumerate(per_h)}
            yield _Stream(pair.path, model.scale, profile, float(vehicle_class == "truck"), stream)


def _streams(model: Background, places: Places, seeds: SeedSequence) -> Iterator[_Stream]:
    for number, (flow, child) in enumerate(zip(model.flows, seeds.spawn(len(model.flows)), strict=True)):
        for way, stream in named_streams(child, ("there", "back")).items():
            if way == "there" or model.both_ways:
                path = _path(flow, places, f"{WHERE}.{number}", back=way == "back")
                profile = flow.profile if flow.profile is not None else model.profile
                yield _Stream(path, flow.vehicles_per_h.value * model.scale, profile, flow.truck_share, stream)


def _trips(scenario: Scenario, stream: _Stream, places: Places) -> Iterator[BackgroundTrip]:
    """Yield the trips of one direction of a flow, still without a number."""
    graph = places.graph
    at_edge_s = np.concatenate(([0.0], np.cumsum(graph.time_s[stream.path])))
    headways, classes = (default_rng(child) for child in stream.seeds.spawn(2))
    gateway_s = poisson_times(
        headways,
        per_h=stream.per_h,
        profile=stream.profile,
        begin_s=scenario.time.begin_s - float(at_edge_s[-1]),
        end_s=scenario.time.horizon_s,
    )
    trucks = classes.random(len(gateway_s)) < stream.truck_share
    first = np.searchsorted(at_edge_s, scenario.time.begin_s - gateway_s)
    ids = tuple(graph.ids[edge] for edge in stream.path)
    onward: dict[int, tuple[str, ...]] = {}
    for left_s, edge, truck in zip(gateway_s.tolist(), first.tolist(), trucks.tolist(), strict=True):
        if edge < len(ids):
            yield BackgroundTrip(
                vehicle_id="",
                vehicle_class="truck" if truck else "car",
                origin_edge=ids[edge],
                destination_edge=ids[-1],
                depart_s=float(np.floor(left_s + at_edge_s[edge])),
                group="truck" if truck else "background",
                edges=onward.setdefault(edge, ids[edge:]),
            )


def flows_by_hour(model: Background) -> dict[str, dict[tuple[str, str], Floats]]:
    """Return the vehicles an hour, shape (24,), of a document's flows by class, origin and destination."""
    found: dict[str, dict[tuple[str, str], Floats]] = {vehicle_class: {} for vehicle_class in COUNT_CLASSES}
    for flow in model.flows:
        profile = flow.profile if flow.profile is not None else model.profile
        per_h = (
            flow.vehicles_per_h.value * model.scale * np.array([multiplier_at(profile, 3600 * h) for h in range(24)])
        )
        ends = [(flow.origin, flow.destination), (flow.destination, flow.origin)]
        for pair in ends if model.both_ways else ends[:1]:
            for vehicle_class, share in (("car", 1 - flow.truck_share), ("truck", flow.truck_share)):
                own = found[vehicle_class]
                own[pair] = own.get(pair, 0.0) + share * per_h
    return found


def _path(flow: Flow, places: Places, where: str, *, back: bool) -> Integers:
    """Return the free-flow way of a flow as positions of edges, the fastest between the two gateways."""
    origin, destination = (flow.destination, flow.origin) if back else (flow.origin, flow.destination)
    gateways, graph = places.network.gateways, places.graph
    require(flow.origin, gateways, where=f"{where}.origin", kind="gateway")
    require(flow.destination, gateways, where=f"{where}.destination", kind="gateway")
    vehicle_class = "truck" if flow.truck_share > 0 else "car"
    entries = [graph.position(edge) for edge in gateways[origin].entry_edges]
    exits = [graph.position(edge) for edge in gateways[destination].exit_edges]
    path = fastest(Ways(graph, entries, vclass=COUNT_CLASSES[vehicle_class]), entries, exits)
    if path is None:
        msg = f"{where}: gateway {destination} cannot be reached by {vehicle_class} from gateway {origin}"
        raise ScenarioError(msg)
    return path
