"""The desk's bars on a small log, as ratios to bare signature checks of the same minute."""

from __future__ import annotations

import pytest

from tests.bench.bench_desk import desk

pytestmark = pytest.mark.alone

SLACK = 1.5
# In signature checks: 20,000 crypto_sign_open take 0.94 s where one takes 47 us (DESIGN 10), so the
# bars are 6.4 and 1.06 of them. A new entry's, 5 ms, would be 106 of one; on this small log 4 to 16
# were measured.
WHOLE, PROJECTION, EACH = 6 / 0.94, 1 / 0.94, 16
ENTRIES = 3_000


def test_opening_checking_and_projecting_stays_near_the_bare_signatures() -> None:
    whole, projection, each = desk(entries=ENTRIES, administrations=20, each=50)
    assert whole.ratio is not None
    assert projection.ratio is not None
    assert projection.ratio <= PROJECTION * SLACK, projection
    assert whole.ratio <= WHOLE * SLACK, whole
    assert whole.yardstick_value is not None
    one_ms = whole.yardstick_value / ENTRIES * 1e3
    assert each.value / one_ms <= EACH * SLACK, each
