"""The commands that carry out experiments, and compare what they and single runs left."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sim.errors import NotFoundError, OutputError, SandboxError
from sim.terminal import Json, console, results

if TYPE_CHECKING:
    from sim.experiment.design import Design, PlannedRun
    from sim.experiment.document import Experiment
    from sim.experiment.drive import Outcome, State
    from sim.runner.backend import Backend
    from sim.verdict import Judgement, Row

RUNS = Path("runs")
EXPERIMENTS = RUNS / "experiments"
STORE = str(RUNS / "store")
TELL_EVERY_S = 30.0


class Progress:
    """How far an experiment is: runs that ended, a share of those under way, and the time left at this pace."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._began = time.monotonic()
        self._told = -TELL_EVERY_S
        self._runs = self._found = self._ended = 0
        self._shares: dict[str, float] = {}

    def begins(self, runs: int, found: int) -> None:
        """Learn how many runs there are, and how many of them are there already."""
        self._runs, self._found = runs, found
        self._print(f"{runs} runs, {found} of them finished before")

    def progress(self, run: PlannedRun, at: Mapping[str, Any]) -> None:
        """Learn where a run is."""
        self._shares[run.key] = (at["time_s"] - at["begin_s"]) / max(at["horizon_s"] - at["begin_s"], 1)
        if time.monotonic() - self._told >= (1.0 if console.is_terminal else TELL_EVERY_S):
            self._tell()

    def ends(self, run: PlannedRun, fault: str | None) -> None:
        """Learn that a run ended."""
        self._shares.pop(run.key, None)
        self._ended += 1
        if fault is not None:
            self._print(f"failed: {_named(run)}: {fault}")
        self._tell()

    def damaged(self, run: PlannedRun, fault: str) -> None:
        """Learn that a run which was finished once is made again."""
        self._print(f"made again, as it is damaged: {_named(run)}: {fault}")

    def left_s(self) -> float | None:
        """Return the seconds left at the pace so far; None before there is one."""
        done = self._ended + sum(self._shares.values())
        wanted = self._runs - self._found
        return (time.monotonic() - self._began) * (wanted - done) / done if done > 0.05 else None

    def _tell(self) -> None:
        self._told = time.monotonic()
        left_s = self.left_s()
        left = "" if left_s is None else f", about {_duration(left_s)} left"
        line = f"{self._found + self._ended} of {self._runs} runs done, {len(self._shares)} under way{left}"
        if console.is_terminal and not self._quiet:
            console.print(line, end="\r", soft_wrap=True)
        else:
            self._print(line)

    def _print(self, line: str) -> None:
        if not self._quiet:
            console.print(line, soft_wrap=True, markup=False, highlight=False)


def _named(run: PlannedRun) -> str:
    return f"{run.variant.label}, seeds {run.seeds.demand} and {run.seeds.sumo}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


Out = Annotated[str | None, typer.Option(help="Folder of its tables and report. [default: runs/experiments/NAME]")]
Store = Annotated[str, typer.Option(help="Where runs are kept: a folder, or a URL such as s3://bucket/runs.")]
BackendName = Annotated[Literal["local", "ray"], typer.Option(help="Processes of this machine, or a Ray cluster.")]
Workers = Annotated[
    int | None, typer.Option(help="Runs side by side. [default: cores, or what the cluster has]", min=1)
]
Address = Annotated[
    str | None, typer.Option(help="Of the Ray cluster. [default: RAY_ADDRESS, or a local one is started]")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check the design and say what would run.")]


def experiment(
    name: Annotated[str, typer.Argument(help="Name in scenarios/experiments/, or a YAML file.")],
    out: Out = None,
    store: Store = STORE,
    backend: BackendName = "local",
    workers: Workers = None,
    address: Address = None,
    dry_run: DryRun = False,
    json_output: Json = False,
) -> None:
    """Carry out an experiment: scenarios × parameters × seeds, with statistics and a report.

    Finished runs are found again, so the same command goes on after a crash or Ctrl-C.
    """
    from sim.experiment.document import load_experiment

    document = load_experiment(name)
    _conduct(
        document, out, store, lambda: _backend(backend, workers, address), dry_run=dry_run, json_output=json_output
    )


def services(
    scenario: Annotated[str, typer.Argument(help="Name in scenarios/, or a YAML file.")],
    seeds: Annotated[int, typer.Option(help="Seeds 1 … N, for demand and SUMO alike.", min=1)] = 3,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change the scenario for all services.")
    ] = None,
    out: Out = None,
    store: Store = STORE,
    backend: BackendName = "local",
    workers: Workers = None,
    address: Address = None,
    dry_run: DryRun = False,
    json_output: Json = False,
) -> None:
    """Repeat a scenario on the same people with every service: SUMO's, the timetable, ours, and one with hindsight.

    It is an experiment as any other, named after the scenario; services that the scenario cannot have are told and
    left out.
    """
    from sim.documents import read_override
    from sim.experiment.repeat import repeated

    document, left_out = repeated(scenario, seeds=seeds, changes=dict(map(read_override, overrides or ())))
    for one in left_out:
        console.print(f"left out: {one.service}: {one.reason}", soft_wrap=True, markup=False, highlight=False)
    _conduct(
        document, out, store, lambda: _backend(backend, workers, address), dry_run=dry_run, json_output=json_output
    )


def permits(
    scenario: Annotated[str, typer.Argument(help="Name in scenarios/, or a YAML file; it moves goods.")],
    a: Annotated[list[str], typer.Option("--a", metavar="PERMIT|PATH=VALUE", help="The first side, the reference.")],
    b: Annotated[list[str], typer.Option("--b", metavar="PERMIT|PATH=VALUE", help="The other side.")],
    seeds: Annotated[str, typer.Option(help="As 5 (1 to 5), 3-7, or 1,4,9; for demand and SUMO alike.")] = "5",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change the scenario for both sides.")
    ] = None,
    out: Out = None,
    store: Store = STORE,
    backend: BackendName = "local",
    workers: Workers = None,
    address: Address = None,
    dry_run: DryRun = False,
    json_output: Json = False,
) -> None:
    """Run the same days under two permits: what deliveries, safety, other traffic and energy gain or lose.

    A side is a ready permit (`bitgreen scenario permits`), which replaces the scenario's for the same classes, or any
    PATH=VALUE, or several of them. It is an experiment as any other, named after the scenario.
    """
    from sim.documents import read_override
    from sim.experiment.permit_pair import permit_pair, read_seeds

    changes = dict(map(read_override, overrides or ()))
    document = permit_pair(scenario, a, b, seeds=read_seeds(seeds), changes=changes)
    _conduct(
        document, out, store, lambda: _backend(backend, workers, address), dry_run=dry_run, json_output=json_output,
        judged=True,
    )  # fmt: skip


def _conduct(
    document: Experiment,
    out: str | None,
    store: str,
    backend: Callable[[], Backend],
    *,
    dry_run: bool,
    json_output: bool,
    judged: bool = False,
) -> None:
    """Carry out an experiment, or say what would run, and tell how it ended; with `judged` the differences, too."""
    from sim.experiment.design import check, plan
    from sim.experiment.drive import Watch, carry_out, compare_design, look
    from sim.experiment.places import require_places, require_writable
    from sim.runner.store import RunStore

    place, folder = RunStore(store), _folder(out, document.name)
    require_places(folder, place)
    design = plan(document)
    if dry_run:
        compare_design(design, folder)
        state = look(design, place)
        check(state.missing)
        if state.missing and place.folder is not None:
            require_writable(place.folder)
        _tell_plan(design, state, json_output=json_output)
        return
    progress = Progress(quiet=json_output)
    watch = Watch(progress.begins, progress.progress, progress.ends, progress.damaged)
    outcome = carry_out(design, folder, store=place, backend=backend(), watch=watch)
    page = folder / "report.html"
    if outcome.changed or not page.is_file():
        from sim.experiment.page import write_page

        write_page(design, outcome.frames, store=place, out=page)
    found = _judgements(design, outcome, named=not json_output) if judged else None
    _tell(outcome, page, found, json_output=json_output)
    if not (outcome.frames.runs["status"] == "finished").all():  # failed, or not where they were to be
        raise typer.Exit(1)


def _folder(out: str | None, name: str) -> Path:
    if out is None:
        return EXPERIMENTS / name
    if not out.strip():
        msg = f"--out: found {out!r}; allowed is the name of a folder"
        raise OutputError(msg)
    return Path(out)


def _tell_plan(design: Design, state: State, *, json_output: bool) -> None:
    """Say what would run."""
    name, runs, seeds = design.experiment.name, len(design.runs), len(design.experiment.seeds)
    there = runs - len(state.missing)
    if json_output:
        missing = Counter(run.variant.label for run in state.missing)
        document = {
            "experiment": name,
            "runs": runs,
            "finished": there,
            "damaged": sorted(state.damaged),
            "seeds": [one.model_dump() for one in design.experiment.seeds],
            "variants": [
                {
                    "variant": one.label,
                    "scenario": one.scenario,
                    "set": dict(one.settings),
                    "without_service": one.without,
                    "missing": missing[one.label],
                }
                for one in design.variants
            ],
        }
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        return
    damaged = f", {len(state.damaged)} damaged" if state.damaged else ""
    results.print(f"{name}: {runs} runs, {there} of them finished{damaged}; {seeds} pairs of seeds")
    for variant in design.variants:
        line = f"  {variant.label}{' (reference for other traffic)' if variant.without else ''}"
        results.print(line, highlight=False, markup=False, soft_wrap=True)


def _backend(name: str, workers: int | None, address: str | None) -> Backend:
    if name == "ray":
        from sim.runner.ray import Ray

        return Ray(address=address, workers=workers)
    if address is not None:
        msg = "--address: only the backend ray has one"
        raise SandboxError(msg)
    from sim.runner.local import Local

    return Local(workers or os.cpu_count() or 1)


def _judgements(design: Design, outcome: Outcome, *, named: bool) -> list[Judgement]:
    from sim.experiment.names import names_of
    from sim.experiment.page import judgements

    return list(judgements(design, outcome.frames.results, names=names_of(design) if named else None))


def _difference(row: Row) -> dict[str, Any]:
    """Return a paired difference as JSON has it: with its 95 % interval over the seeds, null where there is none."""
    found = row.paired
    return {
        "key": row.key,
        "unit": row.kind.unit,
        "reference": found.mean_reference,
        "difference": found.mean_difference,
        "low": found.t.low if found.t else None,
        "high": found.t.high if found.t else None,
        "seeds": found.n,
        "direction": row.direction,
        "outcome": row.outcome,
    }


def _tell(outcome: Outcome, page: Path, judgements: Sequence[Judgement] | None, *, json_output: bool) -> None:
    runs = outcome.frames.runs
    status = runs["status"].value_counts().to_dict()
    if json_output:
        document = {
            "folder": str(outcome.folder),
            "report": str(page),
            "runs": len(runs),
            "finished": int(status.get("finished", 0)),
            "failed": [
                {"variant": label, "demand_seed": int(a), "sumo_seed": int(b), "error": error}
                for label, a, b, error in outcome.failed
            ],
        }
        if judgements is not None:
            document["comparisons"] = [
                {"reference": one.reference, "other": one.other, "differences": [_difference(row) for row in one.rows]}
                for one in judgements
            ]
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        return
    for one in judgements or ():
        from sim.experiment.judged import render_judgement

        render_judgement(one, (), console=results)
    for label, demand, sumo, error in outcome.failed:
        results.print(f"FAILED {label}, seeds {demand} and {sumo}: {error}", soft_wrap=True, markup=False)
    changed = "" if outcome.changed else "; nothing had to be done"
    results.print(f"{status.get('finished', 0)} of {len(runs)} runs finished{changed}: {page}", soft_wrap=True)


def compare(
    reference: Annotated[str, typer.Argument(help="A run or an experiment: its folder, its id in runs/, its name.")],
    other: Annotated[str, typer.Argument(help="The other one; EXPERIMENT:VARIANT names one variant.")],
    every: Annotated[bool, typer.Option("--all", help="Every KPI, not the headline ones alone.")] = False,
    force: Annotated[bool, typer.Option(help="Compare what should not be compared, with a warning.")] = False,
) -> None:
    """Compare two runs side by side, two experiments over their seeds, or a run with the seeds of an experiment."""
    from sim.compare import HEADLINE, compare_runs, render
    from sim.experiment.against import is_experiment

    (left, left_variant), (right, right_variant) = find(reference), find(other)
    if not is_experiment(left) and not is_experiment(right):
        render(compare_runs(left, right, force=force), console=results, keys=None if every else HEADLINE)
    elif is_experiment(left) and is_experiment(right):
        _compare_experiments((left, left_variant), (right, right_variant), every=every, force=force)
    else:
        run, (folder, variant) = (
            (left, (right, right_variant)) if is_experiment(right) else (right, (left, left_variant))
        )
        _compare_run(run, folder, variant, every=every)


def find(name: str) -> tuple[Path, str | None]:
    """Return the folder of a run or an experiment, and the variant if one is named."""
    for text, variant in ((name, None), (name.partition(":")[0], name.partition(":")[2] or None)):
        places = (Path(text), RUNS / text, EXPERIMENTS / text, Path(STORE) / text)
        place = next((one for one in places if text and one.is_dir()), None)
        if place is not None:
            return place, variant
    msg = (
        f"no run or experiment {name!r}; allowed are the directory of a run, its id in {RUNS}, its key in {STORE}, an "
        f"experiment in {EXPERIMENTS}, and a variant as EXPERIMENT:VARIANT"
    )
    raise NotFoundError(msg)


def _compare_experiments(
    left: tuple[Path, str | None], right: tuple[Path, str | None], *, every: bool, force: bool
) -> None:
    from sim.experiment.against import judge_sides, sides
    from sim.experiment.judged import render_judgement

    _require_two(left, right)
    a, b = sides(*left), sides(*right)
    if left[1] is not None and right[1] is not None:
        pairs = [(a[left[1]], b[right[1]])]
    else:
        only = left[1] or right[1]
        pairs = [(a[label], b[label]) for label in a if label in b and only in (None, label)]
    if not pairs:
        msg = (
            f"{left[0].name} and {right[0].name} have no variant in common to compare; name one of each as "
            f"EXPERIMENT:VARIANT, of {', '.join(map(repr, a))} and {', '.join(map(repr, b))}"
        )
        raise SandboxError(msg)
    for one, two in pairs:
        keys = list(dict.fromkeys([*one.results["key"], *two.results["key"]])) if every else None
        judgement, warnings = judge_sides(one, two, keys=keys, force=force)
        render_judgement(judgement, warnings, console=results)


def _require_two(left: tuple[Path, str | None], right: tuple[Path, str | None]) -> None:
    """Make sure that an experiment is not compared with itself, unless it is by two of its variants."""
    from sim.experiment.against import sides

    variants = {left[1], right[1]}
    if left[0].resolve() != right[0].resolve() or (None not in variants and len(variants) > 1):
        return
    name, labels = left[0].name, list(sides(left[0], None))
    shown = f"{name}:{left[1]}" if left[1] is not None and len(variants) == 1 else name
    cure = "it has one variant, so name another experiment"
    if len(labels) > 1:
        cure = f"name two of its variants as {name}:VARIANT, of {', '.join(map(repr, labels))}"
    msg = f"{shown} cannot be compared with itself: {cure}"
    raise SandboxError(msg)


def _compare_run(run: Path, folder: Path, variant: str | None, *, every: bool) -> None:
    from sim.compare import HEADLINE
    from sim.experiment.against import among, render_places, sides

    found = sides(folder, variant)
    if len(found) > 1:
        msg = f"{folder.name} has several variants; name one as {folder.name}:VARIANT, of {', '.join(map(repr, found))}"
        raise SandboxError(msg)
    (side,) = found.values()
    keys = list(dict.fromkeys(side.results["key"])) if every else HEADLINE
    render_places(run.name, side, among(run, side, keys=keys), console=results)
