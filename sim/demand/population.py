"""The people and vehicles of a run, as the generators leave them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rider:
    """A person who uses the service; `earliest_s` is the wish to travel, alike for all services."""

    person_id: str
    request_id: str
    purpose: str
    origin_edge: str
    origin_pos_m: float
    destination_edge: str
    destination_pos_m: float
    earliest_s: float
    latest_arrival_s: float | None
    shift_start_s: float | None
    direct_ride_s: float
    direct_distance_m: float
    zone: str
    site: str
    scopes: tuple[str, ...]
    size: int = 1


@dataclass(frozen=True, slots=True)
class Car:
    """A commuter who drives alone to a site."""

    person_id: str
    vehicle_id: str
    origin_edge: str
    origin_pos_m: float
    destination_edge: str
    destination_pos_m: float
    depart_s: float
    shift_start_s: float
    site: str


@dataclass(frozen=True, slots=True)
class BackgroundTrip:
    """A vehicle between two gateways; `vehicle_class` is car or truck."""

    vehicle_id: str
    vehicle_class: str
    origin_edge: str
    destination_edge: str
    depart_s: float


@dataclass(frozen=True, slots=True)
class Population:
    """Everybody, each tuple ordered by time and then id."""

    riders: tuple[Rider, ...]
    cars: tuple[Car, ...]
    background: tuple[BackgroundTrip, ...]
