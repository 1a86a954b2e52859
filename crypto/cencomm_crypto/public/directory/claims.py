"""What an entry takes for ever: signing keys, box keys, functional codes.

No two devices, roots, logs or witnesses share a key, and nobody gets a used one again (A13,
A41); no two codes look alike (A53).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rpds import HashTrieMap

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.directory.state import (
    Device,
    DirectoryState,
    KeyUse,
    likeness,
)
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.ids import DeviceId, PersonId
from cencomm_crypto.public.keys import (
    SigType,
    check_box_key,
    check_sign_key,
    device_id,
    enrol_message,
    verify,
)

_CODE = re.compile(r"[A-Z0-9]+(?:-[A-Z0-9]+)*", re.ASCII)


def claim_root_key(
    root_keys: HashTrieMap[bytes, KeyUse],
    devices: HashTrieMap[DeviceId, Device],
    key: bytes,
    use: KeyUse,
) -> HashTrieMap[bytes, KeyUse]:
    """Take a signing key for a root, a log or a witness; raises BAD_KEY or KEY_REUSED.

    A witness may come back with its own key; nobody else may.
    """
    check_sign_key(key)
    before = root_keys.get(key)
    if before is KeyUse.WITNESS and use is KeyUse.WITNESS:
        return root_keys
    if before is not None or device_id(key) in devices:
        raise RuleViolation(
            ErrorCode.KEY_REUSED, f"the {use} key was already named in this directory"
        )
    return root_keys.insert(key, use)


def claim_box_key(state: DirectoryState, box_pk: bytes) -> None:
    """Check that a box key is sound (A12, A47) and new; raises BAD_KEY or KEY_REUSED."""
    check_box_key(box_pk)
    if box_pk in state.box_keys:
        raise RuleViolation(ErrorCode.KEY_REUSED, "the box key was already named in this directory")


def claim_device(
    state: DirectoryState,
    seq: int,
    body: Mapping[str, Value],
    *,
    person: PersonId,
    voucher: DeviceId | None,
) -> Device:
    """The device that `body` {sign_pk, box_pk, proof} enrols for `person`.

    The proof is SIG(device, "enrol", directory id || person || box_pk): nobody claims the
    keys of another (A41). Raises BAD_KEY, KEY_REUSED or BAD_SIGNATURE.
    """
    sign_pk, box_pk = body["sign_pk"], body["box_pk"]
    if state.sign_key_used(sign_pk):
        raise RuleViolation(
            ErrorCode.KEY_REUSED, "the signing key was already named in this directory"
        )
    check_sign_key(sign_pk)
    claim_box_key(state, box_pk)
    message = enrol_message(state.id32, person, box_pk)
    verify(sign_pk, SigType.ENROL, message, body["proof"])
    return Device(
        id=device_id(sign_pk),
        person=person,
        sign_pk=sign_pk,
        box_pk=box_pk,
        added=seq,
        voucher=voucher,
        revoked=None,
        rekeyed=None,
        changed=seq,
    )


def claim_person_code(codes: HashTrieMap[str, PersonId], code: str, administration: str) -> None:
    """Check a person's functional code, "<administration's code>-<rest>", and that it is free.

    The prefix keeps an NCP from naming somebody as if of another administration (A53).
    """
    if not _CODE.fullmatch(code) or not code.startswith(f"{administration}-"):
        raise RuleViolation(
            ErrorCode.BAD_VALUE,
            f"code {code!a}: {administration}- and then capital letters, digits, hyphens expected",
        )
    if likeness(code) in codes:
        raise RuleViolation(
            ErrorCode.ALREADY_EXISTS, f"code {code} or one that looks like it was given before"
        )


def check_administration_code(code: str) -> None:
    """Check the shape of an administration's code: "FR", "RILO-WE"."""
    if not _CODE.fullmatch(code):
        raise RuleViolation(
            ErrorCode.BAD_VALUE, f"code {code!a}: capital letters, digits and hyphens expected"
        )
