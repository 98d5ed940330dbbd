"""The command that makes a network of an OpenStreetMap extract."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Steps:
    """A progress line on a terminal's error stream: the step, and how much of it is done where that is known."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, disable=quiet or not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, step: str, share: float) -> None:
        """Move the line of a step; without known length it runs to and fro until the next step begins."""
        if step not in self._tasks:
            for task in self._tasks.values():
                self._progress.update(task, total=1.0, completed=1.0)
            self._tasks[step] = self._progress.add_task(step, total=1.0 if share else None)
        self._progress.update(self._tasks[step], completed=share)


def import_osm(
    file: Annotated[Path, typer.Argument(help="An OpenStreetMap extract: .osm, .osm.gz or .osm.bz2.")],
    name: Annotated[str | None, typer.Option(help="The network's name. [default: as the file]")] = None,
    bbox: Annotated[str | None, typer.Option(help="Take this part alone.", metavar="W,S,E,N")] = None,
    smallest: Annotated[
        str, typer.Option(help="Leave out roads below this class of highway, for example tertiary.")
    ] = "service",
    force: Annotated[bool, typer.Option("--force", help="Replace an imported network of this name.")] = False,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on standard output and nothing else.")
    ] = False,
) -> None:
    """Make a network of an OpenStreetMap extract."""
    from sim.network.imported import import_osm as import_file
    from sim.network.osm import parse_bbox

    box = parse_bbox(bbox) if bbox is not None else None
    with Steps(Console(stderr=True), quiet=json_output) as steps:
        report = import_file(
            file,
            name=file.name.partition(".")[0].lower() if name is None else name,
            bbox=box,
            smallest=smallest,
            force=force,
            progress=steps.show,
        )
    if json_output:
        sys.stdout.write(json.dumps(report.document(), ensure_ascii=False) + "\n")
        return
    results = Console(soft_wrap=True, highlight=False, markup=False)
    results.print(f"network {report.name}: {report.folder}")
    for label, counted in (("", report.counts), ("left out: ", report.left_out)):
        for key, count in counted.items():
            results.print(f"  {label}{key.replace('_', ' ')}: {count:,}")
    for note in report.notes:
        results.print(f"  note: {note}")
    if report.warnings:
        results.print(f"  netconvert gave {len(report.warnings)} warnings: see source.json")
