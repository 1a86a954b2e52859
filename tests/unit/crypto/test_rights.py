"""The rights tables are complete, and say what DESIGN 4 and RULES say."""

from __future__ import annotations

from cencomm_crypto.public.bodies import CHANNEL_TYPES, CONTROL_TYPES, ROLES
from cencomm_crypto.public.directory import rights as directory_rights
from cencomm_crypto.public.rights import DIRECTORY_RIGHTS, OPERATION_RIGHTS, Role


def types_of(role: Role) -> set[str]:
    return {kind for kind, roles in OPERATION_RIGHTS.items() if role in roles}


def test_every_type_of_an_operation_has_its_row() -> None:
    assert set(OPERATION_RIGHTS) == CONTROL_TYPES | CHANNEL_TYPES


def test_the_roles_are_those_of_the_wire() -> None:
    assert tuple(Role) == ROLES


def test_the_directorys_table_is_the_one_its_rules_use() -> None:
    assert DIRECTORY_RIGHTS is directory_rights.DIRECTORY_RIGHTS


def test_a_bot_drops_and_does_nothing_else() -> None:
    assert types_of(Role.BOT) == {"drop"}


def test_nobody_but_bots_drops() -> None:
    assert OPERATION_RIGHTS["drop"] == {Role.BOT}


def test_an_observer_neither_sends_nor_rotates() -> None:
    assert types_of(Role.OBSERVER) == {
        "operation.close",
        "directory.sync",
        "channel.flag",
        "channel.reveal",
    }


def test_an_auditor_opens_and_holds() -> None:
    assert types_of(Role.AUDITOR) == {"hold", "audit.request", "audit.grant", "audit.report"}


def test_an_ncp_does_what_an_officer_does_and_releases_and_holds() -> None:
    assert types_of(Role.NCP) - types_of(Role.OFFICER) == {"release", "release.receipt", "hold"}


def test_officer_analyst_and_expert_have_equal_rights() -> None:
    assert types_of(Role.OFFICER) == types_of(Role.ANALYST) == types_of(Role.EXPERT)


def test_a_coordinator_alone_proposes_and_approves() -> None:
    for kind, roles in OPERATION_RIGHTS.items():
        if kind.endswith((".propose", ".approve")):
            assert roles == {Role.COORDINATOR}
