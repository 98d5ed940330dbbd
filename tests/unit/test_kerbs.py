from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sim.network.boarding import SPACING_M, kerb_m

LENGTHS = st.floats(1, 5000)


@given(length_m=LENGTHS, shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_two_places_on_an_edge_are_one_or_well_apart(length_m: float, shares: tuple[float, float]) -> None:
    a, b = (kerb_m(share * length_m, length_m) for share in shares)
    assert 0 < a < length_m
    assert a == b or abs(a - b) >= SPACING_M


@given(length_m=st.floats(60, 5000), share=st.floats(0, 1))
def test_a_place_is_near_the_position_asked_for(length_m: float, share: float) -> None:
    assert abs(kerb_m(share * length_m, length_m) - share * length_m) <= 1.5 * SPACING_M
