"""The freight of a scenario document: sites and their bays, what has to be moved, who moves it, and what goes wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sim.fields import (
    Clock,
    Model,
    Name,
    Sourced,
    SourcedCount,
    SourcedEfficiency,
    SourcedPositive,
    SourcedRate,
    SourcedShare,
    SourcedSpeedKmh,
    SpeedMps,
    format_clock,
)
from sim.fleet_document import Battery
from sim.orders_file import MOST_ORDERS, OrderRow
from sim.permit_document import Crew
from sim.platooning_document import Platooning
from sim.supervision_document import FreightSupervision
from sim.vehicle_classes import FreightClass

CARS = "built"
"""What the ids of finished cars begin with."""


Variation = Sourced[Annotated[float, Field(ge=0, le=10)]]


class Hours(Model):
    """Hours of each day, [begin_s, end_s)."""

    begin_s: Clock = 0
    end_s: Clock = 172_800

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end_s <= self.begin_s:
            msg = f"end_s ({format_clock(self.end_s)}) must come after begin_s ({format_clock(self.begin_s)})"
            raise ValueError(msg)
        return self


class Charging(Model):
    """Chargers at the places of a dock or depot; all of them together take `hub_kw` from the grid at most."""

    power_kw: Sourced[Annotated[float, Field(ge=0.1, le=100_000)]]
    hub_kw: Sourced[Annotated[float, Field(ge=0.1, le=1e6)]]
    efficiency: SourcedEfficiency = SourcedEfficiency(value=0.95, source="plug to battery, direct current")


class DockHandling(Model):
    """How long loading or unloading takes: `fixed_s` + `per_pallet_s` × pallets, times a seeded factor of mean 1."""

    fixed_s: SourcedRate = SourcedRate(value=180, source="docking, papers, doors")
    per_pallet_s: SourcedRate = SourcedRate(value=40, source="a forklift and its way")
    variation: Variation = Variation(value=0.2, source="coefficient of variation, lognormal")


class Appointments(Model):
    """Bays are booked ahead; who comes within the tolerance of the slot's begin keeps it."""

    tolerance_s: float = Field(600, gt=0)


class FreightSite(Model):
    """Where goods are loaded and unloaded. Without names the network's `dock.<site>` and `staging.<site>` serve.

    A truck that finds no free bay waits in the staging lot; where there is none or it is full, on the road before it.
    """

    dock: str | None = Field(None, description="parking area of the bays; null: dock.<site>")
    staging: str | None = Field(None, description="parking area to wait in; null: staging.<site> if there is one")
    bays: int | None = Field(None, ge=1, le=1000, description="bays in use; null: all that the network has")
    hours: Hours = Hours()
    handling: DockHandling = DockHandling()
    gate_s: SourcedRate = SourcedRate(value=0, source="no check at the gate")
    free_time_s: SourcedPositive = SourcedPositive(value=3600, source="an hour from gate to gate, detention after it")
    appointments: Appointments | None = None
    charging: Charging | None = None


class Depot(Model):
    """A parking area where trucks stand when they have nothing to do."""

    parking: str
    charging: Charging | None = None


class Work(Model):
    """When a line works: production stands still outside."""

    begin_s: Clock
    end_s: Clock
    breaks: tuple[Hours, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        ends = [self.begin_s, *(second for one in self.breaks for second in (one.begin_s, one.end_s)), self.end_s]
        if ends != sorted(ends) or self.end_s == self.begin_s:
            text = ", ".join(format_clock(second) for second in ends)
            msg = f"begin_s, breaks and end_s must follow one another in time; found {text}"
            raise ValueError(msg)
        return self


class PartFamily(Model):
    """Parts that come in lots: one order a lot, due when the stock at the line would fall below the safety stock."""

    origin: str
    per_car: SourcedPositive
    lot: Sourced[Annotated[int, Field(ge=1, le=1_000_000)]] = Field(description="pieces of one order")
    pieces_per_pallet: SourcedPositive
    kg_per_piece: SourcedPositive
    stock: SourcedCount = Field(description="pieces at the line when the work begins, at most")
    safety_stock: SourcedCount = SourcedCount(value=0, source="none")
    lead_s: SourcedPositive = SourcedPositive(value=3600, source="called an hour ahead")
    window_s: SourcedPositive = SourcedPositive(value=1800, source="half an hour, the line has no room for more")


class Line(Model):
    """A production line: cars at its rate while it works, and the part families that it uses up."""

    site: str
    cars_per_h: Sourced[Annotated[float, Field(gt=0, le=1000)]]
    work: tuple[Work, ...] = Field(min_length=1)
    parts: dict[Name, PartFamily] = Field(default_factory=dict)
    stock_spread_lots: SourcedRate = Field(
        SourcedRate(value=0, source="the same stock every day"),
        description="lots by which a family's stock may be less than `stock` when the work begins, drawn by the seed",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for n, (first, second) in enumerate(pairwise(self.work)):
            if second.begin_s < first.end_s:
                found, least = format_clock(second.begin_s), format_clock(first.end_s)
                msg = f"work.{n + 1}.begin_s: found {found}; allowed is {least} or later, when work.{n} ends"
                raise ValueError(msg)
        return self

    @property
    def spans_s(self) -> tuple[tuple[int, int], ...]:
        """When cars are made, breaks left out: begins and ends, seconds after midnight, in order."""
        spans = []
        for work in self.work:
            begins = [work.begin_s, *(one.end_s for one in work.breaks)]
            ends = [*(one.begin_s for one in work.breaks), work.end_s]
            spans += [(begin, end) for begin, end in zip(begins, ends, strict=True) if begin < end]
        return tuple(spans)


class Consignments(Model):
    """Small orders between sites, both ends drawn at random from `sites`: test pieces, samples, parcels."""

    sites: list[str] = Field(min_length=2)
    per_h: SourcedRate
    profile: dict[Clock, Annotated[float, Field(ge=0)]] = Field(
        default_factory=lambda: {0: 1.0}, description="multiplier from this time of day on"
    )
    pallets: SourcedPositive = SourcedPositive(value=0.25, source="a box on a quarter of a pallet")
    mass_kg_min: SourcedPositive
    mass_kg_max: SourcedPositive
    window_s: SourcedPositive = SourcedPositive(value=3600, source="within the hour")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        twice = [name for name, count in Counter(self.sites).items() if count > 1]
        if twice:
            msg = f"sites: found {', '.join(twice)} twice; allowed is each site once"
            raise ValueError(msg)
        if self.mass_kg_max.value < self.mass_kg_min.value:
            msg = f"mass_kg_max ({self.mass_kg_max.value:g}) must not be below _min ({self.mass_kg_min.value:g})"
            raise ValueError(msg)
        return self


class Lorries(Model):
    """Lorries from outside with a human driver: they come in by a gateway, are handled at a site, and leave again.

    With `collects` they take finished cars from the site's compound, that many each, and wait for them.
    """

    site: str
    per_day: SourcedRate
    profile: dict[Clock, Annotated[float, Field(ge=0)]] = Field(
        default_factory=lambda: {0: 1.0}, description="weight of the hours from this time of day on"
    )
    gateways: dict[str, SourcedShare] = Field(min_length=1, description="share of those that come and go by each")
    handling_s: SourcedPositive
    variation: Variation = Variation(value=0.2, source="coefficient of variation, lognormal")
    length_m: float = Field(12.0, gt=0, le=30)
    max_speed_mps: SpeedMps = 25.0
    collects: int = Field(0, ge=0, le=20)

    @model_validator(mode="after")
    def _shares(self) -> Self:
        total = sum(share.value for share in self.gateways.values())
        if abs(total - 1) > 1e-6:
            msg = f"the shares of gateways must add up to 1, found {total:.4f}"
            raise ValueError(msg)
        return self


class FinishedCars(Model):
    """Cars that drive from the line's end to the compound by themselves, and stand there until they are collected."""

    line: Name
    start_edge: str
    compound: str = Field(description="freight site whose compound they drive to")
    parking: str = Field(description="parking area where they are handed over; then they leave the road")
    capacity: SourcedCount = Field(description="places of the compound; at the line's end cars wait while it is full")
    stored: SourcedCount = SourcedCount(value=0, source="empty in the morning")
    length_m: float = Field(3.6, gt=0, le=10)
    max_speed_kmh: SourcedSpeedKmh = SourcedSpeedKmh(value=30, source="driverless transfer within a plant")
    crew: Crew = "none"


class Diesel(Model):
    """A vehicle with a combustion engine, by SUMO's emission class."""

    emission_class: str
    mass_kg: Sourced[Annotated[float, Field(ge=1, le=100_000)]]


class Robot(Model):
    """A delivery robot: a pedestrian by law, on sidewalks."""

    mass_kg: Sourced[Annotated[float, Field(ge=0.1, le=100_000)]]
    wh_per_km: SourcedRate = SourcedRate(value=40, source="small wheels at walking speed")


class TruckFleet(Model):
    """Vehicles of one kind that carry orders."""

    vehicle_class: FreightClass
    count: int = Field(ge=1, le=1000)
    depot: Name
    capacity_pallets: float = Field(gt=0, le=100)
    payload_kg: float = Field(gt=0, le=60_000)
    kinds: tuple[Literal["part", "consignment"], ...] = Field(
        ("part", "consignment"), min_length=1, description="orders it may carry"
    )
    sites: tuple[str, ...] = Field((), description="freight sites that it serves alone; none: all")
    length_m: float = Field(9.0, gt=0, le=30)
    width_m: float = Field(2.4, gt=0, le=3)
    max_speed_mps: SpeedMps = 22.2
    duty: Hours | None = None
    crew: Crew = "driver"
    operators: int | None = Field(None, ge=1, description="who watch the fleet from afar; for crew: remote")
    battery: Battery | None = None
    diesel: Diesel | None = None
    robot: Robot | None = None

    @model_validator(mode="after")
    def _driven(self) -> Self:
        found = [name for name in ("battery", "diesel", "robot") if getattr(self, name) is not None]
        if len(found) != 1 or (found == ["robot"]) != (self.vehicle_class == "robot"):
            allowed = "robot" if self.vehicle_class == "robot" else "battery or diesel"
            msg = f"a fleet of {self.vehicle_class} has {allowed}; found {' and '.join(found) or 'none'}"
            raise ValueError(msg)
        if self.vehicle_class == "human_truck" and self.crew != "driver":
            msg = f"crew: found {self.crew!r}; a human_truck has a driver"
            raise ValueError(msg)
        return self

    @property
    def is_supervised(self) -> bool:
        """Whether operators watch it from afar."""
        return self.crew == "remote" and self.operators is not None

    @property
    def empty_kg(self) -> float:
        """Mass without a load."""
        engine = self.battery or self.diesel or self.robot
        return engine.mass_kg.value if engine is not None else 0.0


class Disruption(Model):
    """Something that goes wrong at a time: a vehicle that stands still, bays out of use, a hub with less power."""

    kind: Literal["breakdown", "bay_outage", "charger_derating"]
    begin_s: Clock
    end_s: Clock
    fleet: Name | None = Field(None, description="of a breakdown: the fleet; its vehicle `number`, from 0, stands")
    number: int = Field(0, ge=0)
    site: str | None = Field(None, description="of an outage: the freight site; of a derating: a site or a depot")
    bays: int | None = Field(None, ge=1, description="bays out of use")
    hub_kw: float | None = Field(None, ge=0, le=1e6, description="what is left of the hub's power")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.end_s <= self.begin_s:
            msg = f"end_s ({format_clock(self.end_s)}) must come after begin_s ({format_clock(self.begin_s)})"
            raise ValueError(msg)
        needed = {"breakdown": ("fleet",), "bay_outage": ("site", "bays"), "charger_derating": ("site", "hub_kw")}
        missing = [name for name in needed[self.kind] if getattr(self, name) is None]
        if missing:
            msg = f"a {self.kind} needs {' and '.join(needed[self.kind])}; missing: {', '.join(missing)}"
            raise ValueError(msg)
        return self


class EnergyFactors(Model):
    """Factors of ISO 14083, tank (or socket) to wheel and well to wheel apart."""

    grid_wtw_kg_co2e_per_kwh: SourcedRate
    grid_ttw_kg_co2e_per_kwh: SourcedRate = SourcedRate(value=0.0, status="confirmed", source="no exhaust")
    diesel_ttw_kg_co2e_per_kg: SourcedRate = SourcedRate(value=3.2, source="combustion of diesel")
    diesel_wtw_kg_co2e_per_kg: SourcedRate = SourcedRate(value=3.9, source="with making and bringing it")


class Freight(Model):
    """Everything about goods; what is left out does not happen."""

    sites: dict[str, FreightSite] = Field(min_length=1)
    depots: dict[Name, Depot] = Field(default_factory=dict)
    fleets: dict[Name, TruckFleet] = Field(default_factory=dict)
    lines: dict[Name, Line] = Field(default_factory=dict)
    consignments: dict[Name, Consignments] = Field(default_factory=dict)
    orders: tuple[OrderRow, ...] = Field((), max_length=MOST_ORDERS, description="further orders, one by one")
    lorries: dict[Name, Lorries] = Field(default_factory=dict)
    finished_cars: FinishedCars | None = None
    disruptions: tuple[Disruption, ...] = ()
    platooning: Platooning | None = Field(
        None, exclude_if=lambda value: value is None, description="null: driverless trucks drive each on its own"
    )
    supervision: FreightSupervision | None = Field(
        None, exclude_if=lambda value: value is None, description="null: nothing stops vehicles watched from afar"
    )
    on_time_tolerance_s: float = Field(300, ge=0, description="how much before its window an order may be in a bay")
    energy: EnergyFactors | None = None
    conflicts: bool = Field(
        default=True, description="measure time to collision and post-encroachment time of fleets and finished cars"
    )

    @model_validator(mode="after")
    def _names(self) -> Self:
        self._require_sites()
        self._require_ids()
        for name, fleet in self.fleets.items():
            _require(fleet.depot, self.depots, f"fleets.{name}.depot", "depots")
        for n, one in enumerate(self.disruptions):
            self._require_disrupted(one, f"disruptions.{n}")
        if self.finished_cars is not None:
            _require(self.finished_cars.line, self.lines, "finished_cars.line", "lines")
        if self.platooning is not None and "av_truck" not in {one.vehicle_class for one in self.fleets.values()}:
            msg = "platooning: found no fleet of av_truck; driverless trucks alone drive in platoons"
            raise ValueError(msg)
        if self.supervision is not None and not any(one.is_supervised for one in self.fleets.values()):
            msg = "supervision: found no fleet of crew remote with operators; nobody is there to be called"
            raise ValueError(msg)
        return self

    def _require_sites(self) -> None:
        for name, line in self.lines.items():
            _require(line.site, self.sites, f"lines.{name}.site", "sites")
            for part, family in line.parts.items():
                _require(family.origin, self.sites, f"lines.{name}.parts.{part}.origin", "sites")
        for name, flow in self.consignments.items():
            for n, site in enumerate(flow.sites):
                _require(site, self.sites, f"consignments.{name}.sites.{n}", "sites")
        for name, lorries in self.lorries.items():
            _require(lorries.site, self.sites, f"lorries.{name}.site", "sites")
        for name, fleet in self.fleets.items():
            for n, site in enumerate(fleet.sites):
                _require(site, self.sites, f"fleets.{name}.sites.{n}", "sites")
        for order in self.orders:
            _require(order.origin, self.sites, f"orders.{order.id}.origin", "sites")
            _require(order.destination, self.sites, f"orders.{order.id}.destination", "sites")
        if self.finished_cars is not None:
            _require(self.finished_cars.compound, self.sites, "finished_cars.compound", "sites")

    def _require_disrupted(self, one: Disruption, where: str) -> None:
        if one.fleet is not None:
            _require(one.fleet, self.fleets, f"{where}.fleet", "fleets")
            count = self.fleets[one.fleet].count
            if one.number >= count:
                msg = f"{where}.number: found {one.number}; fleets.{one.fleet} has 0 to {count - 1}"
                raise ValueError(msg)
        if one.site is not None and one.kind == "bay_outage":
            _require(one.site, self.sites, f"{where}.site", "sites")
        elif one.site is not None:
            hubs = [name for name, site in self.sites.items() if site.charging is not None]
            hubs += [name for name, depot in self.depots.items() if depot.charging is not None]
            _require(one.site, hubs, f"{where}.site", "sites and depots with charging")

    def _require_ids(self) -> None:
        """Ids of orders begin with their family, those of vehicles with fleet or flow: a name stands for one."""
        families = [part for line in self.lines.values() for part in line.parts]
        for order in self.orders:
            if order.kind == "part":
                _require(order.family, families, f"orders.{order.id}.family", "lines.*.parts")
        for what, names in (
            ("part family or flow of consignments", [*families, *self.consignments]),
            ("fleet or flow of lorries", [*self.fleets, *self.lorries, CARS]),
            ("order", [order.id for order in self.orders]),
            ("site or depot", [*self.sites, *self.depots]),
        ):
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                msg = f"found {', '.join(twice)} twice; allowed is one {what} of a name ({CARS}: finished cars)"
                raise ValueError(msg)


def _require(name: str, known: Collection[str], place: str, kind: str) -> None:
    if name not in known:
        msg = f"{place}: unknown {name!r}; freight.{kind} has {', '.join(sorted(known)) or 'none'}"
        raise ValueError(msg)
