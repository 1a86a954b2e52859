"""Results: what people made of a bot's hit, sealed to the bot's device alone (PROTOCOL 8.11).

The bot holds no epoch secret (A31), so the box key of its device is all there is to seal to. The
box is bound to the header that carries it, to the drop and to the device: in another entry it
does not open (A45), and nobody posts it as their own (A10).
"""

from __future__ import annotations

from collections.abc import Mapping

import nacl.bindings as sodium
import nacl.exceptions

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.sealing import cannot_open, open_box, seal_box
from cencomm_crypto.public.bodies import CODE
from cencomm_crypto.public.encoding import Value, decode_map, encode
from cencomm_crypto.public.entry import Entry, Header
from cencomm_crypto.public.keys import BoxKey
from cencomm_crypto.public.primitives import equal, sha256
from cencomm_crypto.public.shape import Map

TYPE = "drop.result"
RESULT = Map({"outcome": CODE, "reason?": CODE})
PADDED_SIZE = 224  # whatever the result: its size shows nothing (A17)
_BIND_SIZE = 32
_PLAIN_SIZE = _BIND_SIZE + PADDED_SIZE
_TAG = b"CENcomm/v1/result\x00"


def make_result(outcome: str, reason: str | None = None) -> dict[str, Value]:
    """`outcome`: promoted, dismissed, merged; `reason`: a word of a code list, never free text."""
    return {"outcome": outcome} if reason is None else {"outcome": outcome, "reason": reason}


def seal_result(
    header: Header,
    drop: bytes,
    device: bytes,
    box_pk: bytes,
    result: Mapping[str, Value],
    ephemeral_seed: bytes,
) -> dict[str, Value]:
    """Body of a drop.result: re[32], device[16], box[304].

    `header` is the one that will be signed; `drop` the leaf hash of the drop; `box_pk` the
    present box key of `device`; `ephemeral_seed` 32 random bytes for this result alone. Raises
    ProtocolError: WRONG_TYPE for another header, MALFORMED for a result off its shape, BAD_KEY
    for a low-order key.
    """
    if header.type != TYPE:
        raise ProtocolError(ErrorCode.WRONG_TYPE, f"header of a {header.type}, {TYPE} expected")
    RESULT.check(result, "result")
    bind = _bind(sha256(header.encode()), drop, device)
    plain = bind + sodium.sodium_pad(encode(result), PADDED_SIZE)
    return {"re": drop, "device": device, "box": seal_box(ephemeral_seed, plain, box_pk)}


def open_result(entry: Entry, box_key: BoxKey) -> Mapping[str, Value]:
    """What an accepted drop.result says; raises ProtocolError(CANNOT_OPEN) whatever is wrong."""
    if entry.header.type != TYPE or entry.body is None:
        raise cannot_open()
    body = entry.body
    plain = open_box(body["box"], box_key, _PLAIN_SIZE)
    if not equal(plain[:_BIND_SIZE], _bind(entry.header_hash, body["re"], body["device"])):
        raise cannot_open()  # another entry's box (A45)
    try:
        encoded = sodium.sodium_unpad(plain[_BIND_SIZE:], PADDED_SIZE)
        said = decode_map(encoded, max_size=PADDED_SIZE)
        RESULT.check(said, "result")
    except (ProtocolError, ValueError, TypeError, nacl.exceptions.CryptoError) as error:
        raise cannot_open() from error
    return said


def _bind(header_hash: bytes, drop: bytes, device: bytes) -> bytes:
    return sha256(_TAG, header_hash, drop, device)
