"""Sealed bytes that do not open: one code and one sentence, whatever is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import nacl.bindings as sodium
from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.drop import open_drop, seal_drop
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.message import message_key, open_message, seal_bytes
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.member.wrap import open_wrap, wrap
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.keys import BoxKey
from cencomm_crypto.public.primitives import keyed, sha256

from tests.mallory.insiders import secret_of
from tests.mallory.world import OFFICER
from tests.support.bad_input.bench import Answer, Bench
from tests.support.bad_input.cases import Group
from tests.support.forms import hit

sealed = Group("sealed bytes")
BODY = 24 + 32 + 256 + 16


@dataclass(frozen=True, slots=True)
class Sound:
    """A message and a drop that open, with the secret that opens them."""

    message: Entry
    drop: Entry
    secret: EpochSecret

    @classmethod
    def of(cls, bench: Bench) -> Sound:
        """Both by the officer's device, in the present epoch."""
        secret = secret_of(bench.stage, OFFICER)
        assert secret is not None
        message = bench.message()
        header = replace(message.header, type="drop")
        payload = make_payload("HIT", bytes(16), hit("in order"))
        parts = (b"k" * 32, b"n" * 24, b"s" * 16, b"e" * 32)
        body = seal_drop(header, secret.drop_keys.public, payload, *parts)
        drop = bench.stage.sign(OFFICER, header, body)
        assert open_message(message, secret)
        assert open_drop(drop, secret)
        return cls(message, drop, secret)


def opened(open_it: Callable[[], object]) -> Answer:
    """What a client makes of it."""
    try:
        open_it()
    except ProtocolError as error:
        return Answer(error.code, error.detail, "client")
    return Answer("taken", "", "client")


def flip(body: bytes, place: int) -> bytes:
    """One bit changed."""
    return body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]


def inside(sound: Sound, payload: bytes) -> bytes:
    """A body that opens, to bytes that are no payload."""
    entry = sound.message
    key = message_key(sound.secret, entry.header_hash)
    return seal_bytes(key, entry.header_hash, payload, b"n" * 24, b"s" * 16)


def badly_padded(sound: Sound) -> bytes:
    """A body whose content has no padding."""
    entry, nonce = sound.message, b"n" * 24
    key = message_key(sound.secret, entry.header_hash)
    commit = keyed(key, "commit", nonce, entry.header_hash)
    aad = entry.header_hash + commit
    return (
        nonce
        + commit
        + sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(bytes(256), aad, nonce, key)
    )


Alter = Callable[[Sound], bytes]
BODIES: list[tuple[str, Alter]] = [
    ("a message of no bytes", lambda s: b""),
    ("a message that is cut", lambda s: (s.message.body_bytes or b"")[:-1]),
    ("a message of a size that padding does not give", lambda s: bytes(BODY + 16)),
    ("a message with a bit of its nonce changed", lambda s: flip(s.message.body_bytes or b"", 3)),
    ("a message with a bit of its commitment changed",
     lambda s: flip(s.message.body_bytes or b"", 30)),
    ("a message with a bit of its text changed", lambda s: flip(s.message.body_bytes or b"", 99)),
    ("a message with a bit of its tag changed", lambda s: flip(s.message.body_bytes or b"", -9)),
    ("a message of noise", lambda s: (sha256(b"noise") * 11)[:BODY]),
    ("a message without padding", badly_padded),
    ("a message that holds no CBOR", lambda s: inside(s, b"\xff\xff")),
    ("a message that holds no payload", lambda s: inside(s, b"\xa0")),
]  # fmt: skip
for _name, _alter in BODIES:

    async def _message(bench: Bench, alter: Alter = lambda s: b"") -> Answer:
        sound = Sound.of(bench)
        entry = replace(sound.message, body_bytes=alter(sound))
        return opened(lambda: open_message(entry, sound.secret))

    sealed.case(_name, "cannot_open")(partial(_message, alter=_alter))


@sealed.case("a message under another header", "cannot_open")
async def _header(bench: Bench) -> Answer:
    sound = Sound.of(bench)
    entry = replace(sound.message, header_hash=sha256(b"another"))
    return opened(lambda: open_message(entry, sound.secret))


@sealed.case("a message with another epoch's key", "cannot_open")
async def _epoch(bench: Bench) -> Answer:
    sound = Sound.of(bench)
    other = replace(sound.secret, context=replace(sound.secret.context, n=2))
    return opened(lambda: open_message(sound.message, other))


@sealed.case("a message with another key of this epoch", "cannot_open")
async def _key(bench: Bench) -> Answer:
    sound = Sound.of(bench)
    return opened(lambda: open_message(sound.message, replace(sound.secret, secret=bytes(32))))


DROPS: list[tuple[str, Alter]] = [
    ("a drop with a bit of its box changed", lambda s: flip(s.drop.body_bytes or b"", 50)),
    ("a drop with a box of zeros", lambda s: bytes(112) + (s.drop.body_bytes or b"")[112:]),
    ("a drop with a bit of its text changed", lambda s: flip(s.drop.body_bytes or b"", 250)),
    ("a drop without its box", lambda s: (s.drop.body_bytes or b"")[112:]),
]
for _name, _alter in DROPS:

    async def _drop(bench: Bench, alter: Alter = lambda s: b"") -> Answer:
        sound = Sound.of(bench)
        entry = replace(sound.drop, body_bytes=alter(sound))
        return opened(lambda: open_drop(entry, sound.secret))

    sealed.case(_name, "cannot_open")(partial(_drop, alter=_alter))

MINE, DEVICE = BoxKey.from_seed(sha256(b"mine")), DeviceId(bytes(16))
WRAPS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("a wrap that is cut", lambda w: w[:-1]),
    ("a wrap with a bit changed", lambda w: flip(w, 70)),
    ("a wrap of zeros", lambda w: bytes(112)),
]
for _name, _spoil in WRAPS:

    async def _wrap(bench: Bench, spoil: Callable[[bytes], bytes] = bytes) -> Answer:
        secret = Sound.of(bench).secret
        wrapped = spoil(wrap(secret, DEVICE, MINE.public))
        return opened(lambda: open_wrap(wrapped, MINE, secret.context, secret.commit))

    sealed.case(_name, "cannot_open")(partial(_wrap, spoil=_spoil))


@sealed.case("a wrap for somebody else", "cannot_open")
async def _others(bench: Bench) -> Answer:
    secret = Sound.of(bench).secret
    other = BoxKey.from_seed(sha256(b"other"))
    wrapped = wrap(secret, DEVICE, other.public)
    return opened(lambda: open_wrap(wrapped, MINE, secret.context, secret.commit))


def spoiled(bench: Bench) -> dict[str, Callable[[], object]]:
    """The messages of the table, ready to be opened many times: for the clock."""
    sound = Sound.of(bench)
    made = {
        name: replace(sound.message, body_bytes=alter(sound))
        for name, alter in BODIES
        if len(alter(sound)) == BODY
    }
    return {name: partial(open_message, entry, sound.secret) for name, entry in made.items()}
