"""Ops of PROTOCOL 8.1 to 8.4 and 8.8 without a log."""

from __future__ import annotations

import nacl.bindings as sodium
from cencomm_crypto.member.closing import verify_reveal
from cencomm_crypto.member.epoch import EpochContext, EpochSecret
from cencomm_crypto.member.grant import check_grant, make_grant, open_grant
from cencomm_crypto.member.wrap import open_wrap, wrap
from cencomm_crypto.public.ids import ChannelId, DeviceId, LogId
from cencomm_crypto.public.keys import BoxKey
from cencomm_crypto.public.primitives import kdf, keyed, sha256

from tests.support.vector_runner.reading import Inputs, Op, Outcome, notation, raw, value


def read_context(inputs: Inputs) -> EpochContext:
    return EpochContext(
        LogId(raw(inputs, "log")),
        ChannelId(raw(inputs, "chan")),
        inputs["n"],
        raw(inputs, "previous_commit"),
    )


def read_secret(inputs: Inputs) -> EpochSecret:
    return EpochSecret(raw(inputs, "secret"), read_context(inputs))


def read_device(inputs: Inputs) -> tuple[DeviceId, bytes]:
    return DeviceId(raw(inputs, "device")), raw(inputs, "box_pk")


def read_box(inputs: Inputs) -> BoxKey:
    return BoxKey.from_seed(raw(inputs, "box_seed"))


def _epoch(inputs: Inputs) -> Outcome:
    secret = read_secret(inputs)
    key = keyed(secret.secret, "epoch", secret.context.encoded)
    return {
        "commit": secret.commit,
        "close_commit": secret.close_commit,
        "message_key": secret.message_key,
        "link_key": secret.link_key,
        "drop_pk": secret.drop_keys.public,
        "drop_secret": secret.drop_keys.secret,
        "close_key": secret.close_key.key,
        "audit_secret": secret.audit_secret,
        "c": secret.context.encoded,
        "c_hash": secret.context.digest,
        "K": key,
        "drop_seed": kdf(key, 3),
    }


def _check_epoch(inputs: Inputs) -> Outcome:
    read_secret(inputs).check(raw(inputs, "commit"))
    return {}


def _wrap(inputs: Inputs) -> Outcome:
    """Anybody's libsodium opens a wrap."""
    secret, (device, box_pk) = read_secret(inputs), read_device(inputs)
    w = wrap(secret, device, box_pk)
    opened = sodium.crypto_box_seal_open(w, box_pk, raw(inputs, "box_secret"))
    return {
        "wrap": w,
        "hash": sha256(w),
        "seed": secret.derive("wrap", device, box_pk),
        "epk": w[:32],
        "plain": opened,
    }


def _open_wrap(inputs: Inputs) -> Outcome:
    opened = open_wrap(
        raw(inputs, "wrap"), read_box(inputs), read_context(inputs), raw(inputs, "commit")
    )
    return {"secret": opened.secret}


def _links(inputs: Inputs) -> Outcome:
    secret = read_secret(inputs)
    previous = EpochSecret(raw(inputs, "previous_secret"), read_context(inputs["previous_context"]))
    return {
        "prev_link": secret.seal_link(previous),
        "prev_close": secret.close_key.seal_previous(previous.close_key),
    }


def _open_link(inputs: Inputs) -> Outcome:
    before = read_context(inputs["previous_context"])
    opened = read_secret(inputs).open_link(raw(inputs, "sealed"), before, raw(inputs, "commit"))
    return {"secret": opened.secret}


def _open_close(inputs: Inputs) -> Outcome:
    before, key = read_context(inputs["previous_context"]), read_secret(inputs).close_key
    opened = key.open_previous(raw(inputs, "sealed"), before, raw(inputs, "close_commit"))
    return {"close_key": opened.key}


def _make_grant(inputs: Inputs) -> Outcome:
    body, w = make_grant(read_secret(inputs), *read_device(inputs))
    return {"body": notation(body), "wrap": w}


def _check_grant(inputs: Inputs) -> Outcome:
    check_grant(value(inputs["body"]), read_secret(inputs))
    return {}


def _open_grant(inputs: Inputs) -> Outcome:
    opened = open_grant(
        value(inputs["body"]),
        raw(inputs, "wrap"),
        read_box(inputs),
        read_context(inputs),
        raw(inputs, "commit"),
    )
    return {"secret": opened.secret}


def _verify_reveal(inputs: Inputs) -> Outcome:
    verify_reveal(raw(inputs, "kc"), read_context(inputs), raw(inputs, "close_commit"))
    return {}


OPS: dict[str, Op] = {
    "epoch": _epoch,
    "check epoch": _check_epoch,
    "wrap": _wrap,
    "open wrap": _open_wrap,
    "links": _links,
    "open prev_link": _open_link,
    "open prev_close": _open_close,
    "make grant": _make_grant,
    "check grant": _check_grant,
    "open grant": _open_grant,
    "verify reveal": _verify_reveal,
}
