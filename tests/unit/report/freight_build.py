"""Published runs of freight on the real network without SUMO: a plant, its part makers, trucks, cars and conflicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sim import events as ev
from sim import freight_events as fe
from sim.kpi.conflicts import CONFLICTS, Conflict, write_conflicts
from sim.kpi.measure import measure_run, records_as_json
from sim.network.catalog import Network, load_network
from sim.rundir import KPIS, VEHICLES, RunDir
from sim.scenario import Scenario, validate
from tests.unit.kpi.freight_build import BATTERY

BEGIN_S, END_S = 6 * 3600.0, 16 * 3600.0
_FAMILIES = {"bumper": "cams", "module": "jayeo", "seat": "seojun", "trim": "garion", "wheel": "suseong"}
_LOT = 24
_PALLETS, _KG = 6.0, 1800.0
_LEGS_M = (2500.0, 3800.0, 2200.0)  # depot to maker, maker to plant, plant to depot
_WH_PER_M = 0.85
_CHARGE_KW = 60.0
_METER_S = 300.0

Spans = list[tuple[float, float]]


def document(name: str, *, bays: int = 4, trucks: int = 5, idle: tuple[str, ...] = ()) -> dict[str, Any]:
    part = {"per_car": 1, "lot": _LOT, "pieces_per_pallet": 4, "kg_per_piece": 75, "stock": 30, "safety_stock": 10}
    sites = {"ggm": {"bays": bays, "free_time_s": 1800}, **{site: {"bays": 1} for site in (*_FAMILIES.values(), *idle)}}
    return {
        "name": name,
        "title": "Parts to the line",
        "network": "bitgreen",
        "time": {"begin_s": BEGIN_S, "end_s": END_S, "drain_s": 3600},
        "controllers": {"freight": {"use": "greedy"}},
        "freight": {
            "sites": sites,
            "depots": {"yard": {"parking": "park.truck_depot", "charging": {"power_kw": _CHARGE_KW, "hub_kw": 200}}},
            "fleets": {
                "tug": {"vehicle_class": "av_truck", "count": trucks, "depot": "yard", "capacity_pallets": 8,
                        "payload_kg": 6000, "crew": "remote", "battery": BATTERY},
            },
            "lines": {
                "assembly": {
                    "site": "ggm",
                    "cars_per_h": 26.7,
                    "work": [
                        {"begin_s": "07:00", "end_s": "15:40", "breaks": [{"begin_s": "11:00", "end_s": "11:40"}]},
                    ],
                    "parts": {family: {"origin": origin, **part} for family, origin in _FAMILIES.items()},
                }
            },
            "finished_cars": {"line": "assembly", "start_edge": "N32-", "compound": "ggm", "parking": "p",
                              "capacity": 90, "stored": 20},
            "energy": {"grid_wtw_kg_co2e_per_kwh": 0.4173},
        },
    }  # fmt: skip


@dataclass
class Yard:
    """Bays of all sites with what is booked in them."""

    bays: dict[str, int]
    booked: dict[tuple[str, int], Spans] = field(default_factory=dict)

    def stay(self, site: str, arrival_s: float, service_s: float) -> tuple[int, float]:
        """Book the bay that is free first, and return it and the time of docking."""
        options = [(self._gap(site, bay, arrival_s, service_s), bay) for bay in range(self.bays[site])]
        docked_s, bay = min(options)
        self.booked.setdefault((site, bay), []).append((docked_s, docked_s + service_s + 31))
        return bay, docked_s

    def _gap(self, site: str, bay: int, arrival_s: float, service_s: float) -> float:
        at_s = arrival_s
        for begin_s, end_s in sorted(self.booked.get((site, bay), [])):
            if at_s + service_s + 31 > begin_s and at_s < end_s:
                at_s = end_s
        return at_s


@dataclass
class Truck:
    """A truck that brings one lot after the other, and charges in between."""

    name: str
    free_s: float
    odometer_m: float = 0.0
    charged_wh: float = 0.0
    uses: Spans = field(default_factory=list)
    charges: Spans = field(default_factory=list)

    def drive(self, at_s: float, length_m: float) -> None:
        self.odometer_m += length_m
        self.uses.append((at_s, length_m))

    def charge(self, until_s: float) -> None:
        """Charge since the truck came to the depot, at most to the full."""
        missing_wh = (_WH_PER_M - 0.1) * self.odometer_m - self.charged_wh
        wh = min(missing_wh, 950 * _CHARGE_KW * (until_s - self.free_s) / 3600)
        self.charges.append((self.free_s, self.free_s + wh * 3600 / (950 * _CHARGE_KW)))
        self.charged_wh += wh


def publish(
    place: Path, *, bays: int = 4, trucks: int = 5, pace: float = 1.0, seed: int = 1, status: str = "finished",
    idle: tuple[str, ...] = (), orders: bool = True,
) -> Path:  # fmt: skip
    """Publish a run with so many bays at the plant and trucks, which take `pace` times as long for their ways.

    Nobody comes to the sites that are `idle`.
    """
    scenario = validate(document(place.name, bays=bays, trucks=trucks, idle=idle), place="the test")
    network, rng = load_network("bitgreen"), np.random.default_rng(seed)
    log = sorted([*_moved(scenario, trucks if orders else 0, pace, rng), *_cars(rng), *_violations(network, rng)],
                 key=lambda one: one.time_s)  # fmt: skip
    manifest = {
        "run_id": f"{place.name}-id", "status": status, "scenario": scenario.model_dump(mode="json"),
        "scenario_hash": "5" * 64, "seeds": scenario.seeds.model_dump(), "fingerprint": ev.fingerprint(log),
        "events": len(log), "end_s": log[-1].time_s,
        "network": {"name": network.name, "sha256": network.sha256, "attribution": network.attribution},
        "versions": {"sandbox": "0.1.0", "sumo": "SUMO 1.28.0"},
        "platform": {"system": "Linux", "machine": "x86_64", "engine": "libsumo"},
        "teleports": 0, "collisions": 0, "warnings": [], "wall_s": 1.5, "created": "2026-01-05T06:00:00+00:00",
    }  # fmt: skip
    row = {"vehicle_id": "bg.1", "group": "background", "arrival_s": 500.0, "time_loss_s": 40.0, "depart_delay_s": 0.0}
    with RunDir(place) as directory:
        directory.write_events(log)
        pq.write_table(pa.Table.from_pylist([row]), directory.work / VEHICLES)
        write_conflicts(_conflicts(network, rng), directory.work / CONFLICTS)
        sealed = directory.seal_events()
        directory.write_json(KPIS, records_as_json(measure_run(directory.work, manifest=manifest, events=sealed)))
        return directory.publish(manifest)


def _moved(scenario: Scenario, count: int, pace: float, rng: np.random.Generator) -> Iterator[ev.Event]:
    """Yield orders, trucks and lorries; every family is called lot by lot, one after the other."""
    assert scenario.freight is not None
    yard = Yard({site: one.bays or 1 for site, one in scenario.freight.sites.items()})
    for site, bays in yard.bays.items():
        yield fe.SiteOpened(time_s=BEGIN_S, site=site, bays=bays, staging_places=4)
    for family in _FAMILIES:
        yield fe.StockCounted(time_s=BEGIN_S, site="ggm", family=family, pieces=30.0)
    fleet = [Truck(f"tug.{n}", BEGIN_S) for n in range(count)]
    for truck in fleet:
        yield fe.FreightVehicleStarted(
            time_s=BEGIN_S, vehicle_id=truck.name, fleet="tug", vehicle_class="av_truck", crew="remote",
            capacity_pallets=8.0, payload_kg=6000.0, empty_kg=7500.0, edge="N32+", charge_kwh=120.0, capacity_kwh=120.0,
        )  # fmt: skip
    for number in range(24):
        arrival_s = round(BEGIN_S + 1200 + number * 1300 + rng.uniform(0, 600))
        yield from _lorry(f"in.{number}", arrival_s, round(rng.uniform(900, 1500)), yard)
    lot_s = _LOT / 26.7 * 3600
    calls = sorted((BEGIN_S + 900 + n * lot_s + shift * 340, family, n)
                   for shift, family in enumerate(_FAMILIES) for n in range(9))  # fmt: skip
    for released_s, family, number in calls if fleet else ():
        truck = min(fleet, key=lambda one: (one.free_s, one.name))
        yield from _delivery(truck, yard, (f"{family}.{number}", family, round(released_s)), pace, rng)
    yield from _energy(fleet)


def _lorry(name: str, arrival_s: float, service_s: float, yard: Yard) -> Iterator[ev.Event]:
    yield fe.LorryEntered(time_s=arrival_s - 600, vehicle_id=name, flow="in", site="ggm", gateway="R29")
    events, _, left_s = _stay(name, "ggm", arrival_s, service_s, yard)
    yield from events
    yield fe.LorryLeft(time_s=left_s + 500, vehicle_id=name, flow="in", odometer_m=20_000.0)


def _delivery(
    truck: Truck, yard: Yard, order: tuple[str, str, float], pace: float, rng: np.random.Generator
) -> Iterator[ev.Event]:
    """Bring a lot from its maker to the plant, and drive back to the depot."""
    name, family, released_s = order
    yield fe.OrderReleased(
        time_s=released_s, order_id=name, order_kind="part", family=family, origin=_FAMILIES[family],
        destination="ggm", pallets=_PALLETS, mass_kg=_KG, pieces=_LOT, earliest_s=released_s + 1800,
        latest_s=released_s + 3600, direct_distance_m=3500.0,
    )  # fmt: skip
    at_s = max(truck.free_s, released_s)
    truck.charge(at_s)
    yield fe.MissionBegan(time_s=at_s, vehicle_id=truck.name, odometer_m=truck.odometer_m)
    legs_s = [round(pace * leg_m / 8 * rng.uniform(0.8, 1.6)) for leg_m in _LEGS_M]
    for place, site in enumerate((_FAMILIES[family], "ggm")):
        truck.drive(at_s, _LEGS_M[place])
        service_s = round(rng.uniform(500, 900))
        events, docked_s, left_s = _stay(truck.name, site, at_s + legs_s[place], service_s, yard)
        yield from events
        ends_s, odometer_m = docked_s + service_s, truck.odometer_m
        if place == 0:
            yield fe.OrderLoaded(time_s=ends_s, order_id=name, vehicle_id=truck.name, site=site,
                                 odometer_m=odometer_m, load_pallets=_PALLETS, load_kg=_KG)  # fmt: skip
        else:
            yield fe.OrderDelivered(time_s=ends_s, order_id=name, vehicle_id=truck.name, site=site,
                                    odometer_m=odometer_m, load_pallets=0.0, load_kg=0.0, docked_s=docked_s,
                                    pallets=_PALLETS)  # fmt: skip
        at_s = left_s
    truck.drive(at_s, _LEGS_M[2])
    truck.free_s = at_s + legs_s[2]
    yield fe.MissionEnded(time_s=truck.free_s, vehicle_id=truck.name, odometer_m=truck.odometer_m)


def _stay(
    vehicle: str, site: str, arrival_s: float, service_s: float, yard: Yard
) -> tuple[list[ev.Event], float, float]:
    """Return the events of a stay, when it docked and when it left."""
    bay, docked_s = yard.stay(site, arrival_s, service_s)
    end_s = docked_s + service_s
    return (
        [
            fe.GateIn(time_s=arrival_s, vehicle_id=vehicle, site=site, place="staging"),
            fe.DockIn(time_s=docked_s, vehicle_id=vehicle, site=site, bay=bay),
            fe.ServiceEnded(time_s=end_s, vehicle_id=vehicle, site=site, pallets_in=0.0, pallets_out=0.0),
            fe.DockOut(time_s=end_s + 30, vehicle_id=vehicle, site=site, bay=bay),
            fe.GateOut(time_s=end_s + 60, vehicle_id=vehicle, site=site),
        ],
        docked_s,
        end_s + 60,
    )


def _energy(fleet: list[Truck]) -> Iterator[ev.Event]:
    """Yield what was used and charged every five minutes, and the end of the trucks' duty."""
    end_s = max([END_S, *(truck.free_s for truck in fleet)]) + 60
    for begin_s in np.arange(BEGIN_S, end_s - _METER_S, _METER_S):
        until_s = begin_s + _METER_S
        used_m = sum(m for truck in fleet for at_s, m in truck.uses if begin_s <= at_s < until_s)
        charged_s = [min(b, until_s) - max(a, begin_s) for truck in fleet for a, b in truck.charges
                     if a < until_s and b > begin_s]  # fmt: skip
        kwh = _CHARGE_KW * sum(charged_s) / 3600
        yield fe.EnergyMetered(time_s=float(until_s), fleet="tug", begin_s=float(begin_s),
                               consumed_wh=_WH_PER_M * used_m, regenerated_wh=0.1 * used_m,
                               auxiliary_wh=20.0)  # fmt: skip
        yield fe.HubMetered(time_s=float(until_s), hub="yard", begin_s=float(begin_s), battery_kwh=0.95 * kwh,
                            grid_kwh=kwh, vehicles=len(charged_s))  # fmt: skip
    for truck in fleet:
        used_wh, back_wh = _WH_PER_M * truck.odometer_m, 0.1 * truck.odometer_m
        yield fe.FreightVehicleRetired(
            time_s=end_s, vehicle_id=truck.name, odometer_m=truck.odometer_m, duty_s=end_s - BEGIN_S,
            consumed_wh=used_wh, regenerated_wh=back_wh, auxiliary_wh=0.0, charged_wh=truck.charged_wh,
            charge_kwh=120 - (used_wh - back_wh - truck.charged_wh) / 1000,
        )  # fmt: skip


def _cars(rng: np.random.Generator) -> Iterator[ev.Event]:
    """Yield a car off the line every 135 s; carriers take six of them every quarter of an hour from nine on."""
    stored, arrivals = 20, []
    for number in range(220):
        finished_s = BEGIN_S + 3600 + number * 135.0
        arrivals.append((round(finished_s + rng.gamma(6, 45)), number))
        yield fe.CarFinished(time_s=finished_s, vehicle_id=f"built.{number:03}", line="assembly", edge="N32-")
    carriers = [(BEGIN_S + 3 * 3600 + number * 900.0 + 7.5, -1 - number) for number in range(26)]
    for time_s, number in sorted([*arrivals, *carriers]):
        if number >= 0:
            stored += 1
            yield fe.CarStored(time_s=time_s, vehicle_id=f"built.{number:03}", stored=stored, odometer_m=1230.0)
        else:
            taken = min(7, stored)
            stored -= taken
            yield fe.CarsCollected(time_s=time_s, vehicle_id=f"carrier.{-number}", cars=taken, stored=stored)


def _near_roads(network: Network, rng: np.random.Generator) -> tuple[float, float]:
    site = network.sites[("ggm", *_FAMILIES.values())[rng.integers(6)]]
    return float(site.x + rng.normal(0, 250)), float(site.y + rng.normal(0, 250))


def _violations(network: Network, rng: np.random.Generator) -> Iterator[ev.Event]:
    for number in range(14):
        begin_s, (x, y) = float(rng.uniform(BEGIN_S, END_S - 60)), _near_roads(network, rng)
        rule = ("over_speed", "geofence", "hours")[number % 3]
        yield fe.Violation(
            time_s=begin_s + 20, vehicle_id="tug.0", vehicle_class="av_truck", rule=rule, permit="zone", lane="N32+_0",
            begin_s=begin_s, excess=3.0, x=x, y=y,
        )  # fmt: skip


def _conflicts(network: Network, rng: np.random.Generator) -> Iterator[Conflict]:
    for number in range(60):
        time_s, (x, y) = float(rng.uniform(BEGIN_S, END_S)), _near_roads(network, rng)
        ttc_s = float(rng.uniform(0.5, 3)) if number % 2 else None
        pet_s = None if number % 2 or number % 3 else float(rng.uniform(0.3, 2))
        yield Conflict("tug.0", f"bg.{number}", "av_truck", "car", time_s - 5, time_s + 5, "merging", ttc_s, pet_s,
                       float(rng.uniform(0.5, 5)), x, y, time_s)  # fmt: skip
