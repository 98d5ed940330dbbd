"""Comparison of runs: whether they may be compared, and their KPIs side by side.

The first run is the reference. Runs on different networks, time spans or SUMO versions are refused; runs with
different people are compared with a warning. One run each proves nothing, and the table says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sim.errors import OutputError, SandboxError
from sim.kpi.catalogue import CATALOGUE
from sim.kpi.entry import Better
from sim.kpi.others import added_time_loss, read_others
from sim.kpi.record import KpiRecord, ordered
from sim.rundir import VEHICLES, read_kpis, read_manifest

Verdict = Literal["better", "worse", "same", "neither"]

ONE_SEED = "one seed: differences are not yet significant"

# What riders get before what it costs, then what shippers get; the service rate first, so that nobody wins by dropping
# the hard ones.
HEADLINE = (
    "service_rate", "on_time_rate", "on_time_rate@cars", "requests", "requests_served", "requests_rejected",
    "requests_cancelled", "requests_no_show", "requests_gave_up", "requests_unfinished", "requests_walked",
    "within_limits_rate", "wait_s", "wait_s.p95", "share_wait_below_600s", "access_walk_s", "ride_s", "ride_s.p95",
    "egress_walk_s", "total_travel_s", "total_travel_s.p95", "detour_rel", "promise_kept_rate", "promise_window_s",
    "booking_shift_s", "pickup_delay_vs_promise_s.p95", "dropoff_delay_vs_promise_s.p95", "offers_declined",
    "fleet_size", "vehicle_hours", "vkm_total", "empty_ratio", "pax_km_per_vkm", "shared_ride_rate",
    "fleet_utilisation", "rides_per_vehicle_revenue_hour", "incidents", "incident_queue_s",
    "operator_utilisation", "vehicles_waiting_for_operator", "halted_share", "cost_per_served_rider_krw",
    "energy_kwh_per_100km", "co2e_g_per_pax_km", "otif", "orders_on_time_rate", "orders_in_full_rate",
    "orders_released", "orders_delivered", "orders_late", "orders_failed", "orders_open", "tardiness_s",
    "order_lead_time_s", "order_lead_time_s.p95", "stock_out_min", "stock_outs", "truck_turn_time_s",
    "truck_turn_time_s.p95", "dock_queue_s", "bay_wait_s", "dock_utilisation", "detention_s", "appointment_adherence",
    "spill_back_veh_s", "freight_vehicles", "freight_km", "freight_empty_ratio", "load_factor", "load_factor_pallets",
    "transport_tkm",
    "distance_adjustment_factor", "freight_utilisation", "freight_energy_kwh", "freight_energy_kwh_per_100km",
    "energy_kwh_per_tkm", "freight_charge_change_kwh",
    "freight_fuel_kg", "ghg_g_per_tkm_ttw", "ghg_g_per_tkm_wtw", "charged_grid_kwh",
    "hub_peak_kw", "ttc_conflicts_per_1000km", "pet_conflicts_per_1000km", "drac_conflicts_per_1000km", "conflicts",
    "both_in_conflict_area", "violations", "violation_s", "freight_interventions_per_operator_h",
    "freight_operator_queue_s", "unmanned_exposure_h", "unmanned_exposure_km", "finished_cars_stored",
    "line_to_compound_s", "compound_fill_max", "run_quality", "time_loss_others_s", "time_loss_others_added_s",
    "others_arrived", "teleports", "collisions",
)  # fmt: skip

_WHOLE = {
    "requests", "vehicles", "riders", "plans", "collisions", "s", "KRW", "KRW/h", "orders", "violations", "conflicts",
    "encounters", "stock-outs", "gate",
}  # fmt: skip
_ABSENT = "(absent)"
_NAMES = ("name", "title", "description")  # words, which change nothing
_MUST_AGREE = ("network", "time", "SUMO version", "network hash")


@dataclass(frozen=True, slots=True)
class Run:
    """A published run as far as a comparison needs it; `label` tells it from the others."""

    label: str
    manifest: Mapping[str, Any]
    records: Mapping[str, KpiRecord]

    @property
    def fingerprint(self) -> str:
        return str(self.manifest["fingerprint"])


@dataclass(frozen=True, slots=True)
class Cell:
    """One run's value beside the reference; differences are value − reference, relative to |reference|."""

    value: float | None
    difference: float | None
    relative: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Row:
    """One KPI of all runs; `n` and `cells` follow the order of the runs, the reference included."""

    key: str
    code: str
    stat: str
    scope: str
    title: str
    unit: str
    better: Better
    n: tuple[int | None, ...]
    cells: tuple[Cell, ...]

    @property
    def reference(self) -> float | None:
        return self.cells[0].value


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side.

    `changes[i]` lists the paths of the scenario document in which run i differs from the reference; `warnings` are
    to be shown with every table.
    """

    runs: tuple[Run, ...]
    changes: tuple[tuple[str, ...], ...]
    warnings: tuple[str, ...]

    @property
    def same_fingerprint(self) -> bool:
        """Whether all runs had the same events."""
        return len({run.fingerprint for run in self.runs}) == 1


def compare_runs(*paths: Path, without_service: Path | None = None, force: bool = False) -> Comparison:
    """Read runs for a comparison; the first is the reference.

    Parameters
    ----------
    without_service
        A run of the same scenario without the service: what it adds to other traffic's time loss is measured
        against it. If the first run has no service, that one is taken.
    force
        Turn refusals into warnings.

    Raises
    ------
    SandboxError
        Fewer than two runs, or runs that must not be compared.
    NotFoundError, OutputError
        A run is not there, or damaged.
    """
    if len(paths) < 2:
        msg = f"a comparison takes two runs or more, found {len(paths)}"
        raise SandboxError(msg)
    manifests = [comparable_manifest(path) for path in paths]
    if without_service is None and not _has_service(manifests[0]):
        without_service = paths[0]
    warnings: list[str] = []
    baseline = None
    if without_service is not None:
        baseline = read_others(without_service / VEHICLES)
        warnings += _check(
            manifests[0],
            comparable_manifest(without_service),
            name=without_service.name,
            may_differ=("fleet", "freight"),
            force=force,
        )
    may_differ = () if _has_service(manifests[0]) else ("fleet", "freight")
    runs, changes = [], []
    for path, manifest, label in zip(paths, manifests, _labels(paths, manifests), strict=True):
        warnings += _check(manifests[0], manifest, name=label, may_differ=may_differ, force=force)
        records = [KpiRecord.from_document(document) for document in read_kpis(path)]
        others = read_others(path / VEHICLES) if baseline is not None and path != without_service else None
        if others is not None and baseline is not None:
            records += added_time_loss(others, baseline)
        runs.append(Run(label, manifest, {record.key: record for record in records}))
        changes.append(tuple(differing_paths(manifests[0]["scenario"], manifest["scenario"])))
    return Comparison(tuple(runs), tuple(changes), tuple(dict.fromkeys(warnings)))


def table(comparison: Comparison, *, keys: Sequence[str] | None = HEADLINE) -> list[Row]:
    """Return a row for each key that any run has, in the order of the keys.

    With `keys=None` every KPI is given, in the catalogue's order: the service rate first.
    """
    if keys is None:
        every = ordered({key: one for run in comparison.runs for key, one in run.records.items()}.values())
        keys = [record.key for record in every]
    rows = (_row(comparison, key) for key in keys)
    return [row for row in rows if row is not None]


def render(comparison: Comparison, *, console: Console, keys: Sequence[str] | None = HEADLINE) -> None:
    """Print the table with its warnings; differences are coloured by the catalogue's direction."""
    grid = Table(title=ONE_SEED, caption="\n".join(comparison.warnings) or None, caption_style="yellow")
    grid.add_column("KPI", no_wrap=True)
    for place, run in enumerate(comparison.runs):
        grid.add_column(run.label, justify="right", overflow="fold")
        if place:
            grid.add_column("difference", justify="right", no_wrap=True)
    for row in table(comparison, keys=keys):
        cells = [Text(_number(row.reference, row.unit))]
        for cell in row.cells[1:]:
            cells += [Text(_number(cell.value, row.unit)), _difference(cell, row.unit)]
        grid.add_row(f"{row.title} \\[{row.unit}]", *cells)
    console.print(grid)
    if comparison.same_fingerprint:
        console.print("The runs are identical, event by event.")


def differing_paths(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Return the paths in which two scenario documents differ, apart from name, title and description."""
    keys = sorted((a.keys() | b.keys()) - set(_NAMES))
    return [path for key in keys for path in _differing(a.get(key, _ABSENT), b.get(key, _ABSENT), key)]


def _differing(a: object, b: object, path: str) -> Iterator[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(a.keys() | b.keys()):
            yield from _differing(a.get(key, _ABSENT), b.get(key, _ABSENT), f"{path}.{key}")
    elif a != b:
        yield path


def _check(
    a: Mapping[str, Any], b: Mapping[str, Any], *, name: str, may_differ: Sequence[str] = (), force: bool
) -> list[str]:
    """Return the warnings of comparing run b with run a; raise for what must agree unless forced."""
    paths = differing_paths(a["scenario"], b["scenario"])
    found = {path: (_at(a["scenario"], path), _at(b["scenario"], path)) for path in paths}
    found["SUMO version"] = (a["versions"]["sumo"], b["versions"]["sumo"])
    found["network hash"] = (a["network"]["sha256"], b["network"]["sha256"])
    refused = [
        f"{path} is {right!r} instead of {left!r}"
        for path, (left, right) in found.items()
        if left != right and _top(path) in _MUST_AGREE
    ]
    if refused and not force:
        msg = f"{name} cannot be compared with {a['scenario']['name']}: {'; '.join(refused)}"
        raise SandboxError(msg)
    warnings = [f"{name}: {text}" for text in refused]
    other = [path for path in paths if _top(path) not in {"controllers", *may_differ, *_MUST_AGREE}]
    if other:
        warnings.append(f"{name} differs in more than its controllers: {', '.join(other)}")
    if any(path == "seeds.demand" or _top(path) == "demand" for path in other):
        warnings.append(f"{name} moves other people or goods: its differences are not those of the service")
    if b["status"] != "finished":
        warnings.append(f"{name} did not run to its end: it was {b['status']}")
    return warnings


def _row(comparison: Comparison, key: str) -> Row | None:
    found = [run.records.get(key) for run in comparison.runs]
    record = next((one for one in found if one is not None), None)
    if record is None:
        return None
    kpi = CATALOGUE.get(record.code)
    better: Better = kpi.better if kpi else "neither"
    title = kpi.title if kpi else record.code
    extra = [part for part in (record.stat, record.scope) if part not in {"mean", "value", "all"}]
    reference = found[0].value if found[0] else None
    return Row(
        key=key,
        code=record.code,
        stat=record.stat,
        scope=record.scope,
        title=", ".join([title, *extra]),
        unit=record.unit,
        better=better,
        n=tuple(one.n if one else None for one in found),
        cells=tuple(_cell(one.value if one else None, reference, better) for one in found),
    )


def _cell(value: float | None, reference: float | None, better: Better) -> Cell:
    if value is None or reference is None:
        return Cell(value, None, None, "neither")
    difference = value - reference
    relative = difference / reference if reference > 0 else None  # a share of a negative figure says nothing
    verdict: Verdict = "neither"
    if difference == 0:
        verdict = "same"
    elif better != "neither":
        verdict = "better" if (difference > 0) == (better == "higher") else "worse"
    return Cell(value, difference, relative, verdict)


def comparable_manifest(path: Path) -> dict[str, Any]:
    """Return a run's manifest, made sure to hold what a comparison reads.

    Raises
    ------
    NotFoundError
        There is no such run, or it was never published.
    OutputError
        The manifest is damaged or lacks something.
    """
    manifest = read_manifest(path)
    needed = ("scenario.name", "fingerprint", "status", "versions.sumo", "network.sha256")
    missing = [key for key in needed if _at(manifest, key) is _ABSENT]
    if missing:
        msg = f"the manifest of {path} lacks {', '.join(missing)}"
        raise OutputError(msg)
    return manifest


def _has_service(manifest: Mapping[str, Any]) -> bool:
    roles = ("controllers.shuttle", "controllers.freight")
    return any(_at(manifest["scenario"], role) not in (None, _ABSENT) for role in roles)


def _labels(paths: Sequence[Path], manifests: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the scenarios' names if they tell the runs apart, else the folders' names or paths."""
    choices = (
        [str(manifest["scenario"]["name"]) for manifest in manifests],
        [path.name for path in paths],
        [str(path) for path in paths],
    )
    return next((names for names in choices if len(set(names)) == len(names)), choices[-1])


def _top(path: str) -> str:
    return path.partition(".")[0]


def _at(document: Mapping[str, Any], path: str) -> object:
    node: object = document
    for key in path.split("."):
        node = node.get(key, _ABSENT) if isinstance(node, Mapping) else _ABSENT
    return node


def _number(value: float | None, unit: str, *, sign: str = "") -> str:
    """Write a value with as many decimals as its unit is worth."""
    if value is None:
        return "–"
    if unit == "share":
        return f"{100 * value:{sign}.1f} %"
    if unit in _WHOLE:
        return f"{value:{sign},.0f}"
    return f"{value:{sign},.2f}" if abs(value) < 100 else f"{value:{sign},.0f}"


def _difference(cell: Cell, unit: str) -> Text:
    if cell.difference is None:
        return Text("–")
    style = {"better": "green", "worse": "red"}.get(cell.verdict, "")
    text = _number(cell.difference, unit, sign="+").replace(" %", " pp")
    if cell.relative is not None and unit != "share":
        text += f" ({100 * cell.relative:+.0f} %)"
    return Text(text, style=style)
