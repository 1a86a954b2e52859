"""Checkpoints have one byte form; anything else is refused (PROTOCOL 5)."""

from __future__ import annotations

import base64

import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.keys import SigningKey
from cencomm_crypto.public.note import (
    Checkpoint,
    cosign,
    cosignatures,
    open_checkpoint,
    origin,
    sign_checkpoint,
)
from cencomm_crypto.public.primitives import sha256

LOG = SigningKey.from_seed(bytes([1]) * 32)
WITNESS = SigningKey.from_seed(bytes([2]) * 32)
HEAD = Checkpoint(origin("trial", bytes(range(16))), 70, sha256(b"root"))
NOTE = sign_checkpoint(HEAD, LOG)


def test_a_signed_head_opens_to_itself() -> None:
    assert open_checkpoint(NOTE, HEAD.origin, LOG.public) == HEAD
    assert sign_checkpoint(HEAD, LOG) == NOTE


def test_every_changed_byte_of_a_note_is_refused() -> None:
    for place in range(len(NOTE)):
        for flip in (0x01, 0x20, 0x80):
            changed = bytearray(NOTE)
            changed[place] ^= flip
            with pytest.raises(ProtocolError) as caught:
                open_checkpoint(bytes(changed), HEAD.origin, LOG.public)
            assert caught.value.code == ErrorCode.BAD_NOTE


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\n\n",
        NOTE[:-1],
        NOTE.replace(b"\n\n", b"\nextension\n\n"),
        NOTE.replace(b"\n70\n", b"\n070\n"),
        NOTE.replace(b"\n70\n", b"\n+70\n"),
        b"x" * 20_000,
    ],
)
def test_other_forms_of_a_note_are_refused(note: bytes) -> None:
    with pytest.raises(ProtocolError):
        open_checkpoint(note, HEAD.origin, LOG.public)


@pytest.mark.parametrize("size", ["-1", "-0", "007", "1_0", "9007199254740992", ""])
def test_a_size_of_another_form_is_refused_though_the_log_signed_it(size: str) -> None:
    text = HEAD.text().replace(b"\n70\n", f"\n{size}\n".encode())
    key_id = base64.b64decode(NOTE.rsplit(b" ", 1)[1])[:4]
    blob = base64.b64encode(key_id + LOG.sign_raw(text)).decode()
    with pytest.raises(ProtocolError) as caught:
        open_checkpoint(text + f"\n\u2014 {HEAD.origin} {blob}\n".encode(), HEAD.origin, LOG.public)
    assert caught.value.code == ErrorCode.BAD_NOTE


def test_a_second_spelling_of_the_signature_is_refused() -> None:
    """The last character before the padding carries two bits that decode to nothing."""
    line = bytearray(NOTE)
    place = len(line) - 3
    assert line[place + 1 :] == b"=\n"
    line[place] += 1
    with pytest.raises(ProtocolError) as caught:
        open_checkpoint(bytes(line), HEAD.origin, LOG.public)
    assert caught.value.code == ErrorCode.BAD_NOTE


def test_another_logs_note_or_key_is_refused() -> None:
    with pytest.raises(ProtocolError):
        open_checkpoint(NOTE, origin("trial", bytes(16)), LOG.public)
    with pytest.raises(ProtocolError):
        open_checkpoint(NOTE, HEAD.origin, WITNESS.public)


def test_a_cosigned_note_still_opens_and_names_its_witness_and_time() -> None:
    cosigned = cosign(NOTE, "witness.example", WITNESS, 1_700_000_000)
    assert open_checkpoint(cosigned, HEAD.origin, LOG.public) == HEAD
    assert cosignatures(cosigned, {"witness.example": WITNESS.public}) == {
        "witness.example": 1_700_000_000
    }
    assert cosignatures(cosigned, {"other.example": WITNESS.public}) == {}
    assert cosignatures(NOTE, {"witness.example": WITNESS.public}) == {}


def test_a_cosignature_moved_to_another_note_is_refused() -> None:
    cosigned = cosign(NOTE, "witness.example", WITNESS, 1_700_000_000)
    line = cosigned[len(NOTE) :]
    other = sign_checkpoint(Checkpoint(HEAD.origin, 71, HEAD.root), LOG)
    with pytest.raises(ProtocolError):
        cosignatures(other + line, {"witness.example": WITNESS.public})
