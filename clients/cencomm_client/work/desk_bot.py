"""The desk bot: a program with its own device, of a person who may post, that reminds.

It reads like any member; a write-only bot could not know what is overdue. Idempotent: what the
log holds is not posted again, whoever posted it; what an earlier run left in the outbox goes out
before it looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cencomm_crypto.errors import CencommError, ErrorCode, ProtocolError
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.phases import ALLOWED_TYPES
from cencomm_crypto.public.rights import SENDING

from cencomm_client.errors import FileError, NotAuthenticated, TransportError, TryLater
from cencomm_client.operation import Operation
from cencomm_client.posting import Posted
from cencomm_client.work import reading
from cencomm_client.work.reminding import Reminder, reminders_due

MOST_A_ROUND = 20  # a bot that comes late must not flood the channels
LOOK_S = 5.0
LET_S = (0.0, 2.0)  # another one may go first


class DeskBot:
    """Reminds in one operation; `general` is the channel for missing situation reports."""

    def __init__(
        self,
        operation: Operation,
        uniform: Callable[[float, float], float],
        general: ChannelId | None = None,
    ) -> None:
        if operation.role not in SENDING:
            raise ProtocolError(
                ErrorCode.NOT_PERMITTED, "a desk bot is a person's device with a role that posts"
            )
        self._operation, self._uniform, self._general = operation, uniform, general
        self._attendant = operation.attend()
        self._given_up: set[tuple[bytes, int]] = set()  # what a rule refused, after which decision

    def due(self) -> list[Reminder]:
        """What this device would post now; nothing while the operation takes no messages."""
        operation, desk = self._operation, self._attendant.refresh()
        if "message" not in ALLOWED_TYPES[operation.phase]:
            return []
        snapshot = desk.snapshot(self._attendant.now())
        found = reminders_due(
            desk,
            snapshot,
            operation.state,
            operation.directory,
            operation.device,
            operation.view.roles,
            self._general,
        )
        return [one for one in found if self._try(one) not in self._given_up]

    def _try(self, reminder: Reminder) -> tuple[bytes, int]:
        """What a rule refused is tried once; anew when a decision may have changed it."""
        return reminder.mid, self._operation.state.last_control

    async def once(self) -> list[Posted]:
        """Post what is due, at most `MOST_A_ROUND`. Raises TransportError, TryLater,
        NotAuthenticated, FileError: nothing is lost then, the next round looks again."""
        await self._operation.tend()
        posted: list[Posted] = []
        for reminder in self.due()[:MOST_A_ROUND]:
            await asyncio.sleep(self._uniform(*LET_S))
            await self._operation.refresh()
            if all(one.mid != reminder.mid for one in self.due()):
                continue  # answered, or another one was first
            try:
                posted.append(await self._post(reminder))
            except (TransportError, TryLater, NotAuthenticated, FileError):
                raise
            except CencommError as error:
                self._given_up.add(self._try(reminder))
                self._operation.view.notice(str(error.code), f"a reminder was refused: {error}")
        return posted

    async def run(self, told: Callable[[Posted], None]) -> None:
        """Until the operation is over; `told` hears of each post."""
        while not self._operation.state.ended(self._attendant.now()):
            try:
                for posted in await self.once():
                    told(posted)
            except (TransportError, TryLater, FileError):
                pass  # the live connection comes back by itself, and a full disk has room again
            await asyncio.sleep(LOOK_S)

    async def _post(self, reminder: Reminder) -> Posted:
        channel = self._operation.channel(reminder.channel.hex())
        return await channel.post(
            reading.MESSAGE,
            {"text": reminder.text},
            re=reminder.re,
            prio=reminder.prio,
            to=reminder.to,
            mid=reminder.mid,
        )
