"""`apply_operation`: the one function that says what an entry of an operation does (DESIGN 2).

Pure, the same in the server, every client and the auditor's tool. Checks run in this order,
and the first that fails gives the code:

1. the type is an operation's; log id (A7); suite at least the operation's minimum (A28); the
   channel is known;
2. the heads: seen.size <= seq and its root is this log's (A4); dir.root is the directory's, a
   greater dir.size than the directory's raises DirectoryBehind;
3. control entries, rotates and grants: dir.size >= watermark;
4. the author: a device known at the watermark, its signature (A8);
5. its entry id is new in the scope (A5); seen.size not below what the scope's readers know of it;
6. control entries, rotates and grants: the compare-and-set (A42);
7. the phase takes the type; the author is active; the rights table;
8. the rule of the type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from cencomm_crypto.errors import (
    DirectoryBehind,
    ErrorCode,
    ProtocolError,
    Rejected,
    RuleViolation,
)
from cencomm_crypto.public.bodies import CHANNEL_TYPES, CONTROL_TYPES, OPAQUE_TYPES
from cencomm_crypto.public.copying import changed
from cencomm_crypto.public.directory.root_signatures import check_poster
from cencomm_crypto.public.directory.state import Device, DirectoryState
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.entry import Entry, Head, Header, verify_signature
from cencomm_crypto.public.operation.act import (
    Act,
    bad_value,
    expect_active,
    expect_right,
    known_channel,
)
from cencomm_crypto.public.operation.channel import Channel, Ledger
from cencomm_crypto.public.operation.channels import CHANNEL_LIST_RULES
from cencomm_crypto.public.operation.decisions import DECISION_RULES
from cencomm_crypto.public.operation.disclosure import DISCLOSURE_RULES
from cencomm_crypto.public.operation.ending import ENDING_RULES
from cencomm_crypto.public.operation.epochs import EPOCH_RULES
from cencomm_crypto.public.operation.genesis import found_operation
from cencomm_crypto.public.operation.membership import MEMBERSHIP_RULES
from cencomm_crypto.public.operation.restoring import restore
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.phases import ALLOWED_TYPES, ONLY_AFTER_CLOSE, OVER
from cencomm_crypto.public.rights import BY_GOVERNANCE, BY_POSSESSION
from cencomm_crypto.public.wire import Sequenced

if TYPE_CHECKING:
    from cencomm_crypto.public.history import DirectoryHistory, Roots

CONTROL_RULES: Mapping[str, Callable[[OperationState, Act], OperationState]] = MappingProxyType(
    {
        **MEMBERSHIP_RULES,
        **CHANNEL_LIST_RULES,
        **DECISION_RULES,
        **ENDING_RULES,
        **DISCLOSURE_RULES,
    }
)
DECIDING = (CONTROL_TYPES | {"channel.rotate", "channel.grant"}) - {"operation.genesis"}
# Whose entry a release names can be judged by that channel's readers alone. So that all others
# still agree on everything else, a release counts in no compare-and-set and raises no watermark.
ASIDE = frozenset({"release", "release.receipt"})
_STOPPING = frozenset({ErrorCode.UNKNOWN_VERSION, ErrorCode.UNKNOWN_TYPE})
_NOTHING: Mapping[str, Value] = MappingProxyType({})  # apply reads no body that may be erased


def apply_operation(
    state: OperationState | None, item: Sequenced, roots: Roots, directory: DirectoryHistory
) -> OperationState | Rejected:
    """The state after `item`, or why it has no effect.

    `state` is None before the genesis; `roots` gives this log's own tree roots. Raises
    DirectoryBehind where an entry names a directory that has not arrived: wait, then ask again.
    Raises ProtocolError only if the reader must stop: LOG_DAMAGED if `item` is not the next one,
    UNKNOWN_VERSION if it raises the rules beyond this code.
    """
    expected = 0 if state is None else state.size
    if item.seq != expected:
        raise ProtocolError(
            ErrorCode.LOG_DAMAGED, f"entry {item.seq} read where {expected} was expected"
        )
    entry = item.entry
    if entry is None:
        raise ProtocolError(ErrorCode.LOG_DAMAGED, "a withheld entry has no effect to apply")
    try:
        header = entry.header
        _expect_operation_type(header, first=state is None)
        if state is None:
            known = _known_directory(header, directory)
            return found_operation(item, entry, _body(entry), directory.at(known.size))
        return _next_state(state, item, entry, roots, directory)
    except ProtocolError as violation:
        code = ErrorCode(violation.code)
        if code in _STOPPING:
            raise
        return Rejected(code, violation.detail)


def _expect_operation_type(header: Header, *, first: bool) -> None:
    if header.type not in CONTROL_TYPES and header.type not in CHANNEL_TYPES:
        raise RuleViolation(
            ErrorCode.WRONG_TYPE, f"{header.type} read, an entry type of operations expected"
        )
    if (header.type == "operation.genesis") != first:
        raise RuleViolation(ErrorCode.WRONG_TYPE, "a genesis stands first, and only there")


def _next_state(
    state: OperationState,
    item: Sequenced,
    entry: Entry,
    roots: Roots,
    history: DirectoryHistory,
) -> OperationState:
    header = entry.header
    if header.log != state.id16:
        raise RuleViolation(ErrorCode.WRONG_LOG, "the entry was signed for another log")
    if header.suite < state.suite_min:
        raise bad_value(f"suite {header.suite} read, at least {state.suite_min} expected")
    channel = None if header.chan is None else known_channel(state, header.chan)
    _expect_seen(header.seen, item.seq, roots)
    named = _known_directory(header, history).size
    watermark = state.control.watermark if channel is None else state.watermark_of(channel)
    deciding = header.type in DECIDING
    if deciding and named < watermark:
        raise RuleViolation(
            ErrorCode.STALE_DIRECTORY, f"directory size {named} read, at least {watermark} expected"
        )
    watermark = max(watermark, named)
    directory = history.at(watermark)
    device = _check_author(entry, directory)
    ledger = _expect_new(state, channel, header)
    if deciding:
        _expect_undisturbed(state, channel, header.seen.size)
    _expect_phase(state, header.type, item.at)
    leaf = item.leaf
    ledger = ledger.advance(
        device=header.device,
        entry_id=header.id,
        seen=header.seen.size,
        directory=named,
        leaf=leaf,
        decided=item.seq if deciding else None,
    )
    if device is None:
        restored = restore(state, item.seq, entry, _body(entry), directory, roots)
        return replace(restored, size=item.seq + 1, at=item.at, control=ledger)
    act = Act(
        type=header.type,
        seq=item.seq,
        at=item.at,
        leaf=leaf,
        entry=entry,
        header=header,
        body=_NOTHING if header.type in OPAQUE_TYPES else _body(entry),
        directory=directory,
        watermark=watermark,
        device=device,
        person=directory.persons[device.person],
    )
    if header.type not in BY_POSSESSION:
        expect_active(act, device)
        expect_right(state, act.type, act, device, act.person)
    if channel is not None:
        return _with_channel(state, EPOCH_RULES[act.type](state, channel, act), ledger, act)
    decided = CONTROL_RULES[act.type](state, act)
    if act.type in ASIDE:
        return replace(decided, size=act.seq + 1, at=act.at, releasing=ledger)
    return replace(decided, size=act.seq + 1, at=act.at, control=ledger)


def _with_channel(
    state: OperationState, channel: Channel, ledger: Ledger, act: Act
) -> OperationState:
    messages = state.messages
    if act.type in OPAQUE_TYPES:
        messages = messages.insert(act.leaf, act.person.id)
    return changed(
        state,
        size=act.seq + 1,
        at=act.at,
        channels=state.channels.insert(channel.id, changed(channel, ledger=ledger)),
        messages=messages,
    )


def _body(entry: Entry) -> Mapping[str, Value]:
    if entry.body is None:
        raise RuleViolation(ErrorCode.LOG_DAMAGED, "a control body is never erased (A49)")
    return entry.body


def _expect_seen(seen: Head, seq: int, roots: Roots) -> None:
    if seen.size > seq or roots.root(seen.size) != seen.root:
        raise RuleViolation(
            ErrorCode.WRONG_HEAD,
            f"seen [{seen.size}, {seen.root.hex()}] is no head of this log before {seq}",
        )


def _known_directory(header: Header, history: DirectoryHistory) -> Head:
    """The head of the directory that the header names, if it is one; raises DirectoryBehind."""
    head = header.dir
    if head is None:
        raise RuleViolation(ErrorCode.MALFORMED, "dir must be present in an operation's headers")
    if head.size > history.size:
        raise DirectoryBehind(head.size)
    if head.size < 1 or history.root(head.size) != head.root:
        raise RuleViolation(
            ErrorCode.WRONG_HEAD,
            f"dir [{head.size}, {head.root.hex()}] is no head of the directory",
        )
    return head


def _check_author(entry: Entry, directory: DirectoryState) -> Device | None:
    """Verify the signature; the device, or None where root signatures carry the body."""
    header = entry.header
    if header.type in BY_GOVERNANCE:
        check_poster(entry, _body(entry))
        return None
    device = directory.device(header.device)
    if device is None:
        raise RuleViolation(
            ErrorCode.UNKNOWN_DEVICE, f"no device {header.device.hex()} in the directory"
        )
    verify_signature(entry, device.sign_pk)
    return device


def _expect_new(state: OperationState, channel: Channel | None, header: Header) -> Ledger:
    """Raise unless the entry id is new in its scope and `seen` did not go back for its readers.

    Gives the ledger that the entry will count in.
    """
    control = state.control
    own = control if channel is None else channel.ledger
    if header.type in ASIDE:
        own = state.releasing
    known = header.device + header.id
    if known in own.ids or (channel is None and known in control.ids):
        raise RuleViolation(
            ErrorCode.DUPLICATE_ID, f"the device used entry id {header.id.hex()} before"
        )
    last = max(control.seen.get(header.device) or 0, own.seen.get(header.device) or 0)
    if header.seen.size < last:
        raise RuleViolation(
            ErrorCode.SEEN_DECREASED,
            f"seen size {header.seen.size} read after {last} of this device",
        )
    return own


def _expect_undisturbed(state: OperationState, channel: Channel | None, seen: int) -> None:
    """The author's compare-and-set: nobody plays a held decision into another state (A42)."""
    last = state.control.decided
    if channel is not None:
        last = max(last, channel.ledger.decided)
    if last >= seen:
        raise RuleViolation(
            ErrorCode.STALE_SEEN,
            f"entry {last} came after the author's seen size {seen}; sign anew",
        )


def _expect_phase(state: OperationState, kind: str, at: int) -> None:
    phase = state.effective_phase(at)
    if kind in ALLOWED_TYPES[phase]:
        return
    if phase in OVER:
        raise RuleViolation(ErrorCode.CLOSED, f"the operation is {phase}; {kind} comes too late")
    if kind in ONLY_AFTER_CLOSE:
        raise RuleViolation(ErrorCode.NOT_CLOSED, f"{kind} needs an operation that is over")
    raise RuleViolation(ErrorCode.WRONG_PHASE, f"{kind} is not accepted in {phase}")
