"""A rotate reaches its recipients and nobody else, and members recompute it (PROTOCOL 8.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.epoch import EpochContext, EpochSecret
from cencomm_crypto.member.escrow import open_share, recover
from cencomm_crypto.member.flag import FlagReason, RotationMismatch, flag_body
from cencomm_crypto.member.links import context_at, earlier_epochs, open_previous_epoch
from cencomm_crypto.member.message import open_message, seal_message
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.member.rotation import check_rotation, make_rotation
from cencomm_crypto.member.wrap import WRAP_SIZE, open_wrap, wrap
from cencomm_crypto.public.bodies import parse_body
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.epochs import context_of, epoch_context
from cencomm_crypto.public.operation.recipients import recipients, share_holders, wraps_root
from cencomm_crypto.public.primitives import sha256
from hypothesis import given

from tests.support.directory import DirectoryBuilder, HeldPerson
from tests.support.epochs import Epochs
from tests.support.operation import OperationBuilder
from tests.support.sealing import contexts, few, fixed


@dataclass
class Case:
    """Two administrations, an officer with two devices, an audit set of three, one channel."""

    directory: DirectoryBuilder
    operation: OperationBuilder
    epochs: Epochs
    officer: HeldPerson
    analyst: HeldPerson
    auditors: list[HeldPerson]
    work: ChannelId


def make_case(*, audited: bool = True, **genesis: Any) -> Case:
    directory = DirectoryBuilder()
    administrations = [directory.administration(code) for code in ("FR", "DE", "IT")]
    officer = directory.person(administrations[0], devices=2)
    analyst = directory.person(administrations[1])
    auditors = [directory.person(administration) for administration in administrations]
    operation = OperationBuilder(
        directory, auditors=auditors if audited else (), k=2 if audited else 0, **genesis
    )
    operation.admit(officer, "officer")
    operation.admit(analyst, "analyst")
    operation.start()
    work = operation.channel("work")
    return Case(directory, operation, Epochs(operation), officer, analyst, auditors, work)


@pytest.fixture
def case() -> Case:
    return make_case()


def test_every_recipient_opens_its_wrap_and_finds_the_rotate_right(case: Case) -> None:
    secret = case.epochs.rotate(case.work)
    for person in (case.operation.creator, case.officer, case.analyst):
        for device in person.devices:
            opened = case.epochs.opened(case.work, 1, device)
            assert opened == secret
            case.epochs.check(case.work, 1, opened)


def test_a_rotation_has_the_shape_of_the_specification(case: Case) -> None:
    case.epochs.rotate(case.work)
    rotation = case.epochs.prepare(case.work)
    found = recipients(case.operation.state, case.work, case.directory.state)
    holders = share_holders(case.operation.state, case.directory.state)
    assert parse_body("channel.rotate", dict(rotation.body)) == rotation.body
    assert (rotation.n, rotation.body["p"]) == (2, 1)
    assert rotation.body["count"] == len(found) == 4
    assert rotation.body["shares"] == len(holders) == 3
    assert len(rotation.wraps) == WRAP_SIZE * len(found)
    assert len(rotation.shares) == WRAP_SIZE * len(holders)
    secret = rotation.secret
    assert rotation.wraps[:WRAP_SIZE] == wrap(secret, found[0].device, found[0].box_pk)
    assert secret.context.previous_commit == case.epochs.epoch(case.work, 1).commit


def test_the_first_epoch_links_nothing(case: Case) -> None:
    rotation = case.epochs.prepare(case.work)
    assert rotation.body["p"] == 0
    assert "prev_close" not in rotation.body
    assert "prev_link" not in rotation.body


def test_without_auditors_nothing_is_escrowed() -> None:
    case = make_case(audited=False)
    rotation = case.epochs.prepare(case.work)
    assert not {"escrow", "shares_root", "shares"} & set(rotation.body)
    assert rotation.shares == b""
    case.epochs.check(case.work, 1, case.epochs.rotate(case.work))


def test_the_same_secret_gives_the_same_rotation_and_another_gives_another(case: Case) -> None:
    state, directory = case.operation.state, case.directory.state
    one, two, other = (
        make_rotation(state, case.work, directory, fixed(name), None) for name in ("e", "e", "f")
    )
    assert one == two
    assert not {one.body["commit"], one.wraps} & {other.body["commit"], other.wraps}


@given(contexts)
@few
def test_members_and_everybody_else_name_an_epoch_alike(context: EpochContext) -> None:
    assert context.encoded == epoch_context(
        context.log, context.chan, context.n, context.previous_commit
    )


def test_the_context_of_an_accepted_epoch_is_that_of_the_public_rules(case: Case) -> None:
    for _ in range(3):
        case.epochs.rotate(case.work)
    state = case.operation.state
    channel = state.channels[case.work]
    for n, epoch in channel.epochs.items():
        assert context_at(state, case.work, n).encoded == context_of(state, channel, epoch)


# -- what a member finds -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "size", "reason"),
    [
        ("close_commit", 32, FlagReason.CLOSE_COMMIT),
        ("drop_pk", 32, FlagReason.DROP_KEY),
        ("prev_link", 48, FlagReason.PREVIOUS_LINK),
        ("prev_close", 48, FlagReason.PREVIOUS_CLOSE),
        ("escrow", 48, FlagReason.ESCROW),
        ("shares_root", 32, FlagReason.SHARES),
        ("wraps_root", 32, FlagReason.WRAPS),
        ("commit", 32, FlagReason.COMMIT),
    ],
)
def test_any_field_that_is_not_recomputed_is_a_named_mismatch_a18_a22(
    case: Case, field: str, size: int, reason: FlagReason
) -> None:
    case.epochs.rotate(case.work)
    forged: dict[str, Any] = {field: bytes(size)}
    secret = case.epochs.rotate(case.work, **forged)
    with pytest.raises(RotationMismatch) as caught:
        case.epochs.check(case.work, 2, secret)
    assert caught.value.reason is reason
    assert caught.value.code is ErrorCode.ROTATION_MISMATCH
    body = flag_body(2, reason)
    assert parse_body("channel.flag", body) == body


def test_garbage_to_one_member_is_found_by_another_a18(case: Case) -> None:
    rotation = case.epochs.prepare(case.work)
    found = recipients(case.operation.state, case.work, case.directory.state)
    rows = []
    for place, row in enumerate(found):
        w = rotation.wraps[place * WRAP_SIZE : (place + 1) * WRAP_SIZE]
        if row.person == case.analyst.id:
            w = bytes(WRAP_SIZE)  # the analyst gets garbage, committed to all the same
        rows.append((row.device, row.box_pk, sha256(w)))
    secret = case.epochs.rotate(case.work, wraps_root=wraps_root(rows))
    with pytest.raises(RotationMismatch) as caught:
        case.epochs.check(case.work, 1, secret)
    assert caught.value.reason is FlagReason.WRAPS


def test_links_that_open_to_something_else_are_mismatches(case: Case) -> None:
    first = case.epochs.rotate(case.work)
    stranger = EpochSecret(fixed("stranger"), first.context)
    state, directory = case.operation.state, case.directory.state
    prepared = make_rotation(state, case.work, directory, fixed("e"), first)
    false_link = prepared.secret.seal_link(stranger)
    false_close = prepared.secret.close_key.seal_previous(stranger.close_key)
    for field, value, reason in (
        ("prev_link", false_link, FlagReason.PREVIOUS_LINK),
        ("prev_close", false_close, FlagReason.PREVIOUS_CLOSE),
    ):
        other = make_case()
        assert other.epochs.rotate(other.work) == first
        body = {**prepared.body, field: value}
        entry = other.operation.author(
            "channel.rotate", body, other.operation.creator, chan=other.work, epoch=2
        )
        other.operation.append(entry)
        with pytest.raises(RotationMismatch) as caught:
            other.epochs.check(other.work, 2, prepared.secret)
        assert caught.value.reason is reason


def test_a_joiner_without_the_previous_epoch_still_checks_prev_close() -> None:
    case = make_case(history="none")
    case.epochs.rotate(case.work)
    case.epochs.check(case.work, 2, case.epochs.rotate(case.work))
    secret = case.epochs.rotate(case.work, prev_close=bytes(48))
    with pytest.raises(RotationMismatch) as caught:
        case.epochs.check(case.work, 3, secret)
    assert caught.value.reason is FlagReason.PREVIOUS_CLOSE


def test_who_holds_the_previous_epoch_checks_that_its_own_close_key_is_linked() -> None:
    """The author of a bad epoch committed to a close key that is not E's, and links that one."""
    case = make_case(history="none")
    prepared = case.epochs.prepare(case.work)
    stranger = EpochSecret(fixed("stranger"), prepared.secret.context)
    first = case.epochs.rotate(case.work, close_commit=stranger.close_commit)
    second = make_rotation(case.operation.state, case.work, case.directory.state, fixed("e"), None)
    context = EpochContext(second.secret.context.log, case.work, 2, first.commit)
    secret = EpochSecret(fixed("e"), context)
    with pytest.raises(ProtocolError) as caught:  # an honest author links no such epoch
        case.epochs.prepare(case.work, first)
    assert caught.value.code is ErrorCode.BAD_EPOCH_LINK
    case.epochs.made[case.work, 1] = prepared
    body = {
        **second.body,
        "p": 1,
        "commit": secret.commit,
        "close_commit": secret.close_commit,
        "drop_pk": secret.drop_keys.public,
        "prev_close": secret.close_key.seal_previous(stranger.close_key),
    }
    entry = case.operation.author(
        "channel.rotate", body, case.operation.creator, chan=case.work, epoch=2
    )
    case.operation.append(entry)
    with pytest.raises(RotationMismatch) as caught:
        case.epochs.check(case.work, 2, secret, first)
    assert caught.value.reason is FlagReason.PREVIOUS_CLOSE


@pytest.mark.parametrize("pretended", ["another secret", "another channel's epoch", "epoch 2"])
def test_a_secret_that_is_not_the_epochs_is_a_mismatch(case: Case, pretended: str) -> None:
    secret = case.epochs.rotate(case.work)
    case.epochs.rotate(case.work)
    false = {
        "another secret": EpochSecret(fixed("x"), secret.context),
        "another channel's epoch": case.epochs.rotate(case.operation.main),
        "epoch 2": case.epochs.made[case.work, 2].secret,
    }[pretended]
    with pytest.raises(RotationMismatch) as caught:
        case.epochs.check(case.work, 1, false)
    assert caught.value.reason is FlagReason.COMMIT


def test_the_wrong_directory_state_does_not_pass_as_right(case: Case) -> None:
    secret = case.epochs.rotate(case.work)
    case.directory.rekey(case.officer.device)
    epoch = case.epochs.epoch(case.work, 1)
    with pytest.raises(RotationMismatch) as caught:
        check_rotation(epoch, case.operation.state, case.directory.state, secret)
    assert caught.value.reason is FlagReason.RECIPIENTS
    case.epochs.check(case.work, 1, secret)


def test_a_rotate_is_still_found_right_after_members_devices_and_auditors_changed() -> None:
    case = make_case()
    secret = case.epochs.rotate(case.work)
    case.directory.device(case.officer)
    case.directory.rekey(case.analyst.device)
    case.operation.remove(case.officer)
    case.epochs.rotate(case.work)
    case.epochs.check(case.work, 1, secret)


# -- who reads on, and who does not ------------------------------------------------------------


def test_a_removed_member_opens_no_later_epoch_with_anything_it_ever_had_a19(case: Case) -> None:
    first = case.epochs.rotate(case.work)
    mine = [case.epochs.opened(case.work, 1, device) for device in case.officer.devices]
    assert mine == [first, first]
    case.operation.remove(case.officer)
    second = case.epochs.rotate(case.work)
    wraps = case.epochs.made[case.work, 2].wraps
    context = context_at(case.operation.state, case.work, 2)
    every_wrap = [wraps[i : i + WRAP_SIZE] for i in range(0, len(wraps), WRAP_SIZE)]
    for device in case.officer.devices:
        assert case.epochs.wrap_of(case.work, 2, device) is None
        for w in every_wrap:
            with pytest.raises(ProtocolError) as caught:
                open_wrap(w, device.box, context, second.commit)
            assert caught.value.code is ErrorCode.CANNOT_OPEN
    author = case.analyst.device
    header = case.operation.current("message", b"", case.work, case.analyst).header
    payload = make_payload("MSG", fixed("mid", 16), {"text": "he is out"})
    body = seal_message(header, second, payload, fixed("n", 24), fixed("s", 16))
    entry = case.operation.current("message", body, case.work, author, id=header.id)
    assert open_message(entry, second) == payload
    for guess in (first, EpochSecret(first.secret, context)):
        with pytest.raises(ProtocolError) as caught:
            open_message(entry, guess)
        assert caught.value.code is ErrorCode.CANNOT_OPEN


def test_a_joiner_reads_all_history_where_the_genesis_says_all_a20(case: Case) -> None:
    secrets = [case.epochs.rotate(case.work) for _ in range(3)]
    joiner = case.directory.person(case.officer.administration)
    case.operation.admit(joiner, "observer")
    case.epochs.rotate(case.work)
    newest = case.epochs.opened(case.work, 4, joiner.device)
    with pytest.raises(ProtocolError):
        case.epochs.opened(case.work, 3, joiner.device)
    earlier = list(earlier_epochs(case.operation.state, newest))
    assert earlier == secrets[::-1]


def test_a_joiner_reads_nothing_earlier_where_the_genesis_says_none_a20() -> None:
    case = make_case(history="none")
    case.epochs.rotate(case.work)
    joiner = case.directory.person(case.officer.administration)
    case.operation.admit(joiner, "observer")
    case.epochs.rotate(case.work)
    newest = case.epochs.opened(case.work, 2, joiner.device)
    assert list(earlier_epochs(case.operation.state, newest)) == []
    with pytest.raises(ProtocolError) as caught:
        open_previous_epoch(case.operation.state, newest, case.epochs.epoch(case.work, 2))
    assert caught.value.code is ErrorCode.NO_EPOCH_KEY


def test_a_broken_link_ends_the_way_back_and_raises_nothing(case: Case) -> None:
    case.epochs.rotate(case.work)
    case.epochs.rotate(case.work, prev_link=bytes(48))
    third = case.epochs.rotate(case.work)
    back = list(earlier_epochs(case.operation.state, third))
    assert [secret.context.n for secret in back] == [2]


def test_a_rotate_from_the_newest_good_epoch_leaves_the_bad_one_aside_a18(case: Case) -> None:
    first = case.epochs.rotate(case.work)
    bad = case.epochs.rotate(case.work, escrow=bytes(48))
    with pytest.raises(RotationMismatch):
        case.epochs.check(case.work, 2, bad)
    third = case.epochs.rotate(case.work, previous=first)
    case.epochs.check(case.work, 3, third)
    assert case.epochs.epoch(case.work, 3).p == 1
    assert list(earlier_epochs(case.operation.state, third)) == [first]


def test_a_new_device_vouched_by_its_owner_heals_by_a_grant_a44(case: Case) -> None:
    secret = case.epochs.rotate(case.work)
    tablet = case.directory.device(case.officer, voucher=case.officer.device)
    with pytest.raises(ProtocolError):
        case.epochs.opened(case.work, 1, tablet)
    case.epochs.grant(case.work, 1, tablet, by=case.officer)
    assert case.epochs.opened(case.work, 1, tablet) == secret


def test_no_link_is_made_to_another_channels_epoch_or_to_a_false_secret(case: Case) -> None:
    first = case.epochs.rotate(case.work)
    for false in (case.epochs.rotate(case.operation.main), EpochSecret(fixed("x"), first.context)):
        with pytest.raises(ProtocolError) as caught:
            case.epochs.prepare(case.work, false)
        assert caught.value.code is ErrorCode.BAD_EPOCH_LINK


# -- auditors ----------------------------------------------------------------------------------


def test_two_of_three_auditors_with_the_close_key_open_the_epoch(case: Case) -> None:
    secret = case.epochs.rotate(case.work)
    epoch = case.epochs.epoch(case.work, 1)
    shares = {}
    for auditor in case.auditors[1:]:
        ((x, w),) = case.epochs.shares_for(case.work, 1, auditor)
        shares[x] = open_share(w, auditor.device.box, secret.context)
    assert sorted(shares) == [2, 3]  # the place in the audit list, from 1
    escrow = epoch.body["escrow"]
    opening = recover(escrow, secret.close_key, shares, 2, 3, epoch.commit)
    assert opening.secret == secret


def test_an_auditor_is_no_recipient_and_each_of_its_devices_holds_its_share(case: Case) -> None:
    second = case.directory.device(case.auditors[0], voucher=case.auditors[0].device)
    secret = case.epochs.rotate(case.work)
    assert case.epochs.wrap_of(case.work, 1, case.auditors[0].device) is None
    rows = case.epochs.shares_for(case.work, 1, case.auditors[0])
    assert [x for x, _ in rows] == [1, 1]
    devices = sorted([case.auditors[0].device, second], key=lambda device: device.id)
    opened = {
        open_share(w, device.box, secret.context)
        for device, (_, w) in zip(devices, rows, strict=True)
    }
    assert len(opened) == 1
    case.epochs.check(case.work, 1, secret)


def test_an_auditor_without_a_device_has_no_share_and_the_rest_is_right(case: Case) -> None:
    auditor = case.auditors[0]
    case.directory.revoke(auditor.device, by=auditor.administration.ncp.device)
    case.operation.control("directory.sync", {})
    secret = case.epochs.rotate(case.work)
    assert case.epochs.shares_for(case.work, 1, auditor) == []
    assert case.epochs.epoch(case.work, 1).body["shares"] == 2
    case.epochs.check(case.work, 1, secret)
