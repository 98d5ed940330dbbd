"""What can run and most likely is not what was meant: a fleet that never may drive, goods that nobody carries."""

from __future__ import annotations

from collections.abc import Iterator

from sim.engine.freight.setup import FreightSetup
from sim.engine.resolve import Resolved
from sim.fields import format_clock
from sim.freight import FleetTraits, Order
from sim.permits.book import Subject
from sim.permits.movers import idle_permits, moving_classes, without_permit
from sim.scenario import Scenario
from sim.vehicle_classes import VEHICLE_CLASSES


def doubts(resolved: Resolved) -> list[str]:
    """Return what a user should know before a run, one line each: the path in the document and what comes of it."""
    found = [*_permits(resolved.scenario), *_shuttles(resolved)]
    if resolved.freight is not None:
        found += [*_fleets(resolved, resolved.freight), *_cars(resolved, resolved.freight), *_orders(resolved)]
    return found


def _permits(scenario: Scenario) -> Iterator[str]:
    for name in without_permit(scenario):
        yield f"permits: none is for {name}, which does without a driver: it drives at any hour wherever others may"
    if any(
        VEHICLE_CLASSES[one].driverless for one in moving_classes(scenario)
    ):  # else permits are left over on purpose
        for name in idle_permits(scenario):
            classes = ", ".join(scenario.permits[name].classes)
            yield f"permits.{name}.classes: none of {classes} moves, so that this permit is for nobody"


def _shuttles(resolved: Resolved) -> Iterator[str]:
    scenario, vehicles = resolved.scenario, resolved.service.vehicles
    if vehicles and not resolved.population.riders:
        yield f"fleet: nobody calls for one of {len(vehicles)} vehicles {_run(scenario)}"
    for part in scenario.fleet.parts if scenario.fleet is not None else ():
        place = f"fleet.groups.{part.name}" if part.name else "fleet"
        for n, duty in enumerate(part.vehicles.duties):
            if duty.begin_s >= scenario.time.horizon_s or duty.end_s <= scenario.time.begin_s:
                yield _off_duty(f"{place}.duties.{n}", duty.begin_s, duty.end_s, scenario)


def _fleets(resolved: Resolved, freight: FreightSetup) -> Iterator[str]:
    scenario, time = resolved.scenario, resolved.scenario.time
    for name, fleet in freight.fleets.items():
        place = f"freight.fleets.{name}"
        begin_s, end_s = max(fleet.duty_begin_s, time.begin_s), min(fleet.duty_end_s, time.horizon_s)
        if begin_s >= end_s:
            yield _off_duty(f"{place}.duty", fleet.duty_begin_s, fleet.duty_end_s, scenario)
        elif not any(max(begin_s, one.begin_s) < min(end_s, one.end_s) for one in fleet.windows):
            span = f"{format_clock(begin_s)} and {format_clock(end_s)}"
            yield f"{place}: its permits let it drive to its sites at no time of its duty, between {span}"


def _cars(resolved: Resolved, freight: FreightSetup) -> Iterator[str]:
    cars, compound = freight.document.finished_cars, freight.compound
    if cars is None or compound is None:
        return
    subject = Subject("finished_car", cars.crew, 0.0)
    if not freight.book.driving_windows(subject, [cars.start_edge, compound.edge]):
        yield f"freight.finished_cars: their permits let them drive at no time {_run(resolved.scenario)}"


def _orders(resolved: Resolved) -> Iterator[str]:
    scenario, goods, freight = resolved.scenario, resolved.population.goods, resolved.freight
    fleets = [] if freight is None else list(freight.fleets.values())
    if not (goods.orders or goods.lorries or goods.cars):
        yield f"freight: nothing has to be moved {_run(scenario)}"
    elif fleets and not goods.orders:
        yield f"freight: no order is released {_run(scenario)}, so that its fleets have nothing to do"
    if not goods.orders:
        return
    if not fleets:
        yield f"freight.fleets: found none, so that nobody carries {_count(len(goods.orders))}"
    elif resolved.dispatcher is None:
        yield f"controllers.freight: found none, so that nobody carries {_count(len(goods.orders))}"
    else:
        yield from _not_carried(goods.orders, fleets)


def _not_carried(orders: tuple[Order, ...], fleets: list[FleetTraits]) -> Iterator[str]:
    left = [one for one in orders if not any(fleet.may_carry(one) for fleet in fleets)]
    if left:
        first = left[0]
        yield (
            f"freight.fleets: by kind, sites, pallets or mass none may carry {len(left)} of {_count(len(orders))}; the "
            f"first is {first.id}, a {first.kind} from {first.origin} to {first.destination}, {first.cargo.pallets:g} "
            f"pallets, {first.cargo.mass_kg:g} kg"
        )


def _off_duty(place: str, begin_s: float, end_s: float, scenario: Scenario) -> str:
    return f"{place}: nobody is on duty {_run(scenario)}; found {format_clock(begin_s)} to {format_clock(end_s)}"


def _run(scenario: Scenario) -> str:
    return f"in the run, {format_clock(scenario.time.begin_s)} to {format_clock(scenario.time.horizon_s)}"


def _count(orders: int) -> str:
    return "one order" if orders == 1 else f"{orders} orders"
