"""Signing and sending entries of one operation, one at a time, in the order of what was seen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.member.flag import flag_body
from cencomm_crypto.member.grant import make_grant
from cencomm_crypto.member.result import TYPE as RESULT
from cencomm_crypto.member.result import make_result, seal_result
from cencomm_crypto.member.rotation import make_rotation
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.results import result_place

from cencomm_client.automation.answering import ResultDue
from cencomm_client.automation.healing import GrantDue
from cencomm_client.automation.rotation import FlagDue
from cencomm_client.errors import ConflictingEntry, EpochSuperseded, Refused, TryLater
from cencomm_client.station import Station
from cencomm_client.vault_contents import StoredReceipt
from cencomm_client.view import OperationView

TRIES = 12  # lost races in a row before the caller hears of it
PATIENCE_S = 60.0
SUPERSEDED = (EpochSuperseded, ConflictingEntry)


@dataclass(frozen=True, slots=True)
class Posted:
    """An own entry that is in the log, under a verified signed head.

    `receipt.leaf` is what an answer names in `re`; `mid` is a message's own id.
    """

    receipt: StoredReceipt
    mid: bytes | None = None

    @property
    def seq(self) -> int:
        """Its place."""
        return self.receipt.seq

    @property
    def leaf(self) -> bytes:
        """Its leaf hash, 32 bytes."""
        return self.receipt.leaf


@dataclass(frozen=True, slots=True)
class Guard:
    """What a client rule asks before a decision is signed, each time that it is.

    `read` reads what there is; `expect` raises where the decision is not to be made over what was
    read: nothing comes between it and the signature.
    """

    read: Callable[[], Awaitable[None]]
    expect: Callable[[], None]


class Sender:
    """Signs over the newest verified heads and hands the bytes to the outbox.

    `lock` is held from signing to the receipt: `seen` never decreases for this device (OPS-4).
    """

    def __init__(self, station: Station, view: OperationView) -> None:
        self._station, self._view = station, view
        self.lock = asyncio.Lock()

    async def pull(self) -> None:
        """Read the directory and the operation to their newest checkpoints."""
        mirror, transport = self._station.mirror, self._station.transport
        await mirror.pull_directory(transport)
        await mirror.pull(transport, self._view.log)

    async def decide(
        self,
        kind: str,
        body: Mapping[str, Any],
        *,
        guard: Guard | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Posted:
        """Post a control entry; signed anew when another decision came first, after the guard has
        looked anew.

        Raises Refused with the rule's code, TransportError (the bytes stay in the outbox), what
        the guard raises.
        """
        for _ in range(TRIES):
            await (self.pull() if guard is None else guard.read())
            try:
                return await self.entry(kind, body, guard=guard, patience_s=patience_s)
            except ConflictingEntry:
                continue
        raise TryLater("too_busy", f"{kind}: {TRIES} other decisions came first")

    async def entry(
        self,
        kind: str,
        body: Mapping[str, Any],
        *,
        chan: ChannelId | None = None,
        epoch: int | None = None,
        wraps: bytes = b"",
        guard: Guard | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Posted:
        """Sign over what is known and post once; raises Refused or TransportError."""
        async with self.lock:
            if guard is not None:
                guard.expect()
            header = self._station.author.header(kind, self._view.log, chan=chan, epoch=epoch)
            entry = self._station.author.sign(header, body)
            posted = await self.submit(entry, wraps=wraps, patience_s=patience_s)
        await self.pull()
        return posted

    async def rotate(self, chan: ChannelId, n: int, *, patience_s: float = PATIENCE_S) -> bool:
        """Make epoch `n` of a channel, unless somebody else did; False if so."""
        station, view = self._station, self._view
        async with self.lock:
            state, directory = view.state, station.directory
            if state.channels[chan].epoch + 1 != n:
                return False
            header = station.author.header("channel.rotate", view.log, chan=chan, epoch=n)
            made = await asyncio.to_thread(
                make_rotation,
                state,
                chan,
                directory,
                station.settings.random(32),
                view.keyring.newest_good(state, chan),
            )
            entry = station.author.sign(header, made.body)
            try:
                await self.submit(
                    entry, wraps=made.wraps, shares=made.shares, patience_s=patience_s
                )
            except SUPERSEDED:
                await self.pull()
                return False
        await self.pull()
        epochs = view.state.channels[chan].epochs
        if n in epochs and epochs[n].commit == made.secret.commit:
            new = view.keyring.keep(view.state, made.secret)
            station.vault.save()
            view.learned(chan, new)
        return True

    async def flag(self, due: FlagDue, *, patience_s: float = PATIENCE_S) -> None:
        """Say in the log that an epoch is bad; raises Refused or TransportError."""
        epoch = self._view.state.channels[due.chan].epoch
        body = flag_body(due.n, due.reason)
        await self.entry("channel.flag", body, chan=due.chan, epoch=epoch, patience_s=patience_s)

    async def grant(self, due: GrantDue, *, patience_s: float = PATIENCE_S) -> None:
        """Hand an epoch to a recipient that cannot reach it; raises ConflictingEntry."""
        state = self._view.state
        secret = self._view.keyring.secret(state, due.chan, due.n)
        if secret is not None:
            body, wrap = make_grant(secret, due.recipient.device, due.recipient.box_pk)
            epoch = state.channels[due.chan].epoch
            await self.entry(
                "channel.grant",
                body,
                chan=due.chan,
                epoch=epoch,
                wraps=wrap,
                patience_s=patience_s,
            )

    async def answer(self, due: ResultDue, *, patience_s: float = PATIENCE_S) -> None:
        """Seal a result to its device's present box key; nothing where another came first."""
        station, log = self._station, self._view.log
        async with self.lock:
            device = station.directory.device(due.device)
            channel = self._view.state.channels[due.chan]
            if device is None or result_place(due.drop, due.device) in channel.answered:
                return
            header = station.author.header(RESULT, log, chan=due.chan)
            seed, said = station.settings.random(32), make_result(due.outcome)
            body = seal_result(header, due.drop, due.device, device.box_pk, said, seed)
            try:
                await self.submit(station.author.sign(header, body), patience_s=patience_s)
            except Refused as refused:
                if refused.code != ErrorCode.ALREADY_EXISTS:
                    raise
        await self.pull()

    async def submit(
        self,
        entry: Entry,
        *,
        wraps: bytes = b"",
        shares: bytes = b"",
        patience_s: float = PATIENCE_S,
    ) -> Posted:
        """Hand signed bytes to the outbox and wait for the verified receipt; hold `lock`."""
        receipt = await self._station.outbox.submit(
            self._view.log, entry, wraps=wraps, shares=shares, patience_s=patience_s
        )
        return Posted(receipt)
