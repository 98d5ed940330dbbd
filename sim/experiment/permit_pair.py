"""Two permits on the same days: the experiment that answers what a permit does to deliveries, safety and traffic."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from sim.documents import load_scenario, read_override
from sim.errors import ScenarioError
from sim.experiment.document import MOST_SEEDS, Experiment, Value, valid_experiment
from sim.experiment.permits import PERMIT
from sim.freight_document import Freight

KPIS = (
    "ttc_conflicts_per_1000km", "pet_conflicts_per_1000km", "conflicts", "violations", "unmanned_exposure_h",
    "unmanned_exposure_km", "time_loss_others_s", "time_loss_others_added_s", "run_quality",
)  # fmt: skip
OF_FLEETS = (
    "otif", "orders_delivered", "orders_late", "orders_failed", "orders_open", "order_lead_time_s",
    "order_lead_time_s.p95", "tardiness_s", "freight_km", "freight_empty_ratio", "freight_utilisation",
    "freight_energy_kwh", "energy_kwh_per_tkm", "ghg_g_per_tkm_wtw",
)  # fmt: skip
OF_LINES = ("stock_out_min", "stock_outs")
OF_CARS = ("finished_cars_stored", "line_to_compound_s")


def permit_pair(
    name: str, a: Sequence[str], b: Sequence[str], *, seeds: Sequence[int], changes: Mapping[str, Value]
) -> Experiment:
    """Return the experiment that runs a scenario under two permits, and without its freight; A is the reference.

    Parameters
    ----------
    name
        A name of the catalogue, or the path of a YAML document.
    a, b
        What each side sets: the name of a ready permit, or `path=value` as in `permits.zone.max_speed_kmh.value=15`.
    changes
        What to set for both, path to value.

    Raises
    ------
    SandboxError
        The scenario does not exist or moves no goods by itself, a side sets nothing, or both set the same.
    """
    scenario = load_scenario(name)
    if scenario.freight is None:
        msg = f"{scenario.name} moves no goods; allowed is a scenario with freight"
        raise ScenarioError(msg)
    sides = [read_side(texts, option) for texts, option in ((a, "--a"), (b, "--b"))]
    if sides[0] == sides[1]:
        msg = f"--a and --b are the same, {', '.join(a)}; allowed are two that differ"
        raise ScenarioError(msg)
    stem = Path(name).stem
    document = {
        "name": f"permits-{stem}",
        "title": f"{', '.join(b)} against {', '.join(a)} on {stem}",
        "question": "What does the permit do to deliveries, safety, other traffic and energy, on the same days?",
        "scenarios": [name],
        "set": dict(changes),
        "list": sides,
        "seeds": list(seeds),
        "without_freight": name,
        "kpis": _kpis(scenario.freight),
    }
    return valid_experiment(document, place=f"the comparison of permits on {stem}")


def read_side(texts: Sequence[str], option: str) -> dict[str, Value]:
    """Return what one side sets, path to value; a text without `=` is the name of a permit."""
    found: dict[str, Value] = {}
    for text in texts:
        path, value = read_override(text) if "=" in text else (PERMIT, text)
        if path in found:
            msg = f"{option}: {path} stands twice; allowed is one value of it"
            raise ScenarioError(msg)
        found[path] = value
    return found


def read_seeds(text: str) -> list[int]:
    """Return the seeds of `5` (1 to 5), `3-7` or `1,4,9`.

    Raises
    ------
    ScenarioError
        It is none of these.
    """
    found: list[int] = []
    if re.fullmatch(r"\d{1,9}", text):
        found = list(range(1, min(int(text), MOST_SEEDS + 1) + 1))
    elif span := re.fullmatch(r"(\d{1,9})-(\d{1,9})", text):
        first, last = int(span[1]), int(span[2])
        found = list(range(first, min(last, first + MOST_SEEDS) + 1))
    elif re.fullmatch(r"\d{1,9}(,\d{1,9})+", text):
        found = [int(one) for one in text.split(",")]
    if not 0 < len(found) <= MOST_SEEDS or len(set(found)) < len(found):
        msg = f"--seeds: found {text!r}; allowed are a number as 5, a span as 3-7, or a list as 1,4,9, each seed once"
        raise ScenarioError(msg)
    return found


def _kpis(freight: Freight) -> list[str]:
    """Return the KPIs of what a scenario has."""
    fleets = OF_FLEETS if freight.fleets else ()
    lines = OF_LINES if any(line.parts for line in freight.lines.values()) else ()
    cars = OF_CARS if freight.finished_cars is not None else ()
    return [*fleets, *lines, *cars, *KPIS]
