"""Who may be an audit set (PROTOCOL 7.5), for the genesis and for a change alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.operation.state import AuditSet


def read_audit_set(
    value: Mapping[str, Value],
    version: int,
    directory: DirectoryState,
    members: Container[PersonId],
) -> AuditSet:
    """Read {persons, k}: empty, or 2 <= k <= n <= 16 of distinct, active humans.

    No administration has k of them (else it opens alone), none is a member (else it is judge of
    its own work). Raises BAD_AUDIT_SET, UNKNOWN_PERSON or INACTIVE.
    """
    persons, k = tuple(PersonId(person) for person in value["persons"]), value["k"]
    if not persons and k == 0:
        return AuditSet((), 0, version)
    if not 2 <= k <= len(persons) <= 16:
        raise _bad(f"k {k} of {len(persons)} read; 2 <= k <= n <= 16, or none and 0, expected")
    if len(set(persons)) < len(persons):
        raise _bad("an auditor stands twice")
    sides: Counter[bytes] = Counter()
    for place in persons:
        person = directory.person(place)
        if person is None:
            raise RuleViolation(
                ErrorCode.UNKNOWN_PERSON, f"no person {place.hex()} in the directory"
            )
        if not directory.active_person(place):
            raise RuleViolation(
                ErrorCode.INACTIVE, f"{person.code} or its administration is suspended"
            )
        if person.kind != "human":
            raise _bad(f"{person.code} is a bot")
        if place in members:
            raise _bad(f"{person.code} is a member; an auditor is none")
        sides[person.admin] += 1
    if max(sides.values()) >= k:
        raise _bad(f"one administration has {max(sides.values())} of them, fewer than k expected")
    return AuditSet(persons, k, version)


def _bad(detail: str) -> RuleViolation:
    return RuleViolation(ErrorCode.BAD_AUDIT_SET, detail)
