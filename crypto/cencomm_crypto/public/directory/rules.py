"""`apply_directory`: the one function that says what a directory entry does (DESIGN 2).

Pure, the same in the server, every client and the auditor's tool. Checks run in this order,
and the first that fails gives the code:

1. the body is there, the type is the directory's, `dir` is absent (parsing did the rest);
2. log id; suite at least the directory's minimum (A28);
3. the author: for bodies with root signatures the poster named in them, else a known device;
   its signature (A8);
4. the head it had seen: size, root (A4), never less than before; its entry id is new (A5);
5. the root's serial and signatures, or an author that is active;
6. the rule of the type, first its compare-and-set (A42), last the point checks and proofs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from rpds import HashTrieSet

from cencomm_crypto.errors import ErrorCode, ProtocolError, Rejected, RuleViolation
from cencomm_crypto.public.bodies import DIRECTORY_TYPES, ROOT_SIGNED
from cencomm_crypto.public.directory.act import Act, known_administration
from cencomm_crypto.public.directory.genesis import found_directory
from cencomm_crypto.public.directory.governance import GOVERNANCE_RULES
from cencomm_crypto.public.directory.people import ADMIN_ROOT_RULES, AUTHOR_RULES
from cencomm_crypto.public.directory.rights import REMOVING
from cencomm_crypto.public.directory.root_signatures import (
    check_governance_signatures,
    check_poster,
    check_serial,
    signed_by_admin_root,
    signed_by_governance,
)
from cencomm_crypto.public.directory.state import Author, Device, DirectoryState
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.entry import Entry, Header, verify_signature
from cencomm_crypto.public.ids import ID_SIZE
from cencomm_crypto.public.wire import Sequenced

if TYPE_CHECKING:
    from cencomm_crypto.public.history import Roots


def apply_directory(
    state: DirectoryState | None, item: Sequenced, roots: Roots
) -> DirectoryState | Rejected:
    """The state after `item`, or why it has no effect.

    `state` is None before the genesis; `roots` gives this log's own tree roots. Never raises
    for what an author wrote; raises ProtocolError(LOG_DAMAGED) if `item` is not the next one.
    """
    expected = 0 if state is None else state.size
    if item.seq != expected:
        raise ProtocolError(
            ErrorCode.LOG_DAMAGED, f"entry {item.seq} read where {expected} was expected"
        )
    try:
        entry, body = _directory_entry(item)
        if state is None:
            return found_directory(entry, item.at)
        return _next_state(state, item, entry, body, roots)
    except ProtocolError as violation:
        return Rejected(ErrorCode(violation.code), violation.detail)


def _directory_entry(item: Sequenced) -> tuple[Entry, Mapping[str, Value]]:
    """The whole entry with its body; the directory withholds and erases nothing (A49)."""
    entry = item.entry
    if entry is None:
        raise RuleViolation(ErrorCode.LOG_DAMAGED, "the directory withholds nothing")
    header = entry.header
    if header.type not in DIRECTORY_TYPES:
        raise RuleViolation(
            ErrorCode.WRONG_TYPE, f"{header.type} read, an entry type of the directory expected"
        )
    if entry.body is None:
        raise RuleViolation(ErrorCode.LOG_DAMAGED, "the directory erases nothing")
    if header.dir is not None:  # log.restored may stand in either log, so parsing lets it pass
        raise RuleViolation(ErrorCode.MALFORMED, "dir must be absent in the directory's headers")
    return entry, entry.body


def _next_state(
    state: DirectoryState, item: Sequenced, entry: Entry, body: Mapping[str, Value], roots: Roots
) -> DirectoryState:
    header = entry.header
    if header.type == "directory.genesis":
        raise RuleViolation(ErrorCode.ALREADY_EXISTS, "the directory has its genesis")
    if header.log != state.id32[:ID_SIZE]:
        raise RuleViolation(ErrorCode.WRONG_LOG, "the entry was signed for another log")
    if header.suite < state.suite_min:
        raise RuleViolation(
            ErrorCode.BAD_VALUE, f"suite {header.suite} read, at least {state.suite_min} expected"
        )
    device = _check_author(state, entry, body)
    person = None if device is None else state.persons[device.person]
    author = _seen_by(state, item.seq, header, roots)
    act = Act(header.type, item.seq, header.seen.size, body, roots, device, person)
    changed = _effect(state, act)
    return replace(
        changed,
        size=item.seq + 1,
        at=item.at,
        authors=state.authors.insert(header.device, author),
        removals=state.removals + (header.type in REMOVING),
    )


def _check_author(state: DirectoryState, entry: Entry, body: Mapping[str, Value]) -> Device | None:
    """Verify the entry's signature; the device, or None where root signatures carry the body."""
    if entry.header.type in ROOT_SIGNED:
        check_poster(entry, body)
        return None
    device = state.device(entry.header.device)
    if device is None:
        raise RuleViolation(
            ErrorCode.UNKNOWN_DEVICE, f"no device {entry.header.device.hex()} in the directory"
        )
    verify_signature(entry, device.sign_pk)
    return device


def _seen_by(state: DirectoryState, seq: int, header: Header, roots: Roots) -> Author:
    """Check the head that the author had seen and its entry id; gives what to remember of it."""
    size, root = header.seen
    if size > seq or roots.root(size) != root:
        raise RuleViolation(
            ErrorCode.WRONG_HEAD, f"seen [{size}, {root.hex()}] is no head of this log before {seq}"
        )
    author = state.authors.get(header.device)
    if author is None:
        return Author(size, HashTrieSet([header.id]))
    if size < author.seen:
        raise RuleViolation(
            ErrorCode.SEEN_DECREASED, f"seen size {size} read after {author.seen} of this device"
        )
    if header.id in author.ids:
        raise RuleViolation(
            ErrorCode.DUPLICATE_ID, f"the device used entry id {header.id.hex()} before"
        )
    return Author(size, author.ids.insert(header.id))


def _effect(state: DirectoryState, act: Act) -> DirectoryState:
    """Settle on whose word the entry stands, and run the rule of its type."""
    if act.type == "log.restored":
        check_serial(state.restored[-1].serial if state.restored else 0, act.body)
        check_governance_signatures(state.governance, state.id32, act.body)
        return GOVERNANCE_RULES[act.type](state, act)
    if act.type in GOVERNANCE_RULES:
        governance = signed_by_governance(state.governance, state.id32, act.body)
        return GOVERNANCE_RULES[act.type](replace(state, governance=governance), act)
    if act.type in ADMIN_ROOT_RULES:
        admin = known_administration(state, act.body["admin"])
        admin = signed_by_admin_root(admin, state.id32, act.body)
        signed = replace(state, admins=state.admins.insert(admin.id, admin))
        return ADMIN_ROOT_RULES[act.type](signed, act, admin)
    if act.device is None or not state.active(act.device.id):
        raise RuleViolation(
            ErrorCode.INACTIVE,
            "the author's device is revoked, or its person or administration suspended",
        )
    return AUTHOR_RULES[act.type](state, act)
