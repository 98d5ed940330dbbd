"""The riders of a service that the World shows: who asks and comes when, what was promised, and who goes again.

SUMO gets to know a person when the person leaves home. What riders intend, as to cancel or not to come, is known here
and to nobody who decides.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sim.controllers.base import RideLeg, RiderPlan, WalkLeg
from sim.demand.population import Rider
from sim.engine.meeting import Meeting
from sim.engine.observer import Journey
from sim.engine.sumo import Point, SumoPort
from sim.events import DroppedOff, Event, PickedUp, PromiseBroken
from sim.network.graph import EdgeGraph
from sim.scenario import RequestLimits
from sim.world import BoardingPoint, Location, Offer, Request

Moment = Literal["asks", "comes", "cancels", "gives_up"]


@dataclass(slots=True)
class Booking:
    """One request: what the service sees of it, what it promised, and how far the rider is."""

    rider: Rider
    request: Request
    promise: Offer | None = None
    come: bool = False
    boarded: bool = False
    settled: bool = False
    put_down: bool = False
    reopened: bool = False

    @property
    def may_be_offered(self) -> bool:
        """Whether no offer was accepted, or the vehicle that was to keep the promise has broken down."""
        return self.promise is None or self.reopened


class Riders:
    """Keeps every request's book and lets its riders come, on foot where a meeting point was promised.

    Parameters
    ----------
    journeys
        The observer's, by person: they tell who is on board.
    meeting
        The meeting points of each request; empty for a service from door to door.
    """

    def __init__(
        self,
        port: SumoPort,
        graph: EdgeGraph,
        plans: Sequence[RiderPlan],
        journeys: Mapping[str, Journey],
        *,
        limits: RequestLimits,
        meeting: Mapping[str, Meeting],
        step_s: float,
    ) -> None:
        self._port, self._graph, self._journeys = port, graph, journeys
        self._limits, self._step_s = limits, step_s
        self._by_foot = bool(meeting)
        served = [plan.rider for plan in plans if plan.refused is None]
        self.bookings = {rider.request_id: Booking(rider, self._request(rider, meeting)) for rider in served}
        self.by_person = {person: rider.request_id for rider in served for person in rider.persons}
        self._agenda: list[tuple[float, str, Moment]] = []
        for rider in served:
            self._note(rider.submitted_s, rider.request_id, "asks")
            if not self._by_foot:
                self._note(rider.earliest_s - step_s, rider.request_id, "comes")

    def _request(self, rider: Rider, meeting: Mapping[str, Meeting]) -> Request:
        points = meeting.get(rider.request_id, Meeting())
        return Request(
            id=rider.request_id,
            person_id=rider.person_id,
            origin=Location(self._graph.position(rider.origin_edge), rider.origin_pos_m),
            destination=Location(self._graph.position(rider.destination_edge), rider.destination_pos_m),
            size=rider.size,
            earliest_s=rider.earliest_s,
            latest_arrival_s=rider.latest_arrival_s,
            direct_ride_s=rider.direct_ride_s,
            submitted_s=rider.submitted_s,
            wheelchairs=rider.wheelchairs,
            service_class=rider.service_class,
            arrive_by=rider.arrive_by,
            boarding=points.boarding,
            alighting=points.alighting,
        )

    def _note(self, time_s: float, request_id: str, moment: Moment) -> None:
        heapq.heappush(self._agenda, (time_s, request_id, moment))

    def step(self, now_s: float) -> tuple[list[Booking], list[tuple[str, str]]]:
        """Let happen what is due by the step that began at `now_s`; return who asks, and who withdraws why.

        Riders come one step ahead, since SUMO lets a person depart with the step after the command.
        """
        asks: list[Booking] = []
        leaves: list[tuple[str, str]] = []
        while self._agenda and self._agenda[0][0] <= now_s:
            _, name, moment = heapq.heappop(self._agenda)
            booking = self.bookings[name]
            if booking.settled:
                continue
            if moment == "asks":
                asks.append(booking)
                self._look_ahead(booking)
            elif moment == "comes":
                self._come(booking, now_s)
            elif moment == "cancels" and not booking.boarded:
                leaves.append((name, "by_rider"))
            elif moment == "gives_up" and self._has_lost_patience(booking, now_s):
                leaves.append((name, "gave_up"))
        return asks, leaves

    def _look_ahead(self, booking: Booking) -> None:
        """Note what a rider who asks will do unless the service is quicker."""
        rider = booking.rider
        if rider.cancel_s is not None:
            self._note(rider.cancel_s, rider.request_id, "cancels")
        if rider.patience_s is not None and rider.shows_up:
            self._note(rider.earliest_s + rider.patience_s, rider.request_id, "gives_up")

    def _has_lost_patience(self, booking: Booking, now_s: float) -> bool:
        """Whether a rider has waited long enough; one who was promised a later window goes on waiting."""
        rider = booking.rider
        until_s = booking.promise.pickup_latest_s if booking.promise is not None else rider.earliest_s
        until_s += rider.patience_s or 0.0
        if until_s > now_s:
            self._note(until_s, rider.request_id, "gives_up")
            return False
        return not booking.boarded

    def _come(self, booking: Booking, now_s: float) -> None:
        """Let a rider leave home, unless it is too early by what was promised; who does not show up never does."""
        rider, promise = booking.rider, booking.promise
        if booking.come or not rider.shows_up or (self._by_foot and promise is None):
            return
        boarding = alighting = None
        if promise is not None:
            walk_s = promise.boarding.walk_s if promise.boarding is not None else 0.0
            if promise.pickup_earliest_s - walk_s - self._step_s > now_s:
                self._note(promise.pickup_earliest_s - walk_s - self._step_s, rider.request_id, "comes")
                return
            boarding, alighting = self._point(promise.boarding), self._point(promise.alighting)
        booking.come = True
        door, goal = (rider.origin_edge, rider.origin_pos_m), (rider.destination_edge, rider.destination_pos_m)
        rides = [
            self._port.add_rider(person, door, goal, boarding=boarding, alighting=alighting) for person in rider.persons
        ]
        journey = self._journeys[rider.person_id]
        legs = tuple(RideLeg("taxi") if ride else WalkLeg() for ride in rides[0])
        journey.plan = replace(journey.plan, legs=legs)

    def put_down(self, booking: Booking, place: Location, now_s: float) -> tuple[WalkLeg | RideLeg, ...]:
        """Let riders get out of a vehicle that has broken down, to be fetched at this place; return what is to come.

        Their wish begins anew: they want to go on from now, however late it has become.
        """
        rider, promise = booking.rider, booking.promise
        goal = rider.destination_edge, rider.destination_pos_m
        alighting = self._point(promise.alighting if promise is not None else None) or goal
        boarding = self._graph.ids[place.edge], place.pos_m
        booking.request = replace(booking.request, origin=place, earliest_s=now_s, arrive_by=False)
        booking.boarded, booking.put_down = False, True
        rides = [self._port.hand_over(person, goal, boarding=boarding, alighting=alighting) for person in rider.persons]
        return tuple(RideLeg("taxi") if ride else WalkLeg() for ride in rides[0])

    def reopen(self, request_id: str) -> Request:
        """Return a request to be planned anew: where its riders board and alight is settled, if a promise says so."""
        booking = self.bookings[request_id]
        booking.reopened = True
        promise = booking.promise
        boarding = promise.boarding if promise is not None and not booking.put_down else None
        alighting = promise.alighting if promise is not None else None
        booking.request = replace(
            booking.request,
            boarding=() if boarding is None else (boarding,),
            alighting=() if alighting is None else (alighting,),
        )
        return booking.request

    def _point(self, point: BoardingPoint | None) -> Point | None:
        return None if point is None else (self._graph.ids[point.location.edge], point.location.pos_m)

    def accepts(self, booking: Booking, offer: Offer) -> bool:
        """Whether a rider takes an offer: not one beyond what riders of the class accept, or that comes too late."""
        request = booking.request
        walk_s = offer.alighting.walk_s if offer.alighting is not None else 0.0
        in_time = offer.pickup_latest_s <= request.earliest_s + self._wait_s(request) + self._step_s
        if request.arrive_by and request.latest_arrival_s is not None:
            in_time = in_time and offer.dropoff_latest_s + walk_s <= request.latest_arrival_s + self._step_s
        return in_time

    def _wait_s(self, request: Request) -> float:
        """Return how long after the wish a rider may be picked up; the walk to a meeting point comes on top."""
        walk_s = max((point.walk_s for point in request.boarding), default=0.0)
        return self._limits.of(request.service_class).max_wait_s + walk_s

    def promise(self, booking: Booking, offer: Offer, now_s: float) -> None:
        """Bind the service to an offer; the rider comes for it."""
        booking.promise = offer
        if self._by_foot:
            self._note(now_s, offer.request_id, "comes")

    def settle(self, booking: Booking) -> None:
        """Let a rider go who will not ride: out of SUMO, if there already."""
        booking.settled = True
        if booking.come:
            for person in booking.rider.persons:
                self._port.remove_person(person)

    def follow(self, events: Iterable[Event]) -> list[Event]:
        """Note who boards; return the promises that this or an alighting breaks, by more than a step.

        After a breakdown the first boarding and the last alighting are what was promised.
        """
        broken: list[Event] = []
        for one in events:
            if not isinstance(one, PickedUp | DroppedOff):
                continue
            booking = self.bookings[one.request_id]
            part = "pickup" if isinstance(one, PickedUp) else "dropoff"
            between = booking.put_down and not (part == "dropoff" and booking.boarded)
            booking.boarded = booking.boarded or part == "pickup"
            if booking.promise is None or between:
                continue
            latest_s = booking.promise.pickup_latest_s if part == "pickup" else booking.promise.dropoff_latest_s
            if one.time_s > latest_s + self._step_s:
                broken.append(
                    PromiseBroken(
                        time_s=one.time_s, request_id=one.request_id, vehicle_id=one.vehicle_id, part=part,
                        late_s=one.time_s - latest_s,
                    )
                )  # fmt: skip
        return broken
