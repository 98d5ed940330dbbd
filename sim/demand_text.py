"""A demand in words and tables: for the screen, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sim.demand_calibration import Calibration
from sim.demand_summary import Comparison, DemandSummary, Fitness, calibration_of, is_calibrated, whole_hours
from sim.fields import format_clock
from sim.runner.counted import LATE_S, Counted
from sim.scenario import Scenario

TARGETS = "the targets are assumed from daily volumes, nobody counted them"
HOW = "`bitgreen demand calibrate COUNTS.csv` fits flows to counts"


def standing(scenario: Scenario, *, targets: bool) -> str:
    """Return whether a demand is calibrated; `targets` says whether the network has any of its own."""
    fitted = calibration_of(scenario)
    if fitted is None:
        return f"not calibrated: {f'{TARGETS}; ' if targets else ''}{HOW}"
    against = f"; {TARGETS}" if targets else ""
    word = "calibrated" if is_calibrated(scenario) else "NOT calibrated"
    return (
        f"{word}: flows fitted to {fitted.file}, {fitted.volumes} "
        f"volumes have GEH below 5 at {fitted.geh_below_5_share:.1%} of its {fitted.counts} counts, sum "
        f"{fitted.sum_error:+.1%}: FHWA's criteria are {'met' if fitted.fhwa_met else 'NOT met'}{against}"
    )


def nothing_to_compare(summary: DemandSummary) -> str:
    """Return why no target stands beside a volume."""
    if not summary.targets:
        return f"network {summary.scenario.network} has no table of counts (demand_counts.csv) to compare with"
    span = summary.scenario.time
    if not whole_hours(summary.scenario):
        clocks = f"{format_clock(span.begin_s)} to {format_clock(span.end_s)}"
        return f"{clocks} holds no whole hour: counts and targets are by the hour"
    return "the network's table of counts has no row for these hours"


def run_document(counted: Counted, compared: Sequence[Comparison]) -> dict[str, object]:
    """Return what a run counted."""
    return {
        "simulated": {
            "trips": len(counted.ended),
            "late": len(counted.late),
            "late_under_way": sum(not trip.ended for trip in counted.late),
            "jams": counted.jams,
            "teleports": counted.teleports,
            "waiting_to_enter": counted.waiting_to_enter,
            "counts": [_row(one) for one in compared],
        }
    }


def calibration_document(found: Calibration, out: Path | None) -> dict[str, object]:
    """Return how well a calibration meets the counts, and what they leave open."""
    fitness, coverage = found.fitness, found.coverage
    return {
        "calibrated": fitness.good,
        "fhwa": {
            "met": fitness.good,
            "share_geh_below_5": round(fitness.share_good, 4),
            "sum_error": round(fitness.sum_error, 4),
        },
        "counted": coverage.counted,
        "not_counted": {**coverage.open, "held_by": coverage.held_by or None},
        "counts": [_row(one) for one in found.compared],
        "scenario": str(out) if out is not None else None,
    }


def _row(one: Comparison) -> dict[str, object]:
    count = one.count
    return {
        "road": count.road, "hour": count.hour, "class": count.vehicle_class, "target": count.vehicles,
        "vehicles": round(one.vehicles, 1), "geh": round(one.geh, 2),
    }  # fmt: skip


def print_people(summary: DemandSummary, console: Console) -> None:
    """Print journeys by mode, what is particular about riders, trip lengths and arrivals at each gate."""
    modes = Table("journeys", "people", box=None)
    for mode, people in summary.modes.items():
        modes.add_row(mode, f"{people:,}")
    lengths = Table("trips", "vehicles or people", "mean km", box=None)
    for group, metres in summary.lengths_m.items():
        if len(metres):
            lengths.add_row(group, f"{len(metres):,}", f"{metres.mean() / 1000:.1f}")
    arrivals = Table("gate", "arrivals by car, shuttle, coach, foot", "most in ten minutes", box=None)
    for site, bins in summary.arrivals.items():
        arrivals.add_row(site, f"{sum(bins.values()):,}", str(max(bins.values())))
    requests = len(summary.population.riders)
    traits = Table("riders' traits", f"of {requests:,} requests", "share", box=None)
    for trait, count in summary.traits.items():
        traits.add_row(trait, f"{count:,}", f"{count / requests:.1%}")
    for table in (modes, *([traits] if summary.traits else []), lengths, arrivals):
        console.print(table)
        console.print()


def print_goods(summary: DemandSummary, console: Console) -> None:
    """Print orders by family, lorries and finished cars, where there are any."""
    if summary.flows:
        table = Table("orders", "number", "pallets", "t", "window min", "due", box=None)
        for family, flow in summary.flows.items():
            due = f"{format_clock(flow.first_due_s)}-{format_clock(flow.last_due_s)}"
            amounts = f"{flow.pallets:,.0f}", f"{flow.tonnes:,.1f}", f"{flow.window_s / 60:.0f}"
            table.add_row(family, str(flow.orders), *amounts, due)
        console.print(table)
        console.print()
    others = [f"{count} lorries ({flow})" for flow, count in summary.lorries.items()]
    cars = len(summary.population.goods.cars)
    if others or cars:
        console.print(", ".join([*others, *([f"{cars} finished cars"] if cars else [])]), highlight=False)


def print_counts(compared: Sequence[Comparison], what: str, console: Console, *, against: str) -> None:
    """Print counts and volumes by road and class, with GEH and FHWA's criteria.

    Parameters
    ----------
    compared
        At least one.
    what, against
        Words for the volumes and for the counts.
    """
    table = Table("road", "class", f"{against}/h", f"{what}/h", "mean GEH", "worst GEH", "hours below 5", box=None)
    keys = sorted({(one.count.road, one.count.vehicle_class) for one in compared})
    for road, vehicle_class in keys:
        own = [one for one in compared if (one.count.road, one.count.vehicle_class) == (road, vehicle_class)]
        gehs = [one.geh for one in own]
        table.add_row(
            road, vehicle_class, f"{sum(one.count.vehicles for one in own) / len(own):.0f}",
            f"{sum(one.vehicles for one in own) / len(own):.0f}", f"{sum(gehs) / len(gehs):.1f}", f"{max(gehs):.1f}",
            f"{sum(value < 5 for value in gehs)} of {len(gehs)}",
        )  # fmt: skip
    console.print(table)
    fitness = Fitness.of(compared)
    console.print(
        f"{what}: GEH below 5 at {fitness.share_good:.1%} of {fitness.counts} {against}s (FHWA asks 85 %), "
        f"sum {fitness.sum_error:+.1%} (within 5 %)"
    )


def print_run(counted: Counted, console: Console) -> None:
    """Print how the counted run went."""
    ended, late = counted.ended, counted.late
    if ended:
        metres, seconds, lost_s = (
            sum(values) / len(ended)
            for values in zip(*((trip.metres, trip.seconds, trip.lost_s) for trip in ended), strict=True)
        )
        console.print(
            f"simulated: {len(ended):,} trips ended, mean {metres / 1000:.1f} km in {seconds / 60:.1f} min, "
            f"{lost_s / 60:.1f} min of it lost; {counted.waiting_to_enter} vehicles wait to enter, "
            f"{counted.teleports} teleports"
        )
    else:
        console.print("simulated: no trip ended")
    under_way = sum(not trip.ended for trip in late)
    console.print(
        f"{len(late):,} vehicles lost more than {LATE_S / 60:.0f} min, {under_way:,} of them still under way at the end"
        f"{': the roads do not carry this demand' if counted.jams else ''}"
    )
