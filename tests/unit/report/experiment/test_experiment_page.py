from __future__ import annotations

import base64
import hashlib
import html
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sim.documents import load_permit, load_scenario, permit_catalogue
from sim.errors import OutputError
from sim.network.catalog import load_network
from sim.report.experiment.contrasts import Contrast
from sim.report.experiment.gallery import MOST_CONTRASTS
from sim.report.experiment.page import ExperimentPage, render_experiment, write_experiment_report
from sim.statistics import runs_needed
from sim.verdict import judge
from tests.unit.report.experiment.build import FIGURES, MANIFEST, PROMISES, Variant, frames

KEYS = ("service_rate", "wait_s", "ride_s", "requests", "cost_per_served_rider_krw")
ROOT = Path(__file__).parents[4]
CRASH = "SUMO ended at step 2,113: <segmentation fault> & more"
PLAIN = [
    "Verdict",
    "Design",
    "Differences to the reference",
    "Distributions over the seeds",
    "Means over the seeds",
    "Seeds that each mean needs",
    "Provenance",
]


class Words(HTMLParser):
    """What a page says, its tags, and what it asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "data"}]
        self.words += [value or "" for name, value in attrs if name in {"title", "alt"}]

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def headings(text: str) -> list[str]:
    return [html.unescape(found) for found in re.findall(r"<h2[^>]*>(.*?)</h2>", text)]


def page_of(variants: list[Variant], seeds: int = 3, *, without: bool = False) -> ExperimentPage:
    results, runs = frames(variants, seeds, keys=KEYS, without=without)
    labels = list(results["variant"].unique())
    return ExperimentPage(
        title="빛그린: timetable against demand",
        question="Do riders wait less?",
        results=results,
        runs=runs,
        contrasts=[Contrast.of(judge(results, labels[0], other, keys=KEYS)) for other in labels[1:]],
        manifests=[MANIFEST] * 2,
    )


@pytest.fixture(scope="module")
def plain() -> str:
    return render_experiment(page_of([Variant("timetable"), Variant("shuttle", 1)], without=True))


@pytest.fixture(scope="module")
def broken() -> str:
    return render_experiment(page_of([Variant("timetable"), Variant("shuttle", 1, failed={2: CRASH})]))


def sweep(*names: str) -> list[Variant]:
    return [
        Variant(f"{name} fleet.count={n}".strip(), n / 8 + place, {"fleet.count": n})
        for n in (8, 16, 24)
        for place, name in enumerate(names)
    ]


def test_page_asks_nothing_of_the_network(plain: str) -> None:
    found = Words(plain)
    assert found.addresses
    assert all(address.startswith(("data:", "#")) for address in found.addresses)
    assert {"link", "script", "iframe", "object"}.isdisjoint(found.tags)
    for data in re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', plain):
        drawing = base64.b64decode(data).decode()
        assert all(link.startswith(("#", "data:")) for link in re.findall(r'href="([^"]*)"', drawing))
        assert "<text" not in drawing  # letters are paths, so that no font is asked for


def test_no_glyph_is_missing(plain: str) -> None:
    text = Words(plain).text
    assert {"빛", "©"} <= set(text)
    embedded = {int(code, 16) for code in re.findall(r"U\+([0-9A-F]+)[,}]", plain)}
    assert {ord(letter) for letter in text if letter.isprintable()} <= embedded


def test_content_comes_in_order(plain: str) -> None:
    assert headings(plain) == PLAIN
    text = Words(plain).text
    for words in (
        "Do riders wait less?", "Thin lines join the runs of one seed.",
        "3 variants × 3 seeds · 9 of 9 runs finished", "the same seeds: 1–3.",
        "shuttle against timetable", "SUMO 1.28.0", "ab" * 32, "Network data: © OpenStreetMap contributors.",
    ):  # fmt: skip
        assert words in text


def table_of(text: str, heading: str) -> tuple[list[str], dict[str, list[str]]]:
    """Return a table's heads and its rows by their first cell, words alone."""
    start = text.index(f'id="{heading}"')
    table = text[text.index("<table", start) : text.index("</table>", start)]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)]
    words = [[re.sub("<[^>]*>", "", cell) for cell in row] for row in rows]
    return words[0], {row[0]: row[1:] for row in words[1:]}


def test_every_path_that_was_set_is_a_column_of_the_design() -> None:
    points = [
        Variant("a", 0, {"fleet.count": 8, "fleet.seats": 6}),
        Variant("b", 1, {"fleet.count": 12, "fleet.seats": 6}),
        Variant("c", 2, {"requests.max_wait_s": 600}),
    ]
    heads, rows = table_of(render_experiment(replace(page_of(points, 1), contrasts=[])), "design")
    assert heads == ["Variant", "fleet.count", "fleet.seats", "requests.max_wait_s", "runs finished"]
    assert rows["a"] == ["8", "6", "–", "1 of 1"]
    assert rows["c"] == ["–", "–", "600", "1 of 1"]


def test_the_scenario_is_a_column_of_the_design_where_there_are_several() -> None:
    points = [Variant(name, place, {"scenario": name}) for place, name in enumerate(("x", "y"))]
    assert table_of(render_experiment(page_of(points, 1)), "design")[0] == ["Variant", "scenario", "runs finished"]
    alone = [Variant(f"n={n}", n, {"scenario": "x", "fleet.count": n}) for n in (1, 2)]
    assert table_of(render_experiment(page_of(alone, 1)), "design")[0] == ["Variant", "fleet.count", "runs finished"]


def test_the_seeds_that_a_mean_needs_are_those_of_fhwa() -> None:
    def change(variant: str, key: str, seed: int, value: float) -> float | None:
        if key == "teleports":
            return 0.0
        spread = {"timetable": 0.01, "shuttle": 0.1, "jam": 3.0}[variant]
        return 100 * (1 + spread * (-1) ** seed) if key == "wait_s" else value

    variants = [Variant("timetable"), Variant("shuttle", 1), Variant("jam", 2)]
    results, runs = frames(variants, 6, keys=("wait_s", "teleports"), change=change)
    page = ExperimentPage(title="T", question="", results=results, runs=runs, kpis=["wait_s", "teleports"])
    text = render_experiment(page)
    heads, rows = table_of(text, "needed")
    expected = [runs_needed([100 * (1 + spread * (-1) ** seed) for seed in range(6)]) for spread in (0.01, 0.1)]
    assert expected == [4, 21]  # (2.086 × 10.95 / 5)² = 20.9 with t at 20; six seeds are enough for the first alone
    assert heads == ["KPI", "timetable", "shuttle", "jam"]
    assert rows == {"Wait (mean)": [*map(str, expected), "more than 1,000"]}
    assert f'<span class="short">{expected[1]}</span>' in text
    assert '<span class="short">4</span>' not in text
    assert "within ± 5 % of it, at 95 % confidence. 1 of 3 means have them; marked are those" in Words(text).text
    coarse = table_of(render_experiment(replace(page, precision=0.5)), "needed")[1]
    assert coarse["Wait (mean)"][:2] == ["4", "4"]
    alone = render_experiment(replace(page, results=results[results["demand_seed"] == 1], runs=runs))
    assert "Seeds that each mean needs" not in headings(alone)  # one run has no spread, and zeros have none


def test_sumo_seeds_of_one_demand_are_one_of_the_observations_that_a_mean_needs() -> None:
    results, runs = frames([Variant("a")], 6, keys=("wait_s",))
    for frame in (results, runs):
        frame["demand_seed"] = (frame["demand_seed"] + 1) // 2
    page = ExperimentPage(title="T", question="", results=results, runs=runs, kpis=["wait_s"])
    text = render_experiment(page)
    means = results.groupby("demand_seed")["value"].mean().to_list()
    assert table_of(text, "needed")[1] == {"Wait (mean)": [str(runs_needed(means))]}
    assert "As many demands find" in Words(text).text


def test_means_stand_with_their_intervals_and_without_the_variant_that_has_none(plain: str) -> None:
    table = plain[plain.index('class="kpis"') : plain.index("</table>", plain.index('class="kpis"'))]
    assert re.findall(r'<th class="number" scope="col">(.*?)</th>', table) == ["timetable", "shuttle"]
    row = re.search(r">Wait \(mean\)</th><td class=\"unit\">min</td>(.*?)</tr>", table, re.DOTALL)
    assert row is not None
    cells = re.findall(r"<td class=\"number\">([\d.]+)<small>([\d.]+) to ([\d.]+)</small></td>", row[1])
    assert [float(low) < float(mean) < float(high) for mean, low, high in cells] == [True, True]


def test_runs_that_failed_are_listed_with_their_fault(plain: str, broken: str) -> None:
    assert headings(broken) == [*PLAIN[:2], "Runs that did not finish", *PLAIN[2:]]
    text = Words(broken).text
    assert "1 of 6 runs did not finish" in text
    assert f"shuttle 2 failed {CRASH}" in text
    assert "2 of 3 incomplete" in text
    assert "n = 2" in text
    assert "did not finish" not in Words(plain).text


def test_hostile_names_are_escaped() -> None:
    hostile = '<script>alert("x")</script>&$\\frac$'
    page = page_of([Variant("a"), Variant(hostile, 1, failed={1: hostile})])
    text = render_experiment(replace(page, title=hostile, question=hostile, warnings=[hostile]))
    assert "<script" not in text
    assert Words(text).text.count(hostile) > 5


def test_same_content_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    out = tmp_path / "sub" / "report.html"
    code = (
        "import sys; from pathlib import Path; from tests.unit.report.experiment import test_experiment_page as t; "
        "t.write_experiment_report(t.page_of(t.sweep(''), 2), Path(sys.argv[1]))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Seoul", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code, out], check=True, env=environment)
    here = render_experiment(page_of(sweep(""), 2))
    assert hashlib.sha256(out.read_bytes()).digest() == hashlib.sha256(here.encode()).digest()


# --- which pictures -----------------------------------------------------------------------------------------


def test_sweep_has_sensitivity_and_trade_off() -> None:
    text = render_experiment(page_of(sweep("one", "two", "three"), 2))
    found = headings(text)
    assert {"Sensitivity to fleet.count", "Trade-offs"} <= set(found)
    assert not [one for one in found if "×" in one]
    assert f"Differences are drawn for the first {MOST_CONTRASTS} of 8 variants" in Words(text).text


def test_grid_has_a_heat_map_and_a_list_of_points_has_none() -> None:
    cells = [(8, 0.1), (8, 0.2), (16, 0.1), (16, 0.2), (24, 0.1)]
    grid = [Variant(f"{a} {b}", a / 8 - b, {"fleet.count": a, "demand.share": b}) for a, b in cells]
    assert "fleet.count × demand.share" in headings(render_experiment(replace(page_of(grid, 1), contrasts=[])))
    diagonal = [Variant(f"{n}", n, {"fleet.count": n, "demand.share": 2 * n}) for n in (1, 2, 3)]
    found = headings(render_experiment(replace(page_of(diagonal, 1), contrasts=[])))
    assert "Sensitivity to fleet.count" in found
    assert not [one for one in found if "×" in one or "demand.share" in one]


def test_many_variants_have_no_distributions_and_the_page_says_so() -> None:
    text = render_experiment(page_of([Variant(f"v{n}", n / 9) for n in range(13)], 1))
    assert "Distributions over the seeds" not in headings(text)
    assert "13 variants are more than the 12 that can be read" in Words(text).text


def test_one_run_has_a_table_and_no_empty_picture() -> None:
    text = render_experiment(page_of([Variant("alone")], 1))
    assert headings(text) == ["Design", "Pictures left out", "KPIs", "Provenance"]
    assert "One seed: chance cannot be told from the variants" in Words(text).text
    assert "<img" not in text
    assert "interval" not in Words(text[text.index("<main>") :]).text


def test_experiment_in_which_every_run_failed_still_has_a_page() -> None:
    results, runs = frames([Variant("a", failed={1: "crashed"})], 1)
    text = render_experiment(ExperimentPage(title="t", question="", results=results, runs=runs))
    assert headings(text) == ["Design", "Runs that did not finish", "Pictures left out", "Provenance"]


def test_chosen_kpis_are_drawn_and_those_without_a_run_are_named() -> None:
    page = page_of([Variant("a"), Variant("b", 1)])
    text = render_experiment(replace(page, contrasts=[], kpis=["requests", "energy_kwh"]))
    assert "No finished run has the KPIs energy." in Words(text).text
    assert re.findall(r'<th scope="row" title="([a-z_]+):', text) == ["requests"]
    assert len(re.findall("<img", text)) == 1


def test_asked_trade_off_is_drawn_without_a_sweep_or_refused_in_words() -> None:
    variants = [Variant(label, n) for n, label in enumerate("abc")]
    asked = [("ride_s", "wait_s"), ("requests", "wait_s")]
    text = render_experiment(replace(page_of(variants), trade_offs=asked))
    assert "Trade-offs" in headings(text)
    assert "No trade-off of requests and wait_s: both must" in Words(text).text


# --- provenance and faults ----------------------------------------------------------------------------------


def test_runs_of_two_sumo_versions_are_warned_of() -> None:
    other = MANIFEST | {"versions": {"sandbox": "0.1.0", "sumo": "SUMO 1.27.0"}}
    text = render_experiment(replace(page_of([Variant("a")], 2), manifests=[MANIFEST, other]))
    assert "The runs do not share one SUMO: SUMO 1.28.0; SUMO 1.27.0." in Words(text).text


def test_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("taken")
    with pytest.raises(OutputError, match=r"cannot write the report .*report\.html"):
        write_experiment_report(page_of([Variant("a")], 1), tmp_path / "file" / "report.html")


def test_promises_have_a_section_of_their_own() -> None:
    results, runs = frames([Variant("insertion"), Variant("lns", 1.0)], keys=(*FIGURES, *PROMISES))
    judgement = judge(results, "insertion", "lns")
    assert {row.key: row.outcome for row in judgement.rows if row.key in PROMISES} == {
        "promise_kept_rate": "pass",
        "promise_window_s": "pass",
        "booking_shift_s": "fail",
        "pickup_delay_vs_promise_s.p95": "pass",
    }
    page = ExperimentPage(
        title="Promises", question="", results=results, runs=runs, contrasts=[Contrast.of(judgement)],
        manifests=[MANIFEST],
    )  # fmt: skip
    text = Words(render_experiment(page)).text
    means, needed = text.index("Means over the seeds"), text.index("Seeds that each mean needs")
    for title in ("Promises kept", "Promised window (mean)", "Bookings moved (mean)", "Late pick-up (95th percentile)"):
        assert title in text[means:needed]
        assert title in text[needed:]


def test_what_is_set_in_all_variants_stands_in_design_and_provenance() -> None:
    page = page_of([Variant("a"), Variant("b", 1)])
    changed = {"time.end_s": 39_600, "demand.commuters": None}
    text = Words(render_experiment(replace(page, settings=changed))).text
    assert "Set in all variants: time.end_s=39600 , demand.commuters=null ." in text
    assert "Set in all variants time.end_s=39600; demand.commuters=null" in text.partition("Provenance")[2]
    assert "Set in all variants" not in Words(render_experiment(page)).text


def test_permits_of_both_sides_stand_beside_each_other_with_their_zone() -> None:
    scenario = load_scenario("permit-ab")
    ready = {name: load_permit(permit_catalogue()[name]) for name in ("low-speed-zone-2021", "low-speed-zone-15")}
    sides = {name: scenario.model_copy(update={"permits": {"zone": permit}}) for name, permit in ready.items()}
    page = replace(page_of([Variant("a"), Variant("b", 1)]), scenarios=sides)
    network = load_network(scenario.network)
    here = MANIFEST | {"network": {"name": network.name, "sha256": network.sha256, "attribution": ""}}
    text = render_experiment(replace(page, manifests=[here]))
    assert "Permits" in headings(text)
    assert 'alt="Zones of the permits"' in text
    assert "zone low-speed-zone-2021 zone low-speed-zone-15" in Words(text).text
    assert "At most 15 km/h" in text
    rebuilt = render_experiment(page)
    assert 'alt="Zones of the permits"' not in rebuilt
    assert "No map of the zones" in rebuilt


def test_levels_that_are_documents_are_told_by_their_leaves() -> None:
    levels = [None, '{"time_gap_s": 0.6, "leader": {"eases": 0.1}}']
    text = Words(render_experiment(page_of([Variant(f"v{n}", n, {"p.q": one}) for n, one in enumerate(levels)]))).text
    assert "time_gap_s 0.6, leader.eases 0.1" in text
    assert "{" not in text


def test_verdicts_name_kpis_by_their_titles(plain: str) -> None:
    verdict = Words(plain).text.partition("Verdict")[2].partition("Design")[0]
    assert "served riders" in verdict or "wait" in verdict
    assert "wait_s" not in verdict


def test_means_have_the_digits_that_tell_the_variants_apart() -> None:
    variants = [Variant("a"), Variant("b", 1)]
    results, runs = frames(variants, 3, keys=KEYS, change=lambda label, key, _, value: (
        206.401 if label == "a" else 206.402) if key == "requests" else value)  # fmt: skip
    page = ExperimentPage(title="t", question="", results=results, runs=runs, kpis=["requests"])
    assert "206.401 in every run 206.402 in every run" in Words(render_experiment(page)).text
