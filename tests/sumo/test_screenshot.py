from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from sim.errors import NotFoundError, ScenarioError, SetupError
from sim.screenshot import gate_picture, take_picture

SHORT = ("time.begin_s=07:30", "time.end_s=07:35", "time.drain_s=60")


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="needs xvfb")
def test_sumo_gui_shows_roads_and_grass_at_the_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    path = tmp_path / "gate.png"
    take_picture(path, scenario_name="morning-none", site="ggm", at_s=27060, overrides=SHORT)
    pixels = imread(path)[:, :, :3]
    assert min(pixels.shape[:2]) > 800
    road = (pixels < 0.1).all(axis=2).mean()
    grass = ((pixels[:, :, 1] > pixels[:, :, 0] + 0.1) & (pixels[:, :, 1] > pixels[:, :, 2] + 0.1)).mean()
    assert 0.01 < road < 0.5
    assert grass > 0.3
    assert np.ptp(pixels) > 0.5


def test_without_a_screen_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(SetupError, match="xvfb"):
        take_picture(tmp_path / "gate.png", scenario_name="morning-none", site="ggm", at_s=27060, overrides=SHORT)


def test_another_network_has_no_plant_gate(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"'town'.*bitgreen"):
        gate_picture("town", tmp_path / "gate.png")


def test_what_cannot_be_shown_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gate.png"
    with pytest.raises(NotFoundError, match=r"'atlantis'.*ggm"):
        take_picture(path, scenario_name="morning-none", site="atlantis", at_s=27060, overrides=SHORT)
    with pytest.raises(ScenarioError, match=r"22:00.*07:30"):
        take_picture(path, scenario_name="morning-none", site="ggm", at_s=79200, overrides=SHORT)
    with pytest.raises(ScenarioError, match="without a service"):
        take_picture(path, scenario_name="morning-shuttle", site="ggm", at_s=27060, overrides=SHORT)
