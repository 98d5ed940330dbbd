from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sim.compare import ONE_SEED, compare_runs, differing_paths, render, table
from sim.errors import NotFoundError, OutputError, SandboxError
from sim.events import Event
from tests.unit.kpi.build import DOCUMENT, alight, arrive, board, pooled, publish, retire, vehicle_row

TIMETABLE = {"name": "tiny-timetable", "controllers": {"shuttle": {"use": "timetable"}}}


def better() -> list[Event]:
    """The pooled morning, but the waiting rider is served too, at the price of more distance."""
    log = [event for event in pooled() if event.kind not in {"unfinished", "vehicle_retired"}]
    ride = [board("d", 1100, "v", 9000, 1), alight("d", 1300, "v", 14_000, 0), arrive("d", 1300)]
    return [*log, *ride, retire("v", 15_000, energy_wh=(4500, 1500))]


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return publish(tmp_path / "reference", pooled(), document=TIMETABLE)


def test_differences_and_verdicts(reference: Path, tmp_path: Path) -> None:
    comparison = compare_runs(reference, publish(tmp_path / "other", better()))
    rows = {row.key: row for row in table(comparison)}
    assert next(iter(rows)) == "service_rate"
    assert [(rows[key].cells[1].difference, rows[key].cells[1].verdict) for key in (
        "service_rate", "requests_unfinished", "vkm_total", "requests", "teleports"
    )] == [(0.25, "better"), (-1, "neither"), (5, "worse"), (0, "same"), (0, "same")]  # fmt: skip
    assert rows["vkm_total"].cells[1].relative == pytest.approx(0.5)
    assert rows["vkm_total"].cells[0].verdict == "same"
    assert rows["requests_walked"].cells[1].relative is None  # of nothing there is no share
    assert rows["wait_s"].n == (4, 4)
    assert comparison.changes == ((), ("controllers.shuttle.use",))
    assert comparison.warnings == ()
    assert [run.label for run in comparison.runs] == ["tiny-timetable", "tiny"]


def test_every_kpi_can_be_asked_for(reference: Path, tmp_path: Path) -> None:
    comparison = compare_runs(reference, publish(tmp_path / "other", better()))
    rows = table(comparison, keys=None)
    assert rows[0].key == "service_rate"
    assert {row.key for row in rows} == set().union(*(run.records for run in comparison.runs))
    assert [row.key for row in table(comparison, keys=["wait_s.p90", "no_such_kpi"])] == ["wait_s.p90"]


def test_a_value_that_one_run_lacks_is_no_difference(reference: Path, tmp_path: Path) -> None:
    other = publish(tmp_path / "other", pooled(), document={"costs": None})
    row = next(row for row in table(compare_runs(reference, other)) if row.key == "cost_per_served_rider_krw")
    assert row.reference is not None
    assert (row.cells[1].value, row.cells[1].difference, row.cells[1].verdict) == (None, None, "neither")
    assert row.n == (2, None)


def test_three_runs_side_by_side_in_one_table(reference: Path, tmp_path: Path) -> None:
    others = [publish(tmp_path / name, better(), document={"name": name}) for name in ("one", "two")]
    console = Console(file=io.StringIO(), width=200, force_terminal=False)
    render(compare_runs(reference, *others), console=console)
    text = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    lines = text.splitlines()
    assert ONE_SEED in lines[0]
    assert [word for word in ("tiny-timetable", "one", "two") if word in text] == [
        "tiny-timetable",
        "one",
        "two",
    ]
    first = next(line for line in lines if "%" in line)
    assert "Service rate [share]" in first
    assert first.count("75.0 %") == 2
    assert first.count("+25.0 pp") == 2
    assert "+5.00 (+50 %)" in next(line for line in lines if "Vehicle-km [km]" in line)
    assert "identical" not in text


def test_identical_runs_are_said_to_be(tmp_path: Path) -> None:
    comparison = compare_runs(publish(tmp_path / "a", pooled()), publish(tmp_path / "b", pooled()))
    assert comparison.same_fingerprint
    assert [run.label for run in comparison.runs] == ["a", "b"]
    console = Console(file=io.StringIO(), width=120)
    render(comparison, console=console)
    assert "identical, event by event" in console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO


@pytest.mark.parametrize(
    ("document", "manifest", "message"),
    [
        ({"network": "bitgreen"}, {}, "network is 'bitgreen' instead of 'grid'"),
        ({"time": {**DOCUMENT["time"], "end_s": 3000}}, {}, r"time\.end_s is 3000 instead of 3600"),
        ({}, {"versions": {"sumo": "1.27.0"}}, "SUMO version is '1.27.0' instead of '1.28.0'"),
        ({}, {"network": {"name": "grid", "sha256": "1"}}, "network hash is '1'"),
    ],
)
def test_what_cannot_be_compared_is_refused_unless_forced(
    reference: Path, tmp_path: Path, document: dict[str, Any], manifest: dict[str, Any], message: str
) -> None:
    other = publish(tmp_path / "other", pooled(), document=document, **manifest)
    with pytest.raises(SandboxError, match=f"tiny cannot be compared with tiny-timetable: .*{message}"):
        compare_runs(reference, other)
    forced = compare_runs(reference, other, force=True)
    assert len(forced.warnings) == 1
    assert forced.warnings[0].startswith("tiny: ")


def test_other_people_another_fleet_and_a_broken_off_run_are_warned_of(reference: Path, tmp_path: Path) -> None:
    changed = {"seeds": {"demand": 2, "sumo": 1}, "fleet": {"count": 2, "seats": 3}}
    other = publish(tmp_path / "other", pooled(), document=changed, status="interrupted")
    comparison = compare_runs(reference, other)
    assert comparison.warnings == (
        "tiny differs in more than its controllers: fleet.count, seeds.demand",
        "tiny moves other people or goods: its differences are not those of the service",
        "tiny did not run to its end: it was interrupted",
    )


def test_time_loss_is_added_to_the_same_vehicles_without_the_service(tmp_path: Path) -> None:
    alone = [
        vehicle_row("bg.1", "background", 20),
        vehicle_row("bg.2", "truck", 50),
        vehicle_row("bg.3", "truck", 9),
    ]
    no_service: dict[str, Any] = {"name": "empty", "controllers": {}, "fleet": None}
    without = publish(tmp_path / "without", [], document=no_service, vehicles=alone)
    run = publish(tmp_path / "run", pooled())
    for comparison in (compare_runs(without, run), compare_runs(run, run, without_service=without)):
        added = comparison.runs[1].records["time_loss_others_added_s"]
        assert added.value == pytest.approx(((40 - 20) + (60 - 50)) / 2)
        assert added.n == 2
        assert comparison.warnings == ()
    assert "time_loss_others_added_s" not in compare_runs(without, run).runs[0].records


def test_bad_input_is_named(reference: Path, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="two runs or more, found 1"):
        compare_runs(reference)
    with pytest.raises(NotFoundError, match="no published run"):
        compare_runs(reference, tmp_path / "nowhere")
    (reference / "manifest.json").write_text('{"scenario": {}}')
    with pytest.raises(OutputError, match=r"lacks scenario.name, fingerprint, status, versions.sumo, network"):
        compare_runs(reference, reference)


def test_differing_paths_go_to_the_leaf_and_skip_words() -> None:
    a = {"name": "a", "title": "A", "x": {"y": 1, "z": [1]}, "only": 1}
    b = {"name": "b", "title": "B", "x": {"y": 1, "z": [2]}, "w": {"v": 1}}
    assert differing_paths(a, b) == ["only", "w", "x.z"]
