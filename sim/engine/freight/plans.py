"""Whether plans can be carried out: every order loaded before it is unloaded, by one vehicle that may and can."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from sim.engine.freight.craft import Craft
from sim.errors import ControllerError
from sim.freight import Call, FreightTask, Order, Rest


def check_plans(
    plans: Mapping[str, Sequence[FreightTask]],
    crafts: Mapping[str, Craft],
    waiting: Mapping[str, Order],
    *,
    sites: Collection[str],
    depots: Collection[str],
) -> None:
    """Check plans as a whole, with those of the vehicles that keep theirs.

    Raises
    ------
    ControllerError
        A plan cannot be carried out; the message names the vehicle, what was found and what is allowed.
    """
    for vehicle_id, tasks in plans.items():
        fault = _fault(vehicle_id, tasks, crafts, waiting, sites=sites, depots=depots)
        if fault is not None:
            msg = f"the plan of {vehicle_id!r} cannot be carried out: {fault}"
            raise ControllerError(msg)
    carrier: dict[str, str] = {}
    for vehicle_id, craft in crafts.items():
        for order_id in _loaded(plans.get(vehicle_id, craft.plan)):
            first = carrier.setdefault(order_id, vehicle_id)
            if first != vehicle_id:
                msg = f"order {order_id!r} is in the plans of {first!r} and {vehicle_id!r}; allowed is one"
                raise ControllerError(msg)


def _loaded(tasks: Sequence[FreightTask]) -> Iterator[str]:
    return (order_id for task in tasks if isinstance(task, Call) for order_id in task.load)


def _fault(
    vehicle_id: str,
    tasks: Sequence[FreightTask],
    crafts: Mapping[str, Craft],
    waiting: Mapping[str, Order],
    *,
    sites: Collection[str],
    depots: Collection[str],
) -> str | None:
    craft = crafts.get(vehicle_id)
    if craft is None or craft.fleet is None or not craft.on_duty:
        return "no vehicle of that name is on duty"
    if craft.locked and not (tasks and _keeps(craft, tasks[0])):
        return f"it must begin with {craft.plan[0]}, which is under way; found {tasks[0] if tasks else 'nothing'}"
    cargo, carried = dict(craft.cargo), set(craft.cargo)
    for task in tasks:
        if isinstance(task, Rest):
            if task.depot not in depots:
                return f"unknown depot {task.depot!r}; allowed are {', '.join(sorted(depots))}"
            continue
        if task.site not in sites or (craft.fleet.sites and task.site not in craft.fleet.sites):
            return f"it cannot call at {task.site!r}; allowed are {', '.join(sorted(craft.fleet.sites or sites))}"
        fault = _call_fault(task, craft, cargo, carried, waiting)
        if fault is not None:
            return fault
    return f"{', '.join(sorted(cargo))} would stay on board" if cargo else None


def _keeps(craft: Craft, first: FreightTask) -> bool:
    call = craft.call
    if craft.state == "handling" or call is None:
        return first == call
    return isinstance(first, Call) and first.site == call.site


def _call_fault(
    task: Call, craft: Craft, cargo: dict[str, Order], carried: set[str], waiting: Mapping[str, Order]
) -> str | None:
    """Follow one call; `cargo` is brought up to date, and `carried`, which holds what has been unloaded, too."""
    for order_id in task.unload:
        order = cargo.pop(order_id, None)
        if order is None or order.destination != task.site:
            return f"{order_id!r} cannot be unloaded at {task.site}: it is not on board, or goes elsewhere"
    for order_id in task.load:
        order = waiting.get(order_id)
        if order is None or order_id in carried or order.origin != task.site:
            return f"{order_id!r} cannot be loaded at {task.site}: it does not wait there, or is loaded twice"
        if craft.fleet is None or not craft.fleet.may_carry(order):
            return f"it may not carry {order_id!r}"
        cargo[order_id] = order
        carried.add(order_id)
    pallets = sum(order.cargo.pallets for order in cargo.values())
    mass_kg = sum(order.cargo.mass_kg for order in cargo.values())
    if pallets > craft.capacity.pallets + 1e-9 or mass_kg > craft.capacity.mass_kg + 1e-9:
        return (
            f"{pallets:g} pallets and {mass_kg:g} kg on board after {task.site}; allowed are "
            f"{craft.capacity.pallets:g} and {craft.capacity.mass_kg:g}"
        )
    return None
