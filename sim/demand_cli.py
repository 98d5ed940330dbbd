"""The commands on demand: what a scenario's demand comes to, and its calibration to counts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from sim.documents import load_scenario
from sim.errors import OutputError, ScenarioError
from sim.fields import format_clock
from sim.scenario import Scenario
from sim.terminal import Json, console, results

demand_app = typer.Typer(help="Who and what moves in a scenario.", no_args_is_help=True)
NOT_MET = 3
"""Exit code of a calibration that does not meet FHWA's criteria."""

Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change the document, e.g. demand.rail=null.")
]
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
    """Print and draw the demand: counts by hour and road, trip lengths, modes, arrivals at each gate.

    Arrivals are people by car, shuttle, company coach (where it halts) and on foot.
    """
    from sim.demand_figures import draw_demand
    from sim.demand_summary import compare, summarise
    from sim.demand_text import (
        nothing_to_compare,
        print_counts,
        print_goods,
        print_people,
        print_run,
        run_document,
        standing,
    )
    from sim.runner.counted import count_vehicles

    loaded = load_scenario(scenario, overrides=overrides or ())
    summary = summarise(loaded)
    if simulate:
        _announce(loaded, json_output=json_output)
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
    print_goods(summary, results)
    if compared:
        print_counts(compared, "simulated" if simulate else "planned", results, against="assumed target")
    else:
        results.print(nothing_to_compare(summary))
    traffic = loaded.demand.background
    if traffic is not None and traffic.scale < 1:
        what = "counts and targets" if traffic.calibrated_to is not None else "the targets"
        results.print(f"the background is scaled by {traffic.scale:g}: fewer vehicles than {what}, by choice")
    if counted is not None:
        print_run(counted, results)
    results.print(standing(loaded, targets=summary.targets > 0), soft_wrap=True, highlight=False)
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
    """Fit the background traffic to counts and report GEH and FHWA's criteria.

    Ends with code 3 when the criteria are not met at the counts; the scenario is written all the same and says so.
    """
    from sim.demand_calibration import calibrate, write_calibration
    from sim.demand_text import calibration_document, print_counts

    name = _name(out)
    loaded = load_scenario(scenario)
    if counts is None:
        _tell_standing(loaded, json_output=json_output)
        return
    if simulate:
        _announce(loaded, json_output=json_output)
    found = calibrate(counts, loaded, name=name or f"{loaded.name}-calibrated", simulate=simulate)
    if out is not None:
        write_calibration(found, out, base=scenario)
    if json_output:
        sys.stdout.write(json.dumps(calibration_document(found, out), ensure_ascii=False) + "\n")
    else:
        print_counts(found.compared, "simulated" if simulate else "planned", results, against="count")
        for line in (*found.coverage.lines(), found.verdict):
            results.print(line, soft_wrap=True, markup=False, highlight=False)
        results.print(f"written: {out}" if out is not None else "nothing written: --out FILE keeps the scenario")
    if not found.fitness.good:
        raise typer.Exit(NOT_MET)


def _tell_standing(scenario: Scenario, *, json_output: bool) -> None:
    from sim.demand.tables import demand_file
    from sim.demand_summary import is_calibrated
    from sim.demand_text import standing

    if json_output:
        document = {"scenario": scenario.name, "calibrated": is_calibrated(scenario)}
        sys.stdout.write(json.dumps(document) + "\n")
    else:
        targets = demand_file(scenario.network, "counts").is_file()
        results.print(f"{scenario.name}: {standing(scenario, targets=targets)}", soft_wrap=True)


def _announce(scenario: Scenario, *, json_output: bool) -> None:
    """Say that SUMO runs: nothing moves on the screen until it is done."""
    if not json_output:
        span = f"{format_clock(scenario.time.begin_s)[:5]} to {format_clock(scenario.time.horizon_s)[:5]}"
        console.print(
            f"SUMO runs {scenario.name}, {span}: a morning takes one to two minutes, a day half an hour",
            soft_wrap=True,
            highlight=False,
        )


def _name(out: Path | None) -> str | None:
    """Return the name of the scenario to be written, once it is sure that it may be."""
    if out is None:
        return None
    if out.suffix not in {".yaml", ".yml"}:
        msg = f"--out {out}: a scenario is a .yaml file"
        raise ScenarioError(msg)
    if out.exists() or not out.parent.is_dir():
        reason = "it exists already" if out.exists() else f"there is no folder {out.parent}"
        msg = f"--out {out} cannot be written: {reason}"
        raise OutputError(msg)
    return out.stem
