from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from sim.controllers.base import RideLeg, RiderPlan, ServiceVehicle, WalkLeg, find_controller
from sim.controllers.timetable.controller import Timetable
from sim.errors import ScenarioError
from sim.network.walking import Place, walking_distances

from .conftest import Morning, prepare, with_fleet


def carried(morning: Morning) -> list[RiderPlan]:
    return [plan for plan in morning.service.riders if plan.refused is None]


def trips(vehicle: ServiceVehicle) -> list[list[tuple[str, str, float]]]:
    """Return the calls of each trip of a vehicle: line, stop, earliest departure."""
    found: list[list[tuple[str, str, float]]] = []
    for before, call in pairwise(vehicle.calls):
        if call.line == "depot":
            continue
        if before.line == "depot":
            found.append([])
        found[-1].append((call.line, call.stop_id, call.until_s))
    return found


def test_the_service_is_found_by_its_name() -> None:
    assert find_controller("timetable") is Timetable


def test_the_whole_fleet_starts_and_ends_at_the_depot(morning: Morning) -> None:
    scenario = morning.inputs.scenario
    assert scenario.fleet is not None
    assert len(morning.service.vehicles) == scenario.fleet.count
    for vehicle in morning.service.vehicles:
        assert vehicle.depart_s == scenario.time.begin_s
        assert vehicle.calls[0].stop_id == vehicle.calls[-1].stop_id == scenario.fleet.depot
        assert vehicle.calls[-1].until_s == scenario.time.horizon_s


def test_routes_are_contiguous_and_pass_every_call_in_order(morning: Morning) -> None:
    graph, stops = morning.inputs.graph, morning.inputs.network.stops
    turns = {
        (graph.ids[a], graph.ids[b])
        for a, b, bus in zip(graph.turn_from, graph.turn_to, graph.turn_permits["bus"], strict=True)
        if bus
    }
    for vehicle in morning.service.vehicles:
        assert set(pairwise(vehicle.edges)) <= turns
        assert vehicle.edges[0] == vehicle.edges[-1] == vehicle.start_edge
        at, pos_m = 0, 0.0
        for call in vehicle.calls:
            if call.stop_id not in stops:
                at, pos_m = vehicle.edges.index(vehicle.start_edge, at), vehicle.start_pos_m
                continue
            kerb = stops[call.stop_id]
            behind = vehicle.edges[at] == kerb.edge and kerb.end_m < pos_m
            at, pos_m = vehicle.edges.index(kerb.edge, at + behind), kerb.end_m


def test_no_vehicle_is_in_two_places(morning: Morning) -> None:
    for vehicle in morning.service.vehicles:
        assert all(a.until_s <= b.until_s for a, b in pairwise(vehicle.calls))
        for (pull_out, first), trip in zip(
            [(a, b) for a, b in pairwise(vehicle.calls) if a.line == "depot"], trips(vehicle), strict=False
        ):
            # free flow is the least a bus needs; the timetable allows at least the layover on top
            graph = morning.inputs.graph
            way = graph.shortest_path(
                vehicle.start_edge, morning.inputs.network.stops[first.stop_id].edge, vclass="bus"
            )
            inner = sum(graph.time_s[graph.index[edge]] for edge in way[1:-1])
            assert first.until_s - pull_out.until_s >= inner + 120
            assert trip[0][1] == first.stop_id


def test_planned_loads_never_exceed_the_seats(morning: Morning) -> None:
    inputs = morning.inputs
    assert inputs.scenario.fleet is not None
    stops = sorted(inputs.network.stops)
    origins = [Place(plan.rider.origin_edge, plan.rider.origin_pos_m) for plan in carried(morning)]
    metres = walking_distances(inputs.network, inputs.graph, stops, origins)
    runs = [trip for vehicle in morning.service.vehicles for trip in trips(vehicle)]
    load: Counter[tuple[str, float, str]] = Counter()
    for number, plan in enumerate(carried(morning)):
        walk, ride, _ = plan.legs
        assert isinstance(walk, WalkLeg)
        assert isinstance(ride, RideLeg)
        at_stop_s = (
            plan.depart_s + metres[stops.index(str(walk.stop_id)), number] / inputs.scenario.requests.walk_speed_mps
        )
        # riders plan to be there 90 s before the departure, and leave home at a whole second
        (run,) = [
            run
            for run in runs
            if any(c[:2] == (ride.lines, walk.stop_id) and abs(c[2] - 90 - at_stop_s) <= 1 for c in run)
        ]
        names = [stop for _, stop, _ in run]
        for stop in names[names.index(str(walk.stop_id)) : names.index(str(ride.stop_id))]:
            load[ride.lines, run[0][2], stop] += plan.rider.size
    assert max(load.values()) > 6
    assert max(load.values()) <= inputs.scenario.fleet.seats


def test_nobody_leaves_before_the_wish_to_travel(morning: Morning) -> None:
    assert all(plan.depart_s >= plan.rider.earliest_s for plan in carried(morning))


def test_every_rider_has_one_plan_with_legs_or_a_cause(morning: Morning) -> None:
    assert [plan.rider for plan in morning.service.riders] == list(morning.inputs.riders)
    for plan in morning.service.riders:
        assert bool(plan.legs) == (plan.refused is None)
    assert len(carried(morning)) > 0.9 * len(morning.inputs.riders)


def test_riders_find_no_stop_when_they_hardly_walk(morning: Morning) -> None:
    causes = Counter(plan.refused for plan in prepare(morning.inputs, max_walk_m=300).riders)
    assert causes["no_stop_within_walk"] > 100


def test_riders_who_wish_to_travel_after_the_last_trip_are_refused(morning: Morning) -> None:
    late = replace(morning.inputs.riders[0], earliest_s=float(morning.inputs.scenario.time.horizon_s) - 60)
    service = prepare(replace(morning.inputs, riders=(late,)))
    assert [plan.refused for plan in service.riders] == ["no_departure_in_time"]


def test_a_small_fleet_leaves_riders_without_a_seat_and_overfills_no_bus(morning: Morning) -> None:
    service = prepare(with_fleet(morning.inputs, count=9))
    causes = Counter(plan.refused for plan in service.riders)
    assert causes["no_seat"] > 0
    assert len(service.vehicles) == 9


def test_a_fleet_too_small_for_the_lines_is_refused(morning: Morning) -> None:
    with pytest.raises(ScenarioError, match=r"fleet\.count: 1 vehicles cannot run the timetable; allowed are at least"):
        prepare(with_fleet(morning.inputs, count=1))


def test_more_vehicles_never_serve_fewer(morning: Morning) -> None:
    served = [
        sum(plan.refused is None for plan in prepare(with_fleet(morning.inputs, count=count)).riders)
        for count in (12, 24)
    ]
    assert served == sorted(served)


def test_a_fleet_without_depot_is_refused(morning: Morning) -> None:
    with pytest.raises(ScenarioError, match=r"fleet\.depot: none"):
        prepare(with_fleet(morning.inputs, depot=None))


def test_an_unknown_depot_is_refused(morning: Morning) -> None:
    with pytest.raises(ScenarioError, match=r"fleet\.depot: unknown parking area 'garage'"):
        prepare(with_fleet(morning.inputs, depot="garage"))


def test_a_morning_without_riders_leaves_the_fleet_in_the_depot(morning: Morning) -> None:
    service = prepare(replace(morning.inputs, riders=()))
    assert all(len(vehicle.calls) == 1 for vehicle in service.vehicles)


def test_the_same_inputs_give_the_same_service(morning: Morning) -> None:
    assert prepare(morning.inputs) == morning.service


def test_lines_that_carry_riders_run_until_the_last_of_them(morning: Morning) -> None:
    last = max(plan.rider.earliest_s for plan in carried(morning) if plan.rider.purpose == "rail")
    departures = [run[0][2] for vehicle in morning.service.vehicles for run in trips(vehicle) if run[0][0] == "97"]
    assert max(departures) >= last - 600
