"""What sealing, rotating and verifying take, beside the bare libsodium calls in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import nacl.bindings as sodium
from cencomm_crypto.member.message import message_key as derive_message_key
from cencomm_crypto.member.message import open_bytes, open_message, seal_bytes, seal_message
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.member.rotation import check_rotation, make_rotation
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.entry import parse, verify_signature
from cencomm_crypto.public.keys import SigType
from cencomm_crypto.public.operation.recipients import recipients
from cencomm_crypto.public.primitives import u32

from tests.bench.crowd import gather, pages, talk
from tests.bench.frame import Bar, Row, side_by_side
from tests.support.epochs import Epochs
from tests.support.sealing import Author, epoch, fixed

REPOSITORY = Path(__file__).parents[2]
MESSAGES = 500  # per round: short ones find a quiet moment
ROUNDS = 40
PAYLOAD_BYTES = 600
_ENVELOPE = len(encode(make_payload("MSG", bytes(16), {"text": ""}))) + 2
NONCE, SALT, HEADER_HASH = fixed("nonce", 24), fixed("salt", 16), fixed("header")


def sealing(messages: int = MESSAGES) -> Iterator[Row]:
    """Seal and open 600 bytes, beside the libsodium calls that this takes."""
    secret = epoch()
    payload = make_payload("MSG", bytes(16), {"text": "x" * (PAYLOAD_BYTES - _ENVELOPE)})
    data = encode(payload)
    author = Author()
    header = author.header(secret)
    entry = author.entry(header, seal_message(header, secret, payload, NONCE, SALT))

    def whole() -> None:
        for _ in range(messages):
            seal_message(header, secret, payload, NONCE, SALT)
            open_message(entry, secret)

    def bytes_alone() -> None:
        for _ in range(messages):
            key = derive_message_key(secret, HEADER_HASH)
            body = seal_bytes(key, HEADER_HASH, data, NONCE, SALT)
            key = derive_message_key(secret, HEADER_HASH)
            open_bytes(key, HEADER_HASH, body)

    def author_and_read() -> None:
        for _ in range(messages):
            header = author.header(secret)
            made = author.entry(header, seal_message(header, secret, payload, NONCE, SALT))
            read = parse(made.header_bytes, made.body_bytes or b"", made.sig)
            verify_signature(read, author.key.public)
            open_message(read, secret)

    bare = _bare_messages(secret.message_key, data, messages)
    signed = _bare_signatures(author.key.seed + author.key.public, messages)

    def bare_and_signed() -> None:
        bare()
        signed()

    for name, ours, yardstick, bar in (
        ("seal + open 600 bytes: seal_message, open_message", whole, bare, Bar(2)),
        ("the sealing in it, without the payload's CBOR", bytes_alone, bare, Bar(2)),
        ("author, seal, sign; parse, verify, open", author_and_read, bare_and_signed, None),
    ):
        ours_s, bare_s = side_by_side(ours, yardstick, rounds=ROUNDS)
        yield Row(
            name, ours_s / messages * 1e6, "us", "libsodium calls", bare_s / messages * 1e6, bar
        )


def _bare_signatures(secret_key: bytes, messages: int) -> Callable[[], None]:
    """One crypto_sign and one crypto_sign_open over what an entry's signature covers."""
    message = b"CENcomm/v1/" + SigType.ENTRY.encode() + b"\0" + bytes(64)
    public = secret_key[32:]

    def bare() -> None:
        for _ in range(messages):
            sodium.crypto_sign_open(sodium.crypto_sign(message, secret_key), public)

    return bare


def _bare_messages(key: bytes, data: bytes, messages: int) -> Callable[[], None]:
    """The calls alone: two keyed BLAKE2b and pad + encrypt, two and decrypt + unpad."""
    salted = SALT + data

    def bare() -> None:
        for _ in range(messages):
            mk = blake2b(b"msg\0" + HEADER_HASH, key=key, digest_size=32).digest()
            cm = blake2b(b"commit\0" + NONCE + HEADER_HASH, key=mk, digest_size=32).digest()
            padded = sodium.sodium_pad(salted, 1024)
            ct = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
                padded, HEADER_HASH + cm, NONCE, mk
            )
            mk = blake2b(b"msg\0" + HEADER_HASH, key=key, digest_size=32).digest()
            cm = blake2b(b"commit\0" + NONCE + HEADER_HASH, key=mk, digest_size=32).digest()
            plain = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
                ct, HEADER_HASH + cm, NONCE, mk
            )
            sodium.sodium_unpad(plain, 1024)

    return bare


def rotation(size: int = 3_000) -> Iterator[Row]:
    """One rotate for `size` devices and five auditors, and its recomputation by a member."""
    crowd = gather(size, auditors=5)
    state, directory = crowd.operation.state, crowd.directory.state
    found = recipients(state, crowd.work, directory)
    text = bytes(64)

    def bare() -> None:
        for row in found:
            sodium.crypto_box_seal(text, row.box_pk)

    made_s, bare_s = side_by_side(
        lambda: make_rotation(state, crowd.work, directory, os.urandom(32), None), bare, rounds=3
    )
    beside = f"{len(found):,} crypto_box_seal"
    yield Row(
        f"make a rotation for {len(found):,} devices",
        made_s * 1e3,
        "ms",
        beside,
        bare_s * 1e3,
        Bar(3),
    )
    epochs = Epochs(crowd.operation)
    secret = epochs.rotate(crowd.work)
    rotate = epochs.epoch(crowd.work, 1)
    checked_s, bare_s = side_by_side(
        lambda: check_rotation(rotate, crowd.operation.state, directory, secret), bare, rounds=3
    )
    yield Row("recompute it as a member", checked_s * 1e3, "ms", beside, bare_s * 1e3)
    wraps = epochs.made[crowd.work, 1].wraps
    yield Row("its wraps", len(wraps) / 1e3, "kB", bar=Bar(400, on_value=True))


@dataclass(frozen=True, slots=True)
class Verified:
    """What a fresh process says of a log that it verified."""

    entries: int
    verify_s: float
    bare_s: float
    peak_mb: float


def replay(messages: int = 50_000, members: int = 30) -> Iterator[Row]:
    """Verify a log from its bytes in a fresh process: decode, rules, signatures, tree."""
    result = verify_in_fresh_process(messages, members)
    yield Row(
        f"verify {result.entries:,} entries",
        result.verify_s / result.entries * 1e6,
        "us each",
        "crypto_sign_open",
        result.bare_s / result.entries * 1e6,
        Bar(5),
    )
    yield Row("its peak memory", result.peak_mb, "MB", bar=Bar(300, on_value=True))


def verify_in_fresh_process(messages: int, members: int) -> Verified:
    """Make a log of that many messages and have tests/bench/verify_child.py verify it."""
    crowd = gather(members)
    talk(crowd, messages)
    parts = [*pages(crowd.directory.entries)]
    assert len(parts) == 1
    parts += pages(crowd.operation.entries)
    process = subprocess.run(
        [sys.executable, "-m", "tests.bench.verify_child"],
        input=b"".join(u32(len(part)) + part for part in parts),
        capture_output=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    if process.returncode:
        raise RuntimeError(process.stderr.decode()[-2000:])
    answer = json.loads(process.stdout)
    expected = crowd.operation.log.tree.root().hex()
    if answer.pop("root") != expected:
        raise RuntimeError("the fresh process computed another root")
    return Verified(**answer)
