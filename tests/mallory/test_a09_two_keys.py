"""A9: one ciphertext that opens under two keys, so that two members read two things.

XChaCha20-Poly1305 alone lets it happen, and it takes a millisecond. The commitment in front of
it, and the epoch's commit in the log, leave one reading.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nacl.bindings as sodium
import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.message import (
    encode_payload,
    message_key,
    open_bytes,
    open_message,
    pad,
)
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.public.entry import Entry, Header
from cencomm_crypto.public.operation.recipients import Recipient
from cencomm_crypto.public.primitives import keyed, sha256

from tests.mallory.harness import Stages
from tests.mallory.insiders import honest_wrap, rotation, secret_of
from tests.mallory.world import ALERTS, ANALYST, DEPUTY, MEMBERS, OFFICER
from tests.support.two_keys import collide_with

NONCE = sha256(b"nonce")[:24]
SALT = 16


def two_keys(header: Header, secret: EpochSecret, text: str) -> tuple[bytes, bytes, EpochSecret]:
    """Body of a message that says `text` under `secret`; the same without its commitment; and
    the secret of another epoch key under which the bare ciphertext opens too."""
    header_hash = sha256(header.encode())
    first = message_key(secret, header_hash)
    commit = keyed(first, "commit", NONCE, header_hash)
    others = [EpochSecret(sha256(b"E %d" % n), secret.context) for n in range(64)]
    keys = {message_key(other, header_hash): other for other in others}
    payload = encode_payload(header, make_payload("MSG", bytes(16), {"text": text}))
    padded = pad(bytes(SALT) + payload)
    found = collide_with(padded, first, keys, NONCE, header_hash + commit)
    return NONCE + commit + found.ciphertext, found.ciphertext, keys[found.second]


async def test_one_ciphertext_has_one_reading(stages: Stages) -> None:
    """Whoever holds the second key is shown nothing, though the bare AEAD opens for it."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        header = stage.header(ANALYST, "message", chan=stage.chan(ALERTS), epoch=1)
        secret = secret_of(stage, ANALYST)
        assert secret is not None
        body, bare, second = two_keys(header, secret, "let it run")
        entry = stage.sign(ANALYST, header, body)

        assert open_message(entry, secret)["content"] == {"text": "let it run"}
        aad = entry.header_hash + body[24:56]
        for held in (secret, second):  # what a client without the commitment would do
            assert sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
                bare, aad, NONCE, message_key(held, entry.header_hash)
            )
        assert refused(entry, second) == ErrorCode.CANNOT_OPEN

        await stage.post(ANALYST, entry)
        await stage.look(*MEMBERS)
        assert all(stage.texts(code)[-1] == "let it run" for code in MEMBERS)
        stage.quiet()


async def test_a_ciphertext_that_commits_to_the_other_key_is_shown_as_damaged(
    stages: Stages,
) -> None:
    """The commitment is checked before anything is decrypted, and it is part of what is signed."""
    for forged in (False, True):
        async with stages() as stage:
            await stage.look(*MEMBERS)
            header = stage.header(ANALYST, "message", chan=stage.chan(ALERTS), epoch=1)
            secret = secret_of(stage, ANALYST)
            assert secret is not None
            body, _, second = two_keys(header, secret, "stop it")
            if forged:
                other = message_key(second, sha256(header.encode()))
                commit = keyed(other, "commit", NONCE, sha256(header.encode()))
                body = NONCE + commit + body[56:]
            await stage.post(ANALYST, stage.sign(ANALYST, header, body))
            await stage.look(*MEMBERS)
            for code in MEMBERS:
                last = stage.messages(code)[-1]
                if forged:
                    assert last.content is None
                    assert last.damage is not None
                    assert last.damage.code == ErrorCode.CANNOT_OPEN
                else:
                    assert last.content == {"text": "stop it"}


async def test_two_epoch_secrets_under_one_rotate(stages: Stages) -> None:
    """A rotator wraps E to some and another E to others: only one of them fits the commit."""
    for honest in (True, False):
        async with stages() as stage:
            await stage.look(*MEMBERS)
            cheated = {} if honest else {stage.device(code): code for code in (OFFICER, DEPUTY)}

            def wrapped(secret: EpochSecret, row: Recipient, cheated: Any = cheated) -> bytes:
                other = replace(secret, secret=sha256(b"another E"))
                return honest_wrap(other if row.device in cheated else secret, row)

            entry, beside = rotation(stage, ANALYST, wraps=wrapped)
            await stage.post(ANALYST, entry, **beside)
            await stage.look(*MEMBERS)
            for code in MEMBERS:
                held = secret_of(stage, code, n=2)
                if code in cheated.values():
                    assert held is None
                else:
                    assert held is not None
                    assert held.secret == sha256(b"E")
            stage.expect(set() if honest else {"A18"}, *MEMBERS)


@pytest.mark.parametrize("size", [256, 1024])
def test_a_body_whose_commitment_is_anothers_never_reaches_the_cipher(size: int) -> None:
    key, header_hash = sha256(b"key"), sha256(b"header")
    body = NONCE + keyed(sha256(b"other"), "commit", NONCE, header_hash) + bytes(size + 16)
    with pytest.raises(ProtocolError) as refused:
        open_bytes(key, header_hash, body)
    assert refused.value.code == ErrorCode.CANNOT_OPEN


def refused(entry: Entry, secret: EpochSecret) -> str:
    """The code with which an entry does not open."""
    with pytest.raises(ProtocolError) as error:
        open_message(entry, secret)
    return str(error.value.code)
