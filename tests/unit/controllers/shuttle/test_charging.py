"""How far shuttles can drive, and who may charge where, without SUMO."""

from __future__ import annotations

import numpy as np
import pytest

from sim.controllers.shuttle.chargers import Chargers, Craft, Station
from sim.controllers.shuttle.charging import Charging, ChargingParameters, Pack, _gap_s
from sim.controllers.shuttle.errand import errand_ride, stops_of
from sim.controllers.shuttle.ride import Ride
from sim.controllers.shuttle.shuttle import Shuttle
from sim.fleet_document import Battery
from sim.world import Load, Location, TravelTimes, Vehicle, Visit
from tests.unit.controllers.shuttle.replay import grid_times

HOME, HERE = Location(0, 100.0), Location(40, 50.0)
STATIONS = (Station("a", Location(3, 50.0), 50.0), Station("b", Location(60, 50.0), 50.0))


@pytest.fixture(scope="module")
def times() -> TravelTimes:
    return grid_times(5, 200.0, 10.0)


def pack(**figures: float) -> Pack:
    shares = {"drag_coefficient": 0.6, "rolling_coefficient": 0.01, "propulsion_efficiency": 0.9}
    figures = {"capacity_kwh": 100.0, "consumption_kwh_per_km": 0.5, "reserve_share": 0.1} | figures
    rest = {"mass_kg": 6000.0, "auxiliary_w": 0.0, "front_area_m2": 5.0, "recuperation_efficiency": 0.6}
    return Pack(Battery.model_validate(shares | rest | figures))


def vehicle(name: str = "s", *, kwh: float = 50.0, at: Location = HERE, odometer_m: float = 0.0) -> Vehicle:
    return Vehicle(name, 6, at, "idle", (), charge_kwh=kwh, odometer_m=odometer_m)


def visiting(station: Station, name: str = "s") -> tuple[Shuttle, dict[str, Ride]]:
    """Return a shuttle whose next task is a visit to a charger."""
    ride = errand_ride(
        f"charge.{name}", station.visit, capacity=Load(6, 0), duration_s=600, earliest_s=0, charged_m=1e5
    )
    return Shuttle(plan=stops_of(ride)), {ride.request.id: ride}


def direct(chargers: Chargers, crafts: list[Craft], rides: dict[str, Ride], times: TravelTimes) -> None:
    chargers.direct(crafts, rides, tops_up=lambda one: (one.charge_kwh or 0) < 30, times=times, now_s=100.0)


def test_the_range_ends_at_the_reserve_and_follows_what_the_fleet_consumes() -> None:
    parameters = ChargingParameters(consumption_factor=1.25, range_slack_m=1000)
    charging = Charging(parameters, {"": pack()}, Chargers(STATIONS))
    assert charging.range_m(vehicle(kwh=50)) == pytest.approx(40 / 0.625 * 1000 - 1000)
    assert charging.range_m(vehicle(kwh=10)) == 0.0
    for km in range(81):  # four times the prior's kilometres, at twice its consumption
        charging.follow(vehicle(kwh=95 - km, odometer_m=1000.0 * km), Shuttle(), {}, now_s=km)
    assert charging.range_m(vehicle(kwh=50)) == pytest.approx(40 / (1.25 * 0.9) * 1000 - 1000)
    assert Charging(parameters).range_m(vehicle(kwh=50)) == np.inf


def test_the_way_to_a_charger_is_that_to_the_nearest(times: TravelTimes) -> None:
    chargers = Chargers(STATIONS)
    places = [Location(edge, pos_m) for edge in range(len(times.edge_s)) for pos_m in (10.0, 50.0, 120.0)]
    found = chargers.to_charger_m(times, (np.array([p.edge for p in places]), np.array([p.pos_m for p in places])))
    nearest = [min(times.distance_m(place, station.location) for station in STATIONS) for place in places]
    np.testing.assert_allclose(found, nearest)
    none = Chargers().to_charger_m(times, (np.array([3]), np.array([5.0])))
    assert none.tolist() == [0.0]


def test_an_idle_shuttle_goes_nowhere_from_where_it_reaches_no_charger(times: TravelTimes) -> None:
    near_m = times.distance_m(HERE, HOME) + min(times.distance_m(HOME, one.location) for one in STATIONS)
    parameters = ChargingParameters(consumption_factor=1, range_slack_m=0)
    charging = Charging(parameters, {"": pack()}, Chargers(STATIONS))
    for spare_m, goes in ((1.0, True), (-1.0, False)):
        assert charging.may_go(vehicle(kwh=10 + (near_m + spare_m) * 0.5 / 1000), HOME, times) == goes


def test_a_visit_takes_another_charger_if_its_own_is_taken_and_waits_if_all_are(times: TravelTimes) -> None:
    chargers = Chargers(STATIONS, {"s": HOME, "t": HOME, "u": HOME})
    rides: dict[str, Ride] = {}
    crafts = []
    for name in ("s", "t", "u"):
        shuttle, own = visiting(STATIONS[0], name)
        rides |= own
        crafts.append(Craft(vehicle(name), shuttle, 1e6))
    direct(chargers, crafts, rides, times)
    first, second, third = (rides[f"charge.{name}"] for name in ("s", "t", "u"))
    assert [ride.errand.visit.charger for ride in (first, second, third) if ride.errand] == ["a", "b", "a"]
    assert [ride.errand.free for ride in (first, second, third) if ride.errand] == [True, True, False]
    assert second.origin == second.destination == STATIONS[1].location
    assert third.earliest_s == 700.0
    crafts[0].shuttle.plan = []  # has charged
    direct(chargers, crafts, rides, times)
    assert third.errand is not None
    assert third.errand.free
    assert third.earliest_s == 100.0


def test_an_idle_shuttle_charges_until_a_visit_wants_its_charger(times: TravelTimes) -> None:
    chargers = Chargers(STATIONS[:1], {"idle": HOME, "s": HOME})
    idle = Craft(vehicle("idle", kwh=20, at=STATIONS[0].location), Shuttle(), 1e6)
    full = Craft(vehicle("full", kwh=40), Shuttle(), 1e6)
    direct(chargers, [full, idle], {}, times)
    assert full.shuttle.waits_at is None
    assert idle.shuttle.waits_at == STATIONS[0].visit
    shuttle, rides = visiting(STATIONS[0])
    direct(chargers, [full, idle, Craft(vehicle(), shuttle, 1e6)], rides, times)
    assert idle.shuttle.waits_at == Visit(HOME)
    assert chargers.holds("s")
    assert not chargers.holds("idle")


def test_who_has_charged_holds_the_charger_until_it_goes_or_another_visit_comes(times: TravelTimes) -> None:
    chargers = Chargers(STATIONS[:1], {"s": HOME, "t": HOME})
    shuttle, rides = visiting(STATIONS[0])
    done = Craft(vehicle(at=STATIONS[0].location), shuttle, 1e6)
    direct(chargers, [done], rides, times)
    shuttle.plan, shuttle.visit_first, shuttle.waits_at = [], STATIONS[0].visit, STATIONS[0].visit
    direct(chargers, [done], rides, times)
    assert chargers.holds("s")
    shuttle.visit_first = None
    other, rides = visiting(STATIONS[0], "t")
    direct(chargers, [done, Craft(vehicle("t"), other, 1e6)], rides, times)
    assert shuttle.waits_at == Visit(HOME)
    assert chargers.holds("t")
    other.plan = []
    shuttle.waits_at = STATIONS[0].visit
    shuttle.visit_last = Visit(HOME)
    direct(chargers, [done], {}, times)
    assert done.shuttle.waits_at is None
    assert not chargers.holds("t")


def test_an_idle_shuttle_that_could_not_come_back_keeps_its_charger(times: TravelTimes) -> None:
    chargers = Chargers(STATIONS[:1], {"idle": HOME, "s": HOME})
    idle = Craft(vehicle("idle", kwh=20, at=STATIONS[0].location), Shuttle(), 100.0)
    direct(chargers, [idle], {}, times)
    shuttle, rides = visiting(STATIONS[0])
    direct(chargers, [idle, Craft(vehicle(), shuttle, 1e6)], rides, times)
    assert chargers.holds("idle")
    assert not rides["charge.s"].errand.free  # type: ignore[union-attr]


def test_nobody_sets_off_to_a_charger_beyond_the_range(times: TravelTimes) -> None:
    way_m = times.distance_m(HERE, STATIONS[0].location)
    for range_m, goes in ((way_m - 1, False), (way_m + 1, True)):
        chargers, low = Chargers(STATIONS[:1]), Craft(vehicle(kwh=20), Shuttle(), range_m)
        direct(chargers, [low], {}, times)
        assert (low.shuttle.waits_at is not None) == goes


@pytest.mark.parametrize(
    ("busy", "begin_s"),
    [([], 10), ([(0, 50)], 50), ([(111, 200)], 10), ([(109, 200)], 200), ([(300, 400), (0, 50), (60, 200)], 200)],
)
def test_a_charger_is_free_in_the_first_gap_that_is_long_enough(
    busy: list[tuple[float, float]], begin_s: float
) -> None:
    assert _gap_s(busy, 10.0, 100.0) == begin_s
