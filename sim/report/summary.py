"""The summary in plain words, made from figures: who serves most, who is faster, who wins where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sim.compare import Comparison, Row, table
from sim.events import Collision, VehicleTeleported
from sim.fields import format_clock
from sim.kpi.catalogue import CATALOGUE
from sim.report.numbers import scale_of
from sim.report.runs import FINISHED, ServiceRun, same_people
from sim.report.tables import SCOPE_TITLES, best_places, judged_runs, title_of

_PARTS = ("station_corridor", "housing", "villages", "inside_complex", "booked", "wheelchair")
_MOST_TOLD = 5
_PART_CODES = ("service_rate", "on_time_rate", "wait_s")


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence with the few words it is about."""

    about: str
    text: str


def remarks(runs: Sequence[ServiceRun], comparison: Comparison) -> list[Remark]:
    """Return the summary; it ranks the services and says of each where it is best."""
    rows = {row.key: row for row in table(comparison)}
    found = [*_served(runs), *_ranked(runs, rows)]
    if len(runs) > 1:
        found += _same_riders(runs) if any(run.journeys for run in runs) else ()
        found += _wins(runs, comparison, rows)
    return [*found, *doubts(runs)]


def _served(runs: Sequence[ServiceRun]) -> Iterator[Remark]:
    counts = {run.label: sum(one.served for one in run.riders) for run in runs}
    if not any(run.journeys for run in runs):
        if not any(run.scenario.freight is not None for run in runs):
            yield Remark("Riders", "Nobody asked for a ride in these runs.")
        return
    parts = [
        f"{label} {count} of {len(run.riders)}"
        for run, (label, count) in sorted(zip(runs, counts.items(), strict=True), key=lambda pair: -pair[1][1])
    ]
    yield Remark("Riders served", f"{_list(parts)}.")
    away = [(run.label, gone) for run in runs if (gone := len(run.journeys) - len(run.riders))]
    if away:
        parts = [f"{gone} with {label}" for label, gone in away]
        yield Remark(
            "Stayed away",
            f"{_list(parts)}: they cancelled by the time of their wish to travel or never came, and are left out.",
        )


def _ranked(runs: Sequence[ServiceRun], rows: Mapping[str, Row]) -> Iterator[Remark]:
    for key, about, ending in (
        ("on_time_rate", "At the gate before the shift", "; the unserved count as late"),
        ("wait_s", "Mean wait of all riders", "; who is not served waits to the end of the drain"),
        ("total_travel_s", "Mean door to door of the served", ""),
        ("promise_kept_rate", "Promises kept", "; a rider not served is a broken one"),
        ("booking_shift_s", "Bookings moved to later", " on the mean; their wait starts when riders have to leave"),
        ("cost_per_served_rider_krw", "Cost per served rider", ", at the assumed rates"),
        ("otif", "Orders on time, in full", "; failed and open ones are misses"),
        ("finished_cars_stored", "Finished cars in the compound", ""),
        ("stock_out_min", "Line without parts", ", summed over the part families"),
        ("ghg_g_per_tkm_wtw", "CO2e per tonne-km, well to wheel", "; empty km included"),
        ("violations", "Violations of permits", ""),
    ):
        if (row := rows.get(key)) is not None:
            scale = scale_of(row.unit, [cell.value for cell in row.cells])
            values = [
                (cell.value, run.label) for run, cell in zip(runs, row.cells, strict=True) if cell.value is not None
            ]
            ranked = sorted(values, reverse=row.better == "higher")
            yield Remark(about, _list([f"{label} {scale.text(value)}" for value, label in ranked]) + f"{ending}.")


def _same_riders(runs: Sequence[ServiceRun]) -> Iterator[Remark]:
    """Compare the journeys of those whom every service served; other means rest on different people."""
    if not same_people(runs):
        yield Remark("Same riders", "The runs have different riders, so that no journey can be set against its like.")
        return
    totals = [{one.request.request_id: one.times().total_s for one in run.journeys if one.served} for run in runs]
    common = sorted(set.intersection(*(set(one) for one in totals)))
    if not common:
        yield Remark("Same riders", "No rider was served by every service.")
        return
    means = sorted(
        (sum(one[key] for key in common) / len(common) / 60, run.label) for run, one in zip(runs, totals, strict=True)
    )
    riders = "rider whom every service served" if len(common) == 1 else "riders whom every service served"
    yield Remark("Same riders", f"For the {len(common)} {riders}, the mean from door to door is "
                 + _list([f"{mean:.1f} min with {label}" for mean, label in means]) + ".")  # fmt: skip


def _wins(runs: Sequence[ServiceRun], comparison: Comparison, rows: Mapping[str, Row]) -> Iterator[Remark]:
    """Say of each service where it alone is best, however poor it is elsewhere."""
    scoped = {scope: table(comparison, keys=[f"{code}@{scope}" for code in _PART_CODES]) for scope in _PARTS}

    def best(row: Row) -> set[int]:
        return best_places(row, judged_runs(comparison, row))

    judged = sum(bool(best(row)) for row in rows.values())
    for place, run in enumerate(comparison.runs):
        if run.manifest["status"] != FINISHED:
            continue
        ahead = [title_of(row) for row in rows.values() if best(row) == {place}]
        text = f"Alone in front in {len(ahead)} of the {judged} KPIs that tell the services apart"
        text += f": {_list([_lowered(title) for title in ahead])}." if ahead else "."
        parts = [
            f"{SCOPE_TITLES[scope].lower()} ({', '.join(_lowered(CATALOGUE[row.code].title) for row in won)})"
            for scope, scope_rows in scoped.items()
            if (won := [row for row in scope_rows if best(row) == {place}])
        ]
        if any(one.journeys for one in runs):
            text += f" By part of the riders: {_list(parts) if parts else 'nowhere'}."
        yield Remark(f"Where {runs[place].label} wins", text)


def doubts(runs: Sequence[ServiceRun]) -> Iterator[Remark]:
    """Say of each run what its figures cannot be trusted for."""
    for run in runs:
        if not run.finished:
            yield Remark(
                "Not finished",
                f"The run of {run.label} ended early ({run.manifest['status']}): its KPIs cover what "
                "happened until then and cannot be set against whole runs.",
            )
    for run in runs:
        yield from _teleports(run)
        empty = [
            f"{one.started.vehicle_id} from {format_clock(one.empty.time_s)} on (edge {one.empty.edge}, "
            f"{one.shortfall_wh / 1000:.1f} kWh more than it held)"
            for one in run.freight.trucks.ran_empty()
            if one.empty is not None
        ]
        if empty:
            yield Remark(
                "Batteries run empty",
                f"In the run of {run.label} trucks drove on without charge: {_list(empty)}. It fails the quality gate: "
                "a real truck would have stood there.",
            )


def _teleports(run: ServiceRun) -> Iterator[Remark]:
    """Say whom SUMO moved, when, where and why; with freight that fails the quality gate."""
    moved = [one for one in run.events if isinstance(one, VehicleTeleported)]
    if not moved:
        return
    told = [f"{one.vehicle_id} at {format_clock(one.time_s)}, since on edge {one.edge} ({_cause(run, one)})"
            for one in moved[:_MOST_TOLD]]  # fmt: skip
    told += [f"{len(moved) - _MOST_TOLD} more"] if len(moved) > _MOST_TOLD else []
    ending = (
        "It fails the quality gate." if run.scenario.freight is not None else "Many of them put the times in doubt."
    )
    yield Remark("Teleports", f"In the run of {run.label} SUMO moved {_list(told)}. {ending}")


def _cause(run: ServiceRun, moved: VehicleTeleported) -> str:
    """Return why SUMO moved a vehicle: it stood too long, or had a collision in the same step."""
    hit = {one.vehicle_id: one for one in run.events if isinstance(one, Collision) and one.time_s == moved.time_s}
    if moved.vehicle_id not in hit:
        return "it had stood too long"
    others = [one for name, one in sorted(hit.items()) if name != moved.vehicle_id]
    if len(others) != 1:
        return "after a collision"
    return f"after a collision with {others[0].vehicle_id}, which was on edge {others[0].edge}"


def _list(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _lowered(title: str) -> str:
    """Write a title within a sentence; abbreviations keep their capitals."""
    return title if title[1:2].isupper() else title[0].lower() + title[1:]
