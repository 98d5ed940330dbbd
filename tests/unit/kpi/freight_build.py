"""A day of freight small enough to be computed by hand: six orders, an electric truck, a van, two sites, a line."""

from __future__ import annotations

import dataclasses
from typing import Any

from sim import events as ev
from sim import freight_events as fe
from sim.kpi.conflicts import Conflict

END_S = 5400.0
BATTERY: dict[str, Any] = {
    "capacity_kwh": 120, "mass_kg": 7500, "auxiliary_w": 500, "front_area_m2": 7, "drag_coefficient": 0.6,
    "rolling_coefficient": 0.01, "propulsion_efficiency": 0.9, "recuperation_efficiency": 0.6,
}  # fmt: skip
FREIGHT: dict[str, Any] = {
    "fleet": None,
    "controllers": {"freight": {"use": "greedy"}},
    "freight": {
        "sites": {
            "cams": {"bays": 1},
            "ggm": {"free_time_s": 1000, "gate_s": 60, "appointments": {"tolerance_s": 600}},
        },
        "depots": {"yard": {"parking": "park.yard", "charging": {"power_kw": 50, "hub_kw": 100}}},
        "fleets": {
            "tug": {"vehicle_class": "av_truck", "count": 1, "depot": "yard", "capacity_pallets": 8,
                    "payload_kg": 2000, "battery": BATTERY, "crew": "remote"},
            "van": {"vehicle_class": "human_truck", "count": 1, "depot": "yard", "capacity_pallets": 2,
                    "payload_kg": 1000, "diesel": {"emission_class": "HBEFA4/RT", "mass_kg": 3000}},
        },
        "lines": {
            "ggm": {
                "site": "ggm",
                "cars_per_h": 36,
                "work": [{"begin_s": 0, "end_s": 3600, "breaks": [{"begin_s": 1200, "end_s": 1800}]}],
                "parts": {
                    "bumper": {"origin": "cams", "per_car": 1, "lot": 20, "pieces_per_pallet": 5, "kg_per_piece": 50,
                               "stock": 10},
                    "seat": {"origin": "cams", "per_car": 1, "lot": 20, "pieces_per_pallet": 5, "kg_per_piece": 50,
                             "stock": 100},
                },
            }
        },
        "finished_cars": {"line": "ggm", "start_edge": "A", "compound": "ggm", "parking": "park.ggm", "capacity": 20,
                          "stored": 10},
        "energy": {"grid_wtw_kg_co2e_per_kwh": 0.5},
    },
}  # fmt: skip

_ORDERS = {
    # id: kind, family, origin, destination, pallets, kg, pieces, released, earliest, latest, direct
    "o1": ("part", "bumper", "cams", "ggm", 4.0, 1000.0, 20, 0.0, 1000.0, 2000.0, 2000.0),
    "o2": ("consignment", "parcel", "ggm", "cams", 0.5, 100.0, 0, 0.0, 1000.0, 2500.0, 3000.0),
    "o3": ("part", "bumper", "cams", "ggm", 4.0, 1000.0, 20, 0.0, 2000.0, 3000.0, 2000.0),
    "o4": ("consignment", "parcel", "cams", "ggm", 0.5, 100.0, 0, 0.0, 3000.0, 6000.0, 2000.0),
    "o5": ("part", "seat", "cams", "ggm", 4.0, 1000.0, 20, 0.0, 3000.0, 5000.0, 2000.0),
    "o6": ("consignment", "parcel", "ggm", "cams", 0.5, 100.0, 0, 500.0, 3000.0, 4000.0, 1000.0),
}

CONFLICT_ROWS = (
    Conflict("tug.1", "bg.1", "av_truck", "car", 10, 15, "following", 1.0, None, 2.0, 0, 0, 12),
    Conflict("tug.1", "bg.2", "av_truck", "car", 20, 25, "following", 2.0, None, 2.0, 0, 0, 22),
    Conflict("tug.1", "built.1", "av_truck", "finished_car", 30, 35, "crossing", None, 0.5, None, 0, 0, 33),
    Conflict("van.1", "bg.3", "human_truck", "truck", 40, 45, "merging", 1.6, None, 5.0, 0, 0, 44),
)


def released(order: str) -> fe.OrderReleased:
    kind, family, origin, destination, pallets, kg, pieces, time_s, earliest_s, latest_s, direct_m = _ORDERS[order]
    return fe.OrderReleased(
        time_s=time_s, order_id=order, order_kind=kind, family=family, origin=origin, destination=destination,
        pallets=pallets, mass_kg=kg, pieces=pieces, earliest_s=earliest_s, latest_s=latest_s,
        direct_distance_m=direct_m,
    )  # fmt: skip


def loaded(
    order: str, vehicle: str, time_s: float, odometer_m: float, load: tuple[float, float], *, site: str = "cams"
) -> fe.OrderLoaded:
    return fe.OrderLoaded(time_s=time_s, order_id=order, vehicle_id=vehicle, site=site, odometer_m=odometer_m,
                          load_pallets=load[0], load_kg=load[1])  # fmt: skip


def delivered(
    order: str, vehicle: str, time_s: float, odometer_m: float, *, docked_s: float, pallets: float | None = None,
    load: tuple[float, float] = (0.0, 0.0),
) -> fe.OrderDelivered:  # fmt: skip
    return fe.OrderDelivered(
        time_s=time_s, order_id=order, vehicle_id=vehicle, site=_ORDERS[order][3], odometer_m=odometer_m,
        load_pallets=load[0], load_kg=load[1], docked_s=docked_s,
        pallets=_ORDERS[order][4] if pallets is None else pallets,
    )  # fmt: skip


def stay(
    vehicle: str, site: str, times_s: tuple[float, float, float, float, float], *, bay: int = 0,
    slot_s: float | None = None,
) -> list[ev.Event]:  # fmt: skip
    """Return the events of a stay: gate in, dock in, end of service, dock out, gate out."""
    gate_in_s, dock_in_s, service_s, dock_out_s, gate_out_s = times_s
    return [
        fe.GateIn(time_s=gate_in_s, vehicle_id=vehicle, site=site, place="staging"),
        fe.DockIn(time_s=dock_in_s, vehicle_id=vehicle, site=site, bay=bay, slot_begin_s=slot_s),
        fe.ServiceEnded(time_s=service_s, vehicle_id=vehicle, site=site, pallets_in=0.0, pallets_out=0.0),
        fe.DockOut(time_s=dock_out_s, vehicle_id=vehicle, site=site, bay=bay),
        fe.GateOut(time_s=gate_out_s, vehicle_id=vehicle, site=site),
    ]


def tug(*, charge_end_kwh: float = 96.0) -> list[ev.Event]:
    """Return the electric truck's duty: two orders, 7 km, 4 kWh less in the battery."""
    return [
        fe.FreightVehicleStarted(
            time_s=0.0, vehicle_id="tug.1", fleet="tug", vehicle_class="av_truck", crew="remote", capacity_pallets=8.0,
            payload_kg=2000.0, empty_kg=7500.0, edge="A", charge_kwh=100.0, capacity_kwh=120.0,
        ),
        fe.MissionBegan(time_s=100.0, vehicle_id="tug.1", odometer_m=0.0),
        *stay("tug.1", "cams", (300, 400, 600, 620, 700)),
        loaded("o1", "tug.1", 600, 1000, (4.0, 1000.0)),
        *stay("tug.1", "ggm", (1200, 1300, 2000, 2050, 2400), slot_s=1250.0),
        delivered("o1", "tug.1", 1500, 3500, docked_s=1300),
        loaded("o6", "tug.1", 2000, 5000, (0.5, 100.0), site="ggm"),
        *stay("tug.1", "cams", (2500, 2600, 2700, 2750, 2800)),
        delivered("o6", "tug.1", 2700, 6000, docked_s=2600, pallets=0.4),
        fe.MissionEnded(time_s=3100.0, vehicle_id="tug.1", odometer_m=7000.0),
        fe.HubMetered(time_s=4300.0, hub="yard", begin_s=4000.0, battery_kwh=4.5, grid_kwh=5.0, vehicles=1),
        fe.FreightVehicleRetired(
            time_s=END_S, vehicle_id="tug.1", odometer_m=7000.0, duty_s=END_S, consumed_wh=9000.0,
            regenerated_wh=1000.0, auxiliary_wh=500.0, charged_wh=4500.0, charge_kwh=charge_end_kwh,
        ),
    ]  # fmt: skip


def van() -> list[ev.Event]:
    """Return the van's duty: one order, late, 5 km, 2 kg of fuel, held up on the road."""
    return [
        fe.FreightVehicleStarted(
            time_s=0.0, vehicle_id="van.1", fleet="van", vehicle_class="human_truck", crew="driver",
            capacity_pallets=2.0, payload_kg=1000.0, empty_kg=3000.0, edge="A",
        ),
        fe.MissionBegan(time_s=900.0, vehicle_id="van.1", odometer_m=0.0),
        *stay("van.1", "ggm", (900, 950, 1000, 1100, 1200), bay=1, slot_s=100.0),
        loaded("o2", "van.1", 1000, 0, (0.5, 100.0), site="ggm"),
        fe.SpilledBack(time_s=2760.0, vehicle_id="van.1", site="cams", edge="A", begin_s=2610.0),
        *stay("van.1", "cams", (2600, 2760, 2800, 2800, 2900)),
        delivered("o2", "van.1", 2800, 4000, docked_s=2760),
        fe.MissionEnded(time_s=3900.0, vehicle_id="van.1", odometer_m=5000.0),
        fe.FreightVehicleRetired(time_s=END_S, vehicle_id="van.1", odometer_m=5000.0, duty_s=END_S, fuel_kg=2.0),
    ]  # fmt: skip


def around() -> list[ev.Event]:
    """Return finished cars, a lorry and what the monitor saw."""
    return [
        fe.SiteOpened(time_s=0.0, site="ggm", bays=2, staging_places=4),
        fe.StockCounted(time_s=0.0, site="ggm", family="bumper", pieces=10.0),
        fe.StockCounted(time_s=0.0, site="ggm", family="seat", pieces=100.0),
        fe.CarFinished(time_s=100.0, vehicle_id="built.1", line="ggm", edge="A"),
        fe.CarFinished(time_s=200.0, vehicle_id="built.2", line="ggm", edge="A"),
        fe.CarStored(time_s=400.0, vehicle_id="built.1", stored=11, odometer_m=1000.0),
        fe.CarsCollected(time_s=500.0, vehicle_id="carrier.1", cars=2, stored=9),
        fe.CarOpen(time_s=END_S, vehicle_id="built.2", state="driving"),
        fe.LorryEntered(time_s=50.0, vehicle_id="carrier.1", flow="carrier", site="ggm", gateway="G"),
        fe.LorryLeft(time_s=900.0, vehicle_id="carrier.1", flow="carrier", odometer_m=8000.0),
        fe.Violation(
            time_s=1060.0, vehicle_id="tug.1", vehicle_class="av_truck", rule="over_speed", permit="zone", lane="A_0",
            begin_s=1000.0, excess=3.0, x=0.0, y=0.0,
        ),
        fe.PlatoonMetered(
            time_s=900.0, fleet="tug", begin_s=0.0, alone_m=2000.0, leading_m=500.0, following_m=1500.0,
            platoon_s=100.0, member_s=250.0, largest=3, splits=1, cut_ins=0, formation_s=[10.0, 20.0],
            time_gap_counts=[0, 0, 0, 0, 0, 0, 30, 60, 10],
        ),
        fe.PlatoonMetered(
            time_s=1800.0, fleet="tug", begin_s=900.0, alone_m=1000.0, leading_m=1000.0, following_m=1000.0,
            platoon_s=100.0, member_s=200.0, largest=2, splits=0, cut_ins=1, formation_s=[60.0], time_gap_counts=[],
        ),
        fe.ExposureMetered(time_s=3600.0, vehicle_class="av_truck", begin_s=0.0, vehicle_s=1800.0, vehicle_m=7200.0,
                           crew="remote"),
        fe.ExposureMetered(time_s=3600.0, vehicle_class="human_truck", begin_s=0.0, vehicle_s=900.0, vehicle_m=5000.0,
                           crew="driver"),
    ]  # fmt: skip


def book() -> list[ev.Event]:
    """Return the orders' releases, and what became of those that nobody carried."""
    return [
        *(released(name) for name in _ORDERS),
        fe.OrderFailed(time_s=10.0, order_id="o3", cause="no_vehicle_may_carry_it"),
        fe.OrderOpen(time_s=END_S, order_id="o4", state="waiting"),
        fe.OrderOpen(time_s=END_S, order_id="o5", state="waiting"),
    ]


def moved() -> list[ev.Event]:
    """Return the whole day, in the order of time."""
    return sorted([*book(), *tug(), *van(), *around()], key=lambda one: one.time_s)


def watched(*, vehicles: int) -> list[ev.Event]:
    """Return remote trucks that were on duty for an hour and did not move."""
    names = [f"tug.{n}" for n in range(1, vehicles + 1)]
    start, end = tug()[0], tug()[-1]
    assert isinstance(start, fe.FreightVehicleStarted)
    assert isinstance(end, fe.FreightVehicleRetired)
    stood = dataclasses.replace(end, time_s=3600.0, odometer_m=0.0, charge_kwh=None, duty_s=3600.0)
    return [*(dataclasses.replace(start, vehicle_id=name) for name in names),
            *(dataclasses.replace(stood, vehicle_id=name) for name in names)]  # fmt: skip


def freight_incident(vehicle: str, began_s: float, *, queue_s: float, handling_s: float) -> list[ev.Event]:
    """Return a call that waits and is handled."""
    helped_s = began_s + queue_s
    return [
        ev.IncidentBegan(time_s=began_s, vehicle_id=vehicle, edge="A", odometer_m=0.0),
        ev.HandlingBegan(time_s=helped_s, vehicle_id=vehicle, operator=0, queue_s=queue_s),
        ev.IncidentEnded(time_s=helped_s + handling_s, vehicle_id=vehicle, handling_s=handling_s),
    ]


def supervised_freight(*, operators: int) -> dict[str, Any]:
    """Return the document with three electric trucks that so many operators help on."""
    goods = FREIGHT["freight"]
    handling = {"mean_s": 100, "sd_s": 10, "status": "assumed", "source": "t"}
    fleets = {**goods["fleets"], "tug": {**goods["fleets"]["tug"], "count": 3, "operators": operators}}
    supervision = {"incidents_per_1000_km": 20, "handling": handling}
    return FREIGHT | {"freight": {**goods, "fleets": fleets, "supervision": supervision}}
