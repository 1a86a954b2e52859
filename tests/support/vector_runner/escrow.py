"""Ops of PROTOCOL 8.9."""

from __future__ import annotations

from cencomm_crypto.member.epoch import CloseKey
from cencomm_crypto.member.escrow import (
    audit_grant_body,
    open_share,
    recover,
    seal_escrow,
    shares_of,
    wrap_share,
)
from cencomm_crypto.member.shamir import combine, split
from cencomm_crypto.public.primitives import keyed, u8

from tests.support.vector_runner.epochs import read_box, read_context, read_device, read_secret
from tests.support.vector_runner.reading import Inputs, Op, Outcome, notation, raw


def _split(inputs: Inputs) -> Outcome:
    coefficients = [bytes.fromhex(term) for term in inputs["coefficients"]]
    return {"shares": split(raw(inputs, "secret"), coefficients, inputs["count"])}


def _shares(inputs: Inputs) -> dict[int, bytes]:
    return {x: bytes.fromhex(share) for x, share in inputs["shares"]}


def _escrow(inputs: Inputs) -> Outcome:
    """`n` is the epoch's number in the context; the shares are three."""
    secret = read_secret(inputs)
    count = inputs["count"]
    c = secret.context.encoded
    return {
        "escrow": seal_escrow(secret),
        "shares": shares_of(secret, inputs["k"], count),
        "S": secret.audit_secret,
        "key": keyed(secret.close_key.key, "escrow", secret.audit_secret, c),
        "a1": secret.derive("share", u8(1)),
    }


def _share_wrap(inputs: Inputs) -> Outcome:
    secret, (device, box_pk) = read_secret(inputs), read_device(inputs)
    share = raw(inputs, "share")
    return {
        "wrap": wrap_share(secret, share, device, box_pk),
        "seed": secret.derive("audit-wrap", device, box_pk, share),
    }


def _audit_grant(inputs: Inputs) -> Outcome:
    body = audit_grant_body(
        raw(inputs, "request"),
        inputs["x"],
        raw(inputs, "share"),
        read_context(inputs),
        raw(inputs, "opener_box_pk"),
        raw(inputs, "ephemeral_seed"),
    )
    return {"body": notation(body)}


def _recover(inputs: Inputs) -> Outcome:
    opening = recover(
        raw(inputs, "escrow"),
        CloseKey(raw(inputs, "kc"), read_context(inputs)),
        _shares(inputs),
        inputs["k"],
        inputs["count"],
        raw(inputs, "commit"),
    )
    return {"secret": opening.secret.secret, "liars": opening.liars}


OPS: dict[str, Op] = {
    "split": _split,
    "combine": lambda inputs: {"secret": combine(_shares(inputs))},
    "escrow": _escrow,
    "share wrap": _share_wrap,
    "open share": lambda inputs: {
        "share": open_share(raw(inputs, "wrap"), read_box(inputs), read_context(inputs))
    },
    "audit grant": _audit_grant,
    "recover": _recover,
}
