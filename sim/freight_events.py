"""The domain events of freight, typed, each with an example; what holds in `sim.events` holds here.

An order's life: released, (assigned), loaded, delivered; or failed, or open at the end. A vehicle's stay at a site:
gate_in, dock_in, service_ended, dock_out, gate_out, alike for fleet vehicles and for lorries from outside.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.events import Event, event

# --- orders ----------------------------------------------------------------------------------------------------


@event("stock_counted", site="ggm", family="bumper", pieces=92.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class StockCounted(Event):
    """What is at a line of a part family when the run begins."""

    site: str
    family: str
    pieces: float


@event(
    "order_released", order_id="bumper.007", order_kind="part", family="bumper", origin="cams", destination="ggm",
    pallets=6.0, mass_kg=1800.0, pieces=48, earliest_s=30000.0, latest_s=31800.0, direct_distance_m=2150.0,
)  # fmt: skip
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReleased(Event):
    """An order may be planned from now on.

    `direct_distance_m` is the shortest feasible way of a truck from bay to bay; of the vehicle that comes it stands in
    `order_delivered`.
    """

    order_id: str
    order_kind: str
    family: str
    origin: str
    destination: str
    pallets: float
    mass_kg: float
    pieces: int
    earliest_s: float
    latest_s: float
    direct_distance_m: float


@event("order_assigned", order_id="bumper.007", vehicle_id="tug.03", loading_s=28000.0, unloading_s=29500.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAssigned(Event):
    """Decision: the controller put an order into a vehicle's plan, with the planned ends of loading and unloading."""

    order_id: str
    vehicle_id: str
    loading_s: float
    unloading_s: float


@event("order_loaded", order_id="bumper.007", vehicle_id="tug.03", site="cams", odometer_m=5120.5, load_pallets=6.0,
       load_kg=1800.0)  # fmt: skip
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLoaded(Event):
    """An order is on board; `load_*` are all on board afterwards."""

    order_id: str
    vehicle_id: str
    site: str
    odometer_m: float
    load_pallets: float
    load_kg: float


@event("order_delivered", order_id="bumper.007", vehicle_id="tug.03", site="ggm", odometer_m=7320.5, load_pallets=0.0,
       load_kg=0.0, docked_s=29400.0, pallets=6.0, shortest_m=2150.0)  # fmt: skip
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDelivered(Event):
    """An order is unloaded at its destination, in the bay since `docked_s`; `pallets` is what came.

    `shortest_m` is the shortest feasible way between the two docks for vehicles of this class (ISO 14083), whatever
    their permits; of robots between the doors, on foot.
    """

    order_id: str
    vehicle_id: str
    site: str
    odometer_m: float
    load_pallets: float
    load_kg: float
    docked_s: float
    pallets: float
    shortest_m: float | None = None


@event("order_failed", order_id="bumper.007", cause="no_vehicle_may_carry_it")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFailed(Event):
    """An order will not be delivered."""

    order_id: str
    cause: str


@event("order_open", order_id="bumper.007", state="on_board")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderOpen(Event):
    """The run ended before the order was settled; `state` is waiting or on_board."""

    order_id: str
    state: str


# --- vehicles --------------------------------------------------------------------------------------------------


@event(
    "freight_vehicle_started", vehicle_id="tug.03", fleet="tug", vehicle_class="av_truck", crew="remote",
    capacity_pallets=8.0, payload_kg=6000.0, empty_kg=7500.0, edge="L021c+", charge_kwh=120.0, capacity_kwh=120.0,
)  # fmt: skip
@dataclass(frozen=True, slots=True, kw_only=True)
class FreightVehicleStarted(Event):
    """A vehicle of a freight fleet is on duty; what is of energy is None without a battery."""

    vehicle_id: str
    fleet: str
    vehicle_class: str
    crew: str
    capacity_pallets: float
    payload_kg: float
    empty_kg: float
    edge: str
    charge_kwh: float | None = None
    capacity_kwh: float | None = None


@event("mission_began", vehicle_id="tug.03", odometer_m=5120.5)
@dataclass(frozen=True, slots=True, kw_only=True)
class MissionBegan(Event):
    """A vehicle that had nothing to do leaves for its first call."""

    vehicle_id: str
    odometer_m: float


@event("mission_ended", vehicle_id="tug.03", odometer_m=9120.5)
@dataclass(frozen=True, slots=True, kw_only=True)
class MissionEnded(Event):
    """A vehicle is back at a depot, with nothing on board."""

    vehicle_id: str
    odometer_m: float


@event("permit_hold_began", vehicle_id="sweeper.01", place="dock.cams")
@dataclass(frozen=True, slots=True, kw_only=True)
class PermitHoldBegan(Event):
    """A vehicle stands because no permit lets it drive now, at a place off the road."""

    vehicle_id: str
    place: str


@event("permit_hold_ended", vehicle_id="sweeper.01")
@dataclass(frozen=True, slots=True, kw_only=True)
class PermitHoldEnded(Event):
    """A vehicle that stood for want of a permit may go on."""

    vehicle_id: str


@event(
    "freight_vehicle_retired", vehicle_id="tug.03", odometer_m=84210.0, duty_s=50400.0, consumed_wh=21000.0,
    regenerated_wh=3000.0, auxiliary_wh=900.0, charged_wh=15000.0, charge_kwh=97.0, fuel_kg=None,
)  # fmt: skip
@dataclass(frozen=True, slots=True, kw_only=True)
class FreightVehicleRetired(Event):
    """A vehicle's sums at the end of its duty; what is of energy is None where it has no battery, or no fuel.

    `auxiliary_wh` is what the vehicle took while it stood off the road on duty: SUMO draws nothing there. A robot's
    `consumed_wh` is by its kilometres.
    """

    vehicle_id: str
    odometer_m: float
    duty_s: float
    consumed_wh: float | None = None
    regenerated_wh: float | None = None
    auxiliary_wh: float | None = None
    charged_wh: float | None = None
    charge_kwh: float | None = None
    fuel_kg: float | None = None


@event("battery_empty", vehicle_id="tug.03", edge="L021c+", odometer_m=84210.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryEmpty(Event):
    """A vehicle used more than its battery held, for the first time on this duty; SUMO lets it drive on."""

    vehicle_id: str
    edge: str
    odometer_m: float


@event("battery_shortfall", vehicle_id="tug.03", shortfall_wh=1250.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryShortfall(Event):
    """How much of what a vehicle consumed on its duty its battery did not hold; only where it ran empty."""

    vehicle_id: str
    shortfall_wh: float


# --- sites -----------------------------------------------------------------------------------------------------


@event("site_opened", site="ggm", bays=4, staging_places=12)
@dataclass(frozen=True, slots=True, kw_only=True)
class SiteOpened(Event):
    """What a site has, written once when the run begins: bays in use, and places to wait in off the road."""

    site: str
    bays: int
    staging_places: int


@event("gate_in", vehicle_id="tug.03", site="ggm", place="staging")
@dataclass(frozen=True, slots=True, kw_only=True)
class GateIn(Event):
    """A vehicle has come to a site: to its staging lot, a bay, or the end of the queue on the road before it."""

    vehicle_id: str
    site: str
    place: str


@event("dock_in", vehicle_id="tug.03", site="ggm", bay=4, slot_begin_s=None)
@dataclass(frozen=True, slots=True, kw_only=True)
class DockIn(Event):
    """A vehicle stands in a bay, the first of the site that no other had; `slot_begin_s` is its appointment."""

    vehicle_id: str
    site: str
    bay: int
    slot_begin_s: float | None = None


@event("service_ended", vehicle_id="tug.03", site="ggm", pallets_in=6.0, pallets_out=0.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEnded(Event):
    """Unloading and loading are over; so many pallets came into the site, and left it."""

    vehicle_id: str
    site: str
    pallets_in: float
    pallets_out: float


@event("dock_out", vehicle_id="tug.03", site="ggm", bay=4)
@dataclass(frozen=True, slots=True, kw_only=True)
class DockOut(Event):
    """A vehicle has left its bay, which is free again."""

    vehicle_id: str
    site: str
    bay: int


@event("gate_out", vehicle_id="tug.03", site="ggm")
@dataclass(frozen=True, slots=True, kw_only=True)
class GateOut(Event):
    """A vehicle has left a site."""

    vehicle_id: str
    site: str


@event("spilled_back", vehicle_id="tug.03", site="ggm", edge="N32+", begin_s=29000.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class SpilledBack(Event):
    """A vehicle stood on the road since `begin_s` because the site had neither a bay nor a place to wait for it."""

    vehicle_id: str
    site: str
    edge: str
    begin_s: float


@event("bay_appointed", vehicle_id="tug.03", site="ggm", begin_s=29000.0, end_s=29900.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class BayAppointed(Event):
    """Decision: a bay is booked for a vehicle."""

    vehicle_id: str
    site: str
    begin_s: float
    end_s: float


@event("disruption_began", disruption="bay_outage", subject="ggm")
@dataclass(frozen=True, slots=True, kw_only=True)
class DisruptionBegan(Event):
    """Something goes wrong: breakdown (of a vehicle), bay_outage (of a site), charger_derating (of a hub)."""

    disruption: str
    subject: str


@event("disruption_ended", disruption="bay_outage", subject="ggm")
@dataclass(frozen=True, slots=True, kw_only=True)
class DisruptionEnded(Event):
    """It is mended."""

    disruption: str
    subject: str


# --- lorries from outside, finished cars -------------------------------------------------------------------------


@event("lorry_entered", vehicle_id="inbound.017", flow="inbound", site="ggm", gateway="R29")
@dataclass(frozen=True, slots=True, kw_only=True)
class LorryEntered(Event):
    """A lorry from outside is on the network."""

    vehicle_id: str
    flow: str
    site: str
    gateway: str


@event("lorry_left", vehicle_id="inbound.017", flow="inbound", odometer_m=30250.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class LorryLeft(Event):
    """A lorry has left the network."""

    vehicle_id: str
    flow: str
    odometer_m: float


@event("lorry_open", vehicle_id="inbound.017", flow="inbound", state="driving")
@dataclass(frozen=True, slots=True, kw_only=True)
class LorryOpen(Event):
    """The run ended before the lorry left; `state` is not_entered, driving, queueing or handling."""

    vehicle_id: str
    flow: str
    state: str


@event("car_finished", vehicle_id="built.0123", line="ggm", edge="N32-")
@dataclass(frozen=True, slots=True, kw_only=True)
class CarFinished(Event):
    """A car has come off the line and waits for, or has found, its way out onto the road."""

    vehicle_id: str
    line: str
    edge: str


@event("car_stored", vehicle_id="built.0123", stored=57, odometer_m=1230.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class CarStored(Event):
    """A finished car stands in the compound; `stored` counts all there."""

    vehicle_id: str
    stored: int
    odometer_m: float


@event("cars_collected", vehicle_id="carrier.004", cars=6, stored=51)
@dataclass(frozen=True, slots=True, kw_only=True)
class CarsCollected(Event):
    """A carrier has taken cars from the compound; `stored` counts those left."""

    vehicle_id: str
    cars: int
    stored: int


@event("car_open", vehicle_id="built.0123", state="driving")
@dataclass(frozen=True, slots=True, kw_only=True)
class CarOpen(Event):
    """The run ended before a finished car was stored; `state` is at_line or driving."""

    vehicle_id: str
    state: str


# --- energy ----------------------------------------------------------------------------------------------------


@event("hub_metered", hub="truck_depot", begin_s=28800.0, battery_kwh=4.1, grid_kwh=4.32, vehicles=3)
@dataclass(frozen=True, slots=True, kw_only=True)
class HubMetered(Event):
    """What a hub's chargers gave since `begin_s`, into batteries and from the grid, to so many vehicles."""

    hub: str
    begin_s: float
    battery_kwh: float
    grid_kwh: float
    vehicles: int


@event("energy_metered", fleet="tug", begin_s=28800.0, consumed_wh=5200.0, regenerated_wh=600.0, auxiliary_wh=300.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyMetered(Event):
    """What a fleet used since `begin_s`."""

    fleet: str
    begin_s: float
    consumed_wh: float
    regenerated_wh: float
    auxiliary_wh: float


# --- platoons --------------------------------------------------------------------------------------------------


@event(
    "platoon_metered", fleet="tug", begin_s=28800.0, alone_m=5200.0, leading_m=2400.0, following_m=4800.0,
    platoon_s=180.0, member_s=540.0, largest=3, splits=1, cut_ins=0, formation_s=[14.0, 22.0],
    time_gap_counts=[0, 0, 0, 0, 0, 0, 12, 240],
)  # fmt: skip
@dataclass(frozen=True, slots=True, kw_only=True)
class PlatoonMetered(Event):
    """How a fleet's driverless trucks drove since `begin_s`: metres alone, and in platoons first or behind another.

    A truck is in a platoon once it, or the one behind it, has closed up: `formation_s` has the time that each took.
    `platoon_s` counts a second for each platoon that one of the fleet leads, `member_s` for each vehicle in it.
    `splits` and `cut_ins` are those of followers: who has turned off or fallen back, and between whom and its leader
    somebody else drove. `time_gap_counts` are seconds behind a leader, by time gap in bins of 0.1 s, the last one open.
    """

    fleet: str
    begin_s: float
    alone_m: float
    leading_m: float
    following_m: float
    platoon_s: float
    member_s: float
    largest: int
    splits: int
    cut_ins: int
    formation_s: list[float]
    time_gap_counts: list[int]


# --- permits ---------------------------------------------------------------------------------------------------


@event("permit_opened", permit="low-speed-zone")
@dataclass(frozen=True, slots=True, kw_only=True)
class PermitOpened(Event):
    """A window of a permit has begun."""

    permit: str


@event("permit_closed", permit="low-speed-zone")
@dataclass(frozen=True, slots=True, kw_only=True)
class PermitClosed(Event):
    """A window of a permit is over."""

    permit: str


@event(
    "violation", vehicle_id="sweeper.01", vehicle_class="special_vehicle", rule="over_speed", permit="low-speed-zone",
    lane="L021b-_1", begin_s=36012.0, excess=1.4, x=8018.7, y=10176.8,
)  # fmt: skip
@dataclass(frozen=True, slots=True, kw_only=True)
class Violation(Event):
    """A vehicle broke a rule from `begin_s` to now, as the monitor saw it; place and lane are those of its beginning.

    `rule` is geofence, hours, over_speed, crew, operators, mass or surface. `excess` is the largest: km/h above the
    cap for over_speed, vehicles above the allowed for operators, kg for mass, seconds to the nearest edge of a window
    for hours, else 0. `permit` is the nearest one that was not kept.
    """

    vehicle_id: str
    vehicle_class: str
    rule: str
    permit: str
    lane: str
    begin_s: float
    excess: float
    x: float
    y: float


@event(
    "exposure_metered", vehicle_class="av_truck", begin_s=28800.0, vehicle_s=2400.0, vehicle_m=18200.0, crew="remote"
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureMetered(Event):
    """What vehicles of a class with this crew drove on roads since `begin_s`, as the monitor saw it."""

    vehicle_class: str
    begin_s: float
    vehicle_s: float
    vehicle_m: float
    crew: str
