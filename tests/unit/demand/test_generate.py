from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from sim.demand.generate import generate
from sim.demand.population import Population
from sim.errors import ScenarioError
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.scenario import validate

Document = dict[str, Any]
Draw = Callable[[Document], Population]


@pytest.fixture
def draw(network: Network, graph: EdgeGraph) -> Draw:
    return lambda document: generate(validate(document, place="test.yaml"), network, graph)


def test_same_seed_same_population_another_seed_another(draw: Draw, document: Document) -> None:
    first = draw(document)
    assert draw(document) == first
    document["seeds"]["demand"] = 8
    assert draw(document).riders != first.riders


def test_the_sumo_seed_does_not_touch_the_demand(draw: Draw, document: Document) -> None:
    first = draw(document)
    document["seeds"]["sumo"] = 99
    assert draw(document) == first


def test_each_part_has_its_own_stream(draw: Draw, document: Document) -> None:
    whole = draw(document)
    document["demand"]["background"]["scale"] = 0.5
    document["demand"]["rail"] = None
    changed = draw(document)
    assert changed.cars == whole.cars
    assert changed.riders == tuple(rider for rider in whole.riders if rider.purpose == "commute")
    del document["demand"]["commuters"]
    assert draw(document).background == changed.background


def test_one_flow_leaves_the_others_alone(draw: Draw, document: Document) -> None:
    def second_flow(population: Population) -> list[float]:
        return [trip.depart_s for trip in population.background if trip.destination_edge.startswith(("L080", "L078"))]

    before = second_flow(draw(document))
    document["demand"]["background"]["flows"][0]["vehicles_per_h"] = 700
    assert second_flow(draw(document)) == before


def test_a_larger_rider_share_keeps_the_people_and_the_riders(draw: Draw, document: Document) -> None:
    few = draw(document)
    document["demand"]["commuters"]["rider_share"] = 0.5
    many = draw(document)
    by_id = {rider.person_id: rider for rider in many.riders}
    commuters = [rider for rider in few.riders if rider.purpose == "commute"]
    assert len(commuters) < sum(rider.purpose == "commute" for rider in many.riders)
    assert [by_id[rider.person_id] for rider in commuters] == commuters
    switched = {car.person_id: car for car in few.cars if car.person_id in by_id}
    assert switched
    for person, car in switched.items():
        rider = by_id[person]
        assert (rider.site, rider.origin_edge, rider.origin_pos_m) == (
            car.site,
            car.origin_edge,
            car.origin_pos_m,
        )
        assert rider.shift_start_s == car.shift_start_s


def test_a_larger_count_adds_to_the_same_people(draw: Draw, document: Document) -> None:
    few = draw(document)
    document["demand"]["commuters"]["count"] = 2500
    assert set(few.cars) < set(draw(document).cars)


def test_services_meet_the_same_people(draw: Draw, document: Document) -> None:
    first = draw(document)
    for use in ("timetable", "sumo"):
        document["controllers"]["shuttle"]["use"] = use
        assert draw(document) == first


def test_without_a_service_nobody_rides_and_traffic_is_the_same(draw: Draw, document: Document) -> None:
    served = draw(document)
    document["controllers"] = {}
    alone = draw(document)
    assert not alone.riders
    assert (alone.cars, alone.background) == (served.cars, served.background)


def test_everybody_is_ordered_with_unique_ids(draw: Draw, document: Document) -> None:
    people = draw(document)
    for keys in (
        [(rider.earliest_s, rider.request_id) for rider in people.riders],
        [(car.depart_s, car.vehicle_id) for car in people.cars],
        [(trip.depart_s, trip.vehicle_id) for trip in people.background],
    ):
        assert keys == sorted(keys)
        assert len({key[1] for key in keys}) == len(keys)
    everybody = [rider.person_id for rider in people.riders] + [car.person_id for car in people.cars]
    assert len(set(everybody)) == len(everybody)


def test_shares_lie_within_binomial_bounds(draw: Draw, document: Document) -> None:
    people = draw(document)
    commuters = [rider for rider in people.riders if rider.purpose == "commute"]
    total = len(commuters) + len(people.cars)
    assert total == 2000  # the span holds everybody's wish
    _assert_share(len(commuters), total, 0.2)
    sites = Counter([rider.site for rider in commuters]) + Counter([car.site for car in people.cars])
    _assert_share(sites["ggm"], total, 705 / (705 + 120 + 50))
    _assert_share(sum(rider.zone == "wolya" for rider in commuters), len(commuters), 0.3)
    late = sum(car.shift_start_s == 9 * 3600 for car in people.cars)
    _assert_share(late, sum(car.site != "ggm" for car in people.cars), 0.25)


def _assert_share(found: int, total: int, share: float) -> None:
    assert abs(found - total * share) <= 4 * math.sqrt(total * share * (1 - share))


def test_wishes_follow_from_shift_arrival_law_and_budget(draw: Draw, document: Document) -> None:
    for rider in draw(document).riders:
        if rider.purpose != "commute":
            continue
        assert rider.shift_start_s == rider.latest_arrival_s
        assert rider.shift_start_s is not None
        lead_s = rider.shift_start_s - (rider.earliest_s + 1.4 * rider.direct_ride_s + 900)
        assert 120 - 1 <= lead_s <= 2400 + 1
        assert rider.shift_start_s == 8 * 3600 or rider.site != "ggm"


def test_only_wishes_inside_the_span_are_drawn(draw: Draw, document: Document) -> None:
    document["time"].update(begin_s="07:00", end_s="07:20")
    people = draw(document)
    for time_s in [rider.earliest_s for rider in people.riders] + [car.depart_s for car in people.cars]:
        assert 7 * 3600 <= time_s < 7 * 3600 + 1200


def test_homes_lie_on_walkable_roads_and_away_from_edge_ends(draw: Draw, document: Document, graph: EdgeGraph) -> None:
    for rider in draw(document).riders:
        edge = graph.position(rider.origin_edge)
        assert graph.permits["pedestrian"][edge]
        assert graph.permits["taxi"][edge]
        if rider.purpose == "commute":
            assert 15 <= rider.origin_pos_m <= graph.length_m[edge] - 15


def test_everything_can_be_driven(draw: Draw, document: Document, graph: EdgeGraph) -> None:
    people = draw(document)
    taxi = graph.matrix(graph.time_s, "taxi")
    truck = graph.matrix(graph.time_s, "truck")
    pairs = {(one.origin_edge, one.destination_edge) for one in people.riders}
    pairs |= {(one.origin_edge, one.destination_edge) for one in people.cars}
    assert all(math.isfinite(taxi[graph.position(a), graph.position(b)]) for a, b in pairs)
    ways = {(trip.origin_edge, trip.destination_edge) for trip in people.background}
    assert all(a == b or math.isfinite(truck[graph.position(a), graph.position(b)]) for a, b in ways)


def test_direct_rides_are_those_of_the_shortest_path(draw: Draw, document: Document, graph: EdgeGraph) -> None:
    for rider in draw(document).riders[:40]:
        path = [
            graph.position(edge)
            for edge in graph.shortest_path(rider.origin_edge, rider.destination_edge, vclass="taxi")
        ]
        first, last = path[0], path[-1]
        metres = graph.travel_m[path[:-1]].sum() - rider.origin_pos_m + rider.destination_pos_m
        seconds = (
            graph.time_s[path[:-1]].sum()
            - rider.origin_pos_m / graph.length_m[first] * graph.time_s[first]
            + rider.destination_pos_m / graph.length_m[last] * graph.time_s[last]
        )
        assert rider.direct_distance_m == pytest.approx(metres, abs=0.1)
        assert rider.direct_ride_s == pytest.approx(seconds, abs=0.1)


def test_rail_riders_come_out_together_train_by_train(draw: Draw, document: Document, network: Network) -> None:
    riders = [rider for rider in draw(document).riders if rider.purpose == "rail"]
    assert abs(len(riders) - 48) <= 4 * math.sqrt(48)
    waves = sorted({rider.earliest_s for rider in riders})
    assert all((later - earlier + 1) % 900 <= 2 for earlier, later in pairwise(waves))
    station = network.sites["songjeong_station"]
    assert {(rider.origin_edge, rider.scopes) for rider in riders} == {(station.edge, ("station_corridor",))}
    assert all(rider.latest_arrival_s is None for rider in riders)


def test_background_is_under_way_from_the_first_minute_and_runs_to_the_end(draw: Draw, document: Document) -> None:
    trips = draw(document).background
    times = np.array([trip.depart_s for trip in trips])
    begin_s, horizon_s = 6 * 3600, 10 * 3600 + 1800
    assert times.min() >= begin_s
    assert horizon_s - 120 < times.max() < horizon_s
    entered_at_once = sum(trip.depart_s < begin_s + 240 and trip.origin_edge not in GATEWAY_EDGES for trip in trips)
    assert entered_at_once > 50  # 1,000 vehicles an hour for about 13 min are on their way
    per_h = np.histogram(times, bins=[6.5 * 3600, 8 * 3600, 9 * 3600, 10 * 3600])[0] / (1.5, 1, 1)
    for found, expected in zip(per_h, (1000, 2000, 500), strict=True):
        assert abs(found - expected) <= 5 * math.sqrt(expected)
    trucks = sum(trip.vehicle_class == "truck" for trip in trips)
    _assert_share(trucks, len(trips), 0.2 * 600 / 1000)


GATEWAY_EDGES = {"L050-", "L071-", "L078+", "L080-"}


def test_one_way_flows(draw: Draw, document: Document) -> None:
    document["demand"]["background"]["both_ways"] = False
    ends = {trip.destination_edge for trip in draw(document).background}
    assert ends == {"L071+", "L080+"}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "homes.suwan.junctions",
            ["R36", "R99"],
            "demand.commuters.homes.suwan.junctions: unknown junction 'R99'; allowed are ",
        ),
        (
            "homes.suwan.radius_m",
            1,
            "demand.commuters.homes.suwan: no road .* radius_m = 1 of R35, R36; allowed is [0-9]+ or more",
        ),
        (
            "destinations",
            ["ggm", "moon"],
            "demand.commuters.destinations: unknown site 'moon'; allowed are av_safety",
        ),
        (
            "destinations",
            ["kumho_hampyeong"],
            "demand.commuters.destinations: (unknown )?site 'kumho_hampyeong'",
        ),
        (
            "destinations",
            ["ggm", "wolya"],
            "demand.commuters.destinations: no staff is known for wolya; allowed are",
        ),
    ],
)
def test_wrong_names_of_commuters_are_told(
    draw: Draw, document: Document, path: str, value: object, message: str
) -> None:
    _set(document["demand"]["commuters"], path, value)
    with pytest.raises(ScenarioError, match=message):
        draw(document)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("demand.rail.station", "moon", "demand.rail.station: unknown site 'moon'; allowed are"),
        (
            "demand.rail.destinations",
            ["future_car"],
            "demand.rail.destinations: (unknown )?site 'future_car'",
        ),
    ],
)
def test_other_wrong_names_are_told(draw: Draw, document: Document, path: str, value: object, message: str) -> None:
    _set(document, path, value)
    with pytest.raises(ScenarioError, match=message):
        draw(document)


def test_wrong_gateways_and_shift_sites_are_told(draw: Draw, document: Document) -> None:
    document["demand"]["background"]["flows"][1]["destination"] = "X4"
    with pytest.raises(
        ScenarioError,
        match=r"demand\.background\.flows\.1\.destination: unknown gateway 'X4'; allowed are H11",
    ):
        draw(document)
    document["demand"]["commuters"]["shifts"][0]["sites"] = ["moon"]
    with pytest.raises(ScenarioError, match=r"demand\.commuters\.shifts\.0\.sites: unknown site 'moon'"):
        draw(document)
    document["demand"]["commuters"]["shifts"][0]["sites"] = ["suseong"]
    with pytest.raises(
        ScenarioError, match=r"shifts\.0\.sites: unknown destination 'suseong'; allowed are cams, ggm, labour"
    ):
        draw(document)


def test_a_site_without_a_shift_is_told(draw: Draw, document: Document) -> None:
    document["demand"]["commuters"]["shifts"] = document["demand"]["commuters"]["shifts"][:1]
    with pytest.raises(ScenarioError, match=r"demand\.commuters\.shifts: no shift with a share for site 'cams'"):
        draw(document)


def test_a_site_that_cannot_be_reached_is_told(document: Document, network: Network, graph: EdgeGraph) -> None:
    entrance = graph.position(network.sites["ggm"].edge)
    closed = graph.permits["taxi"].copy()
    closed[entrance] = False
    cut_off = replace(graph, permits={**graph.permits, "taxi": closed})
    with pytest.raises(ScenarioError, match=r"demand\.commuters\.destinations: site 'ggm' cannot be reached"):
        generate(validate(document, place="test.yaml"), network, cut_off)


def _set(node: Document, path: str, value: object) -> None:
    *above, last = path.split(".")
    for key in above:
        node = node[key]
    node[last] = value
