"""Rules of what the governance root decides: administrations, roles and the root itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.directory.act import (
    Act,
    expect_active,
    known_administration,
    known_person,
)
from cencomm_crypto.public.directory.claims import check_administration_code, claim_root_key
from cencomm_crypto.public.directory.genesis import read_governance
from cencomm_crypto.public.directory.state import (
    Administration,
    DirectoryState,
    KeyUse,
    Restored,
    likeness,
)
from cencomm_crypto.public.directory.witness import read_witness_policy
from cencomm_crypto.public.ids import ID_SIZE, LogId
from cencomm_crypto.public.keys import admin_id
from cencomm_crypto.public.lost import named_places


def _add_administration(state: DirectoryState, act: Act) -> DirectoryState:
    code, root_pk = act.body["code"], act.body["root"]
    check_administration_code(code)
    _expect_code_free(state, code)
    root_keys = claim_root_key(state.root_keys, state.devices, root_pk, KeyUse.ADMINISTRATION)
    admin = Administration(admin_id(root_pk), code, root_pk, False, 0, act.seq)
    return replace(
        state,
        admins=state.admins.insert(admin.id, admin),
        active_codes=state.active_codes.insert(likeness(code), admin.id),
        root_keys=root_keys,
    )


def _suspend_administration(state: DirectoryState, act: Act) -> DirectoryState:
    admin = _subject(state, act)
    if admin.suspended:
        raise RuleViolation(ErrorCode.INACTIVE, f"{admin.code} is suspended already")
    suspended = replace(admin, suspended=True, changed=act.seq)
    return replace(
        state,
        admins=state.admins.insert(admin.id, suspended),
        active_codes=state.active_codes.remove(likeness(admin.code)),
    )


def _resume_administration(state: DirectoryState, act: Act) -> DirectoryState:
    admin = _subject(state, act)
    if not admin.suspended:
        raise RuleViolation(ErrorCode.ALREADY_EXISTS, f"{admin.code} is active already")
    _expect_code_free(state, admin.code)
    resumed = replace(admin, suspended=False, changed=act.seq)
    return replace(
        state,
        admins=state.admins.insert(admin.id, resumed),
        active_codes=state.active_codes.insert(likeness(admin.code), admin.id),
    )


def _rekey_administration(state: DirectoryState, act: Act) -> DirectoryState:
    """Also of a suspended one: after a compromise it is re-keyed first, then resumed."""
    admin = _subject(state, act)
    root_pk = act.body["root"]
    root_keys = claim_root_key(state.root_keys, state.devices, root_pk, KeyUse.ADMINISTRATION)
    rekeyed = replace(admin, root_pk=root_pk, changed=act.seq)
    return replace(state, admins=state.admins.insert(admin.id, rekeyed), root_keys=root_keys)


def _rekey_governance(state: DirectoryState, act: Act) -> DirectoryState:
    """Changed by k of the old root, which may hand keys of its own on to the new one."""
    act.expect_unchanged(state.governance.changed, "root")
    governance = read_governance(act.body["keys"], act.body["k"], state.governance.serial, act.seq)
    root_keys = state.root_keys
    for key in governance.keys:
        if key not in state.governance.keys:
            root_keys = claim_root_key(root_keys, state.devices, key, KeyUse.GOVERNANCE)
    return replace(state, governance=governance, root_keys=root_keys)


def _set_log_key(state: DirectoryState, act: Act) -> DirectoryState:
    log_key = act.body["log_key"]
    act.expect_unchanged(state.governance.changed, "root")
    root_keys = claim_root_key(state.root_keys, state.devices, log_key, KeyUse.LOG)
    return replace(_root_changed(state, act), log_key=log_key, root_keys=root_keys)


def _set_witness(state: DirectoryState, act: Act) -> DirectoryState:
    act.expect_unchanged(state.governance.changed, "root")
    witness = read_witness_policy(act.body["witness"])
    root_keys = state.root_keys
    for _, key in witness.keys:
        root_keys = claim_root_key(root_keys, state.devices, key, KeyUse.WITNESS)
    return replace(_root_changed(state, act), witness=witness, root_keys=root_keys)


def _raise_suite(state: DirectoryState, act: Act) -> DirectoryState:
    act.expect_unchanged(state.governance.changed, "root")
    suite_min = act.body["suite_min"]
    if suite_min <= state.suite_min:
        raise RuleViolation(
            ErrorCode.BAD_VALUE, f"suite_min {suite_min} read, more than {state.suite_min} expected"
        )
    return replace(_root_changed(state, act), suite_min=suite_min)


def _grant_role(state: DirectoryState, act: Act) -> DirectoryState:
    person = known_person(state, act.body["person"])
    act.expect_unchanged(person.changed, "person")
    expect_active(state, person)
    if person.kind != "human":
        raise RuleViolation(ErrorCode.NOT_PERMITTED, "a bot creates no operations")
    if person.may_create:
        raise RuleViolation(ErrorCode.ALREADY_EXISTS, f"{person.code} holds the role already")
    granted = replace(person, may_create=True, requested=None, changed=act.seq)
    return replace(state, persons=state.persons.insert(person.id, granted))


def _withdraw_role(state: DirectoryState, act: Act) -> DirectoryState:
    person = known_person(state, act.body["person"])
    act.expect_unchanged(person.changed, "person")
    if not person.may_create:
        raise RuleViolation(ErrorCode.INACTIVE, f"{person.code} does not hold the role")
    withdrawn = replace(person, may_create=False, changed=act.seq)
    return replace(state, persons=state.persons.insert(person.id, withdrawn))


def _restore_log(state: DirectoryState, act: Act) -> DirectoryState:
    """Names entries that a restore from backup lost for good; their leaves keep the tree (A50)."""
    act.expect_unchanged(state.governance.changed, "root")
    places = named_places(act.body, LogId(state.id32[:ID_SIZE]), act.seen, act.roots)
    restored = Restored(act.seq, places.start, places.stop, act.body["serial"])
    return replace(_root_changed(state, act), restored=(*state.restored, restored))


def _subject(state: DirectoryState, act: Act) -> Administration:
    admin = known_administration(state, act.body["admin"])
    act.expect_unchanged(admin.changed, "administration")
    return admin


def _root_changed(state: DirectoryState, act: Act) -> DirectoryState:
    return replace(state, governance=replace(state.governance, changed=act.seq))


def _expect_code_free(state: DirectoryState, code: str) -> None:
    if likeness(code) in state.active_codes:
        raise RuleViolation(
            ErrorCode.ALREADY_EXISTS,
            f"an active administration has code {code} or one that looks like it",
        )


GOVERNANCE_RULES: Mapping[str, Callable[[DirectoryState, Act], DirectoryState]] = MappingProxyType(
    {
        "admin.add": _add_administration,
        "admin.suspend": _suspend_administration,
        "admin.resume": _resume_administration,
        "admin.rekey": _rekey_administration,
        "governance.rekey": _rekey_governance,
        "logkey.set": _set_log_key,
        "witness.set": _set_witness,
        "suite.raise": _raise_suite,
        "role.grant": _grant_role,
        "role.withdraw": _withdraw_role,
        "log.restored": _restore_log,
    }
)
