"""Names of variants for people."""

from __future__ import annotations

from sim.experiment.names import names_of
from tests.unit.experiment.bench import design

GAP = "freight.platooning"


def named(*values: object) -> list[str]:
    return list(names_of(design(scenarios=["platooning"], seeds=1, grid={GAP: list(values)})).values())


def test_documents_are_told_by_what_they_differ_in() -> None:
    easing = [{"time_gap_s": 0.6, "leader_eases_share": share} for share in (0, 0.1)]
    assert named(None, *easing) == [f"{GAP}=none", f"{GAP}=(leader_eases_share 0)", f"{GAP}=(leader_eases_share 0.1)"]


def test_a_document_alone_is_told_whole() -> None:
    assert named(None, {"time_gap_s": 0.6}) == [f"{GAP}=none", f"{GAP}=(time_gap_s 0.6)"]


def test_plain_values_keep_their_label() -> None:
    assert names_of(design()) == {"fleet.count=2": "fleet.count=2", "fleet.count=4": "fleet.count=4"}
