"""Who is in an operation, in which role, through which devices (RULES Operation)."""

from __future__ import annotations

from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode, Rejected
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.operation.membership import MAX_MEMBERS
from cencomm_crypto.public.operation.recipients import recipients
from cencomm_crypto.public.rights import Role

from tests.support.cast import Cast
from tests.support.directory import HeldDevice, HeldPerson


@pytest.fixture
def cast() -> Cast:
    return Cast.fresh()


def admission(cast: Cast, person: HeldPerson, role: str, **fields: Any) -> Entry:
    row = {"person": person.id, "role": role, **fields}
    return cast.operation.author("members.admit", {"members": [row]}, cast.chief)


def reads(cast: Cast, device: HeldDevice) -> bool:
    found = recipients(cast.operation.state, cast.work, cast.directory.state)
    return any(row.device == device.id for row in found)


# -- admission ---------------------------------------------------------------------------------


def test_a_list_of_persons_is_admitted_at_once(cast: Cast) -> None:
    persons = [cast.directory.person(cast.france) for _ in range(3)]
    rows = [{"person": person.id, "role": "officer"} for person in persons]
    item = cast.operation.control("members.admit", {"members": rows})
    for person in persons:
        member = cast.operation.state.members[person.id]
        assert (member.role, member.admin) == (Role.OFFICER, cast.france.id)
        assert member.admitted == item.seq
        assert member.watermark == cast.directory.log.size


def test_only_known_and_active_persons_are_admitted(cast: Cast) -> None:
    stranger = cast.directory.new_person(cast.france)
    assert cast.operation.refusal(admission(cast, stranger, "officer")) is ErrorCode.UNKNOWN_PERSON
    cast.directory.suspend(cast.outsider)
    assert cast.operation.refusal(admission(cast, cast.outsider, "officer")) is ErrorCode.INACTIVE


def test_nobody_is_admitted_twice(cast: Cast) -> None:
    assert (
        cast.operation.refusal(admission(cast, cast.officer, "analyst")) is ErrorCode.ALREADY_EXISTS
    )
    row = {"person": cast.outsider.id, "role": "officer"}
    twice = cast.operation.author("members.admit", {"members": [row, row]}, cast.chief)
    assert cast.operation.refusal(twice) is ErrorCode.BAD_VALUE


def test_an_auditor_is_no_member(cast: Cast) -> None:
    for person, role in ((cast.auditors[0], "officer"), (cast.outsider, "auditor")):
        entry = admission(cast, person, role)
        assert cast.operation.refusal(entry) is ErrorCode.BAD_AUDIT_SET


def test_bots_are_admitted_as_bots_and_nobody_else_is(cast: Cast) -> None:
    bot = cast.directory.person(cast.france, kind="bot")
    as_human = admission(cast, bot, "officer")
    human = admission(cast, cast.outsider, "bot", chan=cast.work, kinds=["HIT"], rate=1)
    for entry in (as_human, human):
        assert cast.operation.refusal(entry) is ErrorCode.NOT_PERMITTED


def test_the_role_of_ncp_rests_on_the_administrations_appointment(cast: Cast) -> None:
    assert cast.operation.refusal(admission(cast, cast.outsider, "ncp")) is ErrorCode.NOT_PERMITTED


@pytest.mark.parametrize(
    ("role", "fields"),
    [
        ("bot", {"kinds": ["HIT"], "rate": 60}),
        ("bot", {"chan": True, "rate": 60}),
        ("bot", {"chan": True, "kinds": ["HIT"]}),
        ("expert", {}),
        ("expert", {"chan": True, "rate": 60}),
        ("officer", {"chan": True}),
        ("observer", {"kinds": ["HIT"]}),
    ],
)
def test_a_role_comes_with_its_own_fields_and_no_others(
    cast: Cast, role: str, fields: dict[str, Any]
) -> None:
    kind = "bot" if role == "bot" else "human"
    person = cast.directory.person(cast.france, kind=kind)
    if "chan" in fields:
        fields = {**fields, "chan": cast.work}
    assert cast.operation.refusal(admission(cast, person, role, **fields)) is ErrorCode.BAD_VALUE


def test_an_expert_is_bound_to_a_channel_that_exists_and_is_not_the_main_one(cast: Cast) -> None:
    unknown = admission(cast, cast.outsider, "expert", chan=bytes(16))
    assert cast.operation.refusal(unknown) is ErrorCode.UNKNOWN_CHANNEL
    main = admission(cast, cast.outsider, "expert", chan=cast.operation.main)
    assert cast.operation.refusal(main) is ErrorCode.BAD_VALUE


def test_an_operation_has_a_greatest_size(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_MEMBERS >= 3_000
    monkeypatch.setattr(
        "cencomm_crypto.public.operation.membership.MAX_MEMBERS",
        len(cast.operation.state.members),
    )
    assert cast.operation.refusal(admission(cast, cast.outsider, "officer")) is ErrorCode.TOO_MANY


# -- removal and roles -------------------------------------------------------------------------


def test_who_is_removed_is_former_and_may_come_back(cast: Cast) -> None:
    cast.operation.remove(cast.officer)
    assert cast.officer.id not in cast.operation.state.members
    assert cast.operation.state.former[cast.officer.id].role is Role.OFFICER
    cast.operation.admit(cast.officer, "analyst")
    assert cast.officer.id not in cast.operation.state.former


def test_who_is_no_member_is_not_removed(cast: Cast) -> None:
    body = {"persons": [cast.officer.id, cast.outsider.id]}
    entry = cast.operation.author("members.remove", body, cast.chief)
    assert cast.operation.refusal(entry) is ErrorCode.NOT_MEMBER


def test_a_removed_member_authors_nothing(cast: Cast) -> None:
    cast.operation.remove(cast.officer)
    cast.operation.rotate(cast.work)
    assert (
        cast.operation.refusal(cast.operation.sealed(cast.work, cast.officer))
        is ErrorCode.NOT_MEMBER
    )


def test_a_suspended_person_can_be_removed(cast: Cast) -> None:
    cast.directory.suspend(cast.officer)
    cast.operation.remove(cast.officer)


def test_a_role_is_changed(cast: Cast) -> None:
    cast.operation.control("role.set", {"person": cast.officer.id, "role": "observer"})
    cast.operation.rotate(cast.work)
    entry = cast.operation.sealed(cast.work, cast.officer)
    assert cast.operation.refusal(entry) is ErrorCode.NOT_PERMITTED


@pytest.mark.parametrize(
    ("who", "role", "code"),
    [
        ("outsider", "officer", ErrorCode.NOT_MEMBER),
        ("officer", "officer", ErrorCode.ALREADY_EXISTS),
        ("officer", "expert", ErrorCode.BAD_VALUE),
        ("officer", "bot", ErrorCode.BAD_VALUE),
        ("officer", "auditor", ErrorCode.BAD_VALUE),
        ("bot", "officer", ErrorCode.BAD_VALUE),
        ("officer", "ncp", ErrorCode.NOT_PERMITTED),
    ],
)
def test_a_role_that_cannot_be_set_is_refused(
    cast: Cast, who: str, role: str, code: ErrorCode
) -> None:
    person: HeldPerson = getattr(cast, who)
    entry = cast.operation.author("role.set", {"person": person.id, "role": role}, cast.chief)
    assert cast.operation.refusal(entry) is code


def test_an_expert_that_becomes_an_officer_is_bound_to_no_channel(cast: Cast) -> None:
    cast.operation.control("role.set", {"person": cast.expert.id, "role": "officer"})
    assert cast.operation.state.members[cast.expert.id].chan is None


# -- devices (A52) -----------------------------------------------------------------------------


def test_a_device_of_the_time_of_the_admission_reads(cast: Cast) -> None:
    assert reads(cast, cast.officer.device)


def test_a_device_that_an_eligible_one_vouched_for_reads(cast: Cast) -> None:
    second = cast.directory.device(cast.officer, voucher=cast.officer.device)
    third = cast.directory.device(cast.officer, voucher=second)
    assert reads(cast, second)
    assert reads(cast, third)


def test_a_device_that_an_ncp_alone_added_reads_nothing_before_its_acceptance(cast: Cast) -> None:
    added = cast.directory.device(cast.officer)
    vouched = cast.directory.device(cast.officer, voucher=added)
    assert not reads(cast, added)
    assert not reads(cast, vouched)
    cast.operation.control("device.accept", {"device": added.id})
    assert reads(cast, added)
    assert reads(cast, vouched)


def test_a_device_stays_when_its_voucher_is_revoked(cast: Cast) -> None:
    new = cast.directory.device(cast.officer, voucher=cast.officer.device)
    cast.directory.revoke(cast.officer.device, by=new)
    assert reads(cast, new)
    assert not reads(cast, cast.officer.device)


def test_a_readmission_takes_the_devices_of_its_own_time(cast: Cast) -> None:
    added = cast.directory.device(cast.officer)
    cast.operation.remove(cast.officer)
    cast.operation.admit(cast.officer, "officer")
    assert reads(cast, added)


def test_a_device_is_accepted_if_it_is_an_active_one_of_a_member_and_waits(cast: Cast) -> None:
    def code(device: HeldDevice) -> ErrorCode:
        return cast.operation.refusal(
            cast.operation.author("device.accept", {"device": device.id}, cast.chief)
        )

    assert code(cast.directory.new_device(cast.officer.id)) is ErrorCode.UNKNOWN_DEVICE
    assert code(cast.outsider.device) is ErrorCode.NOT_MEMBER
    assert code(cast.officer.device) is ErrorCode.ALREADY_EXISTS
    added = cast.directory.device(cast.officer)
    cast.directory.revoke(added, by=cast.france.ncp.device)
    assert code(added) is ErrorCode.INACTIVE


def test_a_whole_administration_that_is_suspended_reads_and_says_nothing(cast: Cast) -> None:
    cast.directory.suspend_administration(cast.france)
    assert not reads(cast, cast.officer.device)
    entry = cast.operation.author("directory.sync", {}, cast.officer)
    assert cast.operation.refusal(entry) is ErrorCode.INACTIVE


def test_bots_and_auditors_are_never_recipients(cast: Cast) -> None:
    for chan in (cast.work, cast.operation.main):
        found = recipients(cast.operation.state, chan, cast.directory.state)
        persons = {row.person for row in found}
        assert cast.bot.id not in persons
        assert not persons & {auditor.id for auditor in cast.auditors}


def test_a_sync_raises_the_watermark(cast: Cast) -> None:
    cast.directory.person(cast.france)
    result = cast.operation.offer(cast.operation.author("directory.sync", {}, cast.observer))
    assert not isinstance(result, Rejected)
    assert result.watermark == cast.directory.log.size
