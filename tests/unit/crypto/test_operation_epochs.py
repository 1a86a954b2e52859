"""Rotates, grants, flags, messages and drops on public checks (PROTOCOL 8, RULES Epochs)."""

from __future__ import annotations

from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.directory.people import MAX_DEVICES
from cencomm_crypto.public.directory.state import Device, DirectoryState
from cencomm_crypto.public.entry import Entry, parse_erased
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.operation.recipients import (
    Reason,
    pending_rotation,
    recipients,
    recips_hash,
    share_holders,
    shares_root,
    wraps_root,
)
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.tree import root_of
from cencomm_crypto.public.wire import sequence

from tests.support.cast import Cast
from tests.support.directory import HeldDevice, HeldPerson
from tests.support.operation import DAY, OPENS


@pytest.fixture
def cast() -> Cast:
    return Cast.fresh()


def reason(cast: Cast) -> Reason | None:
    return pending_rotation(cast.operation.state, cast.work, cast.directory.state)


def sync(cast: Cast) -> None:
    cast.operation.control("directory.sync", {})


# -- rotate ------------------------------------------------------------------------------------


def test_a_rotate_makes_the_next_epoch_for_all_recipients(cast: Cast) -> None:
    item = cast.operation.rotate(cast.work, cast.officer)
    channel = cast.operation.state.channels[cast.work]
    epoch = channel.current
    assert epoch is not None
    assert (epoch.n, epoch.p, epoch.seq, epoch.at) == (2, 1, item.seq, item.at)
    assert epoch.author == cast.officer.device.id
    rows = recipients(cast.operation.state, cast.work, cast.directory.state)
    assert epoch.recips == tuple(sorted(row.device for row in rows))
    assert epoch.recips_hash == recips_hash(rows)
    assert (epoch.has_link, epoch.escrow) == (True, True)
    assert channel.heads() == (2,)


def test_equal_recipients_are_kept_once(cast: Cast) -> None:
    cast.operation.rotate(cast.work)
    epochs = cast.operation.state.channels[cast.work].epochs
    assert epochs[1].recips is epochs[2].recips


@pytest.mark.parametrize("n", [1, 3])
def test_a_rotate_is_for_the_next_epoch(cast: Cast, n: int) -> None:
    entry = cast.operation.rotation(cast.work, header={"epoch": n})
    assert cast.operation.refusal(entry) is ErrorCode.WRONG_EPOCH


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"p": 7}, ErrorCode.BAD_EPOCH_LINK),
        ({"p": 2}, ErrorCode.BAD_EPOCH_LINK),
        ({"prev_close": None}, ErrorCode.BAD_EPOCH_LINK),
        ({"prev_link": None}, ErrorCode.BAD_EPOCH_LINK),
        ({"count": 1}, ErrorCode.BAD_COUNT),
        ({"recips": bytes(32)}, ErrorCode.BAD_RECIPIENTS),
        ({"escrow": None}, ErrorCode.BAD_AUDIT_SET),
        ({"shares_root": None}, ErrorCode.BAD_AUDIT_SET),
        ({"shares": None}, ErrorCode.BAD_AUDIT_SET),
        ({"shares": 2}, ErrorCode.BAD_COUNT),
    ],
)
def test_a_rotate_that_breaks_a_public_rule_is_refused(
    cast: Cast, fields: dict[str, Any], code: ErrorCode
) -> None:
    assert cast.operation.refusal(cast.operation.rotation(cast.work, **fields)) is code


def test_a_rotate_may_start_afresh_from_an_older_epoch_or_from_none(cast: Cast) -> None:
    cast.operation.rotate(cast.work)
    assert cast.accepts(cast.operation.rotation(cast.work, p=1))
    assert cast.accepts(cast.operation.rotation(cast.work, p=0))


def test_a_first_rotate_links_nothing(cast: Cast) -> None:
    for field in ("prev_close", "prev_link"):
        fields: dict[str, Any] = {field: bytes(48)}
        entry = cast.operation.rotation(cast.work, p=0, **fields)
        assert cast.operation.refusal(entry) is ErrorCode.BAD_EPOCH_LINK


def test_without_history_no_epoch_is_linked_but_close_keys_are() -> None:
    cast = Cast.fresh(history="none")
    assert cast.accepts(cast.operation.rotation(cast.work))
    entry = cast.operation.rotation(cast.work, prev_link=bytes(48))
    assert cast.operation.refusal(entry) is ErrorCode.BAD_EPOCH_LINK


def test_without_an_audit_set_there_is_no_escrow() -> None:
    cast = Cast.fresh(audit=False)
    assert cast.accepts(cast.operation.rotation(cast.work))
    for field, value in (("escrow", bytes(48)), ("shares_root", bytes(32)), ("shares", 0)):
        fields: dict[str, Any] = {field: value}
        entry = cast.operation.rotation(cast.work, **fields)
        assert cast.operation.refusal(entry) is ErrorCode.BAD_AUDIT_SET


def test_recipients_are_those_of_the_entrys_own_directory(cast: Cast) -> None:
    unaware = cast.operation.rotation(cast.work)
    cast.directory.device(cast.officer, voucher=cast.officer.device)
    assert cast.accepts(unaware)
    mixed = cast.operation.rotation(cast.work, recips=unaware.body["recips"])  # type: ignore[index]
    assert cast.operation.refusal(mixed) is ErrorCode.BAD_RECIPIENTS


def test_who_is_not_in_the_channel_does_not_rotate_it(cast: Cast) -> None:
    small = cast.operation.channel("small", [cast.chief])
    entry = cast.operation.rotation(small, cast.officer)
    assert cast.operation.refusal(entry) is ErrorCode.NOT_MEMBER


def test_a_rotate_is_refused_outside_the_channels_window(cast: Cast) -> None:
    later = cast.operation.channel("later", window=[OPENS + DAY, OPENS + 2 * DAY])
    entry = cast.operation.rotation(later)
    assert cast.operation.refusal(entry) is ErrorCode.OUT_OF_WINDOW
    cast.operation.wait_until(OPENS + DAY)
    assert cast.accepts(cast.operation.rotation(later))
    cast.operation.wait_until(OPENS + 2 * DAY + cast.operation.state.grace)
    assert cast.accepts(cast.operation.rotation(later))
    cast.operation.wait(1)
    assert cast.operation.refusal(cast.operation.rotation(later)) is ErrorCode.OUT_OF_WINDOW


def test_share_holders_are_all_active_devices_of_all_auditors_in_order_of_place(
    cast: Cast,
) -> None:
    second = cast.directory.device(cast.auditors[1])
    cast.directory.suspend(cast.auditors[2])
    rows = share_holders(cast.operation.state, cast.directory.state)
    own = sorted([cast.auditors[1].device.id, second.id])
    assert [(row.x, row.device) for row in rows] == [
        (1, cast.auditors[0].device.id), (2, own[0]), (2, own[1])
    ]  # fmt: skip
    entry = cast.operation.rotation(cast.work, shares=3)
    assert cast.accepts(entry)


def test_roots_over_wraps_and_shares_are_the_trees(cast: Cast) -> None:
    rows = recipients(cast.operation.state, cast.work, cast.directory.state)
    hashes = [sha256(row.device) for row in rows]
    triples = [(row.device, row.box_pk, hashed) for row, hashed in zip(rows, hashes, strict=True)]
    expected = root_of([device + box_pk + hashed for device, box_pk, hashed in triples])
    assert wraps_root(triples) == expected
    assert shares_root([(1, *triple) for triple in triples]) == expected


# -- when a rotate is due (A3, A19) ------------------------------------------------------------


def test_nothing_is_sealed_before_the_first_epoch(cast: Cast) -> None:
    chan = cast.operation.channel("new")
    state, directory = cast.operation.state, cast.directory.state
    assert pending_rotation(state, chan, directory) is Reason.OPEN
    assert cast.operation.refusal(cast.operation.sealed(chan)) is ErrorCode.STALE_EPOCH


def test_a_removal_makes_every_channel_of_the_person_wait(cast: Cast) -> None:
    small = cast.operation.channel("small", [cast.chief, cast.analyst])
    cast.operation.rotate(small)
    cast.operation.remove(cast.officer)
    assert reason(cast) is Reason.REMOVAL
    for kind, by in (("message", cast.chief), ("drop", cast.bot)):
        entry = cast.operation.current(kind, b"sealed", cast.work, by)
        assert cast.operation.refusal(entry) is ErrorCode.STALE_EPOCH
    assert cast.accepts(cast.operation.sealed(small))
    cast.operation.rotate(cast.work)
    assert reason(cast) is None
    assert cast.accepts(cast.operation.sealed(cast.work))


def test_the_removal_of_a_bot_or_of_a_reader_elsewhere_makes_nothing_wait(cast: Cast) -> None:
    cast.operation.remove(cast.bot)
    assert reason(cast) is None
    assert cast.accepts(cast.operation.sealed(cast.work))


def test_leaving_a_list_makes_the_channel_wait(cast: Cast) -> None:
    small = cast.operation.channel("small", [cast.chief, cast.officer])
    cast.operation.rotate(small)
    body = {"chan": small, "add": [], "remove": [cast.officer.id]}
    cast.operation.control("channel.members", body)
    assert cast.operation.refusal(cast.operation.sealed(small)) is ErrorCode.STALE_EPOCH
    assert cast.accepts(cast.operation.sealed(cast.work))


def test_a_change_of_role_that_ends_reading_makes_the_channel_wait(cast: Cast) -> None:
    body = {
        "name": "desk", "window": list(cast.operation.state.window),
        "rule": {"roles": ["coordinator", "officer"]},
    }  # fmt: skip
    cast.operation.control("channel.create", body)
    desk = cast.operation.state.channel_named("desk")
    assert desk is not None
    cast.operation.rotate(desk.id)
    cast.operation.control("role.set", {"person": cast.officer.id, "role": "observer"})
    assert cast.operation.refusal(cast.operation.sealed(desk.id)) is ErrorCode.STALE_EPOCH
    assert cast.accepts(cast.operation.sealed(cast.work))


def test_a_revocation_makes_the_channel_wait_once_the_watermark_has_passed_it(cast: Cast) -> None:
    before = cast.directory.head
    cast.directory.revoke(cast.officer.device, by=cast.france.ncp.device)
    assert reason(cast) is Reason.REVOCATION
    assert cast.accepts(cast.operation.sealed(cast.work, dir=before))
    assert cast.operation.refusal(cast.operation.sealed(cast.work)) is ErrorCode.STALE_EPOCH
    sync(cast)
    late = cast.operation.sealed(cast.work, dir=before)
    assert cast.operation.refusal(late) is ErrorCode.STALE_EPOCH
    cast.operation.rotate(cast.work)
    assert cast.accepts(cast.operation.sealed(cast.work))


def test_a_suspended_person_or_administration_makes_the_channel_wait(cast: Cast) -> None:
    cast.directory.suspend(cast.officer)
    assert reason(cast) is Reason.REVOCATION
    cast.directory.resume(cast.officer)
    assert reason(cast) is None
    cast.directory.suspend_administration(cast.belgium)
    assert reason(cast) is Reason.REVOCATION


def test_a_revocation_elsewhere_makes_nothing_wait(cast: Cast) -> None:
    cast.directory.revoke(cast.outsider.device, by=cast.ncp.device)
    cast.directory.revoke(cast.bot.device, by=cast.ncp.device)
    sync(cast)
    cast.operation.message(cast.work)
    cast.operation.message(cast.work)


def test_a_rekey_or_a_new_device_makes_nothing_wait(cast: Cast) -> None:
    cast.directory.rekey(cast.officer.device)
    cast.directory.device(cast.officer, voucher=cast.officer.device)
    sync(cast)
    assert cast.accepts(cast.operation.sealed(cast.work))


def test_a_device_that_got_a_grant_counts_as_one_of_the_epoch(cast: Cast) -> None:
    new = cast.directory.device(cast.officer, voucher=cast.officer.device)
    cast.operation.append(grant(cast, 1, new))
    cast.directory.revoke(new, by=cast.officer.device)
    assert reason(cast) is Reason.REVOCATION


def test_a_new_audit_set_makes_every_channel_wait(cast: Cast) -> None:
    body = {"audit": {"persons": [person.id for person in cast.auditors], "k": 3}}
    leaf = cast.operation.propose("audit", body)
    assert reason(cast) is None
    cast.operation.approve("audit", leaf, cast.deputy)
    assert reason(cast) is Reason.AUDIT
    assert cast.operation.refusal(cast.operation.sealed(cast.work)) is ErrorCode.STALE_EPOCH
    cast.operation.rotate(cast.work)
    assert reason(cast) is None


def test_flags_and_grants_are_taken_while_a_rotate_is_due(cast: Cast) -> None:
    new = cast.directory.device(cast.analyst, voucher=cast.analyst.device)
    cast.operation.remove(cast.officer)
    cast.operation.append(grant(cast, 1, new, by=cast.chief))
    body = {"n": 1, "code": "rotation_mismatch"}
    cast.operation.append(cast.operation.current("channel.flag", body, cast.work, cast.observer))
    assert 1 in cast.operation.state.channels[cast.work].flagged


# -- message and drop --------------------------------------------------------------------------


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_message_names_the_current_epoch(cast: Cast, epoch: int) -> None:
    cast.operation.rotate(cast.work)
    entry = cast.operation.sealed(cast.work, epoch=epoch)
    assert cast.operation.refusal(entry) is ErrorCode.WRONG_EPOCH


def test_who_is_not_in_the_channel_sends_nothing_there(cast: Cast) -> None:
    small = cast.operation.channel("small", [cast.chief])
    cast.operation.rotate(small)
    for person in (cast.officer, cast.expert):
        entry = cast.operation.sealed(small, person)
        assert cast.operation.refusal(entry) is ErrorCode.NOT_MEMBER


def test_a_bot_drops_into_its_own_channel_alone(cast: Cast) -> None:
    small = cast.operation.channel("small", [cast.chief])
    cast.operation.rotate(small)
    entry = cast.operation.current("drop", b"sealed", small, cast.bot)
    assert cast.operation.refusal(entry) is ErrorCode.NOT_MEMBER


def test_the_rules_read_no_body_that_may_be_erased(cast: Cast) -> None:
    entry = cast.operation.sealed(cast.work, cast.officer)
    erased = parse_erased(entry.header_bytes, entry.body_hash, entry.sig)
    seq, at = cast.operation.log.size, cast.operation.clock
    assert cast.operation.log.check(sequence(seq, at, erased)) == cast.operation.offer(entry)


def test_messages_are_taken_through_the_grace_and_no_longer(cast: Cast) -> None:
    cast.operation.wait_until(cast.operation.state.end)
    assert cast.accepts(cast.operation.sealed(cast.work))
    cast.operation.wait(1)
    assert cast.operation.refusal(cast.operation.sealed(cast.work)) is ErrorCode.CLOSED


def test_a_suspended_operation_rotates_and_sends_nothing(cast: Cast) -> None:
    cast.operation.control("operation.suspend", {})
    assert cast.operation.refusal(cast.operation.sealed(cast.work)) is ErrorCode.WRONG_PHASE
    assert cast.accepts(cast.operation.rotation(cast.work))


def test_a_draft_takes_no_entry_of_a_channel() -> None:
    cast = Cast.fresh(live=False)
    for entry in (cast.operation.rotation(cast.work), cast.operation.sealed(cast.work)):
        assert cast.operation.refusal(entry) is ErrorCode.WRONG_PHASE


# -- grant and flag ----------------------------------------------------------------------------


def grant(
    cast: Cast, n: int, device: HeldDevice, by: HeldDevice | HeldPerson | None = None,
    header: dict[str, Any] | None = None, **fields: Any,
) -> Entry:  # fmt: skip
    body = {"n": n, "device": device.id, "box_pk": device.box.public, "wrap": bytes(32), **fields}
    return cast.operation.current(
        "channel.grant", body, cast.work, by or cast.analyst, **(header or {})
    )


def test_a_grant_heals_a_new_device_and_the_last_one_wins(cast: Cast) -> None:
    new = cast.directory.device(cast.officer, voucher=cast.officer.device)
    for wrap in (bytes([1]) * 32, bytes([2]) * 32):
        cast.operation.append(grant(cast, 1, new, wrap=wrap))
    epoch = cast.operation.state.channels[cast.work].epochs[1]
    assert epoch.grants[new.id] == bytes([2]) * 32
    assert epoch.received(new.id)


def test_a_grant_may_replace_a_bad_wrap(cast: Cast) -> None:
    assert cast.accepts(grant(cast, 1, cast.officer.device))


def test_a_grant_is_for_a_present_recipient_under_its_present_key(cast: Cast) -> None:
    added = cast.directory.device(cast.officer)
    assert cast.operation.refusal(grant(cast, 1, added)) is ErrorCode.NOT_PERMITTED
    assert cast.operation.refusal(grant(cast, 1, cast.outsider.device)) is ErrorCode.NOT_PERMITTED
    assert cast.operation.refusal(grant(cast, 1, cast.bot.device)) is ErrorCode.NOT_PERMITTED
    old = cast.officer.device.box.public
    cast.directory.rekey(cast.officer.device)
    entry = grant(cast, 1, cast.officer.device, box_pk=old)
    assert cast.operation.refusal(entry) is ErrorCode.NOT_PERMITTED
    assert cast.accepts(grant(cast, 1, cast.officer.device))


def test_a_grant_is_about_an_epoch_that_exists_and_made_in_the_current_one(cast: Cast) -> None:
    assert cast.operation.refusal(grant(cast, 2, cast.officer.device)) is ErrorCode.WRONG_EPOCH
    entry = grant(cast, 1, cast.officer.device, header={"epoch": 2})
    assert cast.operation.refusal(entry) is ErrorCode.WRONG_EPOCH


def test_who_is_not_in_the_channel_grants_nothing(cast: Cast) -> None:
    small = cast.operation.channel("small", [cast.chief])
    cast.operation.rotate(small)
    device = cast.chief.device
    body = {"n": 1, "device": device.id, "box_pk": device.box.public, "wrap": bytes(32)}
    entry = cast.operation.current("channel.grant", body, small, cast.officer)
    assert cast.operation.refusal(entry) is ErrorCode.NOT_MEMBER


def test_without_history_a_joiner_gets_no_older_epoch() -> None:
    cast = Cast.fresh(history="none")
    cast.operation.admit(cast.outsider, "officer")
    cast.operation.rotate(cast.work)
    assert cast.operation.refusal(grant(cast, 1, cast.outsider.device)) is ErrorCode.NOT_PERMITTED
    assert cast.accepts(grant(cast, 2, cast.outsider.device))
    new = cast.directory.device(cast.officer, voucher=cast.officer.device)
    assert cast.accepts(grant(cast, 1, new))


def test_with_history_a_joiner_gets_them(cast: Cast) -> None:
    cast.operation.admit(cast.outsider, "officer")
    assert cast.accepts(grant(cast, 1, cast.outsider.device))


def test_a_flag_names_an_epoch_that_exists(cast: Cast) -> None:
    body = {"n": 2, "code": "rotation_mismatch"}
    entry = cast.operation.current("channel.flag", body, cast.work, cast.officer)
    assert cast.operation.refusal(entry) is ErrorCode.WRONG_EPOCH


def test_a_long_line_of_vouchers_makes_no_rotate_quadratic(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each device vouches for the next: one member's doing, at everybody's cost (A35)."""
    device = cast.officer.device
    while len(cast.directory.state.active_devices(cast.officer.id)) < MAX_DEVICES:
        device = cast.directory.device(cast.officer, voucher=device)
    asked = 0
    look_up = DirectoryState.device

    def counted(self: DirectoryState, device: DeviceId) -> Device | None:
        nonlocal asked
        asked += 1
        return look_up(self, device)

    monkeypatch.setattr(DirectoryState, "device", counted)
    found = recipients(cast.operation.state, cast.work, cast.directory.state)
    assert {row.device for row in found} >= {held.id for held in cast.officer.devices}
    assert asked <= len(found)


def test_the_pass_over_all_devices_agrees_with_the_question_about_one(cast: Cast) -> None:
    quiet = cast.directory.device(cast.officer)  # by an NCP, after the admission (A52)
    cast.directory.device(cast.officer, voucher=quiet)
    accepted = cast.directory.device(cast.analyst)
    cast.directory.device(cast.analyst, voucher=accepted)
    cast.operation.control("device.accept", {"device": accepted.id})
    own = cast.directory.device(cast.observer, voucher=cast.observer.device)
    cast.directory.revoke(cast.observer.device, by=own)
    state, directory = cast.operation.state, cast.directory.state
    for person in cast.by_role.values():
        one_by_one = [
            device
            for device in directory.persons[person.id].devices
            if state.eligible(device, directory)
        ]
        found = state.eligible_devices(person.id, directory)
        assert [device.id for device in found] == one_by_one
