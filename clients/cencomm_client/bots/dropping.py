"""From the queue into the log: many drops in flight, in an order that no crash can turn around.

One *flight* at a time: every drop of it is signed over the same heads, is on the disk before it
leaves, and has come to its end (in the log, refused, excluded) before the next flight is signed.
So `seen` never decreases for this device (OPS-4), and after kill -9 the same bytes go out again
before anything newer. The vault is not written per drop: the queue holds what it would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from cencomm_crypto.errors import CencommError, ErrorCode, ProtocolError
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.wire import Submission

from cencomm_client.automation.healing import Fate, fate
from cencomm_client.bots.allowance import Allowance
from cencomm_client.bots.queue import Queue
from cencomm_client.bots.queued import Waiting
from cencomm_client.errors import Refused, TryLater
from cencomm_client.posting import Poster
from cencomm_client.sealing import DropSeal, Sealer
from cencomm_client.sending import SUPERSEDED
from cencomm_client.station import Station
from cencomm_client.vault_contents import StoredReceipt
from cencomm_client.view import OperationView

T = TypeVar("T")
FLIGHT = 128  # drops; the server takes 32 of one connection at once
READY_S = 2.0  # how long one try waits for members to rotate
OF_THE_HIT = frozenset(
    {
        ErrorCode.NOT_PERMITTED,
        ErrorCode.TOO_LARGE,
        ErrorCode.TOO_DEEP,
        ErrorCode.MALFORMED,
        ErrorCode.NOT_CANONICAL,
        ErrorCode.WRONG_TYPE,
        ErrorCode.BAD_VALUE,
    }
)
"""Refusals that this hit alone is to blame for; after any other it waits, and so do all."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A hit that has come to its end: in the log (`leaf`), or refused for good (`code`)."""

    hit: Waiting
    seq: int = -1
    leaf: bytes = b""
    code: str = ""
    detail: str = ""


@dataclass(slots=True)
class _Ends:
    posted: list[tuple[int, int, bytes]] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    landed: list[Landed] = field(default_factory=list)
    failed: CencommError | None = None
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class _Bytes:
    hit: Waiting
    entry: Entry
    submission: Submission


class Disk:
    """The queue in a thread of its own: a commit waits for the disk, the event loop does not."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="queue")

    async def __call__(self, work: Callable[[Queue], T]) -> T:
        """Run `work` on the queue; whoever cancels the caller does not cut it short."""
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._thread, work, self.queue))

    def close(self) -> None:
        """After what is under way."""
        self._thread.shutdown()
        self.queue.close()


class Dropper:
    """Brings hits of one queue into one channel; `once` until nothing is left to do."""

    def __init__(
        self,
        station: Station,
        view: OperationView,
        poster: Poster,
        chan: ChannelId,
        disk: Disk,
        allowance: Allowance,
    ) -> None:
        self._station, self._view, self._poster, self._chan = station, view, poster, chan
        self._sealer = Sealer(station, view)
        self._disk, self.allowance = disk, allowance
        self._read = False
        self._unsettled = True  # bytes of an earlier run, until looked for

    def move(self, chan: ChannelId) -> None:
        """Into another channel from now on: the bot was admitted there."""
        self._chan, self._unsettled = chan, True

    async def once(self) -> list[Landed]:
        """One flight: what is signed already, else the oldest hits that the rate allows.

        Gives what came to its end, nothing where nothing is to do (or allowed). Raises what keeps
        everything waiting: TransportError, TryLater, NotAuthenticated, Refused, ProtocolError
        where this client refuses to author, LogAlarm. Nothing is lost by any of them.
        """
        if not self._read:
            await self._poster.sender.pull()  # what an earlier run sent may be in the log
            self._read = True
        if self._unsettled:
            ends = await self._settled()
        else:
            ends = await self._flown()
        if ends.superseded or ends.failed is not None:
            self._unsettled = True
        if ends.superseded:
            await self._poster.sender.pull()
        if ends.failed is not None and not ends.landed:
            raise ends.failed
        return ends.landed

    # -- inside -------------------------------------------------------------------------------

    async def _settled(self) -> _Ends:
        """Bytes whose end is not known: look into the log, send them again, or give them up."""
        held = await self._disk(lambda queue: queue.signed())
        if not held:
            self._unsettled = False
            return await self._flown()
        ends, flight, chan = _Ends(), [], self._chan
        async with self._poster.sender.lock:
            standing, channel = self._poster.preparer.look(chan)
            holding = False
            for hit in held:
                submission = Submission.decode(hit.submission)
                entry = submission.entry()
                found = self._view.own_entry(entry.header.id)
                if found is not None:
                    ends.posted.append((hit.row, found.seq, found.leaf))
                    ends.landed.append(Landed(hit, found.seq, found.leaf))
                    continue
                if entry.header.chan != chan:  # which takes no drop of this bot any more
                    ends.again.append(hit.row)
                    continue
                judged = fate(standing, channel, entry.header)
                if judged is Fate.SEND:
                    flight.append(_Bytes(hit, entry, submission))
                elif judged is Fate.HOLD:
                    holding = True
                else:  # the log excludes them; where the time is over too, the hit waits for good
                    ends.again.append(hit.row)
            await self._fly(flight[:FLIGHT], ends)
            await self._ended(ends)
        left = len(held) - len(ends.posted) - len(ends.refused) - len(ends.again)
        self._unsettled = left > 0
        if holding and ends.failed is None:
            await self._poster.sender.pull()
            ends.failed = TryLater("too_busy", "a rotation of the channel is due: members make it")
        return ends

    async def _flown(self) -> _Ends:
        """Sign and send the oldest hits, as many as the rate allows."""
        ends, now, chan = _Ends(), self._station.now(), self._chan
        most = min(FLIGHT, self.allowance.left(now))
        if most == 0:
            return ends
        hits = await self._disk(lambda queue: queue.waiting(most))
        if not hits:
            return ends
        await self._poster.preparer.ready(chan, patience_s=READY_S)
        async with self._poster.sender.lock:
            flight: list[_Bytes] = []
            drops = self._sealer.open_to_drops(chan)
            if drops is None:
                return ends  # something came in between
            for hit in hits:
                entry = self._sealed(drops, hit, ends)
                if entry is not None:
                    flight.append(_Bytes(hit, entry, Submission.of(entry)))
            rows = [(item.hit.row, item.submission.encode()) for item in flight]
            await self._disk(lambda queue: queue.sign(rows, now))
            self.allowance.spend(now, len(rows))
            self._unsettled = True  # should this be cancelled on the way
            await self._fly(flight, ends)
            await self._ended(ends)
            self._unsettled = len(ends.posted) + len(ends.refused) < len(hits)
        return ends

    def _sealed(self, drops: DropSeal, hit: Waiting, ends: _Ends) -> Entry | None:
        """None if the channel never takes this hit."""
        try:
            payload = make_payload(hit.kind, hit.mid, hit.content)
            return drops.seal(payload, self._station.settings.random(32))
        except ProtocolError as error:
            if error.code not in OF_THE_HIT:
                raise
            ends.refused.append((hit.row, error.code))
            ends.landed.append(Landed(hit, code=error.code, detail=error.detail))
            return None

    async def _fly(self, flight: Sequence[_Bytes], ends: _Ends) -> None:
        """Send all at once and sort how each ended."""
        offer = self._station.outbox.offer
        log = self._view.log
        answers = await asyncio.gather(
            *(offer(log, item.entry, item.submission) for item in flight), return_exceptions=True
        )
        for item, answer in zip(flight, answers, strict=True):
            self._sort(item.hit, answer, ends)

    def _sort(self, hit: Waiting, answer: StoredReceipt | BaseException, ends: _Ends) -> None:
        if isinstance(answer, StoredReceipt):
            ends.posted.append((hit.row, answer.seq, answer.leaf))
            ends.landed.append(Landed(hit, answer.seq, answer.leaf))
        elif isinstance(answer, SUPERSEDED):
            ends.superseded = True  # the log has to show it before these bytes are given up
        elif isinstance(answer, Refused) and answer.code in OF_THE_HIT:
            ends.refused.append((hit.row, answer.code))
            ends.landed.append(Landed(hit, code=answer.code, detail=answer.detail))
        elif isinstance(answer, CencommError):
            ends.failed = ends.failed or answer
        else:
            raise answer

    async def _ended(self, ends: _Ends) -> None:
        if ends.posted or ends.refused or ends.again:
            await self._disk(
                lambda queue: queue.end(posted=ends.posted, refused=ends.refused, again=ends.again)
            )
