"""One run in which all of freight happens at once; as a program it prints the run's fingerprint."""

from __future__ import annotations

import sys
from pathlib import Path

from sim.demand.population import FinishedCar, Lorry
from sim.engine.sumo import EngineName
from sim.events import fingerprint
from sim.scenario import Scenario
from tests.sumo.engine.freight.plant import (
    HUMAN,
    QUICK,
    TUG,
    Plant,
    Ran,
    build,
    freight,
    greedy,
    order,
    permit,
    scenario,
)
from tests.sumo.engine.freight.test_conservation import some_orders
from tests.sumo.engine.freight.test_lorries import CARS, FLOW, LINE
from tests.sumo.engine.freight.test_robots import BY_MASS, ROBOT


def document(*, sumo_seed: int = 1, demand_seed: int = 1) -> Scenario:
    """Return a scenario with every class, permits, disruptions, gates, hubs and handling times drawn at random."""
    sites = freight()["sites"]
    drawn = {"handling": {"fixed_s": 30, "per_pallet_s": 5, "variation": 0.3}}
    fleets = {
        "tug": {**TUG, "sites": list(sites), "crew": "remote", "operators": 2}, "human": {**HUMAN, "count": 2},
        "bot": {**ROBOT, "depot": "yard", "sites": ["east", "west"]},
    }  # fmt: skip
    return scenario(
        end_s=700, drain_s=0, sites={**sites, "east": {**sites["east"], **drawn}, "west": {**QUICK, "gate_s": 10}},
        fleets=fleets,
        permits={**BY_MASS, "trucks": permit(vehicles_per_operator=1, windows=[{"begin_s": 0, "end_s": 500}])},
        lorries={"inbound": FLOW, "carrier": {**FLOW, "site": "north", "collects": 2}},
        lines={"assembly": LINE}, finished_cars=CARS, seeds={"sumo": sumo_seed, "demand": demand_seed},
        disruptions=[
            {"kind": "breakdown", "begin_s": 60, "end_s": 90, "fleet": "human", "number": 0},
            {"kind": "bay_outage", "begin_s": 50, "end_s": 200, "site": "west", "bays": 1},
            {"kind": "charger_derating", "begin_s": 100, "end_s": 300, "site": "yard", "hub_kw": 20},
        ],
    )  # fmt: skip


def everything(plant: Plant, *, engine: EngineName = "libsumo", sumo_seed: int = 1, demand_seed: int = 1) -> Ran:
    """Run it."""
    small = [order(f"s{n}", "east", "west", pallets=0.1, mass_kg=5, classes=("robot",)) for n in range(3)]
    inbound = [Lorry(f"inbound.{n}", "inbound", "east", "A1", "A1B1", "B1A1", 10.0 + 40 * n, 50.0) for n in range(4)]
    carrier = Lorry("carrier.0", "carrier", "north", "A1", "A1B1", "B1A1", 20.0, 50.0, collects=2)
    cars = [FinishedCar(f"built.{n}", "assembly", 30.0 + 25 * n) for n in range(6)]
    return plant.run(
        greedy(), [*some_orders(10, over_s=200), *small], lorries=[*inbound, carrier], cars=cars, engine=engine,
        where=document(sumo_seed=sumo_seed, demand_seed=demand_seed),
    )  # fmt: skip


if __name__ == "__main__":
    home = Path(sys.argv[1])
    sys.stdout.write(fingerprint(everything(Plant(build(home), home)).events))
