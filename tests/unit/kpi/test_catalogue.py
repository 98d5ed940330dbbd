from __future__ import annotations

from pathlib import Path

from sim.compare import HEADLINE, compare_runs
from sim.kpi.catalogue import CATALOGUE
from sim.kpi.entry import DISTRIBUTION_STATS, SCOPES, TOTAL
from tests.unit.kpi.build import SLOW, booked, pooled, publish
from tests.unit.kpi.freight_build import CONFLICT_ROWS, FREIGHT, freight_incident, moved, supervised_freight, watched
from tests.unit.kpi.test_charging import MIXED, charge, fleet
from tests.unit.kpi.test_operators import SUPERVISION, call, handle, resolve


def emitted(tmp_path: Path) -> set[tuple[str, str, str, str]]:
    reference = publish(tmp_path / "without", [], document={"controllers": {}, "fleet": None})
    incident = [call("v", 700), handle("v", 710, 10), resolve("v", 750, 40)]
    log = sorted([*pooled(), *incident], key=lambda one: one.time_s)
    run = publish(tmp_path / "run", log, document={"supervision": SUPERVISION})
    electric = publish(tmp_path / "electric", fleet(charge("s", 1000, 1540, 20, 15)), document={"fleet": MIXED})
    goods = publish(tmp_path / "goods", moved(), document=FREIGHT, conflicts=CONFLICT_ROWS)
    calls = [*watched(vehicles=1), *freight_incident("tug.1", 1000, queue_s=5, handling_s=60)]
    helped = publish(
        tmp_path / "helped", sorted(calls, key=lambda one: one.time_s), document=supervised_freight(operators=1)
    )  # fmt: skip
    slow = publish(tmp_path / "booked", booked(), document=SLOW)
    comparison = compare_runs(reference, run, slow, electric, goods, helped)
    return {(one.code, one.stat, one.scope, one.unit) for each in comparison.runs for one in each.records.values()}


def test_every_emitted_code_is_in_the_catalogue_and_the_other_way_round(tmp_path: Path) -> None:
    assert {code for code, _, _, _ in emitted(tmp_path)} == CATALOGUE.keys()


def test_records_keep_to_what_the_catalogue_says(tmp_path: Path) -> None:
    for code, stat, scope, unit in emitted(tmp_path):
        kpi = CATALOGUE[code]
        assert unit == kpi.unit
        if code != "vkm_by_load":
            assert stat in (DISTRIBUTION_STATS if kpi.distribution else (TOTAL,)), code
        if kpi.scoped_by in {None, "riders"}:
            assert scope in (SCOPES if kpi.scoped_by else ("all",)), code


def test_every_entry_is_complete() -> None:
    for code, kpi in CATALOGUE.items():
        assert kpi.code == code
        assert kpi.title
        assert kpi.definition
        assert kpi.unit
        assert not code.endswith("_s") or kpi.unit in {"s", "veh·s"}


def test_titles_tell_kpis_apart() -> None:
    titles = [kpi.title for kpi in CATALOGUE.values()]
    assert sorted(titles) == sorted(set(titles))


def test_the_service_rate_stands_first_everywhere() -> None:
    assert next(iter(CATALOGUE)) == HEADLINE[0] == "service_rate"


def test_headline_keys_exist() -> None:
    codes = {key.partition("@")[0].partition(".")[0] for key in HEADLINE}
    assert codes <= CATALOGUE.keys()
    assert len(set(HEADLINE)) == len(HEADLINE)
