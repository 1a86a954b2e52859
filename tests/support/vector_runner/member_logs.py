"""Ops of PROTOCOL 8 in a log: rotates, what links them, what is revealed."""

from __future__ import annotations

from typing import Any

from cencomm_crypto.member.closing import reach, to_reveal
from cencomm_crypto.member.epoch import CloseKey, EpochSecret
from cencomm_crypto.member.links import context_at, earlier_epochs
from cencomm_crypto.member.rotation import check_rotation, make_rotation
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.recipients import (
    recipients,
    share_holders,
    shares_root,
    wraps_root,
)
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.primitives import sha256

from tests.support.vector_runner.epochs import read_context
from tests.support.vector_runner.logs import Logs, Scenes
from tests.support.vector_runner.reading import Inputs, Op, Outcome, notation, raw


def ops(scenes: Scenes) -> dict[str, Op]:
    """The ops that need a log, over the scenes of one file."""
    logs = Logs(scenes)

    def in_log(inputs: Inputs) -> Any:
        return logs.at(inputs)

    def secret_of(state: OperationState, chan: ChannelId, n: int, secret: str) -> EpochSecret:
        return EpochSecret(bytes.fromhex(secret), context_at(state, chan, n))

    def rotation(inputs: Inputs) -> Outcome:
        with in_log(inputs) as (directory, operation):
            previous = None
            if "previous" in inputs:
                given = inputs["previous"]
                secret = bytes.fromhex(given["secret"])
                previous = EpochSecret(secret, read_context(given["context"]))
            chan = ChannelId(raw(inputs, "chan"))
            made = make_rotation(
                operation.state, chan, directory.state, raw(inputs, "secret"), previous
            )
            return {
                "n": made.n,
                "body": notation(made.body),
                "wraps": made.wraps,
                "shares": made.shares,
            }

    def wrap_roots(inputs: Inputs) -> Outcome:
        """As a server does it, which cannot open them."""
        with in_log(inputs) as (directory, operation):
            state, chan = operation.state, ChannelId(raw(inputs, "chan"))
            found = recipients(state, chan, directory.state)
            holders = share_holders(state, directory.state)
            wraps, shares = _pieces(inputs, "wraps"), _pieces(inputs, "shares")
            rows = zip(found, wraps, strict=True)
            share_rows = zip(holders, shares, strict=True)
            return {
                "wraps_root": wraps_root((row.device, row.box_pk, sha256(w)) for row, w in rows),
                "shares_root": shares_root(
                    (row.x, row.device, row.box_pk, sha256(w)) for row, w in share_rows
                ),
                "count": len(found),
                "shares": len(holders),
            }

    def checked(inputs: Inputs) -> Outcome:
        with in_log(inputs) as (directory, operation):
            state, chan = operation.state, ChannelId(raw(inputs, "chan"))
            epoch = state.channels[chan].epochs[inputs["n"]]
            secret = secret_of(state, chan, inputs["n"], inputs["secret"])
            previous = None
            if "previous" in inputs:
                previous = secret_of(state, chan, inputs["previous"], inputs["previous_secret"])
            check_rotation(epoch, state, directory.at(epoch.watermark), secret, previous)
            return {}

    def reached(inputs: Inputs) -> Outcome:
        with in_log(inputs) as (_, operation):
            state, chan = operation.state, ChannelId(raw(inputs, "chan"))
            keys = [CloseKey(bytes.fromhex(kc), context_at(state, chan, n))
                    for n, kc in inputs["keys"]]  # fmt: skip
            found = reach(state, chan, keys)
            rows = [[n, found.keys[n].key] for n in sorted(found.keys)]
            return {"keys": rows, "broken": found.broken, "missing": found.missing}

    def earlier(inputs: Inputs) -> Outcome:
        with in_log(inputs) as (_, operation):
            state, chan = operation.state, ChannelId(raw(inputs, "chan"))
            secret = secret_of(state, chan, inputs["n"], inputs["secret"])
            found = earlier_epochs(state, secret)
            return {"secrets": [[one.context.n, one.secret] for one in found]}

    def due(inputs: Inputs) -> Outcome:
        with in_log(inputs) as (_, operation):
            state, chan = operation.state, ChannelId(raw(inputs, "chan"))
            secrets = [secret_of(state, chan, n, secret) for n, secret in inputs["secrets"]]
            return {"due": [one.context.n for one in to_reveal(state, chan, secrets)]}

    return {
        "make rotation": rotation,
        "wrap roots": wrap_roots,
        "check rotation": checked,
        "reach": reached,
        "earlier epochs": earlier,
        "to reveal": due,
    }


def _pieces(inputs: Inputs, name: str) -> list[bytes]:
    joined = raw(inputs, name)
    return [joined[start : start + 112] for start in range(0, len(joined), 112)]
