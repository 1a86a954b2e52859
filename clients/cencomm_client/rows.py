"""Which row of ATTACKS.md a rejected entry is an instance of: by its code, then by its bytes."""

from __future__ import annotations

from cencomm_crypto.errors import ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.bodies import ROOT_SIGNED
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.keys import SigType, check_box_key, enrol_message, verify
from cencomm_crypto.public.wire import Sequenced

from cencomm_client.errors import ROW_OF_REJECTION

UNKNOWN_ROW = "A4"  # an entry that the log should not hold: the server's history is at fault

_UNDUE_GRANT = ("channel.grant", ErrorCode.NOT_PERMITTED)
_LOOK_ALIKE = frozenset({ErrorCode.ALREADY_EXISTS, ErrorCode.BAD_VALUE})
_OF_TYPE = {
    "audit.propose": "A21",
    "audit.approve": "A21",
    "audit.request": "A23",
    "audit.grant": "A23",
    "audit.report": "A23",
}
"""Types of which every breach is an instance of one row, whatever rule it met."""


def row_of(item: Sequenced, rejected: Rejected, suite_min: int, directory: bytes = b"") -> str:
    """The row that an entry without effect is an instance of.

    `directory` is the 32-byte id of the directory, where its own entries are judged.
    """
    entry = item.entry
    if entry is not None and entry.header.type == "log.restored":
        return "A50"
    if entry is not None and entry.header.suite < suite_min:
        return "A28"
    if entry is not None and rejected.code is ErrorCode.BAD_KEY and _bad_box_key(entry):
        return "A47"
    if entry is not None and rejected.code is ErrorCode.BAD_SIGNATURE:
        if entry.header.type in ROOT_SIGNED:
            return "A2"
        return "A41" if _not_proven(entry, directory) else "A8"
    if entry is not None and (entry.header.type, rejected.code) == _UNDUE_GRANT:
        return "A44"
    if entry is not None and entry.header.type in _OF_TYPE:
        return _OF_TYPE[entry.header.type]
    if entry is not None and rejected.code in _LOOK_ALIKE and _names(entry):
        return "A53"
    return ROW_OF_REJECTION.get(rejected.code, UNKNOWN_ROW)


def _names(entry: Entry) -> bool:
    """Whether it gives somebody a code that people will read: a person's, an administration's."""
    return entry.header.type in ("person.add", "admin.add", "ncp.appoint")


def _bad_box_key(entry: Entry) -> bool:
    body = entry.body or {}
    try:
        check_box_key(body.get("box_pk", b""))
    except ProtocolError:
        return "box_pk" in body
    return False


def _not_proven(entry: Entry, directory: bytes) -> bool:
    """Whether it names a device whose owner did not sign for this person and box key."""
    body = entry.body or {}
    if not {"person", "sign_pk", "box_pk", "proof"} <= body.keys():
        return False
    message = enrol_message(directory, PersonId(body["person"]), body["box_pk"])
    try:
        verify(body["sign_pk"], SigType.ENROL, message, body["proof"])
    except ProtocolError:
        return True
    return False
