"""Devices: vouching, proofs, keys, revocation, re-key (DIR-8, DIR-9, A41, A47, A52)."""

from __future__ import annotations

from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.directory.people import MAX_DEVICES
from cencomm_crypto.public.keys import BoxKey, device_id

from tests.support.directory import DirectoryBuilder, HeldAdministration, HeldDevice, HeldPerson

ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
LOW_ORDER_BOX = [
    bytes(32),
    bytes([1]) + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
]
NOT_CANONICAL_BOX = bytes([0xF6]) + bytes([0xFF]) * 30 + bytes([0x7F])  # 9 + (2^255 - 19)


@pytest.fixture
def directory() -> DirectoryBuilder:
    return DirectoryBuilder()


@pytest.fixture
def france(directory: DirectoryBuilder) -> HeldAdministration:
    return directory.administration("FR")


@pytest.fixture
def agent(directory: DirectoryBuilder, france: HeldAdministration) -> HeldPerson:
    return directory.person(france)


def add_device(
    directory: DirectoryBuilder, device: HeldDevice, by: HeldDevice, **change: Any
) -> ErrorCode | None:
    body = {**directory.device_body(device), **change}
    return directory.refusal(directory.author("device.add", body, by))


def test_a_device_that_an_ncp_adds_has_no_voucher(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    device = directory.state.device(agent.device.id)
    assert device is not None
    assert device.voucher is None


def test_a_device_that_its_persons_device_adds_records_its_voucher(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    phone = directory.device(agent, voucher=agent.device)
    device = directory.state.device(phone.id)
    assert device is not None
    assert device.voucher == agent.device.id
    assert [held.id for held in directory.state.vouched_by(agent.device.id)] == [phone.id]
    assert directory.state.vouched_by(device_id(bytes(32))) == ()


def test_an_ncps_next_device_is_vouched_for_by_its_own(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    phone = directory.device(france.ncp)
    device = directory.state.device(phone.id)
    assert device is not None
    assert device.voucher == france.ncp.device.id


def test_a_person_adds_no_device_to_another_person(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    other = directory.person(france)
    device = directory.new_device(other.id)
    assert add_device(directory, device, agent.device) == ErrorCode.NOT_PERMITTED


def test_a_suspended_person_gets_no_device(directory: DirectoryBuilder, agent: HeldPerson) -> None:
    directory.suspend(agent)
    device = directory.new_device(agent.id)
    ncp = agent.administration.ncp.device
    assert add_device(directory, device, ncp) == ErrorCode.INACTIVE


def test_a_device_of_another_person_directory_or_box_key_is_not_claimed(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    device = directory.new_device(agent.id)
    wrong = [
        device.proof(directory.id32, france.ncp.id),
        device.proof(bytes(32)),
        HeldDevice(agent.id, device.sign, directory.box_key()).proof(directory.id32),
        HeldDevice(agent.id, directory.signing_key("thief"), device.box).proof(directory.id32),
        bytes(64),
    ]
    for proof in wrong:
        assert add_device(directory, device, agent.device, proof=proof) == ErrorCode.BAD_SIGNATURE


def test_no_key_of_any_device_root_or_log_is_enrolled_again(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    phone = directory.device(agent, voucher=agent.device)
    directory.revoke(phone, by=agent.device)
    for sign in (agent.device.sign, phone.sign, france.root, directory.governance[0]):
        device = HeldDevice(agent.id, sign, directory.box_key())
        assert add_device(directory, device, agent.device) == ErrorCode.KEY_REUSED
    fresh = directory.signing_key("device")
    for box in (agent.device.box, phone.box, france.ncp.device.box):
        device = HeldDevice(agent.id, fresh, box)
        assert add_device(directory, device, agent.device) == ErrorCode.KEY_REUSED


def test_a_box_key_given_up_by_a_rekey_stays_used(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    old = directory.rekey(agent.device)
    device = HeldDevice(agent.id, directory.signing_key("device"), old)
    assert add_device(directory, device, agent.device) == ErrorCode.KEY_REUSED
    entry = directory.author("device.rekey", {"box_pk": old.public}, agent.device)
    assert directory.refusal(entry) == ErrorCode.KEY_REUSED


def test_a_small_order_signing_key_is_refused(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    device = directory.new_device(agent.id)
    code = add_device(directory, device, agent.device, sign_pk=ORDER_8)
    assert code == ErrorCode.BAD_KEY


@pytest.mark.parametrize("box_pk", [*LOW_ORDER_BOX, NOT_CANONICAL_BOX])
def test_a_low_order_or_alias_box_key_is_refused_everywhere(
    directory: DirectoryBuilder, agent: HeldPerson, box_pk: bytes
) -> None:
    sign = directory.signing_key("device")
    device = HeldDevice(agent.id, sign, BoxKey(box_pk, bytes(32)))
    assert add_device(directory, device, agent.device) == ErrorCode.BAD_KEY
    entry = directory.author("device.rekey", {"box_pk": box_pk}, agent.device)
    assert directory.refusal(entry) == ErrorCode.BAD_KEY
    person = directory.new_person(agent.administration)
    appointed = HeldDevice(person.id, sign, BoxKey(box_pk, bytes(32)))
    body = directory.appoint_body(person, appointed)
    entry = directory.by_admin_root("ncp.appoint", body, agent.administration)
    assert directory.refusal(entry) == ErrorCode.BAD_KEY


def test_a_revoked_device_authors_nothing_and_is_not_revoked_twice(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    phone = directory.device(agent, voucher=agent.device)
    state = directory.revoke(phone, by=agent.device)
    device = state.device(phone.id)
    assert device is not None
    assert device.revoked == directory.log.size - 1
    assert not state.active(phone.id)
    assert [held.id for held in state.active_devices(agent.id)] == [agent.device.id]
    rekey = directory.author("device.rekey", {"box_pk": directory.box_key().public}, phone)
    assert directory.refusal(rekey) == ErrorCode.INACTIVE
    again = directory.author("device.revoke", {"device": phone.id}, agent.device)
    assert directory.refusal(again) == ErrorCode.INACTIVE


def test_what_a_device_vouched_for_outlives_it(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    phone = directory.device(agent, voucher=agent.device)
    state = directory.revoke(agent.device, by=phone)
    assert state.active(phone.id)
    assert [held.id for held in state.vouched_by(agent.device.id)] == [phone.id]


def test_a_device_may_revoke_itself(directory: DirectoryBuilder, agent: HeldPerson) -> None:
    state = directory.revoke(agent.device, by=agent.device)
    assert not state.active(agent.device.id)


def test_an_unknown_device_is_neither_revoked_nor_heard(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    stranger = directory.new_device(agent.id)
    revoke = directory.author("device.revoke", {"device": stranger.id}, agent.device)
    assert directory.refusal(revoke) == ErrorCode.UNKNOWN_DEVICE
    rekey = directory.author("device.rekey", {"box_pk": directory.box_key().public}, stranger)
    assert directory.refusal(rekey) == ErrorCode.UNKNOWN_DEVICE


def test_a_rekey_changes_the_box_key_of_its_author_alone(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    phone = directory.device(agent, voucher=agent.device)
    seq = directory.log.size
    directory.rekey(phone)
    device, other = directory.state.device(phone.id), directory.state.device(agent.device.id)
    assert device is not None
    assert (device.box_pk, device.rekeyed, device.sign_pk) == (
        phone.box.public,
        seq,
        phone.sign.public,
    )
    assert other is not None
    assert (other.box_pk, other.rekeyed) == (agent.device.box.public, None)


def test_exactly_what_may_end_a_recipient_counts_as_a_removal(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    counted = []

    def note(kind: str) -> None:
        counted.append((kind, directory.state.removals))

    phone = directory.device(agent, voucher=agent.device)
    directory.rekey(phone)
    directory.grant_operations(agent)
    note("nothing yet")
    directory.revoke(phone, by=agent.device)
    note("device.revoke")
    directory.suspend(agent)
    note("person.suspend")
    directory.resume(agent)
    note("person.resume")
    directory.suspend_administration(france)
    note("admin.suspend")
    directory.resume_administration(france)
    directory.dismiss(france.ncp)
    note("ncp.dismiss")
    assert counted == [
        ("nothing yet", 0),
        ("device.revoke", 1),
        ("person.suspend", 2),
        ("person.resume", 2),
        ("admin.suspend", 3),
        ("ncp.dismiss", 4),
    ]


def test_a35_a_person_has_at_most_sixteen_active_devices(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    for _ in range(MAX_DEVICES - 1):
        directory.device(agent, voucher=agent.device)
    extra = directory.new_device(agent.id)
    assert add_device(directory, extra, agent.device) == ErrorCode.TOO_MANY
    directory.revoke(agent.devices[-1], by=agent.device)
    assert add_device(directory, extra, agent.device) is None
