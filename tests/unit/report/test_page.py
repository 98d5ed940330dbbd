from __future__ import annotations

import base64
import hashlib
import html
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sim.errors import OutputError, SandboxError
from sim.report.page import render_report, write_report
from tests.unit.report import build

HEADINGS = [
    "In short", "KPIs", "Parts of the riders", "The area", "The complex", "Where riders waited long",
    "Waits and journeys", "Fleet use over time", "Arrivals against the start of the shift", "Provenance",
    "Figures of the scenario by status",
]  # fmt: skip


class Page(HTMLParser):
    """What a page asks for, what it says, and its tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self._in_style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._in_style = tag == "style"
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "action", "data"}]
        self.words += [value or "" for name, value in attrs if name in {"title", "alt"}]

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if not self._in_style:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def headings(text: str) -> list[str]:
    return [html.unescape(found) for found in re.findall(r"<h2[^>]*>(.*?)</h2>", text)]


def pictures(text: str) -> list[str]:
    return [base64.b64decode(data).decode() for data in re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', text)]


@pytest.mark.parametrize("page", ["one_page", "four_page"])
def test_page_asks_nothing_of_the_network(page: str, request: pytest.FixtureRequest) -> None:
    text: str = request.getfixturevalue(page)
    found = Page(text)
    assert found.addresses
    assert all(address.startswith("data:") for address in found.addresses)
    assert {"link", "script", "iframe", "object"}.isdisjoint(found.tags)
    assert all(address.startswith("data:") for address in re.findall(r"url\(['\"]?([^)'\"]+)", text))
    assert "@import" not in text
    drawings = pictures(text)
    assert len(drawings) == 6
    for drawing in drawings:
        assert all(link.startswith(("#", "data:")) for link in re.findall(r'href="([^"]*)"', drawing))
        assert "<text" not in drawing  # letters are paths, so that no font is asked for


@pytest.mark.parametrize("page", ["one_page", "four_page"])
def test_no_glyph_is_missing(page: str, request: pytest.FixtureRequest) -> None:
    text: str = request.getfixturevalue(page)
    embedded = {int(code, 16) for code in re.findall(r"U\+([0-9A-F]+)", text)}
    assert {ord(letter) for letter in Page(text).text if letter.isprintable()} <= embedded


def test_no_font_is_replaced_in_figures(four_runs: list[Path], caplog: pytest.LogCaptureFixture) -> None:
    # pytest turns matplotlib's warning of a missing glyph into an error; a missing face is only logged
    render_report(four_runs[:1], reference=None, title="Fonts")
    assert [record.message for record in caplog.records] == []


def test_content_comes_in_order(one_page: str, four_page: str) -> None:
    assert headings(four_page) == HEADINGS
    assert headings(one_page) == HEADINGS
    for label in ("timetable", "sumo-greedyClosest", "insertion", "sumo-greedyShared"):
        assert label in Page(four_page).text
    assert 'lang="en"' in four_page
    assert "One seed: differences are not yet significant." in Page(four_page).text


def test_service_rate_stands_first_with_its_best_and_its_difference(four_page: str) -> None:
    body = four_page[four_page.index('class="kpis"') :]
    row = re.search(r'<tr><th scope="row"[^>]*>(.*?)</th>(.*?)</tr>', body, re.DOTALL)
    assert row is not None
    assert row[1] == "Service rate"
    cells = re.findall(r'<td class="(.*?)">(.*?)</td>', row[2])
    assert cells == [
        ("unit", "%"),
        ("number notbest", "75.0"),
        ("number notbest", "30.0"),
        ("difference worse", "−45.0 pp"),
        ("number best", "90.0"),
        ("difference better", "+15.0 pp"),
        ("number notbest", "97.5"),  # interrupted runs cannot be best
        ("difference better", "+22.5 pp"),
    ]


def test_summary_says_who_serves_most_and_where_the_first_wins(four_page: str) -> None:
    text = Page(four_page).text
    assert "sumo-greedyShared 39 of 40, insertion 36 of 40, timetable 30 of 40 and sumo-greedyClosest 12 of 40." in text
    assert "For the 12 riders whom every service served, the mean from door to door is" in text
    assert "Where timetable wins Alone in front in" in text
    assert "Where sumo-greedyShared wins" not in text


def test_interrupted_run_is_marked(one_page: str, four_page: str) -> None:
    assert '<span class="badge">interrupted</span>' in four_page
    assert "The run of sumo-greedyShared ended early (interrupted)" in Page(four_page).text
    assert '<span class="badge">' not in one_page


def test_seeds_of_one_service_take_the_banner_away(tmp_path: Path) -> None:
    runs = [build.publish(tmp_path / f"s{seed}", seed=seed, riders=6, capacity=6) for seed in (1, 2)]
    text = Page(render_report(runs, reference=None, title="Seeds")).text
    assert "not yet significant" not in text
    assert "no test of significance is made here" in text
    assert "The runs have different riders" in text


def test_hostile_names_are_escaped(tmp_path: Path) -> None:
    hostile = '<script>alert("x")</script>&$\\frac$'
    controllers = {"shuttle": {"use": "insertion", "parameters": {"note": hostile}}}
    run = build.publish(
        tmp_path / "run", controllers=controllers, riders=6, capacity=3, warnings=[hostile], run_id=hostile
    )
    page = render_report([run], reference=None, title=hostile)
    assert "<script" not in page
    assert "script" not in Page(page).tags
    assert hostile in Page(page).text


def test_same_runs_give_the_same_bytes_in_another_process(four_runs: list[Path], one_page: str, tmp_path: Path) -> None:
    out = tmp_path / "sub" / "report.html"
    code = (
        "import sys; from pathlib import Path; from sim.report.page import write_report; "
        "write_report([Path(sys.argv[1])], Path(sys.argv[2]), title='One service')"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Seoul"}
    subprocess.run([sys.executable, "-c", code, four_runs[0], out], check=True, env=environment)
    assert hashlib.sha256(out.read_bytes()).digest() == hashlib.sha256(one_page.encode()).digest()


def test_rebuilt_network_leaves_the_maps_out(tmp_path: Path) -> None:
    network = {"name": "bitgreen", "sha256": "0" * 64, "attribution": "nobody"}
    run = build.publish(tmp_path / "run", riders=6, capacity=3, network=network)
    page = render_report([run], reference=None, title="Old")
    assert "the network bitgreen has been rebuilt since these runs" in Page(page).text
    assert "The area" not in headings(page)


def test_nobody_served_and_nobody_asking_still_make_a_page(tmp_path: Path) -> None:
    nobody_served = build.publish(tmp_path / "none", riders=3, capacity=0)
    assert "insertion 0 of 3." in Page(render_report([nobody_served], reference=None, title="None")).text
    nobody = build.publish(tmp_path / "empty", riders=0, capacity=0)
    assert "Nobody asked for a ride" in Page(render_report([nobody], reference=None, title="Empty")).text


def test_reference_adds_what_the_services_cost_other_traffic(four_runs: list[Path], one_page: str) -> None:
    page = render_report(four_runs[:1], reference=four_runs[2], title="With reference")
    assert "Time loss added" in Page(page).text
    assert "Time loss added" not in Page(one_page).text


@pytest.mark.parametrize("count", [0, 7])
def test_number_of_runs_is_bounded(count: int, four_runs: list[Path]) -> None:
    with pytest.raises(SandboxError, match=f"1 to 6 runs, found {count}"):
        render_report(four_runs[:1] * count, reference=None, title="Many")


def test_place_that_cannot_be_written_is_named(four_runs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("taken")
    with pytest.raises(OutputError, match=r"cannot write the report .*report\.html"):
        write_report(four_runs[:1], tmp_path / "file" / "report.html")


def test_promises_and_riders_who_stay_away_are_told(tmp_path: Path) -> None:
    runs = [
        build.publish(tmp_path / "slow", capacity=30, pace_mps=30, booked=True),
        build.publish(tmp_path / "lns", controllers={"shuttle": {"use": "lns"}}, capacity=36, booked=True),
    ]
    page = render_report(runs, reference=None, title="Booked")
    text = Page(page).text
    assert "lns 36 of 36 and insertion 30 of 30" in text
    assert "10 with insertion and 4 with lns: they cancelled by the time of their wish to travel or never came" in text
    assert "Bookings moved to later insertion 30.0 s and lns 30.0 s on the mean" in text
    assert re.search(r"Promises kept (lns|insertion) [0-9.]+ % and", text)
    titles = ("Promises kept", "Promised window (mean)", "Bookings moved (mean)", "Late pick-up (95th percentile)",
              "Late drop-off (95th percentile)")  # fmt: skip
    section = page[page.index(">Promises</th>") : page.index(">Fleet</th>")]
    assert [html.unescape(one) for one in re.findall(r'scope="row"[^>]*>(.*?)</th>', section)] == list(titles)
    assert "Booked ahead (36 riders)" in text
