"""The freight of one run: everything in it put together, stepped by the loop."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict

import numpy as np

from sim.demand.population import Goods
from sim.engine.freight.cars import CAR_TYPE, CarYard
from sim.engine.freight.craft import Craft, Goal
from sim.engine.freight.disruptions import Disruptions
from sim.engine.freight.distances import Distances, Spot
from sim.engine.freight.energy import Meter
from sim.engine.freight.executor import Executor
from sim.engine.freight.guard import LATE_FACTOR, LATE_S, Guard
from sim.engine.freight.inputs import fleet_type, hub_id
from sim.engine.freight.lorries import LorryFlow
from sim.engine.freight.orders import OrderBook
from sim.engine.freight.platoons import Platoons
from sim.engine.freight.port import FreightPort, Seen
from sim.engine.freight.robots import RobotPort
from sim.engine.freight.setup import FreightSetup, class_graph, freight_id
from sim.engine.freight.sites import Site
from sim.engine.freight.supervision import Supervisors
from sim.engine.freight.world import FreightBody
from sim.engine.sumo import StepFacts, SumoPort
from sim.engine.times import EdgeTimes
from sim.events import Event
from sim.freight import Call
from sim.freight_events import (
    BatteryShortfall,
    FreightVehicleRetired,
    FreightVehicleStarted,
    SiteOpened,
    StockCounted,
)
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.permits.book import Subject
from sim.permits.monitor import Monitor, Sighting
from sim.rundir import RunDir
from sim.scenario import Scenario
from sim.vehicle_classes import PermitClass
from sim.world import Location

GOODS_SAMPLE_S, GOODS_REFRESH_S, GOODS_REFRESH_ALL_S = 60.0, 600.0, 3600.0
"""Travel times of goods are learnt less often than those of riders: windows are of half an hour, not of minutes, and
freight goes to no other places than its sites and depots."""


class FreightRun:
    """Orders, vehicles, sites, chargers and permits of a run."""

    def __init__(
        self,
        port: SumoPort,
        run: RunDir,
        *,
        scenario: Scenario,
        setup: FreightSetup,
        goods: Goods,
        network: Network,
        graph: EdgeGraph,
    ) -> None:
        self._scenario, self._setup, self._document, self._graph = scenario, setup, setup.document, graph
        self._port = FreightPort(port)
        self._robots = RobotPort(port, step_s=scenario.time.step_s)
        seed = scenario.seeds.demand
        self._sites = {
            name: Site.of(name, place, self._document.sites[name], graph, seed) for name, place in setup.places.items()
        }
        self._crafts = {craft.id: craft for craft in self._fleet_crafts()}
        self._times = self._edge_times(scenario.time.begin_s)
        self._orders = OrderBook(
            goods.orders,
            docks={name: Spot(place.dock.edge, place.dock.end_m) for name, place in setup.places.items()},
            shortest_m=Distances(graph, on_foot_m=self._robots.way_m).shortest_m,
        )
        self._stock = goods.stock
        self._cars = self._car_yard(goods)
        self._guard = self._make_guard()
        self._executor = Executor(
            self._port, self._crafts, sites=self._sites, depots=setup.depots, graph=graph, orders=self._orders,
            passes=self._guard, compound=self._cars,
        )  # fmt: skip
        self._meter = Meter(
            self._port,
            self._document,
            self._crafts,
            {name: one for name, (_, one) in setup.charging().items()},
            step_s=scenario.time.step_s,
        )
        platooning = self._document.platooning
        self._platoons = None if platooning is None else Platoons(self._port, platooning, self._crafts)
        supervision = self._document.supervision
        self._supervisors = None if supervision is None else Supervisors(
            supervision, self._document.fleets, self._crafts, graph, seed=scenario.seeds.sumo
        )  # fmt: skip
        self._monitor = Monitor(scenario, network, graph)
        self._lorries = LorryFlow(
            self._port, goods.lorries, self._document.lorries, crafts=self._crafts, sites=self._sites
        )
        self._disruptions = Disruptions(
            self._document.disruptions, crafts=self._crafts, sites=self._sites, set_hub_kw=self._set_hub_kw
        )
        self._seen: dict[str, Seen] = {}
        self._next_duty_s = -math.inf
        self._walk = any(craft.walks for craft in self._crafts.values())
        self.world = FreightBody(
            self._port, run, graph=graph, fleets=setup.fleets, times=self._times, executor=self._executor,
            orders=self._orders, sites=self._sites,
            step_s=scenario.time.step_s,
        )  # fmt: skip

    # --- putting together ---------------------------------------------------------------------------------------------

    def _fleet_crafts(self) -> Iterator[Craft]:
        for name, traits in self._setup.fleets.items():
            fleet = self._document.fleets[name]
            capacity_kwh = None if fleet.battery is None else fleet.battery.capacity_kwh.value
            for number in range(fleet.count):
                yield Craft(
                    id=freight_id(name, number), type_id=fleet_type(name),
                    empty_kg=fleet.empty_kg, top_speed_mps=fleet.max_speed_mps, capacity=traits.capacity, fleet=traits,
                    mover=self._port if fleet.robot is None else self._robots, walks=fleet.robot is not None,
                    capacity_kwh=capacity_kwh, goal=Goal("depot", traits.depot), stands=traits.depot_location,
                )  # fmt: skip

    def _edge_times(self, time_s: float) -> dict[str, EdgeTimes]:
        """Return travel times for each fleet; fleets that may use the same roads at the same speed share them."""
        shared: dict[tuple[str, bytes], EdgeTimes] = {}
        found = {}
        for name, traits in self._setup.fleets.items():
            caps = self._setup.caps_mps[name]
            key = traits.vehicle_class, caps.tobytes()
            if key not in shared:
                graph = class_graph(self._graph, traits.vehicle_class, caps)
                shared[key] = EdgeTimes(
                    graph, vclass=traits.vehicle_class, time_s=time_s, caps_mps=caps,
                    refresh_s=GOODS_REFRESH_S, refresh_all_s=GOODS_REFRESH_ALL_S,
                )  # fmt: skip
            found[name] = shared[key]
        return found

    def _car_yard(self, goods: Goods) -> CarYard | None:
        """Return the finished cars, which drive when and as fast as their permits allow."""
        document = self._document.finished_cars
        if document is None or self._setup.compound is None:
            return None
        subject = Subject("finished_car", document.crew, 0.0)
        ends = [document.start_edge, self._setup.compound.edge]
        windows = self._setup.book.driving_windows(subject, ends)
        ends_at = any(math.isfinite(one.end_s) for one in windows)
        trip_s = LATE_FACTOR * self._car_trip_s(subject, ends) + LATE_S if ends_at else 0.0
        return CarYard(
            self._port, document, goods.cars,
            may_drive=lambda now_s: any(one.begin_s <= now_s and now_s + trip_s <= one.end_s for one in windows),
        )  # fmt: skip

    def _car_trip_s(self, subject: Subject, ends: Sequence[str]) -> float:
        """Return how long a finished car can be expected to drive: it has no place to stand at on its way."""
        caps = np.minimum(self._setup.book.caps_of_day_mps(subject), self._setup.car_speed_mps)
        graph = class_graph(self._graph, subject.vehicle_class, caps)
        times = EdgeTimes(graph, vclass=subject.vehicle_class, time_s=0.0, caps_mps=caps)
        return times.travel_times.time_s(*(Location(graph.position(edge), 0.0) for edge in ends))

    def _make_guard(self) -> Guard:
        fleets = self._setup.fleets
        everywhere = [place.dock.edge for place in self._setup.places.values()]
        edges = {
            name: (self._setup.depots[one.depot].edge,
                   *([self._setup.places[site].dock.edge for site in one.sites] or everywhere))
            for name, one in fleets.items()
        }  # fmt: skip
        lots = {name: Goal("staging", name) for name, place in self._setup.places.items() if place.staging is not None}
        depots = {name: Goal("depot", name) for name in self._setup.depots}
        return Guard(
            self._port, self._setup.book, self._graph,
            classes=self._classes(),
            crews={name: self._document.fleets[name].crew for name in fleets},
            operators={name: self._document.fleets[name].operators for name in fleets},
            edges=edges,
            shelters={name: self._locate(goal) for name, goal in sorted({**lots, **depots}.items())},
            travel_s=self._travel_s,
            service_s=self._service_s,
            place_of=lambda _, goal: self._locate(goal),
            where_is=self._where_is,
        )  # fmt: skip

    def _classes(self) -> set[PermitClass]:
        found: set[PermitClass] = {traits.vehicle_class for traits in self._setup.fleets.values()}
        return found | ({"finished_car"} if self._cars is not None else set())

    def _locate(self, goal: Goal) -> Location:
        if goal.kind == "depot":
            area = self._setup.depots[goal.name]
        else:
            place = self._setup.places[goal.name]
            area = place.dock if goal.kind in {"bay", "road"} or place.staging is None else place.staging
        return Location(self._graph.index[area.edge], area.end_m)

    def _where_is(self, craft: Craft) -> Location:
        return self.world.location(craft)

    def _travel_s(self, craft: Craft, start: Location, end: Location) -> float:
        fleet = craft.fleet.name if craft.fleet is not None else ""
        return self._times[fleet].travel_times.time_s(start, end)

    def _service_s(self, call: Call) -> float:
        orders = [self._orders.find(name) for name in (*call.unload, *call.load)]
        return self._sites[call.site].mean_handling_s(orders) if orders else 0.0

    # --- the run ------------------------------------------------------------------------------------------------------

    def open(self, now_s: float) -> list[Event]:
        """Open the lanes and put the fleets into their depots, before the first step."""
        self._guard.open(None)
        for craft in self._crafts.values():
            if craft.fleet is None:
                continue
            area = self._setup.depots[craft.fleet.depot]
            if craft.walks:
                self._robots.add(craft.id, craft.type_id, area)
            else:
                self._port.add_parked(craft.id, craft.type_id, area)
        self.world.look(now_s, {})
        counted = (StockCounted(time_s=now_s, **asdict(one)) for one in self._stock)
        opened = (
            SiteOpened(time_s=now_s, site=name, bays=site.yard.bays, staging_places=site.yard.staging_places)
            for name, site in sorted(self._sites.items())
        )
        return [*opened, *counted]

    @property
    def present(self) -> int:
        """How many vehicles stay on the network to the end without anything left to do."""
        return sum(craft.fleet is not None for craft in self._crafts.values())

    @property
    def taken_out(self) -> int:
        """How many vehicles have been taken out of SUMO since the begin: it does not call them arrived."""
        return 0 if self._cars is None else self._cars.taken_out

    @property
    def unsettled(self) -> int:
        """How many orders, lorries and finished cars are not done with."""
        return self._orders.unsettled + self._lorries.unsettled + (0 if self._cars is None else self._cars.unsettled)

    @property
    def has_orders(self) -> bool:
        """Whether a controller has anything to decide."""
        return self._orders.unsettled > 0

    def step(self, facts: StepFacts) -> list[Event]:
        """Return the facts of one step."""
        now = facts.time_s
        self._seen = self._port.seen()
        if self._walk:
            self._seen |= self._robots.seen()
        events: list[Event] = []
        if self._orders.next_s <= now:
            events += self._orders.release(now)
        if self._disruptions.any:
            events += self._disruptions.step(now, self._seen)
        events += self._lorries.enter(facts)
        cars_drive = self._cars is not None and bool(self._cars.driving)
        self._guard.turn(now, self._crafts, self._seen, others=("finished_car",) if cars_drive else ())
        if self._cars is not None:
            events += self._cars.step(facts)
        events += self._executor.step(facts, self._seen, self._walked(facts))
        for craft, shelter in self._guard.leaving(now, self._crafts, self._seen):
            self._executor.hold(craft.id, shelter)
        if self._supervisors is not None:
            events += self._supervisors.step(now, self._seen)
        if self._platoons is not None:
            events += self._platoons.step(now, self._seen)
        events += self._meter.step(now, self._seen.keys())
        if now >= self._next_duty_s:
            events += self._duties(now)
        events += self._monitor.step(now, self._sightings())
        events += self._lorries.leave(facts, self._seen)
        self.world.look(now, self._seen)
        return events

    def _walked(self, facts: StepFacts) -> Collection[str]:
        """Return the robots that stand at a door since this step, those at their depot since the begin among them."""
        if not self._walk:
            return ()
        began = [name for name in facts.persons_departed if name in self._crafts]
        return [*self._robots.arrived(), *began]

    def sample(self, time_s: float, counts: list[int], speeds_mps: list[float]) -> None:
        """Learn travel times from the vehicles on each edge."""
        places = {site.location.edge for site in self._sites.values()}
        places |= {traits.depot_location.edge for traits in self._setup.fleets.values()}
        for times in {id(one): one for one in self._times.values()}.values():
            times.sample(time_s, counts, speeds_mps)
            times.refresh(time_s, places)

    def _duties(self, now: float) -> Iterator[Event]:
        for craft in self._crafts.values():
            traits = craft.fleet
            if traits is None or craft.state == "off_duty":
                continue
            if craft.started_s is None and now >= traits.duty_begin_s:
                craft.started_s, craft.on_duty = now, True
                yield self._started(craft, now)
            elif craft.on_duty and now >= traits.duty_end_s and self._is_home(craft):
                yield from self._retire(craft, now)
        self._next_duty_s = min(map(self._changes_s, self._crafts.values()), default=math.inf)

    @staticmethod
    def _changes_s(craft: Craft) -> float:
        """Return when a vehicle's duty begins or, once it has begun, may end."""
        if craft.fleet is None or (craft.started_s is not None and not craft.on_duty):
            return math.inf
        return craft.fleet.duty_end_s if craft.on_duty else craft.fleet.duty_begin_s

    @staticmethod
    def _is_home(craft: Craft) -> bool:
        at_depot = craft.fleet is not None and craft.state == "standing" and craft.place == craft.fleet.depot
        return at_depot and not craft.plan and not craft.cargo

    def _started(self, craft: Craft, now: float) -> FreightVehicleStarted:
        fleet = self._document.fleets[craft.fleet.name if craft.fleet is not None else ""]
        charge_wh = self._meter.begin(craft.id, now)
        return FreightVehicleStarted(
            time_s=now, vehicle_id=craft.id, fleet=craft.fleet.name if craft.fleet is not None else "",
            vehicle_class=fleet.vehicle_class, crew=fleet.crew, capacity_pallets=fleet.capacity_pallets,
            payload_kg=fleet.payload_kg, empty_kg=fleet.empty_kg, edge=self._graph.ids[craft.stands.edge],
            charge_kwh=None if charge_wh is None else charge_wh / 1000, capacity_kwh=craft.capacity_kwh,
        )  # fmt: skip

    def _retire(self, craft: Craft, now: float) -> Iterator[Event]:
        craft.on_duty = False
        sums = self._meter.end(craft.id, now)
        odometer_m, duty_s = craft.mover.odometer_m(craft.id), now - (craft.started_s or 0.0)
        robot = self._document.fleets[craft.fleet.name].robot if craft.fleet is not None else None
        if robot is not None:
            yield FreightVehicleRetired(
                time_s=now, vehicle_id=craft.id, odometer_m=odometer_m, duty_s=duty_s,
                consumed_wh=robot.wh_per_km.value * odometer_m / 1000,
            )  # fmt: skip
        elif sums is None:
            yield FreightVehicleRetired(
                time_s=now, vehicle_id=craft.id, odometer_m=odometer_m, duty_s=duty_s,
                fuel_kg=self._meter.fuel_kg(craft.id),
            )  # fmt: skip
        else:
            if sums.shortfall_wh > 0:
                yield BatteryShortfall(time_s=now, vehicle_id=craft.id, shortfall_wh=sums.shortfall_wh)
            yield FreightVehicleRetired(
                time_s=now, vehicle_id=craft.id, odometer_m=odometer_m, duty_s=duty_s, consumed_wh=sums.consumed_wh,
                regenerated_wh=sums.regenerated_wh, auxiliary_wh=sums.auxiliary_wh, charged_wh=sums.charged_wh,
                charge_kwh=self._port.charge_wh(craft.id) / 1000,
            )  # fmt: skip

    def _set_hub_kw(self, hub: str, power_kw: float | None) -> None:
        _, charging = self._setup.charging()[hub]
        self._port.set_hub_power_w(hub_id(hub), 1000 * (charging.hub_kw.value if power_kw is None else power_kw))

    # --- what the monitor sees ----------------------------------------------------------------------------------------

    def _sightings(self) -> Iterable[Sighting]:
        fleets = self._document.fleets
        for vehicle_id, seen in self._seen.items():
            craft = self._crafts.get(vehicle_id)
            if craft is not None and craft.lorry is not None:
                yield Sighting(vehicle_id, "human_truck", craft.lorry.flow, "driver", craft.empty_kg, seen.lane, seen.x,
                               seen.y, seen.speed_mps, on_road=True)  # fmt: skip
            elif craft is not None and craft.fleet is not None:
                traits = craft.fleet
                yield Sighting(vehicle_id, traits.vehicle_class, traits.name, fleets[traits.name].crew, craft.mass_kg,
                               seen.lane, seen.x, seen.y, seen.speed_mps, on_road=True)  # fmt: skip
            elif self._cars is not None and vehicle_id in self._cars.driving:
                crew = self._document.finished_cars.crew if self._document.finished_cars is not None else "none"
                yield Sighting(vehicle_id, "finished_car", CAR_TYPE, crew, 0.0, seen.lane, seen.x, seen.y,
                               seen.speed_mps, on_road=True)  # fmt: skip

    # --- the end ------------------------------------------------------------------------------------------------------

    def close(self, now_s: float) -> list[Event]:
        """Return what the end of the run leaves."""
        events = [*self._executor.close(now_s), *self._meter.close(now_s), *self._monitor.close(now_s)]
        if self._platoons is not None:
            events += self._platoons.close(now_s)
        for _, craft in sorted(self._crafts.items()):
            if craft.on_duty:
                events += self._retire(craft, now_s)
        events += self._orders.close(now_s)
        if self._cars is not None:
            events += self._cars.close(now_s)
        events += self._lorries.close(now_s)
        return events
