"""Headers, heads, compare-and-set and entry ids in the directory (RULES Headers, DIR-3 to 5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.directory.rules import apply_directory
from cencomm_crypto.public.entry import Entry, Head, Header, author
from cencomm_crypto.public.ids import ChannelId, EntryId, LogId

from tests.support.directory import DirectoryBuilder, HeldAdministration, HeldPerson


@pytest.fixture
def directory() -> DirectoryBuilder:
    return DirectoryBuilder()


@pytest.fixture
def france(directory: DirectoryBuilder) -> HeldAdministration:
    return directory.administration("FR")


@pytest.fixture
def agent(directory: DirectoryBuilder, france: HeldAdministration) -> HeldPerson:
    return directory.person(france)


def suspend(directory: DirectoryBuilder, agent: HeldPerson, **header: Any) -> Entry:
    ncp = agent.administration.ncp.device
    return directory.author("person.suspend", {"person": agent.id}, ncp, **header)


def applied(directory: DirectoryBuilder, entry: Entry) -> ErrorCode | None:
    """What the rules alone say, without the log's own look at the item."""
    item = directory.sequenced(entry)
    result = apply_directory(directory.state, item, directory.log)
    return result.code if isinstance(result, Rejected) else None


def test_an_entry_signed_for_another_log_is_refused(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    entry = suspend(directory, agent, log=LogId(bytes(16)))
    assert applied(directory, entry) == ErrorCode.WRONG_LOG


def test_header_fields_of_operations_are_refused(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    cases: list[tuple[dict[str, Any], ErrorCode]] = [
        ({"dir": directory.head}, ErrorCode.MALFORMED),
        ({"epoch": 1}, ErrorCode.MALFORMED),
        ({"chan": ChannelId(bytes(16))}, ErrorCode.WRONG_SCOPE),
    ]
    for fields, code in cases:
        with pytest.raises(ProtocolError) as caught:
            suspend(directory, agent, **fields)
        assert caught.value.code == code


def test_an_operations_log_restored_is_refused_in_the_directory(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    body = directory.lose()
    assert applied(directory, directory.by_governance("log.restored", body)) is None
    entry = directory.by_governance("log.restored", body, dir=directory.head)
    assert applied(directory, entry) == ErrorCode.MALFORMED


def test_an_operations_entry_has_no_place_in_the_directory(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    header = Header(
        type="directory.sync",
        device=agent.device.id,
        id=directory.entry_id(),
        time=0,
        seen=directory.head,
        dir=directory.head,
        log=directory.log.id16,
    )
    entry = author(header, {}, agent.device.sign)
    assert applied(directory, entry) == ErrorCode.WRONG_TYPE


def test_an_entry_signed_by_another_device_than_it_names_is_refused(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    body = {"person": agent.id}
    entry = directory.author("person.suspend", body, agent.device, device=france.ncp.device.id)
    assert applied(directory, entry) == ErrorCode.BAD_SIGNATURE


def test_a_flipped_bit_in_the_signature_is_refused(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    entry = suspend(directory, agent)
    for place in (0, 31, 32, 63):
        sig = bytearray(entry.sig)
        sig[place] ^= 1
        assert applied(directory, replace(entry, sig=bytes(sig))) == ErrorCode.BAD_SIGNATURE


def test_a_head_that_was_never_this_logs_is_refused(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    size, root = directory.head
    for head in (Head(size, bytes(32)), Head(size - 1, root), Head(size + 1, root)):
        assert applied(directory, suspend(directory, agent, seen=head)) == ErrorCode.WRONG_HEAD


def test_an_entry_may_name_any_head_since_the_subject_last_changed(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    seen = directory.head
    directory.person(france)
    directory.rekey(agent.device)
    ncp = directory.ncp(france)
    body = {"person": agent.id}
    entry = directory.author("person.suspend", body, ncp.device, seen=seen)
    assert applied(directory, entry) is None


def test_a_devices_seen_never_decreases(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    earlier = directory.head_at(directory.log.size - 1)
    directory.append(directory.author("person.reset", {"person": agent.id}, france.ncp.device))
    other = directory.person(france)
    entry = suspend(directory, other, seen=earlier)
    assert applied(directory, entry) == ErrorCode.SEEN_DECREASED


def test_a_held_decision_is_not_played_into_a_later_state(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    second = directory.ncp(france)
    body = {"person": agent.id}
    held = directory.author("person.suspend", body, second.device)
    directory.suspend(agent)
    directory.resume(agent)
    assert applied(directory, held) == ErrorCode.STALE_SEEN


def test_the_loser_of_a_race_signs_anew_and_succeeds(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    second = directory.ncp(france)
    phone, tablet = directory.new_device(agent.id), directory.new_device(agent.id)
    late = directory.author("device.add", directory.device_body(tablet), second.device)
    directory.append(directory.author("device.add", directory.device_body(phone), agent.device))
    assert applied(directory, late) == ErrorCode.STALE_SEEN
    anew = directory.author("device.add", directory.device_body(tablet), second.device)
    assert applied(directory, anew) is None


def test_every_subject_has_its_compare_and_set(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    phone = directory.device(agent, voucher=agent.device)
    second = directory.ncp(france)
    seen = directory.head
    other = directory.new_person(france)
    directory.suspend_administration(france)
    directory.resume_administration(france)
    body = {"person": agent.id}
    directory.append(directory.author("person.reset", body, second.device))
    directory.append(directory.author("person.reset", {"person": second.id}, second.device))
    directory.rekey(phone)
    poster = directory.new_device(other.id)
    role = {**body, "role": "operations"}
    new_root = {"admin": france.id, "root": directory.signing_key("root").public}
    appoint = directory.appoint_body(other, directory.new_device(other.id))
    admin = {"admin": france.id}
    late: dict[str, Any] = {"seen": seen, "poster": poster}
    entries = [
        directory.by_governance("admin.suspend", admin, **late),
        directory.by_governance("admin.resume", admin, **late),
        directory.by_governance("admin.rekey", new_root, **late),
        directory.by_governance("role.grant", role, **late),
        directory.by_governance("role.withdraw", role, **late),
        directory.by_admin_root("ncp.appoint", appoint, france, **late),
        directory.by_admin_root("ncp.dismiss", {"person": second.id}, france, **late),
        directory.author("person.suspend", body, france.ncp.device, seen=seen),
        directory.author("person.resume", body, france.ncp.device, seen=seen),
        directory.author("person.reset", body, france.ncp.device, seen=seen),
        directory.author("role.request", role, france.ncp.device, seen=seen),
        directory.author("device.revoke", {"device": phone.id}, agent.device, seen=seen),
        directory.author(
            "device.add",
            directory.device_body(directory.new_device(agent.id)),
            agent.device,
            seen=seen,
        ),
    ]
    for entry in entries:
        assert applied(directory, entry) == ErrorCode.STALE_SEEN, entry.header.type


def test_dismissals_conflict_with_what_happened_to_the_person_or_its_administration(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    second, third = directory.ncp(france), directory.ncp(france)
    seen, poster = directory.head, directory.new_device(third.id)
    directory.append(directory.author("person.reset", {"person": second.id}, third.device))
    entry = directory.by_admin_root(
        "ncp.dismiss", {"person": second.id}, france, seen=seen, poster=poster
    )
    assert applied(directory, entry) == ErrorCode.STALE_SEEN
    other = directory.by_admin_root(
        "ncp.dismiss", {"person": third.id}, france, seen=seen, poster=poster
    )
    assert applied(directory, other) is None


def test_a_rekey_conflicts_with_what_happened_to_its_device(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    seen = directory.head
    body = {"box_pk": directory.box_key().public}
    first = directory.author("device.rekey", body, agent.device, seen=seen)
    directory.append(first)
    other = {"box_pk": directory.box_key().public}
    second = directory.author("device.rekey", other, agent.device, seen=seen)
    assert applied(directory, second) == ErrorCode.STALE_SEEN


def test_entries_about_other_subjects_do_not_conflict(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    other = directory.person(france)
    seen = directory.head
    entries = [
        directory.author("person.reset", {"person": person.id}, france.ncp.device, seen=seen)
        for person in (agent, other)
    ]
    for entry in entries:
        directory.append(entry)


def test_an_entry_id_is_used_once_by_a_device_but_is_free_to_others(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    same = EntryId(bytes(16))
    directory.append(
        directory.author("person.reset", {"person": agent.id}, france.ncp.device, id=same)
    )
    assert applied(directory, suspend(directory, agent, id=same)) == ErrorCode.DUPLICATE_ID
    rekey = {"box_pk": directory.box_key().public}
    entry = directory.author("device.rekey", rekey, agent.device, id=same)
    assert applied(directory, entry) is None


def test_a_replayed_entry_is_refused(directory: DirectoryBuilder, agent: HeldPerson) -> None:
    entry = suspend(directory, agent)
    directory.append(entry)
    assert applied(directory, entry) == ErrorCode.DUPLICATE_ID


def test_a_rejected_entry_leaves_no_id_no_conflict_no_seen_and_no_serial(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    seen = directory.head
    before = directory.state
    wrong = directory.author("person.resume", {"person": agent.id}, france.ncp.device)
    assert isinstance(directory.force(wrong), Rejected)
    unsigned = directory.by_governance("admin.suspend", {"admin": france.id}, signers=[0])
    assert isinstance(directory.force(unsigned), Rejected)
    after = directory.state
    assert after == replace(before, size=before.size + 2, at=after.at)
    retry = suspend(directory, agent, id=wrong.header.id, seen=seen)
    assert applied(directory, retry) is None


def test_what_the_server_may_see_of_messages_changes_nothing_here(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    entry = suspend(directory, agent, kind="WRN", prio="flash", ack_by=1, re=bytes(32))
    assert applied(directory, entry) is None
