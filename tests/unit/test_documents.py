from __future__ import annotations

from pathlib import Path

import pytest

from sim.documents import DEEPEST, load_scenario, read_document
from sim.errors import ScenarioError

DEEP = "[" * 3000 + "]" * 3000
UNFIT = [
    ("2028-01-01", r"a\.b\.0 is 2028-01-01 \(date\); allowed are figures, text \(a date stands in quotes\)"),
    ("2028-13-41", r"cannot be read as YAML: month must be in 1\.\.12"),
    ("!!binary aGFsbG8=", r"a\.b\.0 is b'hallo' \(bytes\)"),
    ("!!set {x}", r"a\.b\.0 is {'x'} \(set\)"),
    ("1e999", r"a\.b\.0 is inf; allowed are finite figures"),
    ('"\\ud800"', r"a\.b\.0 is '\\ud800', half of a pair of characters"),
    ("{1: x}", r"a\.b\.0 has the key 1 \(int\); allowed is text"),
    ("{? [x] : y}", r"line 1: a key must be text, found a list"),
    ("&one [*one]", r"a\.b\.0\.0 holds itself by an anchor"),
    (DEEP, rf"lists and mappings lie more than {DEEPEST} deep"),
    ("[" * DEEPEST + "]" * DEEPEST, rf"lists and mappings lie more than {DEEPEST} deep"),
    ("9" * 5000, r"cannot be read as YAML: Exceeds the limit"),
]


@pytest.mark.parametrize(("text", "told"), UNFIT)
def test_what_json_cannot_hold_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "trial.yaml"
    path.write_text(f"a: {{b: [{text}]}}\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=rf"^trial\.yaml.*{told}"):
        read_document(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2028-01-01", r"the document is 2028-01-01 \(date\)"),
        (DEEP, "lists and mappings lie more than"),
        ("[1", "is not YAML"),
    ],
)
def test_a_value_of_the_command_line_is_held_to_the_same(text: str, told: str) -> None:
    with pytest.raises(ScenarioError, match=rf"^cannot set fleet\.count: .*{told}") as caught:
        load_scenario("smoke", overrides=[f"fleet.count={text}"])
    assert len(str(caught.value)) < 400


def test_text_figures_and_shared_anchors_are_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "trial.yaml"
    path.write_text("a: &one [1, 2.5, true, null, 빛그린, '2028-01-01']\nb: {c: *one, d: *one}\n", encoding="utf-8")
    same = [1, 2.5, True, None, "빛그린", "2028-01-01"]
    assert read_document(path) == {"name": "trial", "a": same, "b": {"c": same, "d": same}}


@pytest.mark.parametrize("place", ["demand.commuters.shifts", "demand.commuters.destinations", "overlays"])
def test_an_entry_of_a_list_has_no_path(place: str) -> None:
    with pytest.raises(ScenarioError, match=rf"an entry of a list has no path; set the whole list {place}$"):
        load_scenario("morning-shuttle", overrides=["demand.commuters.destinations=[ggm]", f"{place}.0=x"])


@pytest.mark.parametrize("parent", ["base", "base.yaml", "./base.yaml", "smoke"])
def test_what_a_document_extends_lies_beside_it_or_in_the_catalogue(tmp_path: Path, parent: str) -> None:
    (tmp_path / "base.yaml").write_text("extends: smoke\ntitle: base\n", encoding="utf-8")
    (tmp_path / "own.yaml").write_text(f"extends: {parent}\n", encoding="utf-8")
    expected = load_scenario("smoke").title if parent == "smoke" else "base"
    assert load_scenario(tmp_path / "own.yaml").title == expected
