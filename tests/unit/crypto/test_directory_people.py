"""NCPs, persons and the role that lets a person create operations (DIR-6, DIR-7, A53)."""

from __future__ import annotations

from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode

from tests.support.directory import DirectoryBuilder, HeldAdministration, HeldPerson


@pytest.fixture
def directory() -> DirectoryBuilder:
    return DirectoryBuilder()


@pytest.fixture
def france(directory: DirectoryBuilder) -> HeldAdministration:
    return directory.administration("FR")


@pytest.fixture
def belgium(directory: DirectoryBuilder) -> HeldAdministration:
    return directory.administration("BE")


@pytest.fixture
def agent(directory: DirectoryBuilder, france: HeldAdministration) -> HeldPerson:
    return directory.person(france)


def by_ncp(
    directory: DirectoryBuilder, type_: str, person: HeldPerson, **more: Any
) -> ErrorCode | None:
    body = {"person": person.id, **more}
    ncp = person.administration.ncp.device
    return directory.refusal(directory.author(type_, body, ncp))


# -- NCPs --------------------------------------------------------------------------------------


def test_an_administrations_root_appoints_an_ncp_with_a_first_device(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    state, ncp = directory.state, france.ncp
    person = state.person_by_code("FR-001")
    assert person is not None
    assert (person.id, person.admin, person.kind) == (ncp.id, france.id, "human")
    assert person.ncp
    assert not person.may_create
    assert person.devices == (ncp.device.id,)
    device = state.device(ncp.device.id)
    assert device is not None
    assert (device.person, device.voucher, device.added) == (ncp.id, None, 2)
    assert state.active(ncp.device.id)


def test_an_ncp_is_appointed_by_its_own_administrations_root_alone(
    directory: DirectoryBuilder, france: HeldAdministration, belgium: HeldAdministration
) -> None:
    person = directory.new_person(france)
    body = directory.appoint_body(person, directory.new_device(person.id))
    entry = directory.by_admin_root("ncp.appoint", body, france, root=belgium.root)
    assert directory.refusal(entry) == ErrorCode.BAD_SIGNATURE


def test_an_ncp_of_an_unknown_or_suspended_administration_is_not_appointed(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    person = directory.new_person(france)
    body = directory.appoint_body(person, directory.new_device(person.id))
    directory.suspend_administration(france)
    entry = directory.by_admin_root("ncp.appoint", body, france)
    assert directory.refusal(entry) == ErrorCode.INACTIVE
    stranger = HeldAdministration("XX", france.root, type(france.id)(bytes(16)))
    entry = directory.by_admin_root("ncp.appoint", body, stranger, serial=1)
    assert directory.refusal(entry) == ErrorCode.UNKNOWN_ADMINISTRATION


def test_an_appointment_out_of_its_roots_order_is_refused(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    person = directory.new_person(france)
    body = directory.appoint_body(person, directory.new_device(person.id))
    for serial in (0, 1):
        entry = directory.by_admin_root("ncp.appoint", body, france, serial=serial)
        assert directory.refusal(entry) == ErrorCode.BAD_SERIAL


def test_an_appointed_device_proves_that_it_holds_its_key(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    person = directory.new_person(france)
    device = directory.new_device(person.id)
    body = directory.appoint_body(person, device)
    body["proof"] = device.proof(directory.id32, france.ncp.id)
    entry = directory.by_admin_root("ncp.appoint", body, france)
    assert directory.refusal(entry) == ErrorCode.BAD_SIGNATURE


def test_an_appointment_makes_a_new_person(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    body = directory.appoint_body(agent, directory.new_device(agent.id))
    entry = directory.by_admin_root("ncp.appoint", {**body, "code": "FR-900"}, france)
    assert directory.refusal(entry) == ErrorCode.ALREADY_EXISTS


def test_a_dismissed_ncp_stays_a_person_that_vouches_for_nobody(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    directory.dismiss(france.ncp)
    assert directory.state.active(france.ncp.device.id)
    assert by_ncp(directory, "person.suspend", agent) == ErrorCode.NOT_PERMITTED


def test_a_suspended_administrations_root_dismisses_nobody(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    directory.suspend_administration(france)
    entry = directory.by_admin_root("ncp.dismiss", {"person": france.ncp.id}, france)
    assert directory.refusal(entry) == ErrorCode.INACTIVE


def test_only_an_ncp_of_the_administration_itself_is_dismissed(
    directory: DirectoryBuilder,
    france: HeldAdministration,
    belgium: HeldAdministration,
    agent: HeldPerson,
) -> None:
    cases = [
        (france.ncp.id, belgium, ErrorCode.NOT_PERMITTED),
        (agent.id, france, ErrorCode.INACTIVE),
        (bytes(16), france, ErrorCode.UNKNOWN_PERSON),
    ]
    for person, administration, code in cases:
        entry = directory.by_admin_root("ncp.dismiss", {"person": person}, administration)
        assert directory.refusal(entry) == code


# -- persons -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["human", "bot"])
def test_an_ncp_adds_a_person_or_a_bot_of_its_own_administration(
    directory: DirectoryBuilder, france: HeldAdministration, kind: str
) -> None:
    held = directory.person(france, kind=kind, devices=0)
    person = directory.state.person(held.id)
    assert person is not None
    assert (person.admin, person.kind, person.ncp) == (france.id, kind, False)
    assert person.devices == ()


@pytest.mark.parametrize(
    "code",
    ["014", "FR", "FR-", "FR_014", "BE-014", "FRA-014", "fr-014", "FR-0\u0031\u0301", "FR-é"],
)
def test_a_persons_code_starts_with_its_administrations(
    directory: DirectoryBuilder, france: HeldAdministration, code: str
) -> None:
    person = directory.new_person(france, code)
    body = {"code": code, "kind": "human"}
    assert by_ncp(directory, "person.add", person, **body) == ErrorCode.BAD_VALUE


@pytest.mark.parametrize("code", ["FR-INV-10", "FR-1NV-10", "FR-INV-IO"])
def test_two_persons_never_have_codes_that_look_alike(
    directory: DirectoryBuilder, france: HeldAdministration, code: str
) -> None:
    first = directory.person(france, "FR-INV-10")
    directory.suspend(first)
    person = directory.new_person(france, code)
    body = {"code": code, "kind": "human"}
    assert by_ncp(directory, "person.add", person, **body) == ErrorCode.ALREADY_EXISTS


def test_a_look_alike_code_finds_nobody(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    directory.person(france, "FR-INV-10")
    assert directory.state.person_by_code("FR-INV-10") is not None
    assert directory.state.person_by_code("FR-1NV-10") is None
    assert directory.state.person_by_code("FR-999") is None
    assert directory.state.administration_by_code("XX") is None


def test_a_person_id_is_given_once(directory: DirectoryBuilder, agent: HeldPerson) -> None:
    body = {"code": "FR-900", "kind": "human"}
    assert by_ncp(directory, "person.add", agent, **body) == ErrorCode.ALREADY_EXISTS


def test_a_suspended_person_authors_nothing_until_it_is_resumed(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    directory.suspend(agent)
    assert not directory.state.active(agent.device.id)
    assert directory.state.active_devices(agent.id) == ()
    rekey = {"box_pk": directory.box_key().public}
    entry = directory.author("device.rekey", rekey, agent.device)
    assert directory.refusal(entry) == ErrorCode.INACTIVE
    directory.resume(agent)
    entry = directory.author("device.rekey", rekey, agent.device)
    assert directory.refusal(entry) is None


def test_everybody_of_a_suspended_administration_is_inactive(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    directory.suspend_administration(france)
    assert not directory.state.active(agent.device.id)
    assert not directory.state.active_person(france.ncp.id)
    assert by_ncp(directory, "person.suspend", agent) == ErrorCode.INACTIVE
    directory.resume_administration(france)
    assert by_ncp(directory, "person.suspend", agent) is None


def test_suspending_twice_or_resuming_who_is_active_is_refused(
    directory: DirectoryBuilder, agent: HeldPerson
) -> None:
    assert by_ncp(directory, "person.resume", agent) == ErrorCode.ALREADY_EXISTS
    directory.suspend(agent)
    assert by_ncp(directory, "person.suspend", agent) == ErrorCode.INACTIVE


def test_a_reset_is_recorded_and_leaves_the_devices(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    seq = directory.log.size
    body = {"person": agent.id}
    state = directory.append(directory.author("person.reset", body, france.ncp.device))
    person = state.person(agent.id)
    assert person is not None
    assert person.reset == seq
    assert state.active(agent.device.id)


@pytest.mark.parametrize(
    "kind", ["person.suspend", "person.resume", "person.reset", "role.request", "device.add"]
)
def test_an_unknown_person_is_named(
    directory: DirectoryBuilder, france: HeldAdministration, kind: str
) -> None:
    stranger = directory.new_person(france)
    body: dict[str, Any] = {"person": stranger.id}
    if kind == "role.request":
        body["role"] = "operations"
    if kind == "device.add":
        body = directory.device_body(directory.new_device(stranger.id))
    entry = directory.author(kind, body, france.ncp.device)
    assert directory.refusal(entry) == ErrorCode.UNKNOWN_PERSON


# -- the role "may create operations" ----------------------------------------------------------


def test_an_ncp_asks_for_the_role_and_governance_alone_gives_and_takes_it(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    role = {"person": agent.id, "role": "operations"}
    directory.append(directory.author("role.request", role, france.ncp.device))
    person = directory.state.person(agent.id)
    assert person is not None
    assert person.requested == directory.log.size - 1
    assert not person.may_create
    directory.grant_operations(agent)
    person = directory.state.person(agent.id)
    assert person is not None
    assert person.may_create
    assert person.requested is None
    directory.append(directory.by_governance("role.withdraw", role))
    person = directory.state.person(agent.id)
    assert person is not None
    assert not person.may_create


def test_a_role_is_asked_for_and_given_once(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    role = {"person": agent.id, "role": "operations"}
    withdraw = directory.by_governance("role.withdraw", role)
    assert directory.refusal(withdraw) == ErrorCode.INACTIVE
    directory.append(directory.author("role.request", role, france.ncp.device))
    again = by_ncp(directory, "role.request", agent, role="operations")
    assert again == ErrorCode.ALREADY_EXISTS
    directory.grant_operations(agent)
    assert directory.refusal(directory.by_governance("role.grant", role)) == (
        ErrorCode.ALREADY_EXISTS
    )


def test_bots_and_suspended_persons_create_no_operations(
    directory: DirectoryBuilder, france: HeldAdministration, agent: HeldPerson
) -> None:
    bot = directory.person(france, kind="bot")
    directory.suspend(agent)
    for person, code in ((bot, ErrorCode.NOT_PERMITTED), (agent, ErrorCode.INACTIVE)):
        role = {"person": person.id, "role": "operations"}
        assert directory.refusal(directory.by_governance("role.grant", role)) == code
        assert by_ncp(directory, "role.request", person, role="operations") == code


@pytest.mark.parametrize("kind", ["role.grant", "role.withdraw"])
def test_a_role_of_an_unknown_person_is_refused(directory: DirectoryBuilder, kind: str) -> None:
    entry = directory.by_governance(kind, {"person": bytes(16), "role": "operations"})
    assert directory.refusal(entry) == ErrorCode.UNKNOWN_PERSON
