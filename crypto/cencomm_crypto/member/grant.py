"""Grants: the only way to a late wrap (PROTOCOL 8.4, A44), and how a new device heals."""

from __future__ import annotations

from collections.abc import Mapping

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.epoch import EpochContext, EpochSecret
from cencomm_crypto.member.flag import FlagReason, RotationMismatch
from cencomm_crypto.member.sealing import cannot_open
from cencomm_crypto.member.wrap import open_wrap, wrap
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.keys import BoxKey
from cencomm_crypto.public.primitives import equal, sha256


def make_grant(
    secret: EpochSecret, device: DeviceId, box_pk: bytes
) -> tuple[dict[str, Value], bytes]:
    """Body of a channel.grant for the secret's epoch, and the wrap that travels beside it.

    `box_pk` is the device's present key; whether it may be granted is a public rule (GRA-1).
    """
    w = wrap(secret, device, box_pk)
    body = {"n": secret.context.n, "device": device, "box_pk": box_pk, "wrap": sha256(w)}
    return body, w


def check_grant(body: Mapping[str, Value], secret: EpochSecret) -> None:
    """Recompute the wrap of somebody's grant (A44); raises RotationMismatch.

    Every member that holds the epoch does, and posts a channel.flag on a mismatch.
    """
    try:
        expected = sha256(wrap(secret, DeviceId(body["device"]), body["box_pk"]))
        good = body["n"] == secret.context.n and equal(expected, body["wrap"])
    except ProtocolError:  # an exception on the way is a mismatch
        good = False
    if not good:
        raise RotationMismatch(FlagReason.GRANT)


def open_grant(
    body: Mapping[str, Value], w: bytes, box_key: BoxKey, context: EpochContext, commit: bytes
) -> EpochSecret:
    """E from the wrap of a grant to one's own device; raises ProtocolError(CANNOT_OPEN).

    `body` is that of the last accepted grant for (n, device): the log, not the server, says
    which wrap counts.
    """
    if body["n"] != context.n or not equal(sha256(w), body["wrap"]):
        raise cannot_open()
    return open_wrap(w, box_key, context, commit)
