"""Days of small orders around the plant, as many as wanted, drawn from a seed alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sim.documents import load_scenario
from sim.scenario import Scenario, validate

SCENARIO = Path(__file__).parent / "scenarios" / "logistics.yaml"
PLANT = "ggm"
MAKERS = ("cams", "dh_autoware", "garion", "jayeo", "other_makers", "seojun", "suseong")
CENTRES = ("certification", "parts_cluster")
TO_PLANT = 0.75
"""Share of the orders that go from a maker to the plant; the others go from a maker to a test centre."""
PALLETS = (1, 2)
KG_PER_PALLET = 250.0
RELEASED_S = 23 * 3600
"""All orders are released within the first 23 hours, so that every window lies in the day."""
CALLED_S, WINDOW_S = 1800, 1800
"""From release to the begin of the window, and how long that is."""


def draw_orders(count: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return orders as rows of `freight.orders`, spread evenly over the day but for chance."""
    released_s = np.sort(rng.integers(0, RELEASED_S, count))
    origins = rng.integers(0, len(MAKERS), count)
    centres = rng.integers(0, len(CENTRES), count)
    to_plant = rng.random(count) < TO_PLANT
    pallets = rng.choice(PALLETS, count)
    return [
        {
            "id": f"order.{row:05d}",
            "kind": "consignment",
            "family": "small",
            "origin": MAKERS[origins[row]],
            "destination": PLANT if to_plant[row] else CENTRES[centres[row]],
            "pallets": float(pallets[row]),
            "mass_kg": float(pallets[row]) * KG_PER_PALLET,
            "released_s": int(released_s[row]),
            "earliest_s": int(released_s[row]) + CALLED_S,
            "latest_s": int(released_s[row]) + CALLED_S + WINDOW_S,
            "pieces": 0,
        }
        for row in range(count)
    ]


def day(*, orders: int, seed: int, trucks: int, use: str, overrides: tuple[str, ...] = ()) -> Scenario:
    """Return the benchmark's scenario with so many orders and trucks, decided on by the controller `use`."""
    chosen = (f"freight.fleets.trucks.count={trucks}", f"controllers.freight.use={use}", *overrides)
    document = load_scenario(SCENARIO, seed=seed, overrides=chosen).model_dump(mode="json")
    document["freight"]["orders"] = draw_orders(orders, np.random.default_rng(seed))
    return validate(document, place=SCENARIO.name)
