"""What two administrations decide together: propose, then approve (A21, A55)."""

from __future__ import annotations

from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode

from tests.support.cast import Cast
from tests.support.directory import HeldPerson
from tests.support.operation import CLOSES, DAY, GRACE, HOUR, OPENS


@pytest.fixture
def cast() -> Cast:
    return Cast.fresh()


LONGER: dict[str, Any] = {"not_after": CLOSES + DAY}


def decide(cast: Cast, subject: str, body: dict[str, Any]) -> None:
    cast.operation.approve(subject, cast.operation.propose(subject, body), cast.deputy)


def refusal(cast: Cast, subject: str, body: dict[str, Any]) -> ErrorCode:
    entry = cast.operation.author(f"{subject}.propose", body, cast.chief)
    return cast.operation.refusal(entry)


# -- approving ---------------------------------------------------------------------------------


def test_a_proposal_alone_changes_nothing(cast: Cast) -> None:
    cast.operation.propose("window", LONGER)
    assert cast.operation.state.window == (OPENS, CLOSES)


def test_a_coordinator_of_another_administration_approves(cast: Cast) -> None:
    decide(cast, "window", LONGER)
    assert cast.operation.state.window == (OPENS, CLOSES + DAY)


def test_the_own_side_does_not_approve(cast: Cast) -> None:
    colleague = cast.directory.person(cast.rilo)
    cast.operation.admit(colleague, "coordinator")
    leaf = cast.operation.propose("window", LONGER)
    for person in (cast.chief, colleague):
        entry = cast.operation.approval("window", leaf, person)
        assert cast.operation.refusal(entry) is ErrorCode.SAME_ADMINISTRATION


def test_a_proposal_is_approved_once(cast: Cast) -> None:
    leaf = cast.operation.propose("window", LONGER)
    cast.operation.approve("window", leaf, cast.deputy)
    again = cast.operation.approval("window", leaf, cast.deputy)
    assert cast.operation.refusal(again) is ErrorCode.PROPOSAL_SPENT


def test_a_proposal_lives_for_72_hours(cast: Cast) -> None:
    item = cast.operation.control("window.propose", LONGER)
    cast.operation.wait_until(item.at + 72 * HOUR)
    entry = cast.operation.approval("window", item.leaf, cast.deputy)
    assert cast.accepts(entry)
    cast.operation.wait(1)
    assert cast.operation.refusal(entry) is ErrorCode.PROPOSAL_EXPIRED


def test_an_approval_names_a_proposal_of_its_own_kind(cast: Cast) -> None:
    leaf = cast.operation.propose("close", {})
    for named in (bytes(32), leaf):
        entry = cast.operation.approval("window", named, cast.deputy)
        assert cast.operation.refusal(entry) is ErrorCode.UNKNOWN_PROPOSAL


def test_a_rejected_proposal_is_unknown(cast: Cast) -> None:
    cast.operation.force(cast.operation.author("window.propose", LONGER, cast.officer))
    leaf = cast.operation.entries[-1].leaf
    entry = cast.operation.approval("window", leaf, cast.deputy)
    assert cast.operation.refusal(entry) is ErrorCode.UNKNOWN_PROPOSAL


def test_the_proposer_still_holds_the_right_at_the_approve(cast: Cast) -> None:
    leaf = cast.operation.propose("window", LONGER)
    body = {"person": cast.chief.id, "role": "officer"}
    cast.operation.control("role.set", body, cast.deputy)
    entry = cast.operation.approval("window", leaf, cast.deputy)
    assert cast.operation.refusal(entry) is ErrorCode.NOT_PERMITTED


def test_a_removed_proposers_proposal_falls(cast: Cast) -> None:
    leaf = cast.operation.propose("window", LONGER)
    cast.operation.control("members.remove", {"persons": [cast.chief.id]}, cast.deputy)
    entry = cast.operation.approval("window", leaf, cast.deputy)
    assert cast.operation.refusal(entry) is ErrorCode.NOT_MEMBER


def test_a_proposal_by_a_device_that_was_revoked_since_falls(cast: Cast) -> None:
    leaf = cast.operation.propose("window", LONGER)
    new = cast.directory.device(cast.chief, voucher=cast.chief.device)
    cast.directory.revoke(cast.chief.device, by=new)
    entry = cast.operation.approval("window", leaf, cast.deputy)
    assert cast.operation.refusal(entry) is ErrorCode.INACTIVE


# -- the window --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"not_after": CLOSES},
        {"not_after": CLOSES - DAY},
        {"live": [OPENS, CLOSES + DAY]},
        {"live": [OPENS, CLOSES - 2 * DAY]},
        {"live": [OPENS + HOUR, CLOSES]},
        {"not_after": CLOSES + DAY, "live": [OPENS, CLOSES + 2 * DAY]},
    ],
    ids=[
        "nothing", "equal", "shorter", "live-outside", "live-shorter", "live-begins-anew",
        "live-beyond-the-new-window",
    ],
)  # fmt: skip
def test_a_window_is_only_made_longer(cast: Cast, body: dict[str, Any]) -> None:
    assert refusal(cast, "window", body) is ErrorCode.BAD_VALUE


def test_live_and_channels_move_only_if_named(cast: Cast) -> None:
    short = cast.operation.channel("short", window=[OPENS, OPENS + 5 * DAY])
    decide(cast, "window", LONGER)
    state = cast.operation.state
    assert state.live == (OPENS, CLOSES - DAY)
    assert state.channels[short].window == (OPENS, OPENS + 5 * DAY)
    named = {"live": [OPENS, CLOSES], "channels": [[short, [OPENS, CLOSES + DAY]]]}
    decide(cast, "window", named)
    state = cast.operation.state
    assert state.live == (OPENS, CLOSES)
    assert state.channels[short].window == (OPENS, CLOSES + DAY)


def test_the_main_channel_follows_the_operation(cast: Cast) -> None:
    cast.operation.rotate(cast.operation.main)
    decide(cast, "window", LONGER)
    cast.operation.wait_until(CLOSES + DAY)
    assert cast.accepts(cast.operation.sealed(cast.operation.main))
    body = {"channels": [[cast.operation.main, [OPENS, CLOSES + DAY]]]}
    assert refusal(cast, "window", body) is ErrorCode.BAD_VALUE


def test_a_directed_channel_is_not_named(cast: Cast) -> None:
    red = cast.operation.channel("red", [cast.chief], parent=cast.work)
    assert refusal(cast, "window", {"channels": [[red, [OPENS, CLOSES]]]}) is ErrorCode.BAD_VALUE


def test_an_unknown_and_an_ended_channel_are_not_extended(cast: Cast) -> None:
    body = {"channels": [[bytes(16), [OPENS, CLOSES]]]}
    assert refusal(cast, "window", body) is ErrorCode.UNKNOWN_CHANNEL
    short = cast.operation.channel("short", window=[OPENS, OPENS + DAY])
    cast.operation.wait_until(OPENS + DAY + 1)
    body = {"channels": [[short, [OPENS, CLOSES]]]}
    assert refusal(cast, "window", body) is ErrorCode.OUT_OF_WINDOW


def test_an_extension_opens_no_channel_that_was_closed(cast: Cast) -> None:
    short = cast.operation.channel("short", window=[OPENS, OPENS + DAY])
    cast.operation.rotate(short)
    cast.operation.append(cast.operation.close(short, cast.chief))
    decide(cast, "window", {"channels": [[short, [OPENS, CLOSES]]]})
    assert cast.operation.refusal(cast.operation.sealed(short)) is ErrorCode.CLOSED


def test_a_start_moves_only_before_it_has_come(cast: Cast) -> None:
    later = cast.operation.channel("later", window=[OPENS + 5 * DAY, CLOSES])
    decide(cast, "window", {"channels": [[later, [OPENS + 6 * DAY, CLOSES]]]})
    assert cast.operation.state.channels[later].window == (OPENS + 6 * DAY, CLOSES)


def test_an_ended_window_is_not_reopened_even_within_the_grace(cast: Cast) -> None:
    cast.operation.wait_until(CLOSES)
    leaf = cast.operation.propose("window", LONGER)
    cast.operation.wait_until(CLOSES + GRACE)
    assert refusal(cast, "window", LONGER) is ErrorCode.OUT_OF_WINDOW
    entry = cast.operation.approval("window", leaf, cast.deputy)
    assert cast.operation.refusal(entry) is ErrorCode.OUT_OF_WINDOW


def test_a_draft_is_extended_too() -> None:
    cast = Cast.fresh(live=False)
    decide(cast, "window", LONGER)
    assert cast.operation.state.window[1] == CLOSES + DAY


def test_two_extensions_are_each_judged_at_their_approve(cast: Cast) -> None:
    first = cast.operation.propose("window", {"not_after": CLOSES + 2 * DAY})
    second = cast.operation.propose("window", LONGER)
    cast.operation.approve("window", first, cast.deputy)
    entry = cast.operation.approval("window", second, cast.deputy)
    assert cast.operation.refusal(entry) is ErrorCode.BAD_VALUE


# -- the audit set -----------------------------------------------------------------------------


def audit(persons: list[HeldPerson], k: int) -> dict[str, Any]:
    return {"audit": {"persons": [person.id for person in persons], "k": k}}


def test_a_new_audit_set_takes_the_next_version_and_the_old_one_is_remembered(
    cast: Cast,
) -> None:
    decide(cast, "audit", audit(cast.auditors[:2], 2))
    state = cast.operation.state
    assert (state.audit.version, state.audit.k) == (2, 2)
    assert [row.version for row in state.audits] == [1, 2]
    assert state.was_auditor(cast.auditors[2].id)
    assert state.role_of(cast.auditors[2].id) is None


def test_a_member_does_not_become_an_auditor(cast: Cast) -> None:
    body = audit([cast.officer, *cast.auditors[:2]], 2)
    assert refusal(cast, "audit", body) is ErrorCode.BAD_AUDIT_SET


def test_who_was_admitted_in_between_spoils_the_approval(cast: Cast) -> None:
    leaf = cast.operation.propose("audit", audit([cast.outsider, *cast.auditors[:2]], 2))
    cast.operation.admit(cast.outsider, "officer")
    entry = cast.operation.approval("audit", leaf, cast.deputy)
    assert cast.operation.refusal(entry) is ErrorCode.BAD_AUDIT_SET


def test_an_audit_set_may_be_given_up_before_everybodys_eyes(cast: Cast) -> None:
    decide(cast, "audit", audit([], 0))
    cast.operation.rotate(cast.work)
    epoch = cast.operation.state.channels[cast.work].current
    assert epoch is not None
    assert not epoch.escrow


def test_a_proposal_left_over_from_one_suspension_lifts_no_later_one(cast: Cast) -> None:
    """Else one hand lifts what the other side has just set (RULES: lifted by two)."""
    cast.operation.control("operation.suspend", {})
    first = cast.operation.propose("resume", {}, cast.deputy)
    left_over = cast.operation.propose("resume", {}, cast.chief)
    cast.operation.approve("resume", first, cast.chief)
    cast.operation.control("operation.suspend", {})
    entry = cast.operation.approval("resume", left_over, cast.deputy)
    assert cast.operation.refusal(entry) is ErrorCode.PROPOSAL_SPENT
    fresh = cast.operation.propose("resume", {}, cast.chief)
    cast.operation.approve("resume", fresh, cast.deputy)
