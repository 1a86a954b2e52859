"""Bodies that root signatures carry: judged on those alone, whoever posts them (RULES Directory).

Such a body holds `poster`, the signing key of the device that posts it, and `serial`, greater
than the last of the same root: so it stands once, in its order, and in nobody else's entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.directory.state import Administration, Governance
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.entry import Entry, verify_signature
from cencomm_crypto.public.keys import SigType, check_sign_key, device_id, root_message, verify

NO_DIRECTORY = bytes(32)  # stands for the directory's id in its own genesis


def check_poster(entry: Entry, body: Mapping[str, Value]) -> None:
    """The entry is by the device that the roots named; raises UNKNOWN_DEVICE, BAD_SIGNATURE."""
    poster = body["poster"]
    if entry.header.device != device_id(poster):
        raise RuleViolation(
            ErrorCode.UNKNOWN_DEVICE, "header.device must be the id of the body's poster"
        )
    check_sign_key(poster)
    verify_signature(entry, poster)


def signed_by_governance(
    governance: Governance, directory_id: bytes, body: Mapping[str, Value]
) -> Governance:
    """Check serial and k signatures of the governance root; gives it with its new serial.

    Raises BAD_SERIAL, BAD_THRESHOLD or BAD_SIGNATURE.
    """
    serial = check_serial(governance.serial, body)
    check_governance_signatures(governance, directory_id, body)
    return replace(governance, serial=serial)


def check_governance_signatures(
    governance: Governance, directory_id: bytes, body: Mapping[str, Value]
) -> None:
    """Check k signatures of the governance root over `body`, not its serial."""
    _check_signatures(
        SigType.GOVERNANCE,
        governance.keys,
        governance.k,
        root_message(directory_id, body),
        body["sigs"],
    )


def signed_by_admin_root(
    admin: Administration, directory_id: bytes, body: Mapping[str, Value]
) -> Administration:
    """Check serial and signature of an administration's root; gives it with its new serial."""
    serial = check_serial(admin.serial, body)
    message = root_message(directory_id, body)
    _check_signatures(SigType.ADMIN_ROOT, (admin.root_pk,), 1, message, body["sigs"])
    return replace(admin, serial=serial)


def check_serial(last: int, body: Mapping[str, Value]) -> int:
    """The body's serial, greater than `last`; raises BAD_SERIAL.

    Not just one more: what was lost with its number (A50) must not void all that came after.
    """
    serial: int = body["serial"]
    if serial <= last:
        raise RuleViolation(
            ErrorCode.BAD_SERIAL, f"serial {serial} read, more than {last} expected"
        )
    return serial


def _check_signatures(
    kind: SigType,
    keys: tuple[bytes, ...],
    k: int,
    message: bytes,
    signatures: Sequence[tuple[int, bytes]],
) -> None:
    """At least k signatures, each valid, of distinct keys named by index in rising order."""
    indexes = [index for index, _ in signatures]
    if indexes != sorted(set(indexes)) or any(index >= len(keys) for index in indexes):
        raise RuleViolation(
            ErrorCode.BAD_THRESHOLD,
            f"signatures by keys {indexes} read; indices from 0 to {len(keys) - 1}, rising,"
            " expected",
        )
    if len(signatures) < k:
        raise RuleViolation(
            ErrorCode.BAD_THRESHOLD, f"{len(signatures)} root signatures read, {k} expected"
        )
    for index, signature in signatures:
        verify(keys[index], kind, message, signature)
