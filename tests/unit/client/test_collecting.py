"""The collector is back as it was, whatever happened meanwhile."""

from __future__ import annotations

import gc

import pytest
from cencomm_client.collecting import all_of_it_stays


def fail_inside() -> None:
    with all_of_it_stays():
        with all_of_it_stays():
            assert not gc.isenabled()
        assert not gc.isenabled()
        raise ValueError("x")


@pytest.mark.parametrize("was_on", [True, False])
def test_the_collector_is_off_inside_and_as_before_after(was_on: bool) -> None:
    before = gc.isenabled()
    (gc.enable if was_on else gc.disable)()
    try:
        with pytest.raises(ValueError, match="x"):
            fail_inside()
        assert gc.isenabled() is was_on
    finally:
        (gc.enable if before else gc.disable)()
