"""One scenario with every service: the experiment that compares them on the same people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sim.documents import load_scenario
from sim.errors import SandboxError
from sim.experiment.design import check, plan
from sim.experiment.document import Experiment, Value, valid_experiment
from sim.experiment.services import SERVICE, SERVICES, service_of

KPIS = (
    "service_rate", "on_time_rate", "within_limits_rate", "wait_s", "wait_s.p95", "ride_s", "wait_plus_ride_s",
    "total_travel_s", "vkm_total", "empty_ratio", "pax_km_per_vkm", "shared_ride_rate", "promise_kept_rate",
    "cost_per_served_rider_krw", "teleports",
)  # fmt: skip
TRADE_OFFS = (("vkm_total", "wait_plus_ride_s"), ("vkm_total", "service_rate"))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A service that a scenario cannot have, and why."""

    service: str
    reason: str


def repeated(name: str, *, seeds: int, changes: Mapping[str, Value]) -> tuple[Experiment, list[LeftOut]]:
    """Return the experiment that repeats a scenario with all services that it can have, and those that it cannot.

    The scenario's own service is the reference.

    Parameters
    ----------
    name
        A name of the catalogue, or the path of a YAML document.
    changes
        What to set for all services, path to value.

    Raises
    ------
    SandboxError
        The scenario does not exist, something is wrong with it under every service, or a change is.
    """
    own = load_scenario(name).controllers.shuttle
    mine = None if own is None else service_of(own)
    wanted = list(dict.fromkeys([*SERVICES, *([mine] if mine else [])]))
    able, left_out = [], []
    first: SandboxError | None = None
    for service in wanted:
        try:
            check(plan(_experiment(name, [service], seeds=1, changes=changes)).runs)
        except SandboxError as error:
            first = first or error
            left_out.append(LeftOut(service, str(error).removeprefix(f"variant '{SERVICE}={service}': ")))
        else:
            able.append(service)
    if not able and first is not None:
        raise first
    reference = f"{SERVICE}={mine}" if mine in able else None
    return _experiment(name, able, seeds=seeds, changes=changes, reference=reference), left_out


def _experiment(
    name: str, services: list[str], *, seeds: int, changes: Mapping[str, Value], reference: str | None = None
) -> Experiment:
    stem = Path(name).stem
    document = {
        "name": f"services-{stem}",
        "title": f"The services on {stem}",
        "question": "What do riders and vehicle-km gain or lose with each service, on the same people?",
        "scenarios": [name],
        "set": dict(changes),
        "grid": {SERVICE: services},
        "seeds": seeds,
        "reference": reference,
        "kpis": list(KPIS),
        "trade_offs": TRADE_OFFS,
    }
    return valid_experiment(document, place=f"the comparison of services on {stem}")
