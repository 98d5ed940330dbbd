"""The commands on demand: what a scenario's demand comes to, and its calibration to counts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sim.documents import load_scenario
from sim.errors import ScenarioError
from sim.scenario import Scenario

demand_app = typer.Typer(help="Who and what moves in a scenario.", no_args_is_help=True)
results = Console(width=None if sys.stdout and sys.stdout.isatty() else 140)
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change the document, e.g. demand.rail=null.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output and nothing else.")]
Simulate = Annotated[
    bool, typer.Option("--simulate", help="Run SUMO without the service and count, instead of the planned volumes.")
]


@demand_app.command("show")
def demand_show(
    scenario: Annotated[str, typer.Argument(help="Name in scenarios/, or a YAML file.")],
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the pictures. [default: none are drawn]")] = None,
    simulate: Simulate = False,
    json_output: Json = False,
) -> None:
    """Print and draw the demand: counts by hour and road, trip lengths, modes, arrivals at each gate."""
    from sim.demand_figures import draw_demand
    from sim.demand_summary import compare, summarise
    from sim.demand_text import NOT_CALIBRATED, print_counts, print_people, print_run, run_document
    from sim.runner.counted import count_vehicles

    loaded = load_scenario(scenario, overrides=overrides or ())
    summary = summarise(loaded)
    counted = count_vehicles(loaded) if simulate else None
    compared = summary.compared
    if counted is not None:
        compared = compare([one.count for one in compared], counted.volumes, loaded)
    paths = draw_demand(summary, out) if out is not None else []
    if json_output:
        document = summary.document() | {"pictures": [str(path) for path in paths]}
        document |= run_document(counted, compared) if counted is not None else {}
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        return
    print_people(summary, results)
    print_counts(compared, "simulated" if simulate else "planned", results)
    traffic = loaded.demand.background
    if traffic is not None and traffic.scale < 1:
        results.print(f"the background is scaled by {traffic.scale:g}: fewer vehicles than the targets, by choice")
    if counted is not None:
        print_run(counted, results)
    results.print(NOT_CALIBRATED)
    for path in paths:
        results.print(f"picture: {path}", soft_wrap=True)


@demand_app.command("calibrate")
def demand_calibrate(
    counts: Annotated[
        Path | None, typer.Argument(help="CSV with the columns section, direction (+ or -), hour, class, vehicles.")
    ] = None,
    scenario: Annotated[str, typer.Option(help="Name in scenarios/, or a YAML file.")] = "day",
    out: Annotated[Path | None, typer.Option(help="YAML file for the calibrated scenario.")] = None,
    simulate: Simulate = False,
    json_output: Json = False,
) -> None:
    """Fit the background traffic to counts and report GEH and FHWA's criteria."""
    from sim.demand_calibration import calibrate, write_calibration
    from sim.demand_summary import Fitness, compare
    from sim.demand_text import calibration_document, print_counts
    from sim.runner.counted import count_vehicles

    loaded = load_scenario(scenario)
    if counts is None:
        _tell_uncalibrated(loaded, json_output=json_output)
        return
    found = calibrate(counts, loaded, name=_name(out, loaded))
    compared = found.compared
    if simulate:
        compared = compare([one.count for one in compared], count_vehicles(found.scenario).volumes, found.scenario)
    fitness = Fitness.of(compared)
    if out is not None:
        write_calibration(found, out)
    if json_output:
        sys.stdout.write(json.dumps(calibration_document(compared, fitness, out), ensure_ascii=False) + "\n")
        return
    print_counts(compared, "simulated" if simulate else "planned", results)
    results.print(f"FHWA's criteria are {'met' if fitness.good else 'NOT met'}")
    results.print(f"written: {out}" if out is not None else "nothing written: --out FILE keeps the scenario")


def _tell_uncalibrated(scenario: Scenario, *, json_output: bool) -> None:
    from sim.demand_text import NOT_CALIBRATED

    if json_output:
        sys.stdout.write(json.dumps({"scenario": scenario.name, "calibrated": False}) + "\n")
    else:
        results.print(f"{scenario.name}: {NOT_CALIBRATED}")


def _name(out: Path | None, scenario: Scenario) -> str:
    if out is not None and out.suffix not in {".yaml", ".yml"}:
        msg = f"--out {out}: a scenario is a .yaml file"
        raise ScenarioError(msg)
    return out.stem if out is not None else f"{scenario.name}-calibrated"
