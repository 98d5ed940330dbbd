"""How far a run is, where nobody looks at a terminal."""

from __future__ import annotations

import pytest

from sim import cli

AT = {"time_s": 30_600.0, "begin_s": 28_800, "horizon_s": 36_000, "vehicles": 310, "unsettled": 0, "goods": 4812}


@pytest.mark.parametrize(
    ("at", "line"),
    [
        (AT, "works: 08:30:00, 310 vehicles, 4812 orders, lorries and cars open"),
        (AT | {"unsettled": 7}, "works: 08:30:00, 310 vehicles, 7 riders and 4812 orders, lorries and cars open"),
        (AT | {"goods": None}, "works: 08:30:00, 310 vehicles, 0 riders open"),
    ],
)
def test_lines_tell_time_and_what_is_open(
    at: dict[str, object], line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "TELL_EVERY_S", 0.0)
    with cli.Bar() as bar:
        bar.show("works", at)
    assert capsys.readouterr().err.strip() == line


@pytest.mark.parametrize("quiet", [False, True])
def test_there_is_none_at_once_and_none_when_quiet(
    quiet: bool,  # noqa: FBT001 (a parameter of the test)
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if quiet:
        monkeypatch.setattr(cli, "TELL_EVERY_S", 0.0)
    with cli.Bar(quiet=quiet) as bar:
        bar.show("works", AT)
        bar.show("works", AT)
    assert capsys.readouterr().err.strip() == ""
