"""functions.json and keys.json: PROTOCOL 1.3 and 1.5."""

from __future__ import annotations

from hashlib import sha512

import nacl.bindings as sodium
from cencomm_crypto.member.sealing import seal_box, seal_once
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.keys import (
    BoxKey,
    SigningKey,
    SigType,
    admin_id,
    device_id,
    enrol_message,
    root_message,
)
from cencomm_crypto.public.primitives import kdf, keyed
from cencomm_crypto.public.tree import root_of

from tests.support.vectors.notation import Book, Case, Json, fixed, show

SIGNER = SigningKey.from_seed(fixed("signer"))
BOX = BoxKey.from_seed(fixed("box"))
_ORDER = 2**252 + 27742317777372353535851937790883648493
_PREFIX = b"CENcomm/v1/"

SMALL_SIGN = {  # Ed25519 points of small order, canonical and not (C2SP CCTV ed25519)
    "order 1": "0100000000000000000000000000000000000000000000000000000000000000",
    "order 2": "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "order 4": "0000000000000000000000000000000000000000000000000000000000000000",
    "order 4, other sign": "0000000000000000000000000000000000000000000000000000000000000080",
    "order 8": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "order 8, another": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "not canonical, p": "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "not canonical, p + 1": "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}
BAD_BOX = {  # X25519 public keys of small order (RFC 7748 6.1) and beyond the field
    "0": 0,
    "1": 1,
    "order 8": 325606250916557431795983626356110631294008115727848805560023387167927233504,
    "order 8, another": (
        39382357235489614581723060781553021112529911719440698176882885853963445705823
    ),
    "p - 1": 2**255 - 20,
    "p": 2**255 - 19,
    "p + 1": 2**255 - 18,
    "p + 9, of large order": 2**255 - 10,
    "high bit set": 2**255 + 9,
}


def functions() -> Book:
    """The functions that everything else is made of."""
    key, zeros = fixed("key"), bytes(32)
    cases = [
        Case(f"B of {label or 'no label'!s}", "FUN-1", "B",
             {"key": key, "label": label, "x": x}, {"out": keyed(key, label, x)})
        for label, x in (("epoch", fixed("x", 74)), ("", b""), ("enrol", b"\x00"))
    ]  # fmt: skip
    cases += [
        Case("KDF {} of {}".format(i, "zeros" if k == zeros else "a key"), "FUN-2", "KDF",
             {"key": k, "i": i}, {"out": kdf(k, i)})
        for k, i in ((zeros, 0), (key, 1), (key, 2), (key, 3), (key, 256), (key, 2**53 - 1))
    ]  # fmt: skip
    for count in (0, 1, 2, 3, 5, 8):
        leaves = [bytes([n]) * n for n in range(count)]
        cases.append(
            Case(f"MTH of {count}", "FUN-3", "MTH", {"data": leaves}, {"root": root_of(leaves)})
        )
    for kind in SigType:
        message = fixed(f"message {kind}", 40)
        cases.append(
            Case(f"SIG {kind}", "FUN-4", "SIG",
                 {"seed": SIGNER.seed, "type": kind.value, "message": message},
                 {"public": SIGNER.public, "signature": SIGNER.sign(kind, message)},
                 intermediate={"signed": _PREFIX + kind.encode() + b"\x00" + message})
        )  # fmt: skip
    ad, plain = fixed("ad"), fixed("plain")
    cases.append(Case("once", "FUN-5", "once", {"key": key, "ad": ad, "m": plain},
                      {"sealed": seal_once(key, ad, plain)}))  # fmt: skip
    for name, changed in (
        ("another key", {"key": fixed("other")}),
        ("another ad", {"ad": fixed("other")}),
        ("a flipped bit", {"sealed": _flip(seal_once(key, ad, plain), 5)}),
        ("cut short", {"sealed": seal_once(key, ad, plain)[:15]}),
    ):
        inputs = {"key": key, "ad": ad, "sealed": seal_once(key, ad, plain), **changed}
        cases.append(Case(f"once, {name}", "FUN-5", "open once", inputs, failure="cannot_open"))
    cases.append(
        Case("sealed box from a seed", "FUN-6", "sealed box",
             {"seed": key, "m": fixed("m", 64), "pk": BOX.public, "secret": BOX.secret},
             {"sealed": seal_box(key, fixed("m", 64), BOX.public)},
             intermediate={"epk": BoxKey.from_seed(key).public})
    )  # fmt: skip
    cases.append(
        Case("box seed", "FUN-6", "box seed", {"seed": fixed("box")},
             {"public": BOX.public, "secret": BOX.secret})
    )  # fmt: skip
    return Book("PROTOCOL 1.3: functions", cases)


def keys() -> Book:
    """Keys that enter, signatures that verify, ids and signed messages."""
    cases = [Case("a good signing key", "KEY-1", "signing key", {"public": SIGNER.public}, {})]
    cases += [
        Case(f"signing key of small order: {name}", "KEY-1", "signing key",
             {"public": point}, failure="bad_key")
        for name, point in SMALL_SIGN.items()
    ]  # fmt: skip
    mixed = sodium.crypto_core_ed25519_add(SIGNER.public, bytes.fromhex(SMALL_SIGN["order 8"]))
    cases += [
        Case("signing key of mixed order", "KEY-1", "signing key",
             {"public": mixed}, failure="bad_key"),
        Case("signing key off the curve", "KEY-1", "signing key",
             {"public": b"\x02" + bytes(31)}, failure="bad_key"),
        Case("signing key of 31 bytes", "KEY-1", "signing key",
             {"public": SIGNER.public[:31]}, failure="bad_key"),
        Case("a good box key", "KEY-2", "box key", {"public": BOX.public}, {}),
        Case("box key of 33 bytes", "KEY-2", "box key",
             {"public": BOX.public + b"\x00"}, failure="bad_key"),
    ]  # fmt: skip
    cases += [
        Case(f"box key {name}", "KEY-2", "box key",
             {"public": number.to_bytes(32, "little")}, failure="bad_key")
        for name, number in BAD_BOX.items()
    ]  # fmt: skip
    cases += _verification()
    cases += [
        Case("device id", "KEY-6", "device id", {"sign_pk": SIGNER.public},
             {"id": device_id(SIGNER.public)}),
        Case("administration id", "KEY-6", "administration id", {"root": SIGNER.public},
             {"id": admin_id(SIGNER.public)}),
    ]  # fmt: skip
    directory, person = fixed("directory"), PersonId(fixed("person", 16))
    message = enrol_message(directory, person, BOX.public)
    cases.append(
        Case("proof of possession", "KEY-7", "proof of possession",
             {"seed": SIGNER.seed, "directory": directory, "person": person, "box_pk": BOX.public},
             {"proof": SIGNER.sign(SigType.ENROL, message)}, intermediate={"message": message})
    )  # fmt: skip
    body = {
        "type": "admin.add", "code": "FR", "root": fixed("root"),
        "poster": SIGNER.public, "serial": 7,
    }  # fmt: skip
    for name, log in (("later", directory), ("in the genesis", bytes(32))):
        message = root_message(log, body)
        cases.append(
            Case(f"root signature {name}", "KEY-8", "root message",
                 {"directory": log, "body": show({**body, "sigs": [[0, bytes(64)]]})},
                 {"message": message}, intermediate={"hash": message[32:]})
        )  # fmt: skip
    return Book("PROTOCOL 1.5: keys and signatures", cases)


def _verification() -> list[Case]:
    message = fixed("verified", 40)
    good = SIGNER.sign(SigType.ENTRY, message)
    base = {"public": SIGNER.public, "type": "entry", "message": message, "signature": good}
    greater = int.from_bytes(good[32:], "little") + _ORDER
    order8 = bytes.fromhex(SMALL_SIGN["order 8"])
    changes: dict[str, dict[str, Json]] = {
        "a flipped bit of R": {"signature": _flip(good, 3)},
        "a flipped bit of S": {"signature": _flip(good, 300)},
        "a flipped bit of the message": {"message": _flip(message, 8)},
        "another key": {"public": SigningKey.from_seed(fixed("another")).public},
        "S not below the group order": {"signature": good[:32] + greater.to_bytes(32, "little")},
        "R of mixed order, which cofactored verification takes": {
            "signature": _signature(SigType.ENTRY, message, twist=order8)
        },
        "R of small order": {"signature": _signature(SigType.ENTRY, message, nonce=0)},
        "a key of small order": {"public": SMALL_SIGN["order 1"], "signature": bytes(64)},
        "63 bytes": {"signature": good[:63]},
    }
    cases = [Case("a good signature", "KEY-3", "verify", base, {})]
    cases.append(
        Case("a signature made by hand", "KEY-3", "verify",
             {**base, "signature": _signature(SigType.ENTRY, message)}, {})
    )  # fmt: skip
    cases += [
        Case(name, "KEY-3", "verify", {**base, **changed}, failure="bad_signature")
        for name, changed in changes.items()
    ]
    cases += [
        Case(f"an entry's signature taken for {kind}", "KEY-4", "verify",
             {**base, "type": kind.value}, failure="bad_signature")
        for kind in SigType
        if kind is not SigType.ENTRY
    ]  # fmt: skip
    return cases


def _signature(
    kind: SigType, message: bytes, *, nonce: int = 1_234_567_890_123, twist: bytes | None = None
) -> bytes:
    """Ed25519 with a chosen nonce; `twist` is added to R, as no honest signer would."""
    signed = _PREFIX + kind.encode() + b"\x00" + message
    half = bytearray(sha512(SIGNER.seed).digest()[:32])
    half[0] &= 248
    half[31] = half[31] & 127 | 64
    point = bytes.fromhex(SMALL_SIGN["order 1"])
    if nonce:
        point = sodium.crypto_scalarmult_ed25519_base_noclamp(nonce.to_bytes(32, "little"))
    if twist is not None:
        point = sodium.crypto_core_ed25519_add(point, twist)
    challenge = int.from_bytes(sha512(point + SIGNER.public + signed).digest(), "little")
    scalar = (nonce + challenge * int.from_bytes(half, "little")) % _ORDER
    return point + scalar.to_bytes(32, "little")


def _flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
