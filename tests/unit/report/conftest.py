from __future__ import annotations

from pathlib import Path

import pytest

from sim.report.page import render_report
from tests.unit.report import build


@pytest.fixture(scope="session")
def four_runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three whole runs and one that was interrupted, of the same riders."""
    root = tmp_path_factory.mktemp("runs")
    shared = {"shuttle": {"use": "sumo", "parameters": {"algorithm": "greedyShared"}}}
    return [
        build.publish(root / "timetable", controllers=build.TIMETABLE, capacity=30),
        build.publish(root / "greedy", controllers=build.GREEDY, capacity=12, pace_mps=30),
        build.publish(root / "insertion", controllers=build.INSERTION, capacity=36, pace_mps=90),
        build.publish(root / "shared", controllers=shared, capacity=39, pace_mps=30, status="interrupted"),
    ]


@pytest.fixture(scope="session")
def four_page(four_runs: list[Path]) -> str:
    return render_report(four_runs, reference=None, title="A morning at 빛그린")


@pytest.fixture(scope="session")
def one_page(four_runs: list[Path]) -> str:
    return render_report(four_runs[:1], reference=None, title="One service")
