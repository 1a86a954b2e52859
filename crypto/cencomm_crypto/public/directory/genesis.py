"""The first entry of a directory: the root of trust that every pin and invitation names."""

from __future__ import annotations

from rpds import HashTrieMap, HashTrieSet

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.directory.claims import claim_root_key
from cencomm_crypto.public.directory.root_signatures import (
    NO_DIRECTORY,
    check_governance_signatures,
    check_poster,
)
from cencomm_crypto.public.directory.state import Author, DirectoryState, Governance, KeyUse
from cencomm_crypto.public.directory.witness import read_witness_policy
from cencomm_crypto.public.entry import SUITE, Entry, log_id32
from cencomm_crypto.public.note import is_key_name
from cencomm_crypto.public.primitives import EMPTY_ROOT

RULES = 1  # the version of the directory's rules that this code knows


def found_directory(entry: Entry, at: int) -> DirectoryState:
    """The state after a genesis at server time `at` (ms); raises for one that is not valid."""
    header, body = entry.header, entry.body
    if header.type != "directory.genesis" or body is None:
        raise RuleViolation(
            ErrorCode.WRONG_TYPE, f"{header.type} read, directory.genesis expected at the start"
        )
    if header.seen != (0, EMPTY_ROOT):
        raise RuleViolation(
            ErrorCode.WRONG_HEAD, "a genesis has seen the empty log: [0, SHA-256 of nothing]"
        )
    if body["rules"] != RULES or body["suite_min"] > SUITE:
        raise RuleViolation(
            ErrorCode.UNKNOWN_VERSION,
            f"rules {body['rules']} and suite {body['suite_min']} read; rules {RULES} and a suite"
            f" of at most {SUITE} are known here",
        )
    check_poster(entry, body)
    if body["serial"] != 0:
        raise RuleViolation(
            ErrorCode.BAD_SERIAL, f"serial {body['serial']} read, 0 expected in a genesis"
        )
    _check_name(body["name"])
    governance = read_governance(body["governance"]["keys"], body["governance"]["k"], 0, 0)
    check_governance_signatures(governance, NO_DIRECTORY, body)
    witness = read_witness_policy(body["witness"])
    root_keys: HashTrieMap[bytes, KeyUse] = HashTrieMap()
    uses = [(key, KeyUse.GOVERNANCE) for key in governance.keys]
    uses += [(body["log_key"], KeyUse.LOG)]
    uses += [(key, KeyUse.WITNESS) for _, key in witness.keys]
    for key, use in uses:
        root_keys = claim_root_key(root_keys, HashTrieMap(), key, use)
    return DirectoryState(
        id32=log_id32(entry),
        name=body["name"],
        size=1,
        at=at,
        log_key=body["log_key"],
        governance=governance,
        witness=witness,
        suite_min=body["suite_min"],
        rules=body["rules"],
        admins=HashTrieMap(),
        active_codes=HashTrieMap(),
        persons=HashTrieMap(),
        codes=HashTrieMap(),
        devices=HashTrieMap(),
        root_keys=root_keys,
        box_keys=HashTrieSet(),
        authors=HashTrieMap({header.device: Author(0, HashTrieSet([header.id]))}),
        restored=(),
        removals=0,
    )


def read_governance(keys: list[bytes], k: int, serial: int, changed: int) -> Governance:
    """A governance root of distinct keys and 1 <= k <= their number."""
    if not 1 <= k <= len(keys):
        raise RuleViolation(ErrorCode.BAD_THRESHOLD, f"k is {k}; 1 to {len(keys)} expected")
    if len(set(keys)) < len(keys):
        raise RuleViolation(ErrorCode.KEY_REUSED, "a governance key stands twice")
    return Governance(tuple(keys), k, serial, changed)


def _check_name(name: str) -> None:
    """The deployment's name starts every note's key name."""
    if not is_key_name(name):
        raise RuleViolation(
            ErrorCode.BAD_VALUE,
            f"name {name!a}: printable ASCII without spaces and plus signs expected",
        )
