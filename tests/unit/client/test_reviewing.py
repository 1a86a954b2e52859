"""Standing groups: a year at a time, a notice when the review is due (ADR 0030)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cencomm_client.errors import WindowTooLong
from cencomm_client.reviewing import (
    DAY_MS,
    GROUP_MS,
    REVIEW_MS,
    YEAR_MS,
    expect_reviewed,
    is_group,
    review_at,
    review_remarks,
)
from cencomm_crypto.public.operation.state import OperationState

from tests.support.cast import Cast
from tests.support.operation import OPENS


@pytest.fixture(scope="module")
def state() -> OperationState:
    return Cast.fresh().operation.state


def lasting(state: OperationState, days: int) -> OperationState:
    return replace(state, window=(OPENS, OPENS + days * DAY_MS))


def codes(state: OperationState, now: int) -> list[str]:
    return [remark.code for remark in review_remarks(state, now)]


def test_half_a_year_makes_a_standing_group(state: OperationState) -> None:
    assert not is_group(lasting(state, 184))
    assert review_at(lasting(state, 184)) is None
    group = lasting(state, 365)
    assert is_group(group)
    assert review_at(group) == group.window[1] - REVIEW_MS
    assert GROUP_MS < YEAR_MS


def test_its_review_is_due_a_month_before_its_end_until_it_is_extended(
    state: OperationState,
) -> None:
    group = lasting(state, 365)
    due = group.window[1] - REVIEW_MS
    assert codes(group, due - 1) == []
    assert codes(group, due) == ["review_due"]
    assert codes(group, group.end + 1) == []
    extended = replace(group, window=(OPENS, due + YEAR_MS))
    assert codes(extended, due) == []
    short = lasting(state, 30)
    assert codes(short, short.window[1]) == []


def test_an_end_more_than_a_year_ahead_is_refused_and_shown_where_it_stands(
    state: OperationState,
) -> None:
    expect_reviewed(OPENS + YEAR_MS, OPENS)
    with pytest.raises(WindowTooLong, match="at most"):
        expect_reviewed(OPENS + YEAR_MS + 1, OPENS)
    assert codes(lasting(state, 400), OPENS) == ["window_too_long"]
    assert codes(lasting(state, 400), OPENS - DAY_MS) == ["window_too_long"]
    assert codes(lasting(state, 400), OPENS + 40 * DAY_MS) == []


def test_an_end_that_no_calendar_has_is_told_as_its_number(state: OperationState) -> None:
    """By two coordinators of bad will: their notice stops no client of a member."""
    endless = replace(state, window=(OPENS, 2**53 - 1))
    (remark,) = review_remarks(endless, OPENS)
    assert (remark.code, remark.detail) == ("window_too_long", f"it ends on {2**53 - 1}")
    with pytest.raises(WindowTooLong, match=str(2**53 - 1)):
        expect_reviewed(2**53 - 1, OPENS)
