"""Freight sites in a run: where their gate, lot and bays are, how long handling takes."""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from sim.engine.freight.port import Seen
from sim.engine.freight.yard import Yard
from sim.freight import Order, SiteState
from sim.freight_document import FreightSite
from sim.network.freight_places import FreightPlace
from sim.network.graph import EdgeGraph
from sim.network.parking import ParkingArea
from sim.world import Location

GATE_M = 80.0  # before the first place of a site: there a vehicle is told where to go
QUEUE_GAP_M = 2.0


@dataclass(frozen=True, slots=True)
class Gate:
    """Where vehicles come to a site: the first of its parking areas on the way, and the edges that lead there."""

    area: ParkingArea
    before_m: Mapping[str, float]

    @classmethod
    def of(cls, area: ParkingArea, graph: EdgeGraph) -> Self:
        """Find the edges from which one turns into the edge of a parking area, with their lengths."""
        into = graph.turn_from[graph.turn_to == graph.index[area.edge]]
        return cls(area, {graph.ids[edge]: float(graph.length_m[edge]) for edge in into.tolist()})

    def reached(self, seen: Seen) -> bool:
        """Whether a vehicle that drives here has come to the gate."""
        if seen.edge == self.area.edge:
            return seen.pos_m <= self.area.end_m  # who is past it has to come round again
        length_m = self.before_m.get(seen.edge)
        return length_m is not None and length_m - seen.pos_m + self.area.start_m <= GATE_M

    @property
    def halt_m(self) -> float:
        """Where on the lane the first of a queue halts."""
        return max(self.area.start_m - QUEUE_GAP_M, 1.0)


@dataclass(slots=True)
class Site:
    """A freight site: its parking areas, its ledger and its handling times.

    `tail` are the vehicles that stand further back than the gate, behind those that queue on the road.
    """

    name: str
    place: FreightPlace
    document: FreightSite
    gate: Gate
    yard: Yard
    location: Location
    seed: int
    tail: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, name: str, place: FreightPlace, document: FreightSite, graph: EdgeGraph, seed: int) -> Self:
        """Make a site with all its bays free."""
        staging = place.staging
        hours = document.hours
        return cls(
            name, place, document,
            gate=Gate.of(staging if staging is not None else place.dock, graph),
            yard=Yard(place.bays, 0 if staging is None else staging.places, hours.begin_s, hours.end_s),
            location=Location(graph.index[place.dock.edge], place.dock.end_m),
            seed=seed,
        )  # fmt: skip

    def mean_handling_s(self, orders: Collection[Order]) -> float:
        """Return how long a bay is needed for these orders, loaded or unloaded, on the mean."""
        law = self.document.handling
        return law.fixed_s.value + law.per_pallet_s.value * sum(order.cargo.pallets for order in orders)

    def handling_s(self, orders: Collection[Order]) -> float:
        """Return how long it takes this time: the same for the same orders in every run of the seed."""
        name = "+".join([self.name, *sorted(order.id for order in orders)])
        factor = drawn_factor(self.seed, name, self.document.handling.variation.value)
        return self.mean_handling_s(orders) * factor

    def state(self) -> SiteState:
        """Return what a controller sees."""
        yard = self.yard
        return SiteState(
            self.name, self.location,
            bays=max(0, yard.bays - yard.out), occupied=len(yard.taken), queueing=len(yard.queue) + len(self.tail),
            open_s=yard.open_s, close_s=yard.close_s, appointments=self.document.appointments is not None,
        )  # fmt: skip


def drawn_factor(seed: int, name: str, variation: float) -> float:
    """Return a lognormal factor of mean 1 that the seed and a name alone decide."""
    if variation == 0:
        return 1.0
    sigma = math.sqrt(math.log1p(variation**2))
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return math.exp(rng.normal(-(sigma**2) / 2, sigma))
