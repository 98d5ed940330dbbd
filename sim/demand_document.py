"""The demand of a scenario document: who and what moves. Facts stand in the network's tables, choices stand here."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sim.fields import (
    Clock,
    Model,
    Name,
    Scale,
    Share,
    SourcedCount,
    SourcedPositive,
    SourcedRate,
    SourcedShare,
    Status,
    format_clock,
)


class Shift(Model):
    """Working hours of some sites; `sites: ["*"]` stands for every site that no shift names."""

    sites: list[str] = Field(min_length=1)
    start_s: Clock
    end_s: Clock
    share: Share = Field(1.0, description="weight among the shifts of the same site")
    status: Status
    source: str

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end_s <= self.start_s:
            msg = (
                f"a shift must end after it starts: start_s {format_clock(self.start_s)}, "
                f"end_s {format_clock(self.end_s)}"
            )
            raise ValueError(msg)
        return self


class Modes(Model):
    """How the commuters of a zone travel; whoever neither rides the service, nor a coach, nor walks, drives."""

    rider: SourcedShare | None = Field(None, description="null: `rider_share` of all commuters")
    coach: SourcedShare = SourcedShare(value=0.0, source="no company coach")
    walk: SourcedShare = SourcedShare(value=0.0, source="too far to walk")


class HomeZone(Model):
    """Where commuters live: points on walkable roads within `radius_m` of the named junctions."""

    name_en: str
    name_ko: str
    share: SourcedShare
    junctions: list[str] = Field(min_length=1)
    radius_m: float = Field(1000, gt=0)
    scope: Literal["housing", "station_corridor", "villages"]
    modes: Modes = Modes()


class Arrival(Model):
    """How long before the shift a commuter wants to be at the gate: a normal law cut off at both ends."""

    mean_s: float = Field(ge=0)
    sd_s: float = Field(gt=0)
    earliest_s: float = Field(gt=0)
    latest_s: float = Field(ge=0)
    status: Status
    source: str

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.earliest_s <= self.latest_s:
            msg = (
                f"earliest_s ({self.earliest_s}) must exceed latest_s ({self.latest_s}); both count back from the shift"
            )
            raise ValueError(msg)
        return self


class TimeAfter(Model):
    """How long after the end of the shift a commuter leaves: a normal law cut off at both ends."""

    mean_s: float = Field(ge=0)
    sd_s: float = Field(gt=0)
    least_s: float = Field(ge=0)
    most_s: float = Field(gt=0)
    status: Status
    source: str

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.most_s <= self.least_s:
            msg = f"most_s ({self.most_s}) must exceed least_s ({self.least_s}); both count from the end of the shift"
            raise ValueError(msg)
        return self


class TravelBudget(Model):
    """Time that a commuter plans for the journey: `alpha` × direct drive + `beta_s`."""

    alpha: float = Field(ge=1)
    beta_s: float = Field(ge=0)
    status: Status
    source: str


class Escorts(Model):
    """Children whom commuters by car bring to a site on the way to work and fetch on the way home."""

    site: str
    children: SourcedCount
    dwell_s: float = Field(180, gt=0)


class Commuters(Model):
    """People who work in the complex; `rider_share` of them use the service, the others drive unless a zone differs.

    Without `shifts` the hours stand in the network's `demand_staff_shifts.csv`. Coaches run by `demand_coaches.csv`.
    """

    count: SourcedCount
    scale: Scale = Field(1.0, description="multiplies the count")
    rider_share: SourcedShare
    destinations: list[str] = Field(min_length=1, description="sites, chosen by their staff")
    shifts: tuple[Shift, ...] = ()
    homes: dict[Name, HomeZone] = Field(min_length=1)
    arrival: Arrival
    rider_budget: TravelBudget
    car_budget: TravelBudget
    leaving: TimeAfter | None = Field(None, description="null: nobody goes home within the run")
    parking: bool = Field(
        default=True, description="false: cars leave the roads at their car park instead of standing in it"
    )
    escorts: Escorts | None = None

    @model_validator(mode="after")
    def _shares(self) -> Self:
        total = sum(zone.share.value for zone in self.homes.values())
        if abs(total - 1) > 1e-6:
            msg = f"the shares of homes must add up to 1, found {total:.4f}"
            raise ValueError(msg)
        for name, zone in self.homes.items():
            rider = zone.modes.rider or self.rider_share
            least = rider.value + zone.modes.coach.value + zone.modes.walk.value
            if least > 1 + 1e-9:
                msg = (
                    f"the shares of riders, coach and walk in homes.{name} add up to {least:.4f}; allowed is 1 at most"
                )
                raise ValueError(msg)
        return self

    @property
    def people(self) -> int:
        """How many commuters there are, `scale` included."""
        return round(self.count.value * self.scale)


class Rail(Model):
    """Passengers who leave a train and want to go on into the complex.

    Without `trains_per_h` the trains stand in the network's `demand_trains.csv`.
    """

    station: str
    trains_per_h: SourcedRate | None = None
    riders_per_train: SourcedRate
    scale: Scale = Field(1.0, description="multiplies the riders of each train")
    walk_out_s: float = Field(180, ge=0)
    destinations: list[str] = Field(min_length=1)


class Visitors(Model):
    """People who go from one site to another during working hours, by the service or by car."""

    trips_per_h: SourcedRate
    scale: Scale = 1.0
    rider_share: SourcedShare
    destinations: list[str] = Field(min_length=2, description="sites, both ends chosen by their staff")
    profile: dict[Clock, Scale] = Field(
        default_factory=lambda: {0: 1.0}, description="multiplier from this time of day on"
    )


class Flow(Model):
    """Background traffic from one gateway to another."""

    origin: str
    destination: str
    vehicles_per_h: SourcedRate
    truck_share: Share = 0.1
    profile: dict[Clock, Scale] | None = Field(
        None, description="multiplier from this time of day on; null: the one of the background"
    )


class Calibrated(Model):
    """The counts that flows were fitted to, and how near the volumes come to them."""

    file: str
    counts: int = Field(ge=1)
    geh_below_5_share: Share
    sum_error: float = Field(description="sum of all volumes over the sum of all counts, less 1")
    fhwa_met: bool = Field(description="GEH below 5 at 85 % of counts and more, the sum within 5 %")
    volumes: Literal["planned", "simulated"]
    status: Status = "likely"


class Background(Model):
    """Traffic that has nothing to do with the complex; `scale` multiplies every flow.

    Without `flows` they are fitted to the network's `demand_counts.csv`, less the share of the commuters' own cars
    in those counts.
    """

    scale: Scale = 1.0
    both_ways: bool = True
    flows: tuple[Flow, ...] = ()
    commuter_car_share: SourcedShare = SourcedShare(value=0.82, source="80 % and more of commuters come by car")
    profile: dict[Clock, Scale] = Field(
        default_factory=lambda: {0: 1.0}, description="multiplier of all flows from this time of day on"
    )
    # left out where it is null, so that documents without it keep their hash
    calibrated_to: Calibrated | None = Field(
        None, exclude_if=lambda value: value is None, description="written by `bitgreen demand calibrate`"
    )


class UniformRequests(Model):
    """Requests spread evenly over time and over the network's edges; needs no sites, so it fits any network."""

    per_h: float = Field(gt=0, le=1e6)
    min_distance_m: float = Field(400, ge=0)


class Notice(Model):
    """How long before the wish a ride is booked: a normal law cut off at both ends."""

    mean_s: float = Field(ge=0)
    sd_s: float = Field(gt=0)
    least_s: float = Field(0, ge=0)
    most_s: float = Field(gt=0)
    status: Status = "assumed"
    source: str = "set in the scenario"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.most_s <= self.least_s:
            msg = f"most_s ({self.most_s}) must exceed least_s ({self.least_s}); both count back from the wish"
            raise ValueError(msg)
        return self


class RiderTraits(Model):
    """How riders book, travel and fail to: shares of all requests, drawn apart from who travels when and where."""

    booked_ahead: SourcedShare = SourcedShare(value=0.0, source="everybody asks on the spot")
    notice: Notice = Notice(mean_s=3600, sd_s=1800, least_s=600, most_s=86_400)
    recurring: SourcedShare = Field(
        SourcedShare(value=0.0, source="nobody books all shifts at once"),
        description="share of commuters' requests booked for all shifts at once, among those booked ahead",
    )
    groups: dict[Annotated[int, Field(ge=2, le=50)], SourcedShare] = Field(
        default_factory=dict, description="share of requests for two, three … riders; the others travel alone"
    )
    wheelchairs: SourcedShare = Field(
        SourcedShare(value=0.0, source="not counted"), description="share of requests with one user of a wheelchair"
    )
    classes: dict[Name, SourcedShare] = Field(
        default_factory=dict, description="share of requests in each of `requests.classes`; the others are in none"
    )
    arrive_by: SourcedShare = Field(
        SourcedShare(value=0.0, source="wishes bind nobody"),
        description="share of the requests with a wished arrival that it is a limit to",
    )
    cancels: SourcedShare = Field(
        SourcedShare(value=0.0, source="nobody cancels"),
        description="share of requests withdrawn, if the rider is not on board by then, until ten minutes after the "
        "wish",
    )
    no_shows: SourcedShare = SourcedShare(value=0.0, source="everybody comes")
    patience_s: SourcedPositive | None = Field(
        None, description="wait beyond the promised window, or beyond the wish without one, that ends in giving up"
    )

    @model_validator(mode="after")
    def _shares(self) -> Self:
        for name, parts in (("groups", self.groups), ("classes", self.classes)):
            total = sum(part.value for part in parts.values())
            if total > 1 + 1e-9:
                msg = f"the shares of {name} add up to {total:.4f}; allowed is 1 at most"
                raise ValueError(msg)
        return self


class Demand(Model):
    """Who and what moves; a part that is null is switched off, and each has its own `scale`."""

    commuters: Commuters | None = None
    coaches: bool = Field(default=False, description="company coaches run by the network's demand_coaches.csv")
    rail: Rail | None = None
    visitors: Visitors | None = None
    background: Background | None = None
    uniform: UniformRequests | None = None
    # left out where it is null, so that documents without it keep their hash
    riders: RiderTraits | None = Field(
        None,
        exclude_if=lambda value: value is None,
        description="how riders book, travel and fail to; null: each alone, on the spot, without fail",
    )
