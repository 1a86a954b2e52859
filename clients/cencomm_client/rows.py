"""Which row of ATTACKS.md a rejected entry is an instance of: by its code, then by its bytes."""

from __future__ import annotations

from cencomm_crypto.errors import ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.keys import SigType, check_box_key, enrol_message, verify
from cencomm_crypto.public.wire import Sequenced

from cencomm_client.errors import ROW_OF_REJECTION

UNKNOWN_ROW = "A4"  # an entry that the log should not hold: the server's history is at fault

_UNDUE_GRANT = ("channel.grant", ErrorCode.NOT_PERMITTED)


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
        return "A41" if _not_proven(entry, directory) else "A8"
    if entry is not None and (entry.header.type, rejected.code) == _UNDUE_GRANT:
        return "A44"
    return ROW_OF_REJECTION.get(rejected.code, UNKNOWN_ROW)


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
