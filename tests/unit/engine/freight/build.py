"""Orders, vehicles and places for tests of the freight engine that need no SUMO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sim.engine.freight.craft import Craft
from sim.freight import Cargo, FleetTraits, Order
from sim.freight_document import FreightSite
from sim.network.parking import ParkingArea
from sim.vehicle_classes import FreightClass
from sim.world import Location

SITES = ("cams", "ggm", "lab")
DEPOTS = ("yard",)


def order(
    name: str = "a",
    origin: str = "cams",
    destination: str = "ggm",
    *,
    pallets: float = 2.0,
    mass_kg: float = 500.0,
    released_s: float = 0.0,
    classes: tuple[FreightClass, ...] = (),
) -> Order:
    """Return an order from Cams to GGM."""
    return Order(
        id=name, kind="part", family="bumper", origin=origin, destination=destination, cargo=Cargo(pallets, mass_kg),
        released_s=released_s, earliest_s=600.0, latest_s=1800.0, pieces=40, classes=classes,
    )  # fmt: skip


def traits(*, sites: frozenset[str] = frozenset(), vehicle_class: FreightClass = "av_truck") -> FleetTraits:
    """Return a fleet of trucks for six pallets and four tonnes."""
    return FleetTraits(
        name="tug", vehicle_class=vehicle_class, depot="yard", depot_location=Location(0, 0.0),
        capacity=Cargo(6.0, 4000.0), kinds=frozenset({"part"}), sites=sites, windows=(), duty_begin_s=0.0,
        duty_end_s=86_400.0,
    )  # fmt: skip


@dataclass
class Moved:
    """A mover that notes what it was told."""

    told: list[tuple[str, ...]] = field(default_factory=list)

    def send(self, name: str, area: ParkingArea, /) -> None:
        self.told.append(("send", name, area.id))

    def watch(self, name: str, /) -> None:
        self.told.append(("watch", name))

    def unwatch(self, name: str, /) -> None:
        self.told.append(("unwatch", name))

    def spot(self, name: str, /) -> tuple[str, float]:
        return f"under {name}", 0.0

    def odometer_m(self, name: str, /) -> float:
        return 0.0

    def set_mass(self, name: str, mass_kg: float, /) -> None:
        self.told.append(("mass", name, f"{mass_kg:g}"))

    def set_top_speed(self, name: str, speed_mps: float, /) -> None:
        self.told.append(("speed", name, f"{speed_mps:g}"))

    def next_edges(self, name: str, count: int, /) -> Sequence[str]:
        return ()

    def halt(self, name: str, /) -> None:
        self.told.append(("halt", name))

    def release(self, name: str, /) -> None:
        self.told.append(("release", name))


def craft(name: str = "tug.00", *, fleet: FleetTraits | None = None) -> Craft:
    """Return a truck on duty that stands at its depot."""
    kind = traits() if fleet is None else fleet
    return Craft(
        id=name, type_id="freight.tug", empty_kg=7000.0, top_speed_mps=20.0, mover=Moved(),
        capacity=kind.capacity, fleet=kind, state="standing", place="yard", on_duty=True,
    )  # fmt: skip


def told(one: Craft) -> list[tuple[str, ...]]:
    """Return what a craft's mover was told."""
    assert isinstance(one.mover, Moved)
    return one.mover.told


def document(**parts: object) -> FreightSite:
    """Return a site's document."""
    return FreightSite.model_validate(parts)
