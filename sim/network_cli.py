"""The commands on networks: build, check, draw, and make one of an OpenStreetMap extract."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

from sim.errors import OutputError
from sim.network.checks.record import CheckReport
from sim.terminal import Json, ProgressLines, results

network_app = typer.Typer(help="Networks built from survey tables or imported.", no_args_is_help=True)
CASES_SHOWN = 30
"""Of each check of a network."""

NetworkName = Annotated[str, typer.Argument(help="Name of a folder in networks/.")]
OverlayNames = Annotated[
    list[str] | None, typer.Option("--overlay", metavar="OVERLAY", help="Build it on top; may be given several times.")
]


class Steps(ProgressLines):
    """A progress line for each step: how much of it is done where that is known."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__(TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn(), quiet=quiet)

    def show(self, step: str, share: float) -> None:
        """Move the line of a step; without known length it runs to and fro until the next step begins."""
        if step not in self._tasks:
            for task in self._tasks.values():
                self._progress.update(task, total=1.0, completed=1.0)
            self._tasks[step] = self._progress.add_task(step, total=1.0 if share else None)
        self._progress.update(self._tasks[step], completed=share)


@network_app.command("import-osm")
def import_osm(
    file: Annotated[Path, typer.Argument(help="An OpenStreetMap extract: .osm, .osm.gz, .osm.bz2 or .osm.xz.")],
    name: Annotated[str | None, typer.Option(help="The network's name. [default: as the file]")] = None,
    bbox: Annotated[str | None, typer.Option(help="Take this part alone.", metavar="W,S,E,N")] = None,
    smallest: Annotated[
        str, typer.Option(help="Leave out roads below this class of highway, for example tertiary.")
    ] = "service",
    force: Annotated[bool, typer.Option("--force", help="Replace an imported network of this name.")] = False,
    json_output: Json = False,
) -> None:
    """Make a network of an OpenStreetMap extract."""
    from sim.network.imported import import_osm as import_file
    from sim.network.osm import parse_bbox

    box = parse_bbox(bbox) if bbox is not None else None
    with Steps(quiet=json_output) as steps:
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
    plain = Console(soft_wrap=True, highlight=False, markup=False)
    plain.print(f"network {report.name}: {report.folder}")
    for label, counted in (("", report.counts), ("left out: ", report.left_out)):
        for key, count in counted.items():
            plain.print(f"  {label}{key.replace('_', ' ')}: {count:,}")
    for note in report.notes:
        plain.print(f"  note: {note}")
    if report.warnings:
        plain.print(f"  netconvert gave {len(report.warnings)} warnings: see source.json")


@network_app.command("build")
def network_build(
    name: NetworkName = "bitgreen",
    out: Annotated[Path | None, typer.Option(help="Folder for the files. [default: networks/NAME/built]")] = None,
    overlay: OverlayNames = None,
) -> None:
    """Build a network from its tables."""
    from sim.network.build import build_network

    built = build_network(name, out=out, overlays=overlay or ())
    for path in built.files:
        results.print(f"built: {path}", soft_wrap=True)
    for warning in built.warnings:
        results.print(f"  netconvert: {warning}", markup=False, soft_wrap=True)
    for stop in built.off_network:
        fate = "kept for the line that calls there" if stop.built else "left out"
        what = f"stop {stop.place} {stop.name_ko}, {stop.distance_m:.0f} m from every road: {fate}"
        results.print(f"  off the network: {what}", markup=False, highlight=False, soft_wrap=True)


@network_app.command("check")
def network_check(
    name: NetworkName = "bitgreen",
    overlay: OverlayNames = None,
    traffic: Annotated[
        bool, typer.Option("--traffic", help="Also run the standard morning on it and judge what it shows; a minute.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Check a built network and print the figures; fails when a check does."""
    from sim.network.check import check_network
    from sim.traffic import check_traffic

    checked = check_network(name, overlays=overlay or ())
    if traffic:
        checked = checked.and_also(check_traffic(name, overlays=overlay or ()))
    _print_checks(checked, json_output=json_output)


def _print_checks(checked: CheckReport, *, json_output: bool) -> None:
    if json_output:
        sys.stdout.write(json.dumps(checked.document(), ensure_ascii=False) + "\n")
    else:
        for check in checked.checks:
            colour = {"ok": "green", "failed": "red", "noted": "yellow"}.get(check.outcome, "dim")
            mark = f"[{colour}]{check.outcome:7}[/]"
            results.print(f"{mark} {escape(check.name)}: {escape(check.figure)}", soft_wrap=True, highlight=False)
            more = len(check.detail) - CASES_SHOWN
            for case in (*check.detail[:CASES_SHOWN], *([f"… and {more} more: --json has all"] if more > 0 else [])):
                results.print(f"          {case}", style="dim", markup=False, highlight=False, soft_wrap=True)
    if not checked.ok:
        raise typer.Exit(1)


@network_app.command("overlays")
def network_overlays(name: NetworkName = "bitgreen") -> None:
    """List what is planned for a network and can be built on top of it."""
    from sim.network.overlays import list_overlays

    overlays = list_overlays(name)
    if not overlays:
        results.print(f"network {name} has no overlays", highlight=False)
    for overlay in overlays:
        results.print(f"{overlay.name:20} {overlay.year}  {overlay.title}", markup=False, highlight=False)
        for line in (overlay.description, f"source: {overlay.source}"):
            results.print(f"  {line}", style="dim", markup=False, highlight=False, soft_wrap=True)


@network_app.command("show")
def network_show(
    name: NetworkName = "bitgreen",
    out: Annotated[Path | None, typer.Option(help="The map, a .png file. [default: NAME.png]")] = None,
    gpkg: Annotated[Path | None, typer.Option(help="Write a GeoPackage of roads and places, a .gpkg file.")] = None,
    close_ups: Annotated[
        Path | None, typer.Option(help="Folder for pictures of interchanges and the complex, lane by lane.")
    ] = None,
    gate: Annotated[
        Path | None, typer.Option(help="The plant gate at shift start in sumo-gui, a .png file; a minute or two.")
    ] = None,
    overlay: OverlayNames = None,
) -> None:
    """Draw a map of a network: roads by status, sites, stops, and what lies beside the roads.

    With --gpkg, --close-ups or --gate the map is drawn when --out asks for it.
    """
    from sim.network.closeups import draw_close_ups
    from sim.network.geo import write_geopackage
    from sim.network.overlaid import load_overlaid
    from sim.network.show import draw_network
    from sim.screenshot import GATE_CAPTION, gate_picture

    wanted = {"--out": (out, ".png"), "--gpkg": (gpkg, ".gpkg"), "--gate": (gate, ".png")}
    for option, (path, suffix) in wanted.items():
        _check_file(option, path, suffix)
    network = load_overlaid(name, overlay or ())
    if close_ups is not None:
        for picture in draw_close_ups(network, close_ups):
            results.print(f"close-up: {picture}", soft_wrap=True)
    if out is not None or (gpkg, close_ups, gate) == (None, None, None):
        path = out or Path(f"{name}.png")
        missing = draw_network(network, path)
        results.print(f"map: {path}", soft_wrap=True)
        if missing:
            results.print(f"  no room for {len(missing)} names: {', '.join(missing)}", markup=False, soft_wrap=True)
    if gpkg is not None:
        write_geopackage(network, gpkg)
        results.print(f"GeoPackage: {gpkg}", soft_wrap=True)
    if gate is not None:
        gate_picture(name, gate)
        results.print(f"plant gate: {gate}: {GATE_CAPTION}", soft_wrap=True, highlight=False)


def _check_file(option: str, path: Path | None, suffix: str) -> None:
    """Raise an `OutputError` unless a file is what its name says and has a folder, before minutes of work."""
    if path is None:
        return
    if path.suffix.lower() != suffix:
        msg = f"{option} {path}: found another ending, allowed: a {suffix} file"
        raise OutputError(msg)
    if path.is_dir() or not path.parent.is_dir():
        found = "a folder of this name" if path.is_dir() else f"no folder {path.parent}"
        msg = f"{option} {path}: found {found}; allowed: a file in a folder that exists"
        raise OutputError(msg)
