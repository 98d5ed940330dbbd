"""The runs of a report: what they left behind, their riders' journeys, their names and colours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sim import events as ev
from sim.errors import SandboxError
from sim.kpi.conflicts import CONFLICTS, Conflict, read_conflicts
from sim.kpi.freight.book import FreightBook
from sim.kpi.measure import Measurement
from sim.kpi.riders import Journey
from sim.rundir import read_events, read_manifest
from sim.scenario import Scenario, validate

# Okabe and Ito's palette without its yellow and black: told apart under every common colour blindness
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#AA4499", "#E69F00", "#56B4E9")
DASHES = ("-", (0, (6, 2)), (0, (6, 2, 1.5, 2)), (0, (2, 1.5)), (0, (9, 3)), (0, (4, 1, 1, 1, 1, 1)))
FINISHED = "finished"


@dataclass(frozen=True)
class ServiceRun:
    """One published run under the name and colour it has all through the report."""

    label: str
    place: int
    manifest: Mapping[str, Any]
    scenario: Scenario
    events: Sequence[ev.Event]
    conflicts: Sequence[Conflict] | None = None

    @property
    def colour(self) -> str:
        return COLOURS[self.place]

    @property
    def dashes(self) -> str | tuple[int, tuple[float, ...]]:
        return DASHES[self.place]

    @property
    def finished(self) -> bool:
        """Whether the run came to its end; an interrupted one holds what happened until then."""
        return bool(self.manifest["status"] == FINISHED)

    @property
    def seed(self) -> str:
        seeds = self.scenario.seeds
        return str(seeds.demand) if seeds.demand == seeds.sumo else f"{seeds.demand}/{seeds.sumo}"

    @property
    def horizon_s(self) -> float:
        """End of the drain: until then whoever is not served waits."""
        horizon_s = float(self.scenario.time.horizon_s)
        return horizon_s if self.finished else min(horizon_s, self.manifest["end_s"])

    @cached_property
    def _measured(self) -> Measurement:
        measurement = Measurement(self.scenario)
        for one in self.events:
            measurement.add(one)
        return measurement

    @cached_property
    def journeys(self) -> list[Journey]:
        """The riders' journeys, ordered by request id."""
        return self._measured.journeys()

    @cached_property
    def freight(self) -> FreightBook:
        """What became of orders, freight vehicles, stays at sites and finished cars."""
        self._measured.journeys()  # books the last time step
        return self._measured.freight

    @cached_property
    def riders(self) -> list[Journey]:
        """The journeys of those who did not stay away of their own: whom the service could have served."""
        return [one for one in self.journeys if not one.stayed_away]


def load_runs(paths: Sequence[Path]) -> list[ServiceRun]:
    """Read the runs of a report.

    Raises
    ------
    SandboxError
        No run, or more than there are colours.
    NotFoundError, OutputError, ScenarioError
        A run was not published, or is damaged.
    """
    if not 1 <= len(paths) <= len(COLOURS):
        msg = f"a report takes 1 to {len(COLOURS)} runs, found {len(paths)}"
        raise SandboxError(msg)
    manifests = [read_manifest(path) for path in paths]
    labels = labels_of(manifests)
    return [
        ServiceRun(
            label=labels[place],
            place=place,
            manifest=manifest,
            scenario=validate(manifest["scenario"], place=f"the scenario in {path / 'manifest.json'}"),
            events=read_events(path),
            conflicts=read_conflicts(path / CONFLICTS),
        )
        for place, (path, manifest) in enumerate(zip(paths, manifests, strict=True))
    ]


def labels_of(manifests: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name runs by their service; where that does not tell them apart, by scenario, by seed, by number."""
    services = [service_name(manifest["scenario"]) for manifest in manifests]
    names = [str(manifest["scenario"]["name"]) for manifest in manifests]
    seeds = [
        f"{service}, seed {manifest['seeds']['demand']}" for service, manifest in zip(services, manifests, strict=True)
    ]
    numbers = [f"{service} #{number}" for number, service in enumerate(services, start=1)]
    return next(labels for labels in (services, names, seeds, numbers) if len(set(labels)) == len(labels))


def service_name(scenario: Mapping[str, Any]) -> str:
    """Return the controllers with the words among their parameters: `insertion`, `sumo-greedyClosest + rolling`."""
    names = []
    for role in ("shuttle", "freight"):
        if (use := (scenario.get("controllers") or {}).get(role)) is not None:
            words = [value for _, value in sorted(use["parameters"].items()) if isinstance(value, str)]
            names.append("-".join([use["use"], *words]))
    return " + ".join(names) or "no service"


def one_seed_each(runs: Iterable[ServiceRun]) -> bool:
    """Whether no service ran with more than one seed, so that chance cannot be told from the service."""
    pairs = {(service_name(run.manifest["scenario"]), run.seed) for run in runs}
    return max(Counter(service for service, _ in pairs).values()) == 1


def same_people(runs: Sequence[ServiceRun]) -> bool:
    """Whether the very same requests were made in all runs."""
    wishes = [
        {
            (wish.request_id, wish.earliest_s, wish.origin_edge, wish.destination_edge)
            for wish in (journey.request for journey in run.journeys)
        }
        for run in runs
    ]
    return all(one == wishes[0] for one in wishes)
