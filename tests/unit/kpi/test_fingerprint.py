from __future__ import annotations

from sim.events import fingerprint
from sim.kpi.fingerprint import first_divergence
from tests.unit.kpi.build import alight, leave, pooled, wish


def test_equal_logs_do_not_part_whatever_the_order_in_a_step() -> None:
    a = [wish("a", 100), leave("a", 100), wish("b", 150)]
    b = [leave("a", 100), wish("a", 100), wish("b", 150)]
    assert first_divergence(a, b) is None
    assert fingerprint(a) == fingerprint(b)


def test_the_first_step_that_differs_is_named_with_its_lines() -> None:
    late = alight("a", 500, "v", 6001, 1)
    changed = [late if (event.kind, event.time_s) == ("dropped_off", 500) else event for event in pooled()]
    found = first_divergence(pooled(), changed)
    assert found is not None
    assert found.time_s == 500
    assert len(found.only_a) == len(found.only_b) == 1
    assert '"odometer_m":6000' in found.only_a[0]
    assert '"odometer_m":6001' in found.only_b[0]


def test_a_missing_or_doubled_event_is_a_difference() -> None:
    log = [wish("a", 100), leave("a", 100)]
    missing = first_divergence(log, log[:1])
    assert missing is not None
    assert (len(missing.only_a), missing.only_b) == (1, ())
    doubled = first_divergence(log, [*log, leave("a", 100)])
    assert doubled is not None
    assert (doubled.only_a, len(doubled.only_b)) == ((), 1)
