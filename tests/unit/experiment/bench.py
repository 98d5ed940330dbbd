"""A backend that publishes made-up runs at once, and fails or stops where it is told to."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sim.experiment.design import Design, plan
from sim.experiment.document import Experiment
from sim.kpi.record import distribution, records_as_json, total
from sim.rundir import KPIS, RunDir
from sim.runner.backend import Ended, Report
from sim.runner.order import Finished, Order, RunFailed
from sim.runner.store import RunStore


def design(**fields: object) -> Design:
    base: dict[str, object] = {
        "name": "trial", "title": "Trial", "scenarios": ["smoke"], "grid": {"fleet.count": [2, 4]}, "seeds": 3,
    }  # fmt: skip
    return plan(Experiment.model_validate(base | fields))


@dataclass
class Made:
    """Publishes a run whose wait follows from its fleet and seed; `carried` lists the run ids it was asked for."""

    fails: Sequence[int] = ()
    interrupted: Sequence[int] = ()
    stops_after: int | None = None
    carried: list[str] = field(default_factory=list)

    def carry_out(self, orders: Sequence[Order], *, report: Report, ended: Ended) -> None:
        for number, order in enumerate(orders):
            if number == self.stops_after:
                raise KeyboardInterrupt
            self.carried.append(order.run_id)
            report(order.run_id, {"time_s": 5, "begin_s": 0, "horizon_s": 10})
            seed = order.scenario.seeds.demand
            if seed in self.fails:
                ended(order, RunFailed("crashed", "SUMO was killed"))
            else:
                ended(order, self._publish(order, "interrupted" if seed in self.interrupted else "finished"))

    def _publish(self, order: Order, status: str) -> Finished:
        if order.store is None:
            return publish(order, order.out, status)
        with tempfile.TemporaryDirectory() as scratch:
            finished = publish(order, Path(scratch) / "run", status)
            RunStore(order.store).publish(order.run_id, Path(scratch) / "run")
        return finished


def publish(order: Order, out: Path, status: str) -> Finished:
    scenario = order.scenario
    assert scenario.fleet is not None
    seed, fleet = scenario.seeds.demand, scenario.fleet.size
    records = [
        *distribution("wait_s", [100.0 * seed / fleet, 300.0 * seed / fleet]),
        *total("requests_served", 10.0 * fleet + seed, n=1),
    ]
    manifest = {
        "run_id": order.run_id, "status": status, "scenario": scenario.model_dump(mode="json"),
        "fingerprint": f"f{seed}-{fleet}", "wall_s": 1.5, "teleports": 0, "versions": {"sumo": "1.28.0"},
        "network": {"name": "bitgreen", "sha256": "n", "attribution": "© OpenStreetMap"}, "warnings": [],
        "platform": {"system": "Linux"}, "created": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    with RunDir(out) as directory:
        directory.write_json(KPIS, records_as_json(records))
        directory.seal_events()
        directory.publish(manifest)
    return Finished(order.run_id, out, scenario.name, seed, status, str(manifest["fingerprint"]), {}, 1.5)
