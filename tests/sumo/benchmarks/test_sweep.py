from __future__ import annotations

from benchmarks.sweep import measure


def test_a_small_sweep_is_measured_on_both_sides() -> None:
    result = measure({"smoke": 2}, workers=2, pairs=1, ray=False)
    assert len(result["wall_s"]["alone"]) == len(result["wall_s"]["local"]) == 1
    assert result["wall_s"]["alone"][0] > 1
    assert 0 < result["startup_s"]["smoke"] < result["wall_s"]["alone"][0] / 2
    assert 0 < result["again_s"] < result["wall_s"]["local"][0]
    assert result["skipped"] == ["ray: not installed"]
