"""The main job: one morning, the same riders, three services side by side, and the same morning without any."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from sim.compare import compare_runs, render
from sim.documents import load_scenario
from sim.errors import OutputError, SandboxError, ScenarioError
from sim.report.page import write_report
from sim.runner.local import Local
from sim.runner.order import Finished, Order, RunFailed

SERVICES = ("morning-timetable", "morning-sumo", "morning-shuttle")
WITHOUT = "morning-none"
OWN = ("controllers", "seeds", "name")
REPORT = "report.html"


def morning(
    *,
    seed: int,
    overrides: Sequence[str] = (),
    out: Path | None,
    workers: int,
    report: Callable[[str, Mapping[str, Any]], None],
    console: Console,
) -> Path:
    """Run the services and the reference side by side, print the table, write the report; return its path.

    `overrides` change all four scenarios alike, as `load_scenario` takes them.

    Raises
    ------
    SandboxError
        The folder is taken, or a run failed; the message names every run that did.
    """
    for text in overrides:
        if text.startswith(OWN):
            msg = f"{text}: the main job sets its seeds (--seed) and its services itself; allowed is anything else"
            raise ScenarioError(msg)
    folder = out or Path("runs") / f"morning-s{seed}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"
    if folder.exists() and any(not path.name.startswith(".") for path in folder.iterdir()):
        msg = f"the folder {folder} exists already; nothing is overwritten: name another with --out"
        raise OutputError(msg)
    # the longest runs first, so that no core waits for the last one
    names = ("morning-sumo", "morning-shuttle", "morning-timetable", WITHOUT)
    orders = [Order(name, load_scenario(name, seed=seed, overrides=overrides), folder / name) for name in names]
    console.print(f"{len(orders)} runs of one morning, {workers} at a time, into {folder}", soft_wrap=True)
    failed: list[str] = []

    def ended(order: Order, end: Finished | RunFailed) -> None:
        if isinstance(end, RunFailed):
            failed.append(f"{order.run_id}: {end}")

    Local(workers).carry_out(orders, report=report, ended=ended)
    if failed:
        msg = f"{len(failed)} of {len(orders)} runs failed:\n" + "\n".join(failed)
        raise SandboxError(msg)
    paths = [folder / name for name in SERVICES]
    render(compare_runs(*paths, without_service=folder / WITHOUT), console=console)
    page = write_report(paths, folder / REPORT, reference=folder / WITHOUT, title="One morning, three services")
    console.print(f"report: {page}", soft_wrap=True)
    return page
