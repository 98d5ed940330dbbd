"""The commands."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Literal

import typer
from rich.padding import Padding
from rich.progress import BarColumn, TextColumn

from sim.demand_cli import demand_app
from sim.documents import catalogue, load_permit, load_scenario, permit_catalogue
from sim.engine.sumo import EngineName
from sim.errors import OutputError, SandboxError, SetupError
from sim.experiment_cli import RUNS, compare, experiment, find, permits, services
from sim.fields import format_clock
from sim.home import use_kernel_cache
from sim.network_cli import network_app
from sim.scenario import json_schema
from sim.terminal import Json, ProgressLines, console, results

app = typer.Typer(
    name="bitgreen",
    help="A proving ground for demand-responsive shuttles and autonomous logistics around Bitgreen (빛그린).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
scenario_app = typer.Typer(help="Scenario documents.", no_args_is_help=True)
app.add_typer(scenario_app, name="scenario")
LONGEST_DEFAULT = 80
TELL_EVERY_S = 30.0
BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
app.add_typer(network_app, name="network")
app.add_typer(demand_app, name="demand")
app.command()(experiment)
app.command()(services)
app.command()(permits)
app.command()(compare)

ScenarioName = Annotated[str, typer.Argument(help="Name in scenarios/, or a YAML file.")]
Seed = Annotated[int | None, typer.Option(help="Sets both seeds, for demand and for SUMO.", min=0)]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change the document, e.g. fleet.count=12.")
]
Out = Annotated[Path | None, typer.Option(help="The run's directory; must not exist yet. [default: runs/RUN_ID]")]
Headless = Literal["libsumo", "traci"]


class Bar(ProgressLines):
    """A progress line for each run: simulated time, speed against the clock, vehicles on the road, what is open.

    Where the error stream is no terminal, a line every `TELL_EVERY_S` seconds.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[clock]}"),
            TextColumn("{task.fields[speed]:>6}"),
            TextColumn("{task.fields[vehicles]:>5} vehicles"),
            TextColumn("{task.fields[left]}"),
            quiet=quiet,
        )
        self._plain = not quiet and not console.is_terminal
        self._told_s: dict[str, float] = {}

    def show(self, name: str, at: Mapping[str, Any]) -> None:
        """Move the line of one run to where it is."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, clock="", speed="", vehicles=0, left="", total=None)
        task = self._tasks[name]
        done = at["time_s"] - at["begin_s"]
        elapsed = self._progress.tasks[task].elapsed or 0
        self._progress.update(
            task, total=at["horizon_s"] - at["begin_s"], completed=done, clock=format_clock(at["time_s"]),
            speed=f"{done / elapsed:.0f}×" if elapsed else "", vehicles=at["vehicles"], left=_left(at),
        )  # fmt: skip
        if self._plain and elapsed - self._told_s.get(name, 0.0) >= TELL_EVERY_S:
            self._told_s[name] = elapsed
            line = f"{name}: {format_clock(at['time_s'])}, {at['vehicles']} vehicles, {_left(at)}"
            console.print(line, soft_wrap=True, markup=False, highlight=False)


def _left(at: Mapping[str, Any]) -> str:
    """Return what a run has left to settle."""
    goods = "" if at["goods"] is None else f"{at['goods']} orders, lorries and cars"
    riders = f"{at['unsettled']} riders" if at["unsettled"] or not goods else ""
    return " and ".join(filter(None, (riders, goods))) + " open"


def _warn(text: str) -> None:
    console.print("[bold yellow]warning[/]: ", end="")
    console.print(text, markup=False, highlight=False, soft_wrap=True)


@app.command()
def run(
    scenario: ScenarioName,
    seed: Seed = None,
    overrides: Overrides = None,
    out: Out = None,
    json_output: Json = False,
    engine: Annotated[Headless, typer.Option(help="libsumo, or traci: a SUMO process.")] = "libsumo",
) -> None:
    """Run a scenario and publish its run directory."""
    _run(scenario, seed, overrides, out, json_output=json_output, engine=engine)


@app.command()
def gui(
    scenario: ScenarioName,
    seed: Seed = None,
    overrides: Overrides = None,
    out: Out = None,
    json_output: Json = False,
    play: Annotated[bool, typer.Option(help="Start at once; else sumo-gui waits for its play button.")] = False,
) -> None:
    """Run a scenario in sumo-gui, controllers attached; the run is published as any other."""
    _run(scenario, seed, overrides, out, json_output=json_output, engine="gui", play=play)


def _run(
    name: str,
    seed: int | None,
    overrides: list[str] | None,
    out: Path | None,
    *,
    json_output: bool,
    engine: EngineName,
    play: bool = True,
) -> None:
    from sim.runner.local import run_one
    from sim.runner.order import Order, new_run_id

    scenario = load_scenario(name, seed=seed, overrides=overrides or ())
    run_id = new_run_id(scenario)
    order = Order(run_id, scenario, out or RUNS / run_id, engine=engine, play=play)
    with Bar(quiet=json_output) as bar:
        finished = run_one(order, lambda at: bar.show(scenario.name, at), _warn)
    if json_output:
        sys.stdout.write(json.dumps(finished.document(), ensure_ascii=False) + "\n")
    else:
        results.print(f"{finished.status} in {finished.wall_s:.1f} s: {finished.path}")
        _print_kpis(finished.kpis)
    if finished.status == "interrupted":
        raise typer.Exit(130)


def _print_kpis(kpis: Mapping[str, float]) -> None:
    from sim.compare import HEADLINE
    from sim.kpi.catalogue import CATALOGUE

    for key in HEADLINE:
        if key in kpis:
            unit = CATALOGUE[key.partition("@")[0].partition(".")[0]].unit
            results.print(f"  {key:34} {kpis[key]:>14,.3f} {unit}", highlight=False)


@app.command()
def morning(
    seed: Annotated[int, typer.Option(help="Sets both seeds.", min=0)] = 1,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the runs and the report; must not exist yet.")] = None,
    workers: Annotated[int, typer.Option(help="Runs side by side. [default: cores]", min=1)] = os.cpu_count() or 1,
) -> None:
    """Do the main job: three services for the same riders on one morning, KPIs side by side, a report."""
    from sim.morning import morning as main_job

    with Bar() as bar:
        main_job(seed=seed, overrides=overrides or (), out=out, workers=workers, report=bar.show, console=results)


@app.command()
def report(
    runs: Annotated[list[str], typer.Argument(help="Run directories or ids; the first is the reference.")],
    out: Annotated[Path, typer.Option(help="The HTML file.")] = Path("report.html"),
) -> None:
    """Write an HTML report on one run or several."""
    from sim.report.page import write_report

    if out.suffix != ".html":
        msg = f"--out {out}: the report is an .html file"
        raise OutputError(msg)
    path = write_report([find(name)[0] for name in runs], out, title="Runs of the Bitgreen Mobility Sandbox")
    results.print(f"report: {path}")


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. [default: BITGREEN_HOST or 127.0.0.1]")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port. [default: BITGREEN_PORT or 8000]", min=0, max=65535)] = None,
) -> None:
    """Serve the HTTP API."""
    # `sim` never imports `api`: the command is there when the service is installed
    if find_spec("api") is None:
        msg = "the package `api` is not installed"
        raise SetupError(msg)
    from importlib import import_module

    import_module("api.server").serve(host=host, port=port)


@app.command()
def doctor() -> None:
    """Check that everything a run needs is there, and compile the kernels."""
    from sim.controllers.base import FREIGHT_GROUP, controller_names
    from sim.controllers.shuttle.rolling import compile_kernels
    from sim.system import missing_packages, sumo_binary

    missing = missing_packages()
    if missing:
        msg = f"missing system packages; on Debian or Ubuntu: apt-get install {' '.join(missing)}"
        raise SetupError(msg)
    compile_kernels()
    results.print(f"SUMO: {sumo_binary('sumo').parent.parent}")
    results.print(f"controllers of shuttles: {', '.join(controller_names())}")
    results.print(f"controllers of freight: {', '.join(controller_names(FREIGHT_GROUP))}")
    results.print(f"scenarios: {', '.join(catalogue())}")
    results.print("kernels compiled")


@scenario_app.command("list")
def scenario_list() -> None:
    """List the scenarios of this checkout."""
    for name in catalogue():
        results.print(f"{name:20} {load_scenario(name).title}")


@scenario_app.command("schema")
def scenario_schema() -> None:
    """Print the JSON Schema of a scenario document."""
    sys.stdout.write(json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n")


@scenario_app.command("controllers")
def scenario_controllers(
    name: Annotated[str | None, typer.Argument(help="One of them; without it they are listed.")] = None,
    as_json: Json = False,
) -> None:
    """List the controllers, or a controller's parameters: default, what is allowed, what it does."""
    from sim.controllers.base import FREIGHT_GROUP, controller_names, find_controller, find_freight_controller

    names = {"shuttle": controller_names(), "freight": controller_names(FREIGHT_GROUP)}
    if name is None:
        lines = (f"{one}  ({service})" for service, found in names.items() for one in found)
        sys.stdout.write(json.dumps(names) + "\n" if as_json else "\n".join(lines) + "\n")
        return
    found = find_freight_controller(name) if name in names["freight"] else find_controller(name)
    schema = found.Parameters.model_json_schema()
    if as_json:
        sys.stdout.write(json.dumps(schema, ensure_ascii=False) + "\n")
        return
    for field, one in schema["properties"].items():
        allowed = ", ".join(f"{word} {one[key]:,}" for key, word in BOUNDS.items() if key in one)
        allowed = allowed or " or ".join(map(str, one.get("enum", [])))
        default = json.dumps(one["default"], ensure_ascii=False) if "default" in one else "required"
        if len(default) > LONGEST_DEFAULT:
            default = f"{len(one['default'])} entries, see --json"
        results.print(f"{field}: {default}" + (f"  ({allowed})" if allowed else ""), style="bold", highlight=False)
        if "description" in one:
            results.print(Padding(one["description"], (0, 0, 0, 4)), highlight=False)


@scenario_app.command("permits")
def scenario_permits(as_json: Json = False) -> None:
    """List the ready permits, which `permits: {NAME: {extends: PERMIT}}` takes into a scenario."""
    from rich.table import Table

    from sim.permits.summary import COLUMNS, permit_row

    permits = {name: load_permit(path) for name, path in permit_catalogue().items()}
    if as_json:
        whole = {name: permit.model_dump(mode="json") for name, permit in permits.items()}
        sys.stdout.write(json.dumps(whole, ensure_ascii=False) + "\n")
        return
    table = Table(box=None)
    for column in COLUMNS:
        table.add_column(column, no_wrap=column == "permit")
    for name, permit in permits.items():
        table.add_row(*permit_row(name, permit))
    results.print(table)


@scenario_app.command("new")
def scenario_new(
    network: Annotated[str, typer.Option(help="Name of a folder in networks/.")],
    out: Annotated[Path | None, typer.Option(help="The YAML file; must not exist yet. [default: NETWORK.yaml]")] = None,
) -> None:
    """Write a scenario with generic demand for a network; it runs at once."""
    from sim.draft import write_draft

    draft = write_draft(network, out or Path(f"{network}.yaml"))
    results.print(
        f"{draft.path}: {draft.basis}; {draft.riders} riders, {draft.cars} commuters by car, "
        f"{draft.background} vehicles of background traffic; `bitgreen run {draft.path}` runs it",
        soft_wrap=True,
    )


@scenario_app.command("validate")
def scenario_validate(
    file: Annotated[str, typer.Argument(help="Name in scenarios/, or a YAML file.")], overrides: Overrides = None
) -> None:
    """Check a document's shape, and that everything it names exists and can be reached."""
    from sim.engine.doubts import doubts
    from sim.engine.resolve import resolve

    resolved = resolve(load_scenario(file, overrides=overrides or ()))
    people, goods = resolved.population, resolved.population.goods
    results.print(
        f"{resolved.scenario.name} is valid: {len(people.riders)} riders, {len(people.cars)} commuters by car, "
        f"{len(people.background)} vehicles of background traffic, {len(resolved.service.vehicles)} fleet vehicles"
    )
    if resolved.scenario.freight is not None:
        results.print(
            f"goods: {len(goods.orders)} orders, {len(goods.lorries)} lorries from outside, "
            f"{len(goods.cars)} finished cars"
        )
    for text in doubts(resolved):
        _warn(text)


def main() -> None:
    """Run the command line; a fault the user can mend is one line on the error stream and exit code 1."""
    use_kernel_cache()
    signal.signal(signal.SIGTERM, _interrupt)  # a cancelled job ends its runs in order, as Ctrl-C does
    try:
        app()
    except SandboxError as error:
        console.print(f"[bold red]error[/] ({error.code}): ", end="")
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
