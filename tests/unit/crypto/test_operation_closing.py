"""The end of channels and of operations: close, reveal, windows, hold, erasure (DESIGN 3, 5)."""

from __future__ import annotations

import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.views import erasable
from cencomm_crypto.public.phases import Phase

from tests.support.cast import Cast
from tests.support.directory import HeldPerson
from tests.support.operation import CLOSES, DAY, GRACE, HOUR, OPENS


@pytest.fixture
def cast() -> Cast:
    return Cast.fresh()


def control(cast: Cast, kind: str, by: HeldPerson, **body: object) -> Entry:
    return cast.operation.author(kind, body, by)


def end(cast: Cast) -> None:
    cast.operation.wait_until(cast.operation.state.end + 1)


# -- phases ------------------------------------------------------------------------------------


def test_the_phases_follow_each_other(cast: Cast) -> None:
    for phase in ("post", "debrief"):
        cast.operation.control("phase.set", {"phase": phase})
        assert cast.operation.state.phase == phase


@pytest.mark.parametrize("phase", ["draft", "prep", "live", "debrief"])
def test_no_phase_is_skipped_or_repeated(cast: Cast, phase: str) -> None:
    entry = control(cast, "phase.set", cast.chief, phase=phase)
    assert cast.operation.refusal(entry) is ErrorCode.WRONG_PHASE


def test_preparation_does_not_start_before_the_window() -> None:
    cast = Cast.fresh(live=False, at=OPENS - HOUR)
    entry = control(cast, "phase.set", cast.chief, phase="prep")
    assert cast.operation.refusal(entry) is ErrorCode.OUT_OF_WINDOW
    cast.operation.wait_until(OPENS)
    assert cast.accepts(control(cast, "phase.set", cast.chief, phase="prep"))


def test_live_has_its_own_window() -> None:
    cast = Cast.fresh(live=False)
    cast.operation.start("prep")
    cast.operation.wait_until(CLOSES - DAY + 1)
    entry = control(cast, "phase.set", cast.chief, phase="live")
    assert cast.operation.refusal(entry) is ErrorCode.OUT_OF_WINDOW


def test_a_draft_is_cancelled_by_its_creator_alone() -> None:
    cast = Cast.fresh(live=False)
    other = control(cast, "operation.cancel", cast.deputy)
    assert cast.operation.refusal(other) is ErrorCode.NOT_PERMITTED
    cast.operation.control("operation.cancel", {})
    assert cast.operation.state.phase is Phase.CLOSED


def test_only_a_draft_is_cancelled(cast: Cast) -> None:
    entry = control(cast, "operation.cancel", cast.chief)
    assert cast.operation.refusal(entry) is ErrorCode.WRONG_PHASE


def test_one_coordinator_suspends_and_two_administrations_resume(cast: Cast) -> None:
    cast.operation.control("operation.suspend", {}, cast.deputy)
    assert cast.operation.state.phase == "suspended"
    for kind, body in (("phase.set", {"phase": "post"}), ("operation.suspend", {})):
        entry = cast.operation.author(kind, body, cast.chief)
        assert cast.operation.refusal(entry) is ErrorCode.WRONG_PHASE
    leaf = cast.operation.propose("resume", {})
    cast.operation.approve("resume", leaf, cast.deputy)
    assert cast.operation.state.phase == "live"


def test_what_is_not_suspended_is_not_resumed(cast: Cast) -> None:
    entry = control(cast, "resume.propose", cast.chief)
    assert cast.operation.refusal(entry) is ErrorCode.WRONG_PHASE


def test_a_suspension_does_not_outlast_the_window(cast: Cast) -> None:
    cast.operation.control("operation.suspend", {})
    end(cast)
    assert cast.operation.state.effective_phase(cast.operation.clock) is Phase.CLOSED
    assert cast.accepts(control(cast, "operation.close", cast.officer))


# -- the end of the operation ------------------------------------------------------------------


def test_before_the_end_one_member_closes_nothing(cast: Cast) -> None:
    cast.operation.wait_until(cast.operation.state.end)
    entry = control(cast, "operation.close", cast.chief)
    assert cast.operation.refusal(entry) is ErrorCode.NOT_CLOSED


def test_two_coordinators_of_two_administrations_close_early(cast: Cast) -> None:
    leaf = cast.operation.propose("close", {})
    item = cast.operation.approve("close", leaf, cast.deputy)
    state = cast.operation.state
    assert (state.phase, state.closed_at) == (Phase.CLOSED, item.at)
    assert state.channel_over(state.channels[cast.work], item.at)
    assert cast.operation.refusal(cast.operation.sealed(cast.work)) is ErrorCode.CLOSED


def test_after_the_end_any_member_says_so_and_once(cast: Cast) -> None:
    end(cast)
    cast.operation.control("operation.close", {}, cast.observer)
    again = control(cast, "operation.close", cast.officer)
    assert cast.operation.refusal(again) is ErrorCode.CLOSED


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("members.remove", {"persons": [bytes(16)]}),
        ("phase.set", {"phase": "post"}),
        ("operation.suspend", {}),
        ("directory.sync", {}),
        ("close.propose", {}),
        ("window.propose", {"not_after": CLOSES + DAY}),
        ("rules.raise", {"rules": 2}),
    ],
)
def test_the_end_counts_without_a_close_entry(
    cast: Cast, kind: str, body: dict[str, object]
) -> None:
    end(cast)
    entry = cast.operation.author(kind, body, cast.chief)
    assert cast.operation.refusal(entry) is ErrorCode.CLOSED


def test_a_rotate_a_grant_and_a_flag_come_too_late_after_the_end(cast: Cast) -> None:
    end(cast)
    body = {"n": 1, "code": "rotation_mismatch"}
    flag = cast.operation.current("channel.flag", body, cast.work, cast.officer)
    for entry in (cast.operation.rotation(cast.work), flag):
        assert cast.operation.refusal(entry) is ErrorCode.CLOSED


# -- close and reveal of a channel -------------------------------------------------------------


def test_a_coordinator_closes_a_channel_early(cast: Cast) -> None:
    item = cast.operation.append(cast.operation.close(cast.work, cast.chief))
    channel = cast.operation.state.channels[cast.work]
    assert channel.closed_at == item.at
    assert channel.reveals[1] == cast.operation.close_keys[cast.work, 1]
    for entry in (cast.operation.sealed(cast.work), cast.operation.rotation(cast.work)):
        assert cast.operation.refusal(entry) is ErrorCode.CLOSED


def test_nobody_else_closes_a_channel_early(cast: Cast) -> None:
    for person in (cast.officer, cast.ncp, cast.observer):
        entry = cast.operation.close(cast.work, person)
        assert cast.operation.refusal(entry) is ErrorCode.NOT_PERMITTED


def test_a_suspended_coordinator_closes_no_channel_early(cast: Cast) -> None:
    cast.directory.suspend(cast.chief)
    entry = cast.operation.close(cast.work, cast.chief)
    assert cast.operation.refusal(entry) is ErrorCode.INACTIVE


def test_a_coordinator_that_was_never_in_the_channel_cannot_close_it(cast: Cast) -> None:
    other = cast.operation.channel("other", [cast.chief])
    cast.operation.rotate(other)
    entry = cast.operation.close(other, cast.deputy)
    assert cast.operation.refusal(entry) is ErrorCode.NOT_PERMITTED


def test_a_close_is_for_the_current_epoch_and_a_right_key(cast: Cast) -> None:
    cast.operation.rotate(cast.work)
    old = cast.operation.close(cast.work, cast.chief, n=1)
    assert cast.operation.refusal(old) is ErrorCode.WRONG_EPOCH
    wrong = cast.operation.close(cast.work, cast.chief, kc=bytes(32))
    assert cast.operation.refusal(wrong) is ErrorCode.BAD_COMMIT
    other = cast.operation.close_keys[cast.work, 1]
    swapped = cast.operation.close(cast.work, cast.chief, kc=other)
    assert cast.operation.refusal(swapped) is ErrorCode.BAD_COMMIT


def test_nothing_is_revealed_before_the_channel_is_over(cast: Cast) -> None:
    entry = cast.operation.reveal(cast.work, 1, cast.chief)
    assert cast.operation.refusal(entry) is ErrorCode.NOT_CLOSED


def test_any_device_that_ever_had_the_epoch_reveals_it_once(cast: Cast) -> None:
    cast.operation.remove(cast.officer)
    cast.directory.revoke(cast.analyst.device, by=cast.ncp.device)
    cast.operation.rotate(cast.work)
    end(cast)
    for person in (cast.officer, cast.analyst, cast.observer):
        assert cast.accepts(cast.operation.reveal(cast.work, 1, person))
    cast.operation.append(cast.operation.reveal(cast.work, 1, cast.officer))
    again = cast.operation.reveal(cast.work, 1, cast.observer)
    assert cast.operation.refusal(again) is ErrorCode.ALREADY_EXISTS


def test_a_device_reveals_no_epoch_that_it_never_had(cast: Cast) -> None:
    cast.operation.remove(cast.officer)
    cast.operation.rotate(cast.work)
    end(cast)
    for person in (cast.officer, cast.outsider, cast.bot, cast.auditors[0]):
        entry = cast.operation.reveal(cast.work, 2, person)
        assert cast.operation.refusal(entry) is ErrorCode.NOT_PERMITTED
    body = {"n": 3, "kc": bytes(32)}
    entry = cast.operation.author("channel.reveal", body, cast.chief, chan=cast.work)
    assert cast.operation.refusal(entry) is ErrorCode.WRONG_EPOCH


def test_after_the_end_a_close_is_a_reveal_by_possession(cast: Cast) -> None:
    end(cast)
    cast.operation.append(cast.operation.close(cast.work, cast.observer))
    again = cast.operation.close(cast.work, cast.officer)
    assert cast.operation.refusal(again) is ErrorCode.ALREADY_EXISTS


def test_close_and_reveal_are_free_of_compare_and_set_and_watermark(cast: Cast) -> None:
    seen, directory = cast.operation.head, cast.directory.head
    cast.directory.person(cast.france)
    cast.operation.control("directory.sync", {})
    end(cast)
    body = {"n": 1, "kc": cast.operation.close_keys[cast.work, 1]}
    for kind in ("channel.close", "channel.reveal"):
        entry = cast.operation.author(
            kind, body, cast.officer, chan=cast.work, seen=seen, dir=directory
        )
        assert cast.accepts(entry)


def test_a_channel_ends_with_its_own_window(cast: Cast) -> None:
    short = cast.operation.channel("short", window=[OPENS, OPENS + DAY])
    cast.operation.rotate(short)
    cast.operation.wait_until(OPENS + DAY + GRACE)
    assert cast.accepts(cast.operation.sealed(short))
    cast.operation.wait(1)
    assert cast.operation.refusal(cast.operation.sealed(short)) is ErrorCode.OUT_OF_WINDOW
    assert cast.accepts(cast.operation.sealed(cast.work))
    assert cast.accepts(cast.operation.reveal(short, 1, cast.officer))


def test_a_directed_channel_ends_with_its_parents_window(cast: Cast) -> None:
    span = [OPENS, OPENS + DAY]
    parent = cast.operation.channel("short", window=span)
    red = cast.operation.channel("red", [cast.chief], parent=parent, window=span)
    cast.operation.rotate(red)
    longer = {"channels": [[parent, [OPENS, OPENS + 2 * DAY]]]}
    cast.operation.approve("window", cast.operation.propose("window", longer), cast.deputy)
    cast.operation.wait_until(OPENS + 2 * DAY)
    assert cast.accepts(cast.operation.sealed(red))
    cast.operation.wait_until(OPENS + 2 * DAY + GRACE + 1)
    assert cast.operation.refusal(cast.operation.sealed(red)) is ErrorCode.OUT_OF_WINDOW


def test_heads_are_the_epochs_that_no_later_one_links(cast: Cast) -> None:
    cast.operation.rotate(cast.work)
    cast.operation.append(cast.operation.rotation(cast.work, p=1))
    channel = cast.operation.state.channels[cast.work]
    assert channel.heads() == (2, 3)


# -- hold, erasure, versions -------------------------------------------------------------------


def test_a_hold_stops_erasure_until_two_administrations_lift_it(cast: Cast) -> None:
    hold = cast.operation.control("hold", {"reason": "court order"}, cast.ncp).leaf
    end(cast)
    assert cast.operation.refusal(control(cast, "erase.propose", cast.chief)) is ErrorCode.HELD
    lift = cast.operation.propose("unhold", {"hold": hold})
    cast.operation.approve("unhold", lift, cast.deputy)
    erase = cast.operation.propose("erase", {})
    cast.operation.approve("erase", erase, cast.deputy)
    assert cast.operation.state.phase is Phase.ERASED
    assert erasable(cast.operation.state, cast.operation.clock)


def test_a_hold_that_comes_between_stops_the_approval(cast: Cast) -> None:
    end(cast)
    erase = cast.operation.propose("erase", {})
    cast.operation.control("hold", {"reason": "court order"}, cast.auditors[0])
    entry = cast.operation.approval("erase", erase, cast.deputy)
    assert cast.operation.refusal(entry) is ErrorCode.HELD


def test_a_dismissed_ncp_sets_no_hold(cast: Cast) -> None:
    """An NCP holds for its administration, which took that from it."""
    cast.directory.dismiss(cast.ncp)
    entry = control(cast, "hold", cast.ncp, reason="court order")
    assert cast.operation.refusal(entry) is ErrorCode.NOT_PERMITTED


def test_an_unknown_hold_is_not_lifted(cast: Cast) -> None:
    entry = control(cast, "unhold.propose", cast.chief, hold=bytes(32))
    assert cast.operation.refusal(entry) is ErrorCode.UNKNOWN_REFERENCE


def test_an_open_audit_request_stops_erasure_until_its_report(cast: Cast) -> None:
    end(cast)
    auditor = cast.auditors[0]
    body = {"chan": cast.work, "purpose": "yearly audit"}
    request = cast.operation.control("audit.request", body, auditor).leaf
    assert cast.operation.refusal(control(cast, "erase.propose", cast.chief)) is ErrorCode.HELD
    report = {"request": request, "hash": bytes(32)}
    cast.operation.control("audit.report", report, auditor)
    assert cast.accepts(control(cast, "erase.propose", cast.chief))


def test_a_running_operation_is_not_erased(cast: Cast) -> None:
    entry = control(cast, "erase.propose", cast.chief)
    assert cast.operation.refusal(entry) is ErrorCode.NOT_CLOSED


def test_an_erased_operation_takes_receipts_alone(cast: Cast) -> None:
    end(cast)
    cast.operation.approve("erase", cast.operation.propose("erase", {}), cast.deputy)
    hold = control(cast, "hold", cast.chief, reason="too late")
    assert cast.operation.refusal(hold) is ErrorCode.CLOSED


def test_the_genesis_date_erases_unless_something_is_open() -> None:
    date = CLOSES + GRACE + DAY
    cast = Cast(retention={"erase_at": date})
    cast.operation.wait_until(date)
    assert not erasable(cast.operation.state, date - 1)
    assert erasable(cast.operation.state, date)
    cast.operation.control("hold", {"reason": "court order"})
    assert not erasable(cast.operation.state, date)


def test_without_a_date_or_a_decision_nothing_is_erased(cast: Cast) -> None:
    end(cast)
    assert not erasable(cast.operation.state, cast.operation.clock + 1_000 * DAY)


def test_rules_beyond_this_code_stop_the_reader(cast: Cast) -> None:
    with pytest.raises(ProtocolError) as caught:
        cast.operation.offer(control(cast, "rules.raise", cast.chief, rules=2))
    assert caught.value.code is ErrorCode.UNKNOWN_VERSION


# -- who decides after the end -----------------------------------------------------------------


def test_after_the_end_the_authors_administration_and_another_ncp_decide(cast: Cast) -> None:
    successor = cast.directory.person(cast.rilo)
    cast.directory.grant_operations(successor)
    end(cast)
    cast.operation.control("operation.close", {}, cast.officer)
    erase = cast.operation.propose("erase", {}, successor)
    stranger = cast.directory.administration("JP").ncp
    refused = cast.operation.approval("erase", erase, stranger)
    assert cast.operation.refusal(refused) is ErrorCode.NOT_MEMBER
    own = cast.operation.approval("erase", erase, cast.rilo.ncp)
    assert cast.operation.refusal(own) is ErrorCode.SAME_ADMINISTRATION
    cast.operation.approve("erase", erase, cast.france.ncp)
    assert cast.operation.state.phase is Phase.ERASED


def test_before_the_end_they_decide_nothing(cast: Cast) -> None:
    successor = cast.directory.person(cast.rilo)
    cast.directory.grant_operations(successor)
    entry = control(cast, "hold", successor, reason="court order")
    assert cast.operation.refusal(entry) is ErrorCode.NOT_MEMBER


def test_an_unknown_channel_is_not_revealed(cast: Cast) -> None:
    end(cast)
    body = {"n": 1, "kc": bytes(32)}
    entry = cast.operation.author("channel.reveal", body, cast.officer, chan=ChannelId(bytes(16)))
    assert cast.operation.refusal(entry) is ErrorCode.UNKNOWN_CHANNEL
