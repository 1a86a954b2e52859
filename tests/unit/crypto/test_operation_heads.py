"""Heads, watermark, compare-and-set, ids: what holds for an entry of any type (PROTOCOL 7.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cencomm_crypto.errors import DirectoryBehind, ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.bodies import CHANNEL_TYPES, CONTROL_TYPES
from cencomm_crypto.public.entry import Entry, Head
from cencomm_crypto.public.ids import ChannelId, LogId
from cencomm_crypto.public.operation.epochs import EPOCH_RULES
from cencomm_crypto.public.operation.rules import CONTROL_RULES, apply_operation
from cencomm_crypto.public.primitives import EMPTY_ROOT
from cencomm_crypto.public.wire import Sequenced

from tests.support.cast import Cast


@pytest.fixture
def cast() -> Cast:
    return Cast.fresh()


def suspension(cast: Cast, **header: object) -> Entry:
    return cast.operation.author("operation.suspend", {}, cast.chief, **header)


def test_every_type_has_its_rule() -> None:
    assert set(CONTROL_RULES) == CONTROL_TYPES - {"operation.genesis", "log.restored"}
    assert set(EPOCH_RULES) == CHANNEL_TYPES


# -- log, type, channel ------------------------------------------------------------------------


def test_an_entry_signed_for_another_log_is_refused(cast: Cast) -> None:
    entry = suspension(cast, log=LogId(bytes(16)))
    result = apply_operation(
        cast.operation.state, cast.operation.sequenced(entry), cast.operation.log,
        cast.directory.log,
    )  # fmt: skip
    assert isinstance(result, Rejected)
    assert result.code is ErrorCode.WRONG_LOG


def test_a_directory_entry_is_refused(cast: Cast) -> None:
    body = {"person": cast.officer.id}
    entry = cast.directory.author(
        "person.suspend", body, cast.ncp.device, log=cast.operation.log.id16
    )
    assert cast.operation.refusal(entry) is ErrorCode.WRONG_TYPE


def test_an_entry_of_an_unknown_channel_is_refused(cast: Cast) -> None:
    entry = cast.operation.author("message", b"", cast.officer, chan=ChannelId(bytes(16)), epoch=1)
    assert cast.operation.refusal(entry) is ErrorCode.UNKNOWN_CHANNEL


def test_an_item_out_of_its_place_stops_the_reader(cast: Cast) -> None:
    item = replace(cast.operation.sequenced(suspension(cast)), seq=cast.operation.log.size + 1)
    with pytest.raises(ProtocolError) as caught:
        apply_operation(cast.operation.state, item, cast.operation.log, cast.directory.log)
    assert caught.value.code is ErrorCode.LOG_DAMAGED


def test_a_withheld_item_is_not_for_the_rules(cast: Cast) -> None:
    item = Sequenced(cast.operation.log.size, cast.operation.clock, bytes(16), bytes(32), None)
    with pytest.raises(ProtocolError) as caught:
        apply_operation(cast.operation.state, item, cast.operation.log, cast.directory.log)
    assert caught.value.code is ErrorCode.LOG_DAMAGED


# -- author ------------------------------------------------------------------------------------


def test_a_device_that_the_directory_does_not_know_authors_nothing(cast: Cast) -> None:
    ghost = cast.directory.new_device(cast.chief.id)
    assert (
        cast.operation.refusal(cast.operation.sealed(cast.work, ghost)) is ErrorCode.UNKNOWN_DEVICE
    )


def test_a_signature_by_another_key_is_refused(cast: Cast) -> None:
    entry = cast.operation.sealed(cast.work, cast.officer.device, device=cast.analyst.device.id)
    assert cast.operation.refusal(entry) is ErrorCode.BAD_SIGNATURE


def test_a_revoked_device_and_a_suspended_person_author_nothing(cast: Cast) -> None:
    cast.directory.revoke(cast.officer.device, by=cast.france.ncp.device)
    cast.directory.suspend(cast.analyst)
    for person in (cast.officer, cast.analyst):
        entry = cast.operation.author("directory.sync", {}, person)
        assert cast.operation.refusal(entry) is ErrorCode.INACTIVE


def test_a_revocation_counts_from_the_entry_whose_watermark_passes_it(cast: Cast) -> None:
    before = cast.directory.head
    cast.directory.revoke(cast.officer.device, by=cast.france.ncp.device)
    unaware = cast.operation.sealed(cast.work, cast.officer, dir=before)
    assert not isinstance(cast.operation.offer(unaware), Rejected)
    cast.operation.control("directory.sync", {})
    aware = cast.operation.sealed(cast.work, cast.officer, dir=before)
    assert cast.operation.refusal(aware) is ErrorCode.INACTIVE


def test_a_device_that_an_ncp_alone_added_speaks_only_after_its_acceptance(cast: Cast) -> None:
    added = cast.directory.device(cast.chief)  # A52: not even for its own acceptance
    own = cast.operation.author("device.accept", {"device": added.id}, added)
    assert cast.operation.refusal(own) is ErrorCode.NOT_PERMITTED
    cast.operation.control("device.accept", {"device": added.id}, cast.deputy)
    assert not isinstance(
        cast.operation.offer(cast.operation.author("operation.suspend", {}, added)), Rejected
    )


# -- heads -------------------------------------------------------------------------------------


def test_a_wrong_root_in_seen_is_refused(cast: Cast) -> None:
    size = cast.operation.log.size
    for seen in (Head(size, bytes(32)), Head(size + 1, EMPTY_ROOT), Head(size - 1, EMPTY_ROOT)):
        assert cast.operation.refusal(suspension(cast, seen=seen)) is ErrorCode.WRONG_HEAD


def test_a_wrong_root_in_dir_is_refused(cast: Cast) -> None:
    wrong = Head(cast.directory.log.size, EMPTY_ROOT)
    assert cast.operation.refusal(suspension(cast, dir=wrong)) is ErrorCode.WRONG_HEAD


def test_a_directory_beyond_the_own_means_wait(cast: Cast) -> None:
    entry = suspension(cast, dir=Head(cast.directory.log.size + 1, bytes(32)))
    with pytest.raises(DirectoryBehind):
        cast.operation.offer(entry)


def test_a_decision_on_an_older_directory_than_the_watermark_is_refused(cast: Cast) -> None:
    before = cast.directory.head
    cast.directory.person(cast.france)
    cast.operation.control("directory.sync", {})
    assert cast.operation.refusal(suspension(cast, dir=before)) is ErrorCode.STALE_DIRECTORY
    rotate = cast.operation.rotation(cast.work, header={"dir": before})
    assert cast.operation.refusal(rotate) is ErrorCode.STALE_DIRECTORY


def test_a_message_on_an_older_directory_is_judged_at_the_watermark(cast: Cast) -> None:
    before = cast.directory.head
    cast.directory.person(cast.france)
    cast.operation.control("directory.sync", {})
    entry = cast.operation.sealed(cast.work, cast.officer, dir=before)
    assert not isinstance(cast.operation.offer(entry), Rejected)


def test_a_channels_entries_raise_its_own_watermark_alone(cast: Cast) -> None:
    other = cast.operation.channel("other")
    before = cast.directory.head
    cast.directory.person(cast.france)
    cast.operation.message(cast.work, cast.officer)
    state = cast.operation.state
    assert state.watermark == before.size
    assert state.watermark_of(state.channels[cast.work]) == before.size + 2
    assert state.watermark_of(state.channels[other]) == before.size
    stale = cast.operation.rotation(cast.work, header={"dir": before})
    assert cast.operation.refusal(stale) is ErrorCode.STALE_DIRECTORY
    fine = cast.operation.rotation(other, header={"dir": before})
    assert not isinstance(cast.operation.offer(fine), Rejected)


def test_a_sync_that_brings_nothing_new_is_refused(cast: Cast) -> None:
    entry = cast.operation.author("directory.sync", {}, cast.officer)
    assert cast.operation.refusal(entry) is ErrorCode.STALE_DIRECTORY


# -- seen, ids, compare-and-set ----------------------------------------------------------------


def test_seen_never_goes_back_for_a_device(cast: Cast) -> None:
    early = cast.operation.head
    cast.operation.message(cast.work, cast.officer)
    cast.operation.message(cast.work, cast.officer)
    back = cast.operation.sealed(cast.work, cast.officer, seen=early)
    assert cast.operation.refusal(back) is ErrorCode.SEEN_DECREASED
    other = cast.operation.sealed(cast.work, cast.analyst, seen=early)
    assert not isinstance(cast.operation.offer(other), Rejected)


def test_seen_of_a_control_entry_binds_the_devices_later_messages(cast: Cast) -> None:
    early = cast.operation.head
    cast.operation.control("hold", {"reason": "court order"}, cast.deputy)
    cast.operation.control("hold", {"reason": "court order"})
    back = cast.operation.sealed(cast.work, cast.chief, seen=early)
    assert cast.operation.refusal(back) is ErrorCode.SEEN_DECREASED


def test_seen_in_a_channel_binds_nothing_that_others_could_not_check(cast: Cast) -> None:
    early = cast.operation.head
    cast.operation.message(cast.work, cast.chief)
    cast.operation.message(cast.work, cast.chief)
    control = suspension(cast, seen=early)
    assert not isinstance(cast.operation.offer(control), Rejected)


def test_the_same_id_twice_in_a_scope_is_refused(cast: Cast) -> None:
    first = cast.operation.sealed(cast.work, cast.officer)
    cast.operation.append(first)
    assert cast.operation.refusal(first) is ErrorCode.DUPLICATE_ID
    other = cast.operation.sealed(cast.work, cast.officer, id=first.header.id)
    assert cast.operation.refusal(other) is ErrorCode.DUPLICATE_ID


def test_the_same_id_by_another_device_or_in_another_scope_is_fine(cast: Cast) -> None:
    used = cast.operation.sealed(cast.work, cast.chief)
    cast.operation.append(used)
    by_other = cast.operation.sealed(cast.work, cast.officer, id=used.header.id)
    assert not isinstance(cast.operation.offer(by_other), Rejected)
    control = suspension(cast, id=used.header.id)
    assert not isinstance(cast.operation.offer(control), Rejected)


def test_a_control_entry_since_the_seen_size_rejects_a_decision(cast: Cast) -> None:
    held_back = suspension(cast)
    rotate = cast.operation.rotation(cast.work)
    cast.operation.control("hold", {"reason": "court order"}, cast.deputy)
    assert cast.operation.refusal(held_back) is ErrorCode.STALE_SEEN
    assert cast.operation.refusal(rotate) is ErrorCode.STALE_SEEN


def test_a_rotate_of_the_channel_rejects_another_and_not_a_control_entry(cast: Cast) -> None:
    loser, control = cast.operation.rotation(cast.work, cast.officer), suspension(cast)
    cast.operation.rotate(cast.work, cast.analyst)
    assert cast.operation.refusal(loser) is ErrorCode.STALE_SEEN
    assert not isinstance(cast.operation.offer(control), Rejected)


def test_a_message_conflicts_with_nothing(cast: Cast) -> None:
    message = cast.operation.sealed(cast.work, cast.officer)
    control = suspension(cast)
    cast.operation.control("hold", {"reason": "court order"}, cast.deputy)
    assert not isinstance(cast.operation.offer(message), Rejected)
    other = cast.operation.sealed(cast.work, cast.analyst)
    cast.operation.append(message)
    assert not isinstance(cast.operation.offer(other), Rejected)
    assert cast.operation.refusal(control) is ErrorCode.STALE_SEEN


def test_a_rejected_entry_counts_for_nothing(cast: Cast) -> None:
    waiting = suspension(cast)
    rejected = cast.operation.author("operation.suspend", {}, cast.officer)
    before = cast.operation.state
    assert isinstance(cast.operation.force(rejected), Rejected)
    after = cast.operation.state
    assert after == replace(before, size=after.size, at=after.at)
    assert not isinstance(cast.operation.offer(waiting), Rejected)
    again = cast.operation.author(
        "message", b"", cast.officer, chan=cast.work, epoch=1, id=rejected.header.id
    )
    assert not isinstance(cast.operation.offer(again), Rejected)


def test_a_release_is_no_conflict_for_others(cast: Cast) -> None:
    leaf = cast.operation.message(cast.work, cast.analyst).leaf
    waiting = suspension(cast)
    body = {"entry": leaf, "fields": [], "use": "cen", "manifest": bytes(32)}
    cast.operation.control("release", body, cast.ncp)
    assert not isinstance(cast.operation.offer(waiting), Rejected)


def test_a_release_is_itself_compared_and_its_id_used_once(cast: Cast) -> None:
    leaf = cast.operation.message(cast.work, cast.analyst).leaf
    body = {"entry": leaf, "fields": [], "use": "cen", "manifest": bytes(32)}
    held_back = cast.operation.author("release", body, cast.ncp)
    first = cast.operation.author("release", body, cast.ncp)
    cast.operation.append(first)
    assert cast.operation.refusal(first) is ErrorCode.DUPLICATE_ID
    cast.operation.control("hold", {"reason": "court order"})
    assert cast.operation.refusal(held_back) is ErrorCode.STALE_SEEN
