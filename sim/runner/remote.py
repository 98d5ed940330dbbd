"""One run on a node of a cluster: the actor that starts its process there and keeps how it ended until it is asked."""

from __future__ import annotations

import hashlib
import logging
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sim.errors import NotFoundError, OutputError, SetupError
from sim.home import use_kernel_cache
from sim.kpi.record import KpiRecord, flat
from sim.rundir import read_kpis, read_manifest
from sim.runner.local import RunProcess, follow
from sim.runner.order import FINISHED, Finished, Order, RunFailed
from sim.runner.store import RunStore
from sim.runner.template import SharedTemplate

log = logging.getLogger(__name__)

PACE_S = 0.5
KEPT_S = 600.0
PACKAGES = ("libsumo", "numpy", "scipy", "numba", "pyarrow")
"""What the numbers of a run come from, beside this package."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How far a run is, or how it ended, and the node it is on."""

    node: str
    progress: Mapping[str, Any] | None
    end: Finished | RunFailed | None


class Runner:
    """Sees to one run; becomes a Ray actor, whose methods may be called by several drivers at the same time.

    Whatever ends this process ends the run with it: the pipe that the run reads from closes.

    Parameters
    ----------
    order
        The run; `out` counts on this node.
    driver
        What the driver is made of, as `made_of` returns it there.
    node
        The node's id.
    leave
        Ends this actor; called when nobody has asked for the end of the run for `KEPT_S`.
    """

    def __init__(self, order: Order, driver: str, *, node: str, leave: Callable[[], None]) -> None:
        use_kernel_cache()
        self._node, self._leave = node, leave
        self._ended = threading.Event()
        self._progress: Mapping[str, Any] | None = None
        self._end: Finished | RunFailed | None = None
        self._process: RunProcess | None = None
        self._staging: Path | None = None
        if driver != made_of():
            self._keep(RunFailed(SetupError.code, f"node {node} has {made_of()}, but the driver has {driver}"))
            return
        done = find_finished(order)
        if done is not None:
            self._keep(done)
            return
        if order.store is not None:
            self._staging = Path(tempfile.mkdtemp(prefix="bitgreen-"))
            order = replace(order, out=self._staging / order.run_id)
        self._template = SharedTemplate(driver)
        try:
            self._process = RunProcess(order, self._template)
        except OSError as error:
            log.warning("the run starts cold: %s", error, extra={"run_id": order.run_id})
            self._process = RunProcess(order)
        threading.Thread(target=self._follow, args=(self._process,), daemon=True).start()

    def ask(self) -> Answer:
        """Return how far the run is: at once when it has ended, else after `PACE_S`."""
        self._ended.wait(PACE_S)
        return Answer(self._node, self._progress, self._end)

    def terminate(self) -> None:
        """Ask the run to end in order."""
        if self._process is not None:
            self._process.terminate()

    def _follow(self, process: RunProcess) -> None:
        end = follow(process, self._show)
        self._template.close()
        if self._staging is not None:
            shutil.rmtree(self._staging, ignore_errors=True)
        if isinstance(end, RunFailed) and end.code == OutputError.code:
            # a driver that lost sight of this order may have had it carried out elsewhere meanwhile
            end = find_finished(process.order) or end
        self._keep(end)

    def _show(self, progress: Mapping[str, Any]) -> None:
        self._progress = progress

    def _keep(self, end: Finished | RunFailed) -> None:
        self._end = end
        self._ended.set()
        # what was published stays where it is: nothing is lost, and the core is free for others
        timer = threading.Timer(KEPT_S, self._leave)
        timer.daemon = True
        timer.start()


@cache
def made_of() -> str:
    """Return the versions that a run's result depends on and a digest of this package's code, in words."""
    digest = hashlib.sha256()
    package = Path(__file__).resolve().parent.parent
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    python = f"python {sys.version_info.major}.{sys.version_info.minor}"
    return ", ".join([f"sandbox {digest.hexdigest()[:12]}", python, *(f"{name} {version(name)}" for name in PACKAGES)])


def find_finished(order: Order) -> Finished | None:
    """Return the run that this very order has published before, or None."""
    try:
        if order.store is not None:
            store = RunStore(order.store)
            manifest, kpis = store.manifest(order.run_id), store.kpis(order.run_id)
        else:
            manifest, kpis = read_manifest(order.out), read_kpis(order.out)
    except NotFoundError:
        return None
    same = manifest["run_id"] == order.run_id and manifest["scenario_hash"] == order.scenario.hash()
    if not same or manifest["status"] != FINISHED:
        return None
    return Finished(
        order.run_id,
        order.out if order.store is None else None,
        order.scenario.name,
        order.scenario.seeds.demand,
        manifest["status"],
        manifest["fingerprint"],
        flat(KpiRecord.from_document(one) for one in kpis),
        manifest["wall_s"],
    )
