"""What a member can do that the server cannot see through: it holds real keys and signs itself.

Makes entries, sends nothing; `Stage.post` does. A hostile rotate made here rebuilds its own
roots, so that an honest server takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pyotp
from cencomm_client.client import Client
from cencomm_client.station import Settings
from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.drop import open_drop
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.links import context_at, earlier_epochs
from cencomm_crypto.member.message import open_message
from cencomm_crypto.member.rotation import make_rotation
from cencomm_crypto.member.wrap import open_wrap, wrap
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.operation.recipients import (
    Recipient,
    ShareHolder,
    recipients,
    share_holders,
    shares_root,
    wraps_root,
)
from cencomm_crypto.public.primitives import sha256
from cencomm_server.engine.items import sequenced

from tests.mallory.harness import Stage
from tests.mallory.world import ALERTS
from tests.support.forms import text_of
from tests.support.vaults import PASSWORD

WRAP_SIZE = 112
OPENERS = {"message": open_message, "drop": open_drop}
LINKED: Any = object()

Wraps = Callable[[EpochSecret, Recipient], bytes]
Shares = Callable[[ShareHolder, bytes], bytes]
Body = Callable[[EpochSecret, dict[str, Any]], Mapping[str, Any]]


def secret_of(
    stage: Stage, code: str, channel: str = ALERTS, n: int | None = None
) -> EpochSecret | None:
    """The secret of an epoch (of the newest that it knows) that a device holds."""
    view = stage.shown(code).view
    chan = stage.chan(channel)
    return view.keyring.secret(
        view.state, chan, view.state.channels[chan].epoch if n is None else n
    )


def one_time_code(stage: Stage, code: str) -> str:
    """A fresh code of a person's authenticator; everybody's clock goes on by a minute."""
    stage.ahead_ms += 60_000
    return pyotp.TOTP(stage.world.totp[code]).at(stage.clock() // 1000)


async def second_device(stage: Stage, code: str) -> str:
    """A further device of somebody, vouched for by the first; logged in. Gives its name on the
    stage, under which it is used like a person's code."""
    first, name = await stage.client(code), f"{code} phone"
    invitation = await first.directory.invite_own_device()
    settings = Settings(timing=stage.timing, clock=stage.clock)
    client = await Client.enrol(
        invitation, stage.folder / name, PASSWORD, server=stage.server.url, settings=settings
    )
    (vouched,) = await first.vouch()
    assert vouched.device == client.device
    await client.wait_enrolled(patience_s=5, every_s=0.05)
    await client.login(totp=lambda: one_time_code(stage, code))
    stage.clients[name] = client
    return name


def honest_wrap(secret: EpochSecret, row: Recipient) -> bytes:
    """The wrap that the protocol makes."""
    return wrap(secret, row.device, row.box_pk)


def rotation(
    stage: Stage,
    code: str,
    channel: str = ALERTS,
    *,
    wraps: Wraps = honest_wrap,
    shares: Shares = lambda holder, share: share,
    body: Body = lambda secret, made: made,
    previous: EpochSecret | None = LINKED,
    seed: bytes = b"E",
) -> tuple[Entry, dict[str, bytes]]:
    """A member's rotate with what travels beside it; each argument changes one part of it.

    The member must have read to the newest head. By default it links the newest epoch it has.
    """
    view, directory = stage.shown(code).view, stage.station(code).directory
    state, chan = view.state, stage.chan(channel)
    if previous is LINKED:
        previous = secret_of(stage, code, channel)
    made = make_rotation(state, chan, directory, sha256(seed), previous)
    rows = [(row, wraps(made.secret, row)) for row in recipients(state, chan, directory)]
    fields = dict(made.body)
    fields["wraps_root"] = wraps_root([(r.device, r.box_pk, sha256(w)) for r, w in rows])
    handed = [
        (holder, shares(holder, made.shares[place * WRAP_SIZE : (place + 1) * WRAP_SIZE]))
        for place, holder in enumerate(share_holders(state, directory))
    ]
    if handed:
        fields["shares_root"] = shares_root(
            [(h.x, h.device, h.box_pk, sha256(share)) for h, share in handed]
        )
    header = stage.header(code, "channel.rotate", chan=chan, epoch=made.n)
    entry = stage.sign(code, header, dict(body(made.secret, fields)))
    beside = {
        "wraps": b"".join(wrapped for _, wrapped in rows),
        "shares": b"".join(share for _, share in handed),
    }
    return entry, beside


async def opened_by(stage: Stage, code: str, witness: str) -> dict[int, str]:
    """Texts that a device can open, by place, with every byte that the server has.

    Tries every secret of its vault, and every wrap and grant that the server keeps, whomever it
    was for, with each of its box keys, on every sealed entry, as what epoch it may be. `witness`
    knows the whole state.
    """
    state = stage.shown(witness).state
    vault, store = stage.station(code).vault, stage.server.store
    runtime = await stage.server.logs.operation(stage.log)
    held = set(vault._contents.epochs.values())
    secrets: list[EpochSecret] = []
    for chan, channel in state.channels.items():
        for n, epoch in channel.epochs.items():
            context = context_at(state, chan, n)
            kept = await store.wraps(stage.log, chan, n, runtime.wrapped_by(epoch.seq) or b"")
            wraps = b"" if kept is None else kept.wraps
            for device in epoch.grants:
                granted = await store.grants(stage.log, chan, n, device)
                wraps += b"".join(grant.wrap for grant in granted)
            for start in range(0, len(wraps), WRAP_SIZE):
                for key in vault.box_keys:
                    with suppress(ProtocolError):
                        found = wraps[start : start + WRAP_SIZE]
                        secrets.append(open_wrap(found, key, context, epoch.commit))
            secrets += [EpochSecret(secret, context) for secret in held]
    for secret in tuple(secrets):
        with suppress(ProtocolError):
            secrets += earlier_epochs(state, secret)
    opened: dict[int, str] = {}
    for doc in await store.read_entries(stage.log, 0, stage.head().size):
        entry = sequenced(doc).entry
        if entry is None or entry.header.type not in OPENERS:
            continue
        for secret in secrets:
            with suppress(ProtocolError):
                content = OPENERS[entry.header.type](entry, secret)["content"]
                opened[doc.seq] = str(text_of(content))
    return opened
