"""The first entry of an operation: what is decided once, and its first coordinator."""

from __future__ import annotations

from collections.abc import Mapping

from rpds import HashTrieMap, HashTrieSet

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.directory.witness import read_witness_policy
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.entry import SUITE, Entry, channel_id, log_id32, verify_signature
from cencomm_crypto.public.operation.act import bad_value, expect_window
from cencomm_crypto.public.operation.audit_set import read_audit_set
from cencomm_crypto.public.operation.channel import Channel, Ledger
from cencomm_crypto.public.operation.state import Member, OperationState
from cencomm_crypto.public.phases import PHASES_VERSION, Phase
from cencomm_crypto.public.primitives import EMPTY_ROOT
from cencomm_crypto.public.rights import Role
from cencomm_crypto.public.wire import Sequenced

RULES = 1  # the version of the operation's rules that this code knows
MAIN = "main"
_ALWAYS = (0, 2**53 - 1)


def found_operation(
    item: Sequenced, entry: Entry, body: Mapping[str, Value], directory: DirectoryState
) -> OperationState:
    """The state after a genesis; `directory` is the one at the head that it pins.

    The caller has checked that head. Raises RuleViolation or ProtocolError.
    """
    header = entry.header
    if header.seen != (0, EMPTY_ROOT):
        raise RuleViolation(
            ErrorCode.WRONG_HEAD, "a genesis has seen the empty log: [0, SHA-256 of nothing]"
        )
    _expect_known_versions(body)
    if body["directory"] != directory.id32:
        raise RuleViolation(ErrorCode.WRONG_LOG, "the genesis names another directory")
    device = directory.device(header.device)
    if device is None:
        raise RuleViolation(
            ErrorCode.UNKNOWN_DEVICE, f"no device {header.device.hex()} in the directory"
        )
    verify_signature(entry, device.sign_pk)
    if not directory.active(device.id):
        raise RuleViolation(
            ErrorCode.INACTIVE, "the device is revoked, or its person or administration suspended"
        )
    author = directory.persons[device.person]
    if not author.may_create:
        raise RuleViolation(
            ErrorCode.NOT_PERMITTED, f"{author.code} does not hold the role to create operations"
        )
    if body["suite_min"] < directory.suite_min:
        raise bad_value(f"suite_min {body['suite_min']}, the directory asks {directory.suite_min}")
    window, live = tuple(body["window"]), tuple(body["live"])
    expect_window(window, _ALWAYS, "window")
    expect_window(live, window, "live")
    erase_at = body["retention"]["erase_at"]
    if 0 < erase_at <= window[1] + body["grace"]:
        raise bad_value("retention.erase_at must be 0, or after not_after + grace")
    main = channel_id(entry)
    audit = read_audit_set(body["audit"], 1, directory, {author.id})
    return OperationState(
        id32=log_id32(entry),
        directory_id32=directory.id32,
        genesis=body,
        author=author.id,
        author_admin=author.admin,
        history=body["history"] == "all",
        witness=read_witness_policy(body["witness"]),
        suite_min=body["suite_min"],
        rules=body["rules"],
        size=1,
        at=item.at,
        phase=Phase.DRAFT,
        interrupted=None,
        window=window,
        grace=body["grace"],
        live=live,
        closed_at=None,
        members=HashTrieMap(
            {author.id: Member(author.id, author.admin, Role.COORDINATOR, 0, directory.size)}
        ),
        former=HashTrieMap(),
        admins=HashTrieSet([author.admin]),
        channels=HashTrieMap({main: Channel(main, MAIN, author.id, 0, window, main=True)}),
        main=main,
        audit=audit,
        audits=(audit,),
        proposals=HashTrieMap(),
        holds=HashTrieMap(),
        requests=HashTrieMap(),
        releases=HashTrieMap(),
        messages=HashTrieMap(),
        accepted_devices=HashTrieSet(),
        restored=(),
        leavings=0,
        control=Ledger().advance(
            device=device.id,
            entry_id=header.id,
            seen=0,
            directory=directory.size,
            leaf=item.leaf,
            decided=0,
        ),
        releasing=Ledger(),
    )


def _expect_known_versions(body: Mapping[str, Value]) -> None:
    """Unknown versions stop the reader: it never skips (DESIGN 3 Skew)."""
    if body["rules"] != RULES or body["phases"] != PHASES_VERSION or body["suite_min"] > SUITE:
        raise RuleViolation(
            ErrorCode.UNKNOWN_VERSION,
            f"rules {body['rules']}, phases {body['phases']}, suite {body['suite_min']} read;"
            f" rules {RULES}, phases {PHASES_VERSION}, a suite of at most {SUITE} are known here",
        )
