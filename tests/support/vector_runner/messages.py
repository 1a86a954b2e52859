"""Ops of PROTOCOL 8.5 to 8.7 and 8.11."""

from __future__ import annotations

import nacl.bindings as sodium
from cencomm_crypto.member.drop import open_drop, seal_drop
from cencomm_crypto.member.message import (
    message_key,
    open_bytes,
    open_message,
    pad,
    seal_message,
)
from cencomm_crypto.member.payload import check_payload, forged_fields
from cencomm_crypto.member.profile import parse_profiles
from cencomm_crypto.member.result import open_result, seal_result
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.entry import Entry, parse, parse_erased, parse_header
from cencomm_crypto.public.keys import KEY_SIZE, BoxKey
from cencomm_crypto.public.primitives import keyed

from tests.support.vector_runner.epochs import read_secret
from tests.support.vector_runner.reading import Inputs, Op, Outcome, notation, raw, value


def _message(inputs: Inputs) -> Outcome:
    header, secret = parse_header(raw(inputs, "header")), read_secret(inputs)
    payload, nonce = value(inputs["payload"]), raw(inputs, "nonce")
    body = seal_message(header, secret, payload, nonce, raw(inputs, "salt"))
    entry = parse(raw(inputs, "header"), body, raw(inputs, "sig"))
    assert open_message(entry, secret) == payload
    key = message_key(secret, entry.header_hash)
    return {
        "body": body,
        "header_hash": entry.header_hash,
        "mk": key,
        "cm": keyed(key, "commit", nonce, entry.header_hash),
        "payload_bytes": encode(payload),
    }


def _pad(inputs: Inputs) -> Outcome:
    padded = pad(bytes(inputs["zeros"]))
    return {"size": len(padded), "tail": padded[inputs["zeros"] :][:8]}


def _received(inputs: Inputs) -> Entry:
    if "body_hash" in inputs:
        return parse_erased(raw(inputs, "header"), raw(inputs, "body_hash"), raw(inputs, "sig"))
    return parse(raw(inputs, "header"), raw(inputs, "body"), raw(inputs, "sig"))


def _open_message(inputs: Inputs) -> Outcome:
    return {"payload": notation(open_message(_received(inputs), read_secret(inputs)))}


def _open_under(inputs: Inputs) -> Outcome:
    """The bare AEAD opens it under this key too; the commitment refuses it (A9)."""
    body, header_hash, mk = raw(inputs, "body"), raw(inputs, "header_hash"), raw(inputs, "mk")
    nonce, cm = body[:24], body[24:56]
    text = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(body[56:], header_hash + cm, nonce, mk)
    assert sodium.sodium_unpad(text, len(text))
    return {"payload": open_bytes(mk, header_hash, body)}


def _drop(inputs: Inputs) -> Outcome:
    body = seal_drop(
        parse_header(raw(inputs, "header")),
        raw(inputs, "drop_pk"),
        value(inputs["payload"]),
        raw(inputs, "mk"),
        raw(inputs, "nonce"),
        raw(inputs, "salt"),
        raw(inputs, "ephemeral_seed"),
    )
    return {"body": body, "box": body[:112], "cm": body[136:168]}


def _open_drop(inputs: Inputs) -> Outcome:
    return {"payload": notation(open_drop(_received(inputs), read_secret(inputs)))}


def _result(inputs: Inputs) -> Outcome:
    body = seal_result(
        parse_header(raw(inputs, "header")),
        raw(inputs, "drop"),
        raw(inputs, "device"),
        raw(inputs, "box_pk"),
        value(inputs["result"]),
        raw(inputs, "ephemeral_seed"),
    )
    return {"body": encode(body)}


def _open_result(inputs: Inputs) -> Outcome:
    secret = raw(inputs, "box_sk")
    if len(secret) != KEY_SIZE:  # libsodium's binding reads on past the end of less
        raise ValueError("no secret key")
    key = BoxKey(public=sodium.crypto_scalarmult_base(secret), secret=secret)
    return {"result": notation(open_result(_received(inputs), key))}


def _check_payload(inputs: Inputs) -> Outcome:
    check_payload(value(inputs["payload"]))
    return {}


def _forged(inputs: Inputs) -> Outcome:
    header = parse_header(raw(inputs, "header"))
    return {"fields": forged_fields(header, value(inputs["payload"]))}


def _seal_forged(inputs: Inputs) -> Outcome:
    header, payload = parse_header(raw(inputs, "header")), value(inputs["payload"])
    nonce, salt = raw(inputs, "nonce"), raw(inputs, "salt")
    return {"body": seal_message(header, read_secret(inputs), payload, nonce, salt)}


def _profiles(inputs: Inputs) -> Outcome:
    found = parse_profiles(value(inputs["content"]))
    return {"persons": [[one.person, one.code, one.name] for one in found]}


OPS: dict[str, Op] = {
    "message": _message,
    "pad": _pad,
    "open message": _open_message,
    "open under a key": _open_under,
    "drop": _drop,
    "open drop": _open_drop,
    "result": _result,
    "open result": _open_result,
    "check payload": _check_payload,
    "forged fields": _forged,
    "seal forged": _seal_forged,
    "profiles": _profiles,
}
