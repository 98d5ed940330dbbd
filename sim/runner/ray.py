"""Runs on a Ray cluster: an actor for each, found again by its name when the driver that asked for it has died."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from sim.errors import OutputError, SetupError
from sim.rundir import MANIFEST
from sim.runner.backend import Ended, Report
from sim.runner.local import GRACE_S
from sim.runner.order import CANCELLED, CRASHED, WORKER_LOST, Finished, Order, RunFailed
from sim.runner.remote import PACE_S, Answer, Runner, made_of

log = logging.getLogger(__name__)

NAMESPACE = "bitgreen"
LOCAL = "local"
ATTEMPTS = 2
WAIT_S = 1.0
GONE_S = 60.0
SEEN_S = 10.0
UNREACHED_S = 120.0
OBJECT_STORE_BYTES = 80 * 2**20  # nothing but progress goes through it; the least that Ray takes is 75 MB

# Read when Ray is loaded, and handed on to all that it starts; what the user has set wins.
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else Ray warns of a change to come that concerns GPUs
    # Ray prints lost workers on the driver's standard output, which belongs to results; they are told of and logged
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
}
# For a cluster of this machine alone: the switch that keeps Ray on the loopback address has this name on Linux too.
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_enable_metrics_collection": "0"}
TOKEN = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
TOKEN_FILE = Path("~/.ray/auth_token")


class Ray:
    """Runs on a cluster, one core each.

    Parameters
    ----------
    address
        `host:port` of the cluster's head, `auto` for the cluster that this machine belongs to, or `local` for one that
        is started on this machine and ends with this process. By default `RAY_ADDRESS`, else `local`.
    workers
        The most runs at a time; by default the cores that the cluster has.

    Raises
    ------
    SetupError
        Ray is not installed.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        self._address = address or os.environ.get("RAY_ADDRESS") or LOCAL
        self._workers = workers
        self._ray = load_ray(loopback=self._address == LOCAL)

    def carry_out(self, orders: Sequence[Order], *, report: Report, ended: Ended) -> None:
        """Carry out the orders, as `sim.runner.backend.Backend` says.

        A run whose actor died, with its node or alone, is tried once more, on another node if there is one; then it
        has failed with the code `worker_lost`. A run that crashes is not tried again. A run that a dead driver left
        behind is not begun anew: its actor is asked instead.

        Raises
        ------
        SetupError
            The cluster cannot be reached.
        """
        with self._connected():
            pool = _Pool(self._ray, orders, self._workers)
            try:
                pool.follow(report, ended)
            finally:
                pool.stop(ended)

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Connect, unless this process is connected already, and part again."""
        if self._ray.is_initialized():
            yield
            return
        options: dict[str, Any] = {"namespace": NAMESPACE, "log_to_driver": False, "logging_level": "error"}
        if self._address == LOCAL:
            options |= {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
            options |= {"num_cpus": self._workers or os.cpu_count()}
        on_sigterm = signal.getsignal(signal.SIGTERM)
        try:
            self._ray.init(self._address, **options)
        except (OSError, RuntimeError, ValueError, self._ray.exceptions.RayError) as error:
            msg = (
                f"no Ray cluster at {self._address}: {error}; is it running, and is its token the one in "
                "RAY_AUTH_TOKEN, in the file of RAY_AUTH_TOKEN_PATH or in ~/.ray/auth_token?"
            )
            raise SetupError(msg) from error
        try:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, on_sigterm)  # Ray's own would leave the runs without an order to end
            yield
        finally:
            self._ray.shutdown()


@dataclass(frozen=True, slots=True)
class _Running:
    """A run and its actor; `ref` is the answer that it owes, `node` is None until it has given one."""

    order: Order
    actor: Any
    ref: Any
    attempt: int
    node: str | None = None
    progress: Mapping[str, Any] | None = None
    unreached_s: float | None = None


class _Pool:
    """The runs of one driver: begun as there is room, asked in turn."""

    def __init__(self, ray: ModuleType, orders: Sequence[Order], workers: int | None) -> None:
        self._ray, self._workers = ray, workers
        self._waiting = deque(orders)
        self._running: dict[str, _Running] = {}
        self._stopping = False
        self._actor = ray.remote(_Actor)

    def follow(self, report: Report, ended: Ended) -> None:
        """Begin the runs and ask after them until all have ended."""
        while self._waiting or self._running:
            while self._waiting and len(self._running) < self._room():
                self._begin(self._waiting.popleft(), attempt=1)
            self._turn(report, ended)

    def stop(self, ended: Ended) -> None:
        """End what is still under way in order, all at the same time, and tell how it ended; asked again, kill it."""
        self._stopping = True
        deadline_s = time.monotonic() + GRACE_S
        try:
            for running in self._running.values():
                running.actor.terminate.remote()
            while any(one.node is not None for one in self._running.values()) and time.monotonic() < deadline_s:
                self._turn(lambda _id, _progress: None, ended)
        finally:
            # the rest has not begun, or does not listen
            for running in self._running.values():
                self._ray.kill(running.actor)
        for running in list(self._running.values()):
            self._tell(running, RunFailed(CRASHED, "killed"), ended)

    def _room(self) -> int:
        return self._workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def _begin(self, order: Order, *, attempt: int, lost: str | None = None) -> None:
        """Start the actor of an order, or find it; one that was lost is started on another node if there is one."""
        placed: dict[str, Any] = {}
        if lost is not None:
            others, same = ({"label_selector": {"ray.io/node-id": node}} for node in (f"!{lost}", lost))
            placed = others | {"fallback_strategy": [same]}
        actor = self._actor.options(
            name=order.run_id,
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            num_cpus=1,
            max_restarts=0,
            max_concurrency=8,
            **placed,
        ).remote(replace(order, out=order.out.resolve()), made_of())
        self._running[order.run_id] = _Running(order, actor, actor.ask.remote(), attempt)

    def _turn(self, report: Report, ended: Ended) -> None:
        """See to the runs that have answered; waits no longer than `WAIT_S` for one."""
        owed = {one.ref: one for one in self._running.values()}
        answered, _ = self._ray.wait(list(owed), timeout=WAIT_S)
        for ref in answered:
            running = owed[ref]
            try:
                answer: Answer = self._ray.get(ref)
            except self._ray.exceptions.ActorUnavailableError as error:
                self._unreached(running, error, ended)
            except self._ray.exceptions.RayActorError as error:
                self._lost(running, error, ended)
            else:
                self._answered(running, answer, report, ended)

    def _answered(self, running: _Running, answer: Answer, report: Report, ended: Ended) -> None:
        if answer.end is not None:
            self._tell(running, seen_from_here(answer.end, node=answer.node), ended)
            self._ray.kill(running.actor)
            return
        self._ask(replace(running, node=answer.node, progress=answer.progress, unreached_s=None))
        if answer.progress is not None and answer.progress != running.progress:
            report(running.order.run_id, answer.progress)

    def _ask(self, running: _Running) -> None:
        self._running[running.order.run_id] = replace(running, ref=running.actor.ask.remote())

    def _unreached(self, running: _Running, error: Exception, ended: Ended) -> None:
        """Ask again: the way to the node may be back soon, and if not, Ray itself finds the node dead in time."""
        now_s = time.monotonic()
        since_s = running.unreached_s or now_s
        if now_s - since_s < UNREACHED_S:
            time.sleep(PACE_S)
            self._ask(replace(running, unreached_s=since_s))
        else:
            self._ray.kill(running.actor)
            self._lost(running, error, ended)

    def _lost(self, running: _Running, error: Exception, ended: Ended) -> None:
        """Try a run whose actor died once more."""
        order = running.order
        if getattr(error, "actor_init_failed", False):
            self._tell(running, RunFailed(SetupError.code, f"no run can begin on the node: {error}"), ended)
        elif running.attempt == ATTEMPTS or self._stopping:
            where = f"node {running.node}" if running.node else "a node"
            detail = f"the run was lost {running.attempt} times, the last time with {where}: {error}"
            self._tell(running, RunFailed(WORKER_LOST, detail), ended)
        else:
            log.warning("run lost with node %s, trying again: %s", running.node, error, extra={"run_id": order.run_id})
            self._await_end_of(order.run_id)
            self._begin(order, attempt=running.attempt + 1, lost=running.node)

    def _await_end_of(self, name: str) -> None:
        """Wait until the name of a dead actor is free."""
        deadline_s = time.monotonic() + GONE_S
        while time.monotonic() < deadline_s:
            try:
                self._ray.get_actor(name, namespace=NAMESPACE)
            except ValueError:
                return
            time.sleep(0.05)

    def _tell(self, running: _Running, end: Finished | RunFailed, ended: Ended) -> None:
        del self._running[running.order.run_id]
        if self._stopping and isinstance(end, RunFailed) and end.code in {CRASHED, WORKER_LOST}:
            end = RunFailed(CANCELLED, "stopped before it had results")
        elif isinstance(end, Finished) and end.path is not None:
            end = replace(end, path=running.order.out)
        ended(running.order, end)


class _Actor(Runner):
    """The run's actor, on a node."""

    def __init__(self, order: Order, driver: str) -> None:
        ray = load_ray()
        here = ray.get_runtime_context()
        myself = here.current_actor
        super().__init__(order, driver, node=here.get_node_id(), leave=lambda: ray.kill(myself))


def load_ray(*, loopback: bool = False) -> ModuleType:
    """Return Ray, told to use tokens and to report nothing to its makers; what the user has set wins.

    With `loopback` it listens on this machine alone, and has a token of its own unless there is one.

    Raises
    ------
    SetupError
        Ray is not installed.
    """
    wanted = ENVIRONMENT | LOOPBACK if loopback else ENVIRONMENT
    if loopback and not any(name in os.environ for name in TOKEN) and not TOKEN_FILE.expanduser().is_file():
        wanted = wanted | {TOKEN[0]: secrets.token_hex(32)}
    if find_spec("ray") is None:
        msg = "Ray is not installed; runs on a cluster need it: pip install 'bitgreen-sandbox[cluster]'"
        raise SetupError(msg)
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
    return import_module("ray")


def seen_from_here(end: Finished | RunFailed, *, node: str) -> Finished | RunFailed:
    """Return the end of a run, or a failure when it was published where this machine does not see it.

    A network file system may show a new folder some seconds late.
    """
    if not isinstance(end, Finished) or end.path is None:
        return end
    deadline_s = time.monotonic() + SEEN_S
    while not (end.path / MANIFEST).is_file():
        if time.monotonic() > deadline_s:
            detail = (
                f"node {node} published the run at {end.path}, which this machine does not see: "
                "let the nodes share that folder, or use a store such as s3://bucket/prefix"
            )
            return RunFailed(OutputError.code, detail)
        time.sleep(PACE_S)
    return end
