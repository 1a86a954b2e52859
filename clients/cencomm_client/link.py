"""The link to the server: pushed entries while it is live, pulls wherever that falls short.

The cursor is the truth (DESIGN 2 Delivery): after every connect, after a frame that does not
fit, and at least every poll interval, each log is read to its newest checkpoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from cencomm_crypto.errors import CencommError
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.wire import Receipt, Submission

from cencomm_client import session
from cencomm_client.answers import PushFrame
from cencomm_client.errors import (
    FileError,
    LogAlarm,
    LogBehind,
    NewerProtocol,
    NotAuthenticated,
    NotFound,
    Refused,
    Stopped,
    TransportError,
    Unreachable,
)
from cencomm_client.live import LiveConnection
from cencomm_client.station import Station

Tell = Callable[[LogId | None, CencommError], None]
"""Hears of what went wrong with one log, or (None) with the session."""
Mend = Callable[[LogId], Awaitable[None]]

JUDGEMENTS = (LogAlarm, NewerProtocol, Stopped)


async def _nothing(_: LogId) -> None:
    return


class Link:
    """One live connection with its helpers; `start` once, `stop` at the end."""

    def __init__(self, station: Station, tell: Tell, mend: Mend = _nothing) -> None:
        """`mend` is called for a log of which the server had lost a part, once it is whole."""
        self._station, self._tell, self._mend = station, tell, mend
        self._live: LiveConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._wanted: set[LogId] = set()
        self._behind: set[LogId] = set()
        self._failing: set[str] = set()  # codes of files that take nothing now
        self._pull_now = asyncio.Event()

    @property
    def live(self) -> bool:
        """Whether pushes come and posts can go this way."""
        return self._live is not None and self._live.connected

    @property
    def running(self) -> bool:
        """Whether `start` was called and `stop` was not."""
        return bool(self._tasks)

    async def send(self, log: LogId, submission: Submission) -> Receipt:
        """Post one submission by whichever way is open; raises TransportError or Refused."""
        if log not in self._station.mirror.operations and self._is_genesis(submission):
            return await self._station.transport.create_log(submission)
        live = self._live
        if live is not None and live.connected:
            with suppress(Unreachable):  # too large for it, too
                return await live.append(log, submission)
        return await self._station.transport.append(log, submission)

    async def start(self) -> None:
        """Connect and stay connected; returns when all logs were read once.

        Raises NotAuthenticated if there is no session. A server that is away is no error: the
        link comes up when it is back.
        """
        if self._tasks:
            return
        live = LiveConnection(
            self._station.transport,
            lambda: session.live_auth(self._station.vault, self._station.transport),
            on_connected=self._on_connected,
            on_entries=self._on_entries,
            on_head=self._on_head,
        )
        self._live = live
        self._tasks = [
            asyncio.create_task(self._keep_live(live)),
            asyncio.create_task(self._pull_wanted()),
            asyncio.create_task(self._poll()),
        ]
        try:
            await self.catch_up()
        except TransportError:
            return

    async def stop(self) -> None:
        """Disconnect."""
        live, self._live = self._live, None
        if live is not None:
            await live.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def catch_up(self) -> None:
        """Read the directory and every operation to their newest checkpoints.

        Alarms of one log are told and do not keep the others; raises TransportError or Refused.
        """
        station = self._station
        directory = station.vault.directory_log
        await self._pull(directory)
        listed = [row.log for row in await station.transport.logs()]
        for log in listed:
            if log != directory:
                await self._pull(log)
        for log in station.mirror.operations:
            if log not in listed:
                await self._bring_back(log)

    # -- inside -------------------------------------------------------------------------------

    async def _pull(self, log: LogId) -> None:
        try:
            await self._station.mirror.pull(self._station.transport, log)
            self._behind.discard(log)
            await self._mend(log)
        except LogBehind as behind:  # others are read on; this one is told of once
            if log not in self._behind:
                self._behind.add(log)
                self._tell(log, behind)
        except JUDGEMENTS as error:
            self._tell(log, error)
        except NotFound:
            return  # removed from it, or not for this reader any more

    async def _bring_back(self, log: LogId) -> None:
        """Hand back an operation of which the server, restored from an older backup, knows nothing;
        or one that is not for this reader there, which it says again."""
        station = self._station
        try:
            standing = await station.mirror.tails.hand_back(station.transport, log)
        except Refused:
            return
        if standing.size == standing.signed:
            await self._pull(log)

    async def _on_connected(self) -> None:
        await self.catch_up()

    async def _on_entries(self, frame: PushFrame) -> None:
        self._judge(frame.log, lambda: self._station.mirror.push(frame))

    async def _on_head(self, frame: PushFrame) -> None:
        self._judge(frame.log, lambda: self._station.mirror.notice(frame.log, frame.note))

    def _judge(self, log: LogId, take: Callable[[], bool]) -> None:
        try:
            taken = take()
        except JUDGEMENTS as error:
            self._tell(log, error)
            return
        if not taken:
            self._wanted.add(log)
            self._pull_now.set()

    async def _keep_live(self, live: LiveConnection) -> None:
        while True:
            try:
                await live.run()
                return
            except FileError as error:
                await self._unwritten(error)
            except CencommError as error:  # the session is over
                self._tell(None, error)
                return

    async def _unwritten(self, error: FileError) -> None:
        """A file cannot be written: told once, and tried again; a full disk has room some day."""
        if str(error.code) not in self._failing:
            self._failing.add(str(error.code))
            self._tell(None, error)
        await asyncio.sleep(self._station.timing.retry_s[1])

    async def _pull_wanted(self) -> None:
        pause_s, longest_s = self._station.timing.retry_s
        wait_s = pause_s
        while True:
            await self._pull_now.wait()
            self._pull_now.clear()
            wanted, self._wanted = self._wanted, set()
            try:
                for log in wanted:
                    await self._pull(log)
                wait_s = pause_s
            except (TransportError, Refused) as error:
                self._wanted |= wanted
                asked_s = error.retry_after_s if isinstance(error, Refused) else 0.0
                await asyncio.sleep(max(asked_s, wait_s))
                wait_s = min(wait_s * 2, longest_s)
                self._pull_now.set()
            except FileError as error:
                self._wanted |= wanted
                await self._unwritten(error)
                self._pull_now.set()

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._station.timing.poll_s)
            try:
                await self.catch_up()
                self._failing.clear()
            except NotAuthenticated as error:
                self._tell(None, error)
                return
            except FileError as error:
                await self._unwritten(error)
            except (TransportError, Refused):
                continue

    def _is_genesis(self, submission: Submission) -> bool:
        return submission.entry().header.log is None
